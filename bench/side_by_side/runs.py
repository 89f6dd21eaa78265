"""What is measured: millrace's stages, and its peers at the same work, one after the other.

Each run is a process of its own that prints one JSON object. A run that fails is in the results as such.
"""

import dataclasses
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile

from . import environments, machine

BATCHES = (32, 256, 1024, 8192)
STAGES = ("step", "decode", "ingest", "end-to-end", "latency")
# Who is measured beside which stage.
PEERS_OF = {
    "step": ("torch",),
    "decode": (),
    "ingest": ("librdkafka",),
    "end-to-end": ("tensorflow-io", "torch", "river"),
    "latency": (),
}
STREAM_SCRIPTS = {"tensorflow-io": "tensorflow_io_stream.py", "torch": "torch_stream.py", "river": "river_stream.py"}
INGEST_ROWS, INGEST_PARTITIONS = 2_000_000, 4
INGEST_ROUNDS = 7  # at least; a round takes less than a second
PACKED_REPEATS, ROWS_PER_RECORD = 30_000, 512
TRAIN_ROWS = 600_000
FEATURES = 9
PROCESS_LIMIT_S = 600


@dataclasses.dataclass
class Comparison:
    root: pathlib.Path
    program: pathlib.Path
    brokers: str
    peers: tuple
    rounds: int
    cores: int
    say: callable


class RunError(Exception):
    pass


def finished(command):
    """The JSON object on the last line of standard output, or all of it. Errors: RunError."""
    line = [str(part) for part in command]
    try:
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PROCESS_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise RunError(f"did not end within {PROCESS_LIMIT_S} s")
    if done.returncode != 0:
        words = [words for words in (done.stderr or done.stdout).strip().split("\n") if words]
        raise RunError(f"exit code {done.returncode}: {words[-1] if words else 'no words'}")
    for text in (done.stdout, done.stdout.strip().split("\n")[-1]):
        try:
            return json.loads(text)
        except ValueError:
            continue
    raise RunError("its output is not JSON")


def attempt(what, command, say):
    say(what)
    try:
        return finished(command)
    except (RunError, OSError) as error:
        say(f"{what}: FAILED, {error}")
        return {"failed": str(error)}


def millrace_stage(to, stage, *options):
    command = [to.program, "bench", stage, "--json", "--quiet", *options]
    return attempt(f"millrace bench {stage}", command, to.say)


def peer_script(to, peer, script, *options):
    python = environments.python_of(to.root, peer)
    return attempt(f"{peer}: {script}", [python, to.root / "bench" / "peers" / script, *options], to.say)


def on_brokers(to, topic):
    return ["--brokers", to.brokers, "--topic", topic]


def data_file(to):
    return to.root / "data" / "breast-cancer-wisconsin.csv"


def fill(to, topic, rows, partitions):
    python = environments.python_of(to.root, "librdkafka")
    to.say(f"filling topic {topic} with {rows} rows in {partitions} partition{'s' if partitions > 1 else ''}")
    finished([python, to.root / "bench/peers/librdkafka_drain.py", "fill", *on_brokers(to, topic),
              "--rows", rows, "--partitions", partitions, "--file", data_file(to)])  # fmt: skip


def fill_packed(to, topic, partitions):
    to.say(f"filling topic {topic} with packed rows in {partitions} partitions")
    # Batches without keys: each goes to a partition of its own.
    finished([to.program, "produce", *on_brokers(to, topic), "--partitions", partitions, "--file", data_file(to),
              "--label", "class", "--label-map", "2=0,4=1", "--format", "packed", "--rows-per-record", ROWS_PER_RECORD,
              "--repeat", PACKED_REPEATS, "-X", "compression.type=lz4", "-X", "sticky.partitioning.linger.ms=0",
              "--json", "--quiet"])  # fmt: skip


def step(to):
    result = {"millrace": millrace_stage(to, "step", "--rounds", to.rounds)}
    if "torch" in to.peers:
        threads = ",".join(map(str, sorted({1, to.cores})))
        batches = ",".join(map(str, BATCHES))
        result["torch"] = peer_script(
            to, "torch", "torch_step.py", "--device", "cpu", "--threads", threads, "--batches", batches
        )
        if result["torch"].get("status", "passed") != "passed":
            result["torch"]["failed"] = result["torch"]["reason"]
    return result


def decode(to):
    return {"millrace": millrace_stage(to, "decode", "--rounds", to.rounds)}


def ingest(to):
    rounds = ["--rounds", max(INGEST_ROUNDS, to.rounds)]
    fill(to, "compare-ingest", INGEST_ROWS, INGEST_PARTITIONS)
    rows = on_brokers(to, "compare-ingest")
    result = {}
    # The slowest first: a broker that has just started answers late, which would tell more of it than of the others.
    if "librdkafka" in to.peers:
        result["librdkafka"] = peer_script(to, "librdkafka", "librdkafka_drain.py", "drain", *rows,
                                           "--rounds", to.rounds)  # fmt: skip
    result["millrace"] = millrace_stage(to, "ingest", *rows, "--consumers", 1, *rounds)
    result["millrace, two consumers"] = millrace_stage(to, "ingest", *rows, "--consumers", 2, *rounds)
    fill_packed(to, "compare-packed", INGEST_PARTITIONS)
    result["millrace, packed"] = millrace_stage(to, "ingest", *on_brokers(to, "compare-packed"), "--format", "packed",
                                                "--label", "value:class", "--consumers", 1, *rounds)  # fmt: skip
    return result


def train(to, topic, threads, math="fp32"):
    """`millrace train` from start to end, its start included."""
    name = f"millrace train --engine-threads {threads}" + ("" if math == "fp32" else f" --math {math}")
    rates = []
    for _ in range(to.rounds):
        folder = tempfile.mkdtemp(prefix="millrace-compare-")
        try:
            options = ["--features", FEATURES, "--state", pathlib.Path(folder) / "state", "--stop", "end"]
            ended = attempt(name, [to.program, "train", *on_brokers(to, topic), *options,
                                   "--engine-threads", threads, "--math", math, "--json", "--quiet"], to.say)  # fmt: skip
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if "failed" not in ended and ended["rows"] != TRAIN_ROWS:
            ended["failed"] = f"it trained {ended['rows']} of {TRAIN_ROWS} rows"
        if "failed" in ended:
            return {"name": name, "failed": ended["failed"]}
        rates.append(ended["rows_per_s"])
    return {"name": name, "engine_threads": threads, "math": math, "epochs": 3, "batch": 32, "rows": TRAIN_ROWS,
            "rows_per_s": statistics.median(rates), "rounds": rates}  # fmt: skip


def end_to_end(to):
    fill(to, "compare-train", TRAIN_ROWS, 1)
    result = {
        "millrace": millrace_stage(to, "end-to-end", *on_brokers(to, "compare-own"), "--rounds", to.rounds),
        "train": [train(to, "compare-train", threads) for threads in sorted({1, to.cores})],
    }
    if machine.has_bf16():
        result["train"].append(train(to, "compare-train", to.cores, "bf16"))
    for peer, script in STREAM_SCRIPTS.items():
        if peer in to.peers:
            options = [*on_brokers(to, "compare-train"), "--rounds", to.rounds]
            result[peer] = peer_script(to, peer, script, *options)
    return result


def latency(to):
    return {"millrace": millrace_stage(to, "latency", *on_brokers(to, "compare-latency"))}


RUNS = {"step": step, "decode": decode, "ingest": ingest, "end-to-end": end_to_end, "latency": latency}


def run(to, stage):
    """The stage's figures. Errors end up in them."""
    try:
        return RUNS[stage](to)
    except RunError as error:
        to.say(f"{stage}: FAILED, {error}")
        return {"failed": str(error)}


def failures(results, path=()):
    """Who failed and why, wherever in the results; not a way that PyTorch refuses, which is a finding."""
    if isinstance(results, list):
        for value in results:
            yield from failures(value, path)
    if not isinstance(results, dict) or "way" in results:
        return
    if "failed" in results:
        yield ", ".join([*path, *([results["name"]] if "name" in results else [])]) + f": {results['failed']}"
    for key, value in results.items():
        yield from failures(value, path if key == "results" else (*path, key))

"""A whole check: what was found, as one JSON file, a plot and a summary (docs/gpu-check.md has the schema)."""

import datetime
import json
import os
import platform
import re

from . import driver, places, plot, programs, stages, tests

PASSED, FAILED, UNREADY, INCOMPLETE, NO_DEVICE = 0, 1, 2, 3, 7
SCHEMA_VERSION = 1
KEPT_VARIABLES = ("CUDA_VISIBLE_DEVICES", "CUDA_MODULE_LOADING", "CUDA_LAUNCH_BLOCKING", "CUBLAS_WORKSPACE_CONFIG")


def check(place, output, skip, python):
    """Runs everything, and gives the exit status. Errors: NoDevice, Unready."""
    results = begin(place, describe(place))
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise places.Unready(f"{output} cannot be made: {error.strerror}; --output names another place") from None
    file = output / f"{slug(results['device']['name'])}.json"

    def keep():  # after every part, so that what was found outlives a crash
        results["verdict"] = verdict(results)
        file.write_text(json.dumps(results, indent=1) + "\n")

    say(f"{results['device']['name']}: results go to {file}")
    compared = []
    for program in place.tests:
        record, its_tests = tests.run_program(place, program)
        results["tests"].append(record)
        compared += its_tests
        say(line_of(record))
        keep()
    results["agreement"] = tests.agreement_of(compared)
    under = stages.without_sanitizer(place) if "sanitizer" in skip else stages.sanitizer(place, lambda one: say(line_of(one)))
    results["sanitizer"] = under["version"]
    results["tests"] += under["records"]
    keep()
    if "benchmark" not in skip:
        say("measuring steps")
        results["benchmark"] = stages.benchmark(place)
        keep()
    if "peers" not in skip:
        say("measuring PyTorch, where there is one")
        results["peers"] = stages.peers(place, python)
    keep()
    if results["benchmark"]["rows"]:
        file.with_suffix(".svg").write_text(plot.svg_of(results))
    print(summary_of(results))
    return {"passed": PASSED, "failed": FAILED, "incomplete": INCOMPLETE}[results["verdict"]]


def say(text):
    print(f"gpu-check: {text}", flush=True)


def describe(place):
    """What the program itself sees. Errors: NoDevice."""
    run = programs.run([place.benchmark, "--describe"], place, 120)
    try:
        seen = json.loads(run.out)
    except ValueError:
        raise places.Unready(f"{place.benchmark} does not start here: {run.last_lines()}") from None
    if seen["unusable"]:
        raise driver.NoDevice(seen["unusable"])
    return seen


def begin(place, seen):
    """Results with nothing run yet: what stays so was left out."""
    device = {key: value for key, value in seen["devices"][0].items() if key != "unusable"}
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": "incomplete",
        "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "millrace": {
            "version": place.version,
            "commit": place.commit,
            "architectures": seen["architectures"],
            "bundle": place.libraries is not None,
        },
        "device": device,
        "driver": {"version": driver.version(), "cuda": seen["driver_cuda"]},
        "toolkit": seen["toolkit"],
        "libraries": seen["libraries"],
        "host": {"system": platform.platform(), "processor": processor(), "cores": os.cpu_count()},
        # Taken out of the environment of everything that runs, whatever it was.
        "environment": {
            "NVIDIA_TF32_OVERRIDE": {"was": os.environ.get("NVIDIA_TF32_OVERRIDE"), "is": None},
            **{name: os.environ.get(name) for name in KEPT_VARIABLES},
        },
        "tests": [],
        "agreement": {"status": "refused", "reason": stages.LEFT_OUT, "passed": 0, "failed": 0, "golden": {}},
        "sanitizer": None,
        "benchmark": {"status": "refused", "reason": stages.LEFT_OUT, "rows": []},
        "peers": {"torch": {"status": "refused", "reason": stages.LEFT_OUT, "rows": []}},
    }


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = re.search(r"^model name\s*: (.+)$", file.read(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()


def slug(name):
    """The name of a device as that of a file: "nvidia-h100-80gb-hbm3"."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def verdict(results):
    """`passed` only where everything ran: a refusal, a skipped test or a part that was left out is `incomplete`."""
    parts = [*results["tests"], results["agreement"], results["benchmark"]]
    if any(part["status"] == "failed" for part in parts):
        return "failed"
    whole = all(part["status"] == "passed" and not part.get("skipped") for part in parts)
    tools = {record["tool"] for record in results["tests"]}
    return "passed" if whole and {None, *tests.TOOLS} <= tools else "incomplete"


# --- for people


def line_of(record):
    under = f" under {record['tool']}" if record["tool"] else ""
    counts = f"{record['passed']} passed, {record['failed']} failed"
    if record["skipped"]:
        counts += f", {len(record['skipped'])} skipped"
    if record["findings"]:
        counts += f", {record['findings']} findings"
    if record["status"] == "refused":
        return f"{record['program']}{under}: refused: {record['reason']}"
    reason = f" ({record['reason']})" if record["reason"] else ""
    return f"{record['program']}{under}: {counts}{reason}, {record['seconds']:.0f} s"


def way_of(row):
    return ("graph" if row["graphs"] else "no graph") + (", tuned" if row["tuned"] else "")


def summary_of(results):
    lines = [""]
    measured = [row for row in results["benchmark"]["rows"] if "failed" not in row]
    if measured:
        lines.append(f"{'rows':>6} {'math':>5} {'':16} {'us/step':>9} {'million rows/s':>15} {'kernels':>8}")
        for row in measured:
            lines.append(f"{row['batch']:>6} {row['math']:>5} {way_of(row):16} {row['step_us']:>9.1f} "
                         f"{row['rows_per_s'] / 1e6:>15.2f} {row['kernels_per_step']:>8}")
        lines.append("")
    for record in results["tests"]:
        if record["status"] != "passed":
            lines.append(line_of(record))
            lines += [f"  {name}" for name in record["failures"]]
    for part in ("agreement", "benchmark"):
        if results[part]["status"] != "passed":
            reason = results[part]["reason"] or "tests failed"
            lines.append(f"{part}: {results[part]['status']}: {reason}")
    torch = results["peers"]["torch"]
    if torch["status"] != "passed":
        lines.append(f"PyTorch: {torch['status']}: {torch['reason']}")
    lines.append(f"{results['device']['name']}: {results['verdict']}")
    return "\n".join(lines)

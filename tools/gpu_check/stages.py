"""The parts of a check besides the tests, each a function from a place to what the results hold of it."""

import json

from . import programs, tests

NAMES = ("sanitizer", "benchmark", "peers")
LEFT_OUT = "left out by --skip"
BENCHMARK_TIMEOUT_S = 3600
PEERS_TIMEOUT_S = 3600


def sanitizer(place, say):
    """{"version": text or None, "records": [...]}: every program under every tool."""
    found, version = tests.sanitizer_of(place)
    records = []
    for tool in tests.TOOLS:
        for program in place.tests:
            records.append(tests.run_under(place, found, tool, program))
            say(records[-1])
    return {"version": version, "records": records}


def without_sanitizer(place):
    records = [
        tests.record(program, tool, "refused", 0.0, LEFT_OUT) for tool in tests.TOOLS for program in place.tests
    ]
    return {"version": None, "records": records}


def benchmark(place):
    return judge_benchmark(programs.run([place.benchmark], place, BENCHMARK_TIMEOUT_S))


def judge_benchmark(run):
    """A row that could not be measured has `failed` with the reason in the place of numbers."""
    try:
        rows = json.loads(run.out)["rows"]
    except (ValueError, KeyError):
        late = f"it took longer than {BENCHMARK_TIMEOUT_S} s" if run.timed_out else None
        reason = late or f"it ended early, with status {run.status}: {run.last_lines()}"
        return {"status": "failed", "reason": reason, "rows": []}
    failed = [row for row in rows if "failed" in row]
    reason = f"{len(failed)} of {len(rows)} rows could not be measured" if failed else None
    return {"status": "failed" if failed or not rows else "passed", "reason": reason, "rows": rows}


def peers(place, python):
    return judge_peers(programs.run([python, place.peers], place, PEERS_TIMEOUT_S, of_ours=False))


def judge_peers(run):
    """`absent` where there is no PyTorch that reaches the GPU; the peers decide nothing about us."""
    try:
        return {"torch": json.loads(run.out)}
    except ValueError:
        reason = f"it ended early, with status {run.status}: {run.last_lines()}"
        return {"torch": {"status": "refused", "reason": reason, "rows": []}}

"""Runs test programs, plainly and under compute-sanitizer, and says what became of each."""

import json
import os
import pathlib
import re
import shutil
import tempfile

from . import programs

PLAIN_TIMEOUT_S = 1200
TOOL_TIMEOUT_S = 3600

# An API call that fails throws in this project, and some tests want it to: memcheck is asked about memory.
TOOLS = {
    "memcheck": ["--report-api-errors", "no", "--track-stream-ordered-races", "all"],
    "racecheck": [],
    "initcheck": [],
    "synccheck": [],
}
SUMMARY = re.compile(r"ERROR SUMMARY: (\d+) error|RACECHECK SUMMARY: \d+ hazards? displayed \((\d+) errors?")
NOT_SUPPORTED = re.compile(r"Device not supported|not supported on|Failed to initialize|Unable to find injection")
SHOWN_FINDINGS = 20


def record(program, tool, status, seconds, reason=None, outcomes=None, findings=None, log=None):
    outcomes = outcomes or {"passed": 0, "failures": [], "skipped": []}
    return {
        "program": program,
        "tool": tool,
        "status": status,
        "reason": reason,
        "passed": outcomes["passed"],
        "failed": len(outcomes["failures"]),
        "failures": outcomes["failures"],
        "skipped": outcomes["skipped"],
        "findings": findings,
        "log": log,
        "seconds": seconds,
    }


def tests_of(text):
    """The tests of GoogleTest's JSON report. Errors: ValueError."""
    return [
        dict(test, suite=suite["name"]) for suite in json.loads(text)["testsuites"] for test in suite["testsuite"]
    ]


def outcomes_of(tests):
    result = {"passed": 0, "failures": [], "skipped": []}
    for test in tests:
        name = f"{test['suite']}.{test['name']}"
        if "failures" in test:
            result["failures"].append(name)
        elif test.get("result") == "SKIPPED" or test.get("status") == "NOTRUN":
            result["skipped"].append(name)
        else:
            result["passed"] += 1
    return result


def run_program(place, program):
    """What became of it, and its tests."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        run = programs.run([place.programs / program, f"--gtest_output=json:{report}"], place, PLAIN_TIMEOUT_S)
        return judge(program, run, report.read_text() if report.exists() else "")


def judge(program, run, report):
    if run.timed_out:
        return record(program, None, "failed", run.seconds, f"it took longer than {PLAIN_TIMEOUT_S} s"), []
    try:
        tests = tests_of(report)
    except ValueError:
        reason = f"it ended early, with status {run.status}: {run.last_lines()}"
        return record(program, None, "failed", run.seconds, reason), []
    outcomes = outcomes_of(tests)
    reason = None
    if not tests:
        reason = "it holds no test"
    elif not outcomes["failures"] and run.status != 0:
        reason = f"it ended with status {run.status} after its tests: {run.last_lines()}"
    status = "failed" if outcomes["failures"] or reason else "passed"
    return record(program, None, status, run.seconds, reason, outcomes), tests


def sanitizer_of(place):
    """The newest of the host's own and the one that the place has, and its version; None, None: neither starts."""
    homes = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    candidates = [shutil.which("compute-sanitizer"), *(f"{home}/bin/compute-sanitizer" for home in homes if home)]
    best, best_version = None, ()
    for candidate in filter(None, [*candidates, place.sanitizer]):
        said = re.search(r"Version (\d+(?:\.\d+)*)", programs.run([candidate, "--version"], place, 60).out)
        version = tuple(map(int, said[1].split("."))) if said else ()
        if version > best_version:  # of equals the host's
            best, best_version = pathlib.Path(candidate), version
    return best, ".".join(map(str, best_version)) or None


def run_under(place, sanitizer, tool, program):
    if sanitizer is None:
        reason = "there is no compute-sanitizer here (a CUDA toolkit brings it, or pip's nvidia-cuda-sanitizer-api)"
        return record(program, tool, "refused", 0.0, reason)
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        log = pathlib.Path(folder) / "log.txt"
        options = ["--tool", tool, "--launch-timeout", "60", "--log-file", log, *TOOLS[tool]]
        command = [sanitizer, *options, place.programs / program, f"--gtest_output=json:{report}"]
        run = programs.run(command, place, TOOL_TIMEOUT_S)
        texts = [file.read_text(errors="replace") if file.exists() else "" for file in (log, report)]
        return judge_under(tool, program, run, *texts)


def judge_under(tool, program, run, log, report):
    """A tool that wrote no summary, or whose program wrote no report, has not checked: it was refused."""
    if run.timed_out:
        return record(program, tool, "refused", run.seconds, f"it took longer than {TOOL_TIMEOUT_S} s")
    lines = [line.lstrip("= ").strip() for line in log.splitlines()]
    lines = [line for line in lines if line and line != "COMPUTE-SANITIZER"]
    summary = SUMMARY.search(log)
    findings = int(summary[1] or summary[2]) if summary else None
    try:
        outcomes = outcomes_of(tests_of(report))
    except ValueError:
        outcomes = None
    refusal = NOT_SUPPORTED.search(log)
    if refusal or summary is None or (outcomes is None and findings == 0):
        said = next((line for line in lines if line.startswith("Error")), None)
        reason = said or "; ".join(lines[-3:]) or run.last_lines() or f"it ended with status {run.status}"
        return record(program, tool, "refused", run.seconds, reason)
    failed = findings > 0 or outcomes is None or bool(outcomes["failures"])
    shown = lines[:SHOWN_FINDINGS] if failed else None
    reason = "the program ended before its tests did" if outcomes is None else None
    return record(program, tool, "failed" if failed else "passed", run.seconds, reason, outcomes, findings, shown)


# --- CPU and GPU

AGREEMENT = ("CudaAgreement", "CudaMath", "CudaGoldenParity", "TunedEngine")


def agreement_of(tests):
    """How the tests went that compare the GPU with the CPU engine, with float64 and with Keras. `golden` is how far
    the GPU is from float64, as a multiple of how far Keras in float32 is; up to 2 passes."""
    compared = [test for test in tests if any(name in test["suite"] for name in AGREEMENT)]
    if not compared:
        return {"status": "refused", "reason": "no test compared the GPU with the CPU", "passed": 0, "failed": 0,
                "golden": {}}
    outcomes = outcomes_of(compared)
    golden = {}
    for test in compared:
        for name, value in test.items():
            if re.fullmatch(r"(parameters|first_moment|second_moment|row_losses)_\d+", name):
                golden[name] = float(value)
    status = "failed" if outcomes["failures"] else "refused" if outcomes["skipped"] else "passed"
    reason = "tests were skipped" if status == "refused" else None
    return {"status": status, "reason": reason, "passed": outcomes["passed"], "failed": len(outcomes["failures"]),
            "golden": golden}

"""tools/gpu-check on recorded and planted outputs: what it makes of them, from a program's report to the plot."""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from unittest import mock

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[3]
SAMPLES = pathlib.Path(__file__).resolve().parent / "samples"
sys.path.insert(0, str(ROOT / "tools"))

from gpu_check import bundle, driver, places, plot, programs, report, stages, tests  # noqa: E402

REPORT = (SAMPLES / "engine_test.json").read_text()
REFUSED = (SAMPLES / "refused.txt").read_text()


def ran(status=0, out="", error="", timed_out=False):
    return programs.Run(status, out, error, 1.5, timed_out)


def reported(*outcomes):
    """A report of GoogleTest's with tests that ended so."""
    members = {"passed": {"result": "COMPLETED"}, "failed": {"result": "COMPLETED", "failures": [{"failure": "x"}]},
               "skipped": {"result": "SKIPPED"}}
    suite = [{"name": f"Test{i}", "status": "RUN", **members[outcome]} for i, outcome in enumerate(outcomes)]
    return json.dumps({"testsuites": [{"name": "Suite", "testsuite": suite}]})


class FakeDriver:
    """libcuda as ctypes shows it."""

    def __init__(self, version=13000, devices=1, status=0):
        self.version, self.devices, self.status = version, devices, status

    def cuDriverGetVersion(self, pointer):
        pointer._obj.value = self.version

    def cuInit(self, _):
        return self.status

    def cuDeviceGetCount(self, pointer):
        pointer._obj.value = self.devices
        return 0


class Driver(unittest.TestCase):
    def test_has_nothing_against_a_device_that_can_be_asked(self):
        self.assertIsNone(driver.trouble(FakeDriver()))

    def test_names_the_remedy_for_what_is_missing(self):
        self.assertIn("no NVIDIA driver (install", driver.trouble(None))
        self.assertIn("knows CUDA 12.4", driver.trouble(FakeDriver(version=12040)))
        for hidden in (FakeDriver(devices=0), FakeDriver(status=100)):
            self.assertIn("shows no GPU (CUDA_VISIBLE_DEVICES", driver.trouble(hidden))
        self.assertIn("CUDA error 999 (nvidia-smi", driver.trouble(FakeDriver(status=999)))


class Program(unittest.TestCase):
    def test_passes_with_all_of_its_tests(self):
        record, its_tests = tests.judge("engine_test", ran(), REPORT)
        self.assertEqual((record["status"], record["passed"], record["failed"]), ("passed", 23, 0))
        self.assertEqual(len(its_tests), 23)

    def test_fails_with_one_of_its_tests_and_names_it(self):
        record, _ = tests.judge("t", ran(1), reported("passed", "failed", "skipped"))
        self.assertEqual(record["status"], "failed")
        self.assertEqual((record["passed"], record["failures"], record["skipped"]),
                         (1, ["Suite.Test1"], ["Suite.Test2"]))

    def test_fails_where_it_ends_without_a_report(self):
        record, _ = tests.judge("t", ran(-11, error="Segmentation fault"), "")
        self.assertEqual(record["status"], "failed")
        self.assertIn("status -11: Segmentation fault", record["reason"])

    def test_fails_where_it_crashes_after_its_tests(self):
        self.assertEqual(tests.judge("t", ran(-6), reported("passed"))[0]["status"], "failed")

    def test_fails_where_it_holds_no_test_or_does_not_end(self):
        self.assertEqual(tests.judge("t", ran(), reported())[0]["status"], "failed")
        self.assertEqual(tests.judge("t", ran(timed_out=True), REPORT)[0]["status"], "failed")


class Sanitizer(unittest.TestCase):
    def status(self, log, text=REPORT, tool="memcheck", run=None):
        return tests.judge_under(tool, "t", run or ran(), log, text)

    def test_passes_what_it_finds_nothing_in(self):
        record = self.status("========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n")
        self.assertEqual((record["status"], record["findings"], record["passed"]), ("passed", 0, 23))

    def test_fails_what_it_finds_something_in_and_shows_it(self):
        log = "========= COMPUTE-SANITIZER\n========= Invalid __global__ read of size 4 bytes\n" \
              "=========     at adam+0x10\n========= ERROR SUMMARY: 1 error\n"
        record = self.status(log)
        self.assertEqual((record["status"], record["findings"]), ("failed", 1))
        self.assertIn("Invalid __global__ read of size 4 bytes", record["log"])

    def test_fails_for_hazards_that_are_errors_and_not_for_warnings(self):
        text = "========= RACECHECK SUMMARY: {} hazards displayed ({} errors, 1 warning)\n"
        self.assertEqual(self.status(text.format(3, 2), tool="racecheck")["findings"], 2)
        self.assertEqual(self.status(text.format(1, 0), tool="racecheck")["status"], "passed")

    def test_fails_where_a_test_fails_under_it(self):
        record = self.status("========= ERROR SUMMARY: 0 errors\n", reported("passed", "failed"))
        self.assertEqual((record["status"], record["failures"]), ("failed", ["Suite.Test1"]))

    def test_fails_where_the_program_ends_after_a_finding(self):
        self.assertEqual(self.status("========= ERROR SUMMARY: 2 errors\n", "")["status"], "failed")

    def test_that_is_refused_has_the_reason_and_never_passes(self):
        record = self.status(REFUSED)
        self.assertEqual(record["status"], "refused")
        self.assertEqual(record["reason"], "Error: Target application terminated before first instrumented API call")
        unsupported = "========= Error: Device not supported. Please refer to the documentation\n" \
                      "========= ERROR SUMMARY: 0 errors\n"
        self.assertEqual(self.status(unsupported)["status"], "refused")
        self.assertEqual(self.status("========= ERROR SUMMARY: 0 errors\n", "")["status"], "refused")
        self.assertEqual(self.status("", "", run=ran(127, error="Permission denied"))["reason"], "Permission denied")


class Agreement(unittest.TestCase):
    def test_is_that_of_the_tests_that_compare_and_keeps_the_distances(self):
        found = tests.agreement_of(tests.tests_of(REPORT))
        self.assertEqual((found["status"], found["passed"]), ("passed", 15))
        self.assertEqual(len(found["golden"]), 12)
        self.assertEqual(found["golden"]["parameters_1"], 1.074195)

    def test_is_not_passed_where_nothing_compares(self):
        self.assertEqual(tests.agreement_of([])["status"], "refused")


def row(batch=32, math="fp32", graphs=True, tuned=False, **others):
    step_us = 10.0 + batch / 100
    return {"batch": batch, "math": math, "graphs": graphs, "tuned": tuned, "step_us": step_us,
            "best_step_us": step_us, "rows_per_s": batch / step_us * 1e6, "flop_per_s": 1e12, "steps_per_window": 8,
            "kernels_per_step": 12, "copies_per_step": 0, "fills_per_step": 0, "hidden_copy_share": 0.9, **others}


class Benchmark(unittest.TestCase):
    def test_keeps_its_rows(self):
        found = stages.judge_benchmark(ran(out=json.dumps({"rows": [row(), row(256)]})))
        self.assertEqual((found["status"], len(found["rows"])), ("passed", 2))

    def test_fails_with_a_row_that_could_not_be_measured(self):
        bad = {"batch": 65536, "math": "fp32", "graphs": True, "tuned": False, "failed": "out of memory"}
        found = stages.judge_benchmark(ran(1, json.dumps({"rows": [row(), bad]})))
        self.assertEqual((found["status"], found["reason"]), ("failed", "1 of 2 rows could not be measured"))

    def test_fails_where_it_crashes_or_measures_nothing(self):
        self.assertEqual(stages.judge_benchmark(ran(-11, "{"))["status"], "failed")
        self.assertEqual(stages.judge_benchmark(ran(0, '{"rows": []}'))["status"], "failed")


class Peers(unittest.TestCase):
    def test_are_absent_with_the_reason_where_there_is_no_torch(self):
        with tempfile.TemporaryDirectory() as empty:  # a module of that name that cannot be imported
            pathlib.Path(empty, "torch.py").write_text("raise ImportError('planted')\n")
            place = mock.Mock(root=ROOT, peers=ROOT / "bench/peers/torch_step.py")
            place.environment.return_value = {"PYTHONPATH": empty}
            found = stages.peers(place, sys.executable)["torch"]
        self.assertEqual((found["status"], found["rows"]), ("absent", []))
        self.assertIn("planted", found["reason"])

    def test_that_crash_are_refused_with_the_reason(self):
        found = stages.judge_peers(ran(-11, error="terminate called"))["torch"]
        self.assertEqual(found["status"], "refused")
        self.assertIn("terminate called", found["reason"])


def results(**others):
    records = [tests.record("t", tool, "passed", 1.0, None, {"passed": 1, "failures": [], "skipped": []})
               for tool in (None, *tests.TOOLS)]
    return {"device": {"name": "NVIDIA Test <1>"}, "tests": records,
            "agreement": {"status": "passed", "reason": None, "golden": {}},
            "benchmark": {"status": "passed", "reason": None, "rows": [row(), row(1024), row(graphs=False)]},
            "peers": {"torch": {"status": "absent", "reason": "no PyTorch", "rows": []}}, **others}


class Verdict(unittest.TestCase):
    def test_is_passed_where_everything_ran_whatever_the_peers_did(self):
        self.assertEqual(report.verdict(results()), "passed")

    def test_is_incomplete_with_a_refused_tool_a_skipped_test_or_a_missing_part(self):
        changed = results()
        changed["tests"][1]["status"] = "refused"
        self.assertEqual(report.verdict(changed), "incomplete")
        changed = results()
        changed["tests"][0]["skipped"] = ["Suite.Test"]
        self.assertEqual(report.verdict(changed), "incomplete")
        for left in range(5):
            whole = results()["tests"]
            self.assertEqual(report.verdict(results(tests=whole[:left] + whole[left + 1:])), "incomplete")
        self.assertEqual(report.verdict(results(benchmark={"status": "refused", "rows": []})), "incomplete")

    def test_is_failed_with_any_failure(self):
        changed = results()
        changed["tests"][1]["status"] = "refused"
        changed["tests"][2]["status"] = "failed"
        self.assertEqual(report.verdict(changed), "failed")
        self.assertEqual(report.verdict(results(agreement={"status": "failed"})), "failed")
        self.assertEqual(report.verdict(results(benchmark={"status": "failed", "rows": []})), "failed")


class Plot(unittest.TestCase):
    def drawn(self, of):
        text = plot.svg_of(of)
        root = xml.etree.ElementTree.fromstring(text)
        return root, "".join(root.itertext())

    def test_has_a_line_for_each_way_and_a_dot_for_each_row(self):
        peers = {"torch": {"status": "passed", "rows": [
            {"batch": 32, "math": "bf16", "way": way, "rows_per_s": 1e5}
            for way in ("eager", "compiled", "graphed", "compiled and graphed")]}}
        root, words = self.drawn(results(peers=peers))
        for name in ("millrace", "millrace, no graph", "PyTorch, eager", "PyTorch, compiled and graphed"):
            self.assertIn(name, words)
        self.assertNotIn("tuned", words)
        self.assertEqual(len(root.findall("{*}circle")), 3 + 4)

    def test_names_the_device_and_the_batches(self):
        _, words = self.drawn(results())
        self.assertIn("NVIDIA Test <1>", words)
        self.assertIn("1024", words)

    def test_leaves_out_what_was_not_measured(self):
        bad = {"batch": 65536, "math": "fp32", "graphs": True, "tuned": False, "failed": "out of memory"}
        root, words = self.drawn(results(benchmark={"rows": [row(), bad]}))
        self.assertEqual(len(root.findall("{*}circle")), 1)
        self.assertNotIn("65536", words)

    def test_puts_more_rows_per_second_higher_and_larger_batches_to_the_right(self):
        root, _ = self.drawn(results(benchmark={"rows": [row(32), row(1024)]}))
        small, large = root.findall("{*}circle")
        self.assertLess(float(large.get("cy")), float(small.get("cy")))
        self.assertGreater(float(large.get("cx")), float(small.get("cx")))


def members(value, documented, name=""):
    """The dotted names of everything in a results file, down to what is documented."""
    if name in documented or not isinstance(value, (dict, list)):
        return {name}
    if isinstance(value, list):
        return set().union(*(members(each, documented, name + "[]") for each in value))
    before = name + "." if name else ""
    return set().union(*(members(each, documented, before + key) for key, each in value.items()))


# A program that plays all of them, by its name. It says what it finds in the environment through its exit status.
PLAYED = """#!/usr/bin/env -S python3 -S
import json, os, pathlib, subprocess, sys
here = pathlib.Path(__file__)
if "NVIDIA_TF32_OVERRIDE" in os.environ:
    sys.exit(99)
def value(name):
    return next((each.split(name, 1)[1] for each in sys.argv if each.startswith(name)), None)
if here.name == "gpu_step_bench":
    print((here.parent / "bench.json").read_text())
elif here.name == "compute-sanitizer" and "--version" in sys.argv:
    print("Version 2025.3.1.0 (build 1)")
elif here.name == "compute-sanitizer":
    log = sys.argv[sys.argv.index("--log-file") + 1]
    tool = sys.argv[sys.argv.index("--tool") + 1]
    program = next(i for i, each in enumerate(sys.argv) if each.endswith("_test"))
    refused = (here.parent / "refuses").exists() and tool == (here.parent / "refuses").read_text()
    pathlib.Path(log).write_text((here.parent / "refused.txt").read_text() if refused else
        "= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)" if tool == "racecheck" else
        "= ERROR SUMMARY: 0 errors")
    sys.exit(0 if refused else subprocess.run(sys.argv[program:]).returncode)
else:
    pathlib.Path(value("--gtest_output=json:")).write_text((here.parent / "report.json").read_text())
"""


class Check(unittest.TestCase):
    """From end to end, with planted programs."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in ("device_engine_test", "gpu_step_bench", "compute-sanitizer"):
            (self.root / name).write_text(PLAYED)
            (self.root / name).chmod(0o755)
        (self.root / "report.json").write_text(REPORT)
        (self.root / "refused.txt").write_text(REFUSED)
        self.seen = {
            "toolkit": "13.0", "driver_cuda": "13.0", "architectures": "80, PTX 80", "libraries": [], "unusable": "",
            "devices": [{"number": 0, "name": "NVIDIA H100 80GB HBM3", "compute_capability": "9.0",
                         "memory_bytes": 1, "unusable": ""}],
            "rows": [row()],
        }
        self.place = places.Place(
            root=ROOT, programs=self.root, tests=("device_engine_test",), results=self.root,
            version="1.2.3", commit="abc", sanitizer=self.root / "compute-sanitizer")

    def check(self, skip=()):
        (self.root / "bench.json").write_text(json.dumps(self.seen))
        environment = {**os.environ, "NVIDIA_TF32_OVERRIDE": "1", "CUDA_HOME": "", "CUDA_PATH": ""}
        output = self.root / "results"
        with mock.patch.dict(os.environ, environment), contextlib.redirect_stdout(io.StringIO()) as said, \
                mock.patch.object(tests.shutil, "which", lambda _: None):
            status = report.check(self.place, output, ["peers", *skip], sys.executable)
        self.said = said.getvalue()
        return status, json.loads((output / "nvidia-h100-80gb-hbm3.json").read_text())

    def test_passes_and_writes_what_it_found(self):
        status, written = self.check()
        self.assertEqual((status, written["verdict"]), (0, "passed"), self.said)
        self.assertEqual(len(written["tests"]), 1 + len(tests.TOOLS))
        self.assertEqual(written["agreement"]["status"], "passed")
        self.assertEqual(written["benchmark"]["rows"], [row()])
        self.assertEqual(written["sanitizer"], "2025.3.1.0")
        self.assertEqual(written["environment"]["NVIDIA_TF32_OVERRIDE"], {"was": "1", "is": None})
        self.assertEqual(written["millrace"]["commit"], "abc")
        self.assertTrue((self.root / "results/nvidia-h100-80gb-hbm3.svg").exists())

    def test_holds_every_member_that_is_documented_and_no_other(self):
        self.seen["libraries"] = [{"name": "cuBLASLt", "version": "13.0.2", "place": "somewhere"}]
        _, written = self.check()
        table = [line for line in (ROOT / "docs/gpu-check.md").read_text().splitlines() if line.startswith("| `")]
        documented = {name for line in table for name in line.split("|")[1].replace("`", "").replace(",", "").split()}
        only_sometimes = {"benchmark.rows[].failed", "peers.torch.torch", "peers.torch.cuda"}
        self.assertEqual(members(written, documented), documented - only_sometimes)

    def test_is_incomplete_where_a_tool_is_refused_and_says_why(self):
        (self.root / "refuses").write_text("racecheck")
        status, written = self.check()
        self.assertEqual((status, written["verdict"]), (3, "incomplete"))
        self.assertEqual({record["tool"] for record in written["tests"] if record["status"] == "refused"},
                         {"racecheck"})
        self.assertIn("under racecheck: refused: Error: Target application terminated", self.said)

    def test_is_incomplete_without_a_compute_sanitizer_and_says_where_to_get_one(self):
        (self.root / "compute-sanitizer").unlink()
        status, written = self.check()
        self.assertEqual((status, written["sanitizer"]), (3, None))
        self.assertIn("a CUDA toolkit brings it", self.said)

    def test_takes_the_newest_compute_sanitizer_and_of_equals_the_hosts(self):
        for version, taken in (("2024.1.0", self.root / "compute-sanitizer"), ("2025.3.1.0", self.root / "own"),
                               ("2025.10.0", self.root / "own")):
            (self.root / "own").write_text(f"#!/bin/sh\necho Version {version}\n")
            (self.root / "own").chmod(0o755)
            with mock.patch.object(tests.shutil, "which", lambda _: str(self.root / "own")):
                self.assertEqual(tests.sanitizer_of(self.place)[0], taken, version)

    def test_is_incomplete_with_parts_left_out(self):
        for part in ("sanitizer", "benchmark"):
            status, written = self.check(skip=[part])
            self.assertEqual((status, written["verdict"]), (3, "incomplete"), part)

    def test_fails_with_a_test_and_names_it(self):
        (self.root / "report.json").write_text(reported("passed", "failed"))
        status, written = self.check()
        self.assertEqual((status, written["verdict"]), (1, "failed"))
        self.assertIn("Suite.Test1", self.said)

    def test_finds_no_device_where_the_program_finds_none(self):
        self.seen["unusable"] = "cuBLASLt cannot be opened"
        with self.assertRaisesRegex(driver.NoDevice, "cuBLASLt cannot be opened"):
            self.check()


class Bundle(unittest.TestCase):
    def test_refuses_a_name_that_says_no_format(self):
        with self.assertRaisesRegex(places.Unready, "not x.zip"):
            bundle.check_name(pathlib.Path("x.zip"))

    def test_leaves_the_hosts_own_libraries_to_the_host(self):
        for name in ("libc.so.6", "libstdc++.so.6", "ld-linux-x86-64.so.2", "libgcc_s.so.1", "linux-vdso.so.1"):
            self.assertTrue(bundle.OF_THE_HOST.match(name), name)
        for name in ("libdnnl.so.2", "libcurl.so.4", "libcrypto.so.3", "libgomp.so.1", "libfmt.so.9"):
            self.assertFalse(bundle.OF_THE_HOST.match(name), name)


if __name__ == "__main__":
    unittest.main()

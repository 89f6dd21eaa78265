"""tools/kernel-report on planted sources and logs: it must find what is wrong, and only that."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

TOOL = pathlib.Path(__file__).resolve().parents[3] / "tools/kernel-report"


def load_tool():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("kernel_report", str(TOOL))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("kernel_report", loader))
    sys.modules["kernel_report"] = module
    loader.exec_module(module)
    return module


report = load_tool()

FOLDER = tempfile.TemporaryDirectory()
unittest.addModuleCleanup(FOLDER.cleanup)

SOURCE = """
// One thread per row. Deterministic. traffic: 4·features + element·columns B/row,
// 2·features FLOP/row, 8 B/parameter
template <class T>
__global__ void MILLRACE_LAUNCH_BOUNDS(kWarps* kWarpSize)
    spread(const float* rows, T* out) {
}
"""
SYMBOL = "_ZN8millrace4cuda6spreadIfEEvPKfPT_"
NARROW_SYMBOL = "_ZN8millrace4cuda6spreadI13__nv_bfloat16EEvPKfPT_"


def log(symbol=SYMBOL, architecture="sm_90a", spill=0, registers=40):
    return (
        f"ptxas info    : Compiling entry function '{symbol}' for '{architecture}'\n"
        f"ptxas info    : Function properties for {symbol}\n"
        f"    16 bytes stack frame, {spill} bytes spill stores, {2 * spill} bytes spill loads\n"
        f"ptxas info    : Used {registers} registers, used 1 barriers, 96 bytes smem, 360 bytes cmem[0]\n"
    )


class Planted:
    """A build with one kernel file, and its sources."""

    def __init__(self, source=SOURCE, text=None):
        self.root = pathlib.Path(tempfile.mkdtemp(dir=FOLDER.name))
        self.logs = self.root / "build/cuda/CMakeFiles/kernels.dir/kernels"
        self.sources = self.root / "cuda"
        self.logs.mkdir(parents=True)
        (self.sources / "kernels").mkdir(parents=True)
        self.add("spread", source, log() if text is None else text)

    def add(self, name, source, text):
        (self.sources / f"kernels/{name}.cu").write_text(source)
        if text:
            (self.logs / f"{name}.cu.o.ptxas").write_text(text)

    def kernels(self):
        return report.collect(self.root / "build", self.sources, None)[0]

    def run(self, *arguments):
        """The exit code and what was printed."""
        out = io.StringIO()
        command = ["kernel-report", "--build", str(self.root / "build"), "--sources", str(self.sources)]
        with mock.patch.object(sys, "argv", [*command, *arguments]), contextlib.redirect_stdout(out), \
                contextlib.redirect_stderr(out):
            return report.main(), out.getvalue()


class Log(unittest.TestCase):
    def test_gives_registers_shared_memory_stack_and_spills_by_architecture(self):
        text = log(architecture="sm_80", registers=32) + log(spill=24)
        found = report.read_log(text)
        self.assertEqual(found[(SYMBOL, "80")], report.Resources(32, 96, 16, 0, 0))
        self.assertEqual(found[(SYMBOL, "90a")], report.Resources(40, 96, 16, 24, 48))


class Declaration(unittest.TestCase):
    def test_may_stand_on_two_lines_and_belongs_to_the_kernel_below(self):
        found = report.declared_traffic(SOURCE)
        self.assertEqual(found, {"spread": report.Traffic("4·features + element·columns", "2·features", "8")})

    def test_without_parameters_moves_none_of_them(self):
        text = "// traffic: 8 B/row, 0 FLOP/row\n__global__ void plain(int n) {}\n"
        self.assertEqual(report.declared_traffic(text), {"plain": report.Traffic("8", "0", "0")})

    def test_of_one_kernel_does_not_serve_the_next(self):
        text = SOURCE + "\n__global__ void MILLRACE_LAUNCH_BOUNDS(1) bare(int n) {}\n"
        self.assertIsNone(report.declared_traffic(text)["bare"])

    def test_knows_no_other_names_and_no_calls(self):
        names = {"columns": 128}
        for expression in ("rows", "columns()", "columns.real", "columns ** 2"):
            with self.assertRaises(report.ReportError):
                report.value_of(expression, names)
        self.assertEqual(report.value_of("2·columns + columns/8 - 1", names), 271)


class Names(unittest.TestCase):
    def test_are_what_the_source_calls_the_kernel(self):
        self.assertEqual(
            report.demangled([SYMBOL, NARROW_SYMBOL, "_ZN8millrace4cuda4adamENS0_13AdamConstantsE"]),
            {
                SYMBOL: "spread<float>",
                NARROW_SYMBOL: "spread<__nv_bfloat16>",
                "_ZN8millrace4cuda4adamENS0_13AdamConstantsE": "adam",
            },
        )


class Bound(unittest.TestCase):
    def bounds(self, symbol, rows):
        (kernel,) = Planted(text=log(symbol)).kernels()
        return report.bound(kernel, rows)

    def test_counts_rows_and_parameters(self):
        # 67,713 parameters: 12 padded inputs, 128, 256, 128, 1.
        self.assertEqual(report.parameters(), 13 * 128 + 129 * 256 + 257 * 128 + 129)
        self.assertEqual(self.bounds(SYMBOL, 32)["bytes"], 32 * (4 * 9 + 4 * 128) + 8 * report.parameters())

    def test_stands_beside_the_bytes_and_the_operations_of_a_row(self):
        _, text = Planted().run()
        (line,) = [line for line in text.splitlines() if line.startswith("spread<float>") and "memory" in line]
        self.assertEqual(line.split()[1:4], ["548", "18", "8"])  # 4·9 + 4·128 B, 2·9 FLOP, 8 B/parameter

    def test_halves_an_element_of_bfloat16(self):
        self.assertEqual(self.bounds(NARROW_SYMBOL, 1)["bytes"], 4 * 9 + 2 * 128 + 8 * report.parameters())

    def test_is_the_longer_of_moving_and_computing(self):
        memory = self.bounds(SYMBOL, 1024)
        self.assertEqual(memory["by"], "memory")
        self.assertAlmostEqual(memory["microseconds"], memory["bytes"] / 3.35e6)
        source = "// traffic: 4 B/row, 1000 FLOP/row\n__global__ void busy(int n) {}\n"
        (kernel,) = Planted(source, log("_ZN8millrace4cuda4busyEi")).kernels()
        self.assertEqual(report.bound(kernel, 67)["by"], "arithmetic")
        self.assertAlmostEqual(report.bound(kernel, 67)["microseconds"], 1e-3)


class Occupancy(unittest.TestCase):
    """Values of cuda_occupancy.h."""

    def share(self, architecture, threads, registers, shared_bytes):
        return report.occupancy(report.MULTIPROCESSORS[architecture], threads, registers, shared_bytes)

    def test_is_bounded_by_registers(self):
        self.assertEqual(self.share("90", 256, 43, 0), 5 * 8 / 64)

    def test_is_bounded_by_shared_memory(self):
        self.assertEqual(self.share("89", 256, 32, 20576), 4 * 8 / 48)

    def test_is_bounded_by_blocks(self):
        self.assertEqual(self.share("86", 32, 16, 0), 16 / 48)

    def test_is_none_where_a_block_does_not_fit(self):
        self.assertEqual(self.share("80", 1024, 96, 0), 0)


class Check(unittest.TestCase):
    def test_passes_what_is_right(self):
        code, text = Planted().run("--check")
        self.assertEqual(code, 0, text)
        self.assertIn("spread<float>", text)

    def test_refuses_a_spill_and_says_where(self):
        code, text = Planted(text=log() + log(architecture="sm_120", spill=8)).run("--check")
        self.assertEqual(code, 1)
        self.assertIn("kernels/spread.cu: spread<float> spills on sm_120: 8 bytes stored, 16 loaded", text)
        self.assertNotIn("spills on sm_90a", text)

    def test_refuses_a_kernel_that_declares_nothing(self):
        code, text = Planted(source="__global__ void spread(int n) {}\n").run("--check")
        self.assertEqual(code, 1)
        self.assertIn("kernels/spread.cu: spread<float> declares no traffic", text)

    def test_refuses_a_declaration_that_has_no_meaning(self):
        for expression in ("4·widgets", "4·(features"):
            code, text = Planted(source=SOURCE.replace("4·features", expression)).run("--check")
            self.assertEqual(code, 1, expression)
            self.assertIn("kernels/spread.cu: spread<float>", text)

    def test_refuses_a_kernel_that_is_not_compiled(self):
        planted = Planted()
        planted.add("idle", SOURCE.replace("spread", "idle"), "")
        code, text = planted.run("--check")
        self.assertEqual(code, 1)
        self.assertIn("kernels/idle.cu: idle is not compiled", text)

    def test_passes_over_kernels_of_libraries(self):
        foreign = log("_ZN3cub11EmptyKernelIvEEvv", spill=4)
        code, text = Planted(text=log() + foreign).run("--check")
        self.assertEqual(code, 0, text)
        self.assertIn("1 kernels of libraries", text)

    def test_without_it_the_findings_are_printed_alone(self):
        code, text = Planted(text=log(spill=8)).run()
        self.assertEqual(code, 0)
        self.assertIn("spills on sm_90a", text)


class Json(unittest.TestCase):
    def test_holds_the_numbers(self):
        planted = Planted()
        file = planted.root / "report.json"
        planted.run("--json", str(file))
        written = json.loads(file.read_text())
        self.assertEqual(written["schema_version"], 1)
        (kernel,) = written["kernels"]
        self.assertEqual(kernel["name"], "spread<float>")
        self.assertEqual(kernel["architectures"]["90a"]["registers"], 40)
        self.assertEqual(kernel["traffic_in_numbers"],
                         {"bytes_per_row": 4 * 9 + 4 * 128, "flop_per_row": 2 * 9, "bytes_per_parameter": 8})
        self.assertEqual(set(kernel["bounds"]), {"32", "1024", "65536"})


if __name__ == "__main__":
    unittest.main()

"""bench/compare on recorded figures: its table, its plots, what counts as a failure; and that peers' scripts parse."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = pathlib.Path(__file__).resolve().parent / "sample.json"
sys.path.insert(0, str(ROOT / "bench"))

from side_by_side import environments, machine, plots, runs, table  # noqa: E402


def sample(**stages):
    """The recorded results, or those with other stages."""
    results = json.loads(SAMPLE.read_text())
    if stages:
        results["stages"] = {name.replace("_", "-"): stage for name, stage in stages.items()}
    return results


def words_of(svg):
    return [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]


class TableTest(unittest.TestCase):
    def line_with(self, words, results=None):
        lines = [line for line in table.text_of(results or sample()).split("\n") if words in line]
        self.assertEqual(len(lines), 1, words)
        return lines[0].split()

    def test_sets_a_step_on_one_thread_beside_the_best_of_one_thread(self):
        line = self.line_with("  batch 32, 1 thread ")
        self.assertEqual(line[4:8], ["100", "500", "5.00", "x"])
        self.assertEqual(line[8:], ["4", "x:", "reached", "300", "3.00", "x", "eager,", "1", "thread"])

    def test_sets_a_step_on_two_threads_beside_the_best_of_any_and_says_that_the_goal_was_missed(self):
        line = self.line_with("  batch 32, 2 threads")
        self.assertEqual(line[4:8], ["75", "450", "6.00", "x"])
        self.assertEqual(line[8:], ["7", "x:", "missed", "300", "4.00", "x", "compiled,", "2", "threads"])

    def test_compares_streams_with_the_guides_pipeline(self):
        self.assertEqual(self.line_with("millrace train")[-4:], ["90000", "3", "20.0", "x"])
        self.assertEqual(self.line_with("by row")[-4:], ["20000", "1", "4.4", "x"])
        self.assertEqual(self.line_with("goal 20 x"), ["fp32:", "goal", "20", "x:", "reached", "(20.0", "x)"])

    def test_sets_bf16_beside_a_goal_of_its_own(self):
        results = sample()
        rows = results["stages"]["end-to-end"]["train"]
        rows.append({**rows[0], "name": "millrace train --math bf16", "math": "bf16", "rows_per_s": 117000})
        self.assertEqual(self.line_with("goal 20 x", results)[-2:], ["(20.0", "x)"])
        self.assertEqual(self.line_with("goal 30 x", results), ["bf16:", "goal", "30", "x:", "missed", "(26.0", "x)"])

    def test_shows_each_way_to_read_a_topic(self):
        rows = {"rows_per_s": 3e6, "records_per_s": 3e6, "bound_records_per_s": 4e6, "first_window_ms": 14}
        rows["share"] = 0.75
        packed = {**rows, "rows_per_s": 40e6, "records_per_s": 80e3, "bound_records_per_s": 90e3, "share": 0.9}
        failed = {"failed": "no partitions"}
        results = sample(
            ingest={"millrace": rows, "millrace, two consumers": failed, "millrace, packed": packed}
        )
        self.assertEqual(self.line_with("into windows  ", results)[-4:], ["3000000", "3000000", "4000000", "14"])
        self.assertEqual(self.line_with("into windows, packed", results)[-4:], ["40000000", "80000", "90000", "14"])
        self.assertIn("90.0", self.line_with("ingest, packed", results))

    def test_leaves_out_what_was_not_run(self):
        text = table.text_of(sample(decode={"millrace": {"results": []}}))
        for absent in ("batch", "rows/s", "goal", "p50"):
            self.assertNotIn(absent, text)

    def test_makes_no_comparison_without_the_guides_pipeline(self):
        results = sample()
        del results["stages"]["end-to-end"]["tensorflow-io"]
        self.assertEqual(self.line_with("millrace train", results)[-3:], ["90000", "3", "-"])
        self.assertNotIn("goal 20 x", table.text_of(results))

    def test_tells_what_failed(self):
        self.assertIn("Failed:\n  end-to-end, torch: exit code 1: no module named torch", table.text_of(sample()))


class PlotsTest(unittest.TestCase):
    def test_every_plot_is_well_formed_whatever_the_names(self):
        drawn = plots.plots_of(sample())
        self.assertEqual(set(drawn), {"end-to-end", "step", "share"})
        for svg in drawn.values():
            words = words_of(xml.etree.ElementTree.fromstring(svg))
            self.assertTrue(any("A <fast> & small processor" in some for some in words))

    def test_bars_are_as_long_as_their_figures_say(self):
        svg = xml.etree.ElementTree.fromstring(plots.plots_of(sample())["end-to-end"])
        bars = [(bar.get("class"), float(bar.get("width"))) for bar in svg.iter("{http://www.w3.org/2000/svg}rect")]
        self.assertEqual([kind for kind, _ in bars], ["millrace", "peer", "peer"])
        self.assertAlmostEqual(bars[0][1] / bars[1][1], 90000 / 20000, places=2)
        self.assertAlmostEqual(bars[0][1] / bars[2][1], 90000 / 4500, places=1)

    def test_says_where_a_peer_passes_over_the_rows_once(self):
        svg = xml.etree.ElementTree.fromstring(plots.plots_of(sample())["end-to-end"])
        self.assertIn("20,000 (one pass)", words_of(svg))

    def test_cuts_the_bar_of_a_share_far_beyond_its_bound_and_says_so(self):
        rows = [{"format": "csv", "values": values, "share": share} for values, share in (("few", 5.2), ("many", 0.75))]
        svg = xml.etree.ElementTree.fromstring(plots.plots_of(sample(decode={"millrace": {"results": rows}}))["share"])
        few, many = [float(bar.get("width")) for bar in svg.iter("{http://www.w3.org/2000/svg}rect")]
        self.assertAlmostEqual(few / many, plots.LONGEST_SHARE / 0.75, places=2)
        self.assertIn("520 % of fast_float alone, bar cut short", words_of(svg))

    def test_fits_dark_pages_too(self):
        for svg in plots.plots_of(sample()).values():
            self.assertIn("prefers-color-scheme: dark", svg)

    def test_stays_inside_its_frame(self):
        for svg in plots.plots_of(sample()).values():
            for text in xml.etree.ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
                if text.get("text-anchor") != "end":
                    self.assertLess(float(text.get("x")) + plots.LETTER * len(text.text), plots.WIDTH + 1, text.text)

    def test_draws_nothing_of_what_was_not_run(self):
        self.assertEqual(plots.plots_of(sample(latency={"millrace": {"failed": "no broker"}})), {})


class FailuresTest(unittest.TestCase):
    def test_names_the_stage_the_peer_and_the_reason(self):
        self.assertEqual(
            list(runs.failures(sample()["stages"])),
            ["end-to-end, river, River, perceptron, by 32: out of breath",
             "end-to-end, torch: exit code 1: no module named torch"],
        )  # fmt: skip

    def test_a_run_that_ends_badly_is_told_by_its_last_words(self):
        said = []
        ended = runs.attempt("a peer", [sys.executable, "-c", "raise SystemExit('so be it')"], said.append)
        self.assertEqual(ended, {"failed": "exit code 1: so be it"})
        self.assertEqual(said, ["a peer", "a peer: FAILED, exit code 1: so be it"])

    def test_a_run_without_json_is_a_failure(self):
        self.assertIn("failed", runs.attempt("a peer", [sys.executable, "-c", "print('hello')"], lambda _: None))

    def test_a_run_may_print_other_words_before_its_json(self):
        self.assertEqual(runs.attempt("a peer", [sys.executable, "-c", "print('hi'); print('{}')"], lambda _: None), {})


class CommandTest(unittest.TestCase):
    def compare(self, *arguments):
        return subprocess.run([sys.executable, ROOT / "bench/compare", *arguments], capture_output=True, text=True)

    def test_shows_a_results_file_and_draws_its_plots(self):
        with tempfile.TemporaryDirectory() as folder:
            shown = self.compare("--table", SAMPLE, "--results", folder)
            self.assertEqual(shown.returncode, 0, shown.stderr)
            self.assertEqual(shown.stdout, table.text_of(sample()))
            drawn = {file.name for file in pathlib.Path(folder).iterdir()}
            self.assertEqual(drawn, {"sample-end-to-end.svg", "sample-step.svg", "sample-share.svg"})

    def test_refuses_a_stage_that_there_is_not(self):
        refused = self.compare("--only", "step,lunch")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("'lunch' is none of step, decode, ingest, end-to-end, latency", refused.stderr)


class RepositoryTest(unittest.TestCase):
    def test_scripts_of_peers_parse(self):
        for script in sorted((ROOT / "bench" / "peers").glob("*.py")):
            with self.subTest(script.name):
                compile(script.read_text(), script.name, "exec")

    def test_every_peer_has_pinned_versions(self):
        for peer in environments.PEERS:
            lines = (ROOT / "bench" / "peers" / f"{peer}.requirements.txt").read_text().split("\n")
            wanted = [line for line in lines if line and not line.startswith("#")]
            self.assertTrue(wanted, peer)
            for line in wanted:
                self.assertRegex(line, r"^[A-Za-z0-9_.-]+==[^ ]+$", peer)

    def test_a_results_file_is_named_by_processor_and_cores(self):
        self.assertTrue(re.fullmatch(r"[a-z0-9-]+-\d+-cores", machine.file_name()))

    def test_committed_results_have_the_plots_that_belong_to_them(self):
        for file in sorted((ROOT / "bench" / "results").glob("*-cores.json")):
            for name, svg in plots.plots_of(json.loads(file.read_text())).items():
                self.assertEqual((file.parent / f"{file.stem}-{name}.svg").read_text(), svg, f"{file.stem}-{name}")


if __name__ == "__main__":
    unittest.main(verbosity=2)

#!/usr/bin/env python3
"""What `millrace export` writes, read by the packages that people read it with, and `millrace import`."""

import importlib.util
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import types
import unittest

import numpy
import onnx
import onnxruntime
import safetensors
import safetensors.numpy

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "watching"))
import watched  # noqa: E402

PROGRAM = watched.PROGRAM
SAMPLE_STATE = os.environ["SAMPLE_STATE"]
DOCUMENT = (HERE.parent.parent / "docs" / "export.md").read_text()
STATES = [(features, layers, scaling)
          for features, layers in [(9, "128,256,128"), (1, "4"), (30, "7,5")]
          for scaling in ["plain", "standardized"]]


def run(*words):
    return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, timeout=60)


def example(name):
    return re.search(rf"```python {name}\n(.*?)```", DOCUMENT, re.DOTALL)[1]


def make_state(folder, features=9, layers="16,8", scaling="standardized"):
    subprocess.run([SAMPLE_STATE, "make", folder, str(features), layers, scaling], check=True)


def random_rows(features, scaling, count=257):
    """As those that the state was trained with; a tenth is missing, the first row altogether."""
    random = numpy.random.default_rng(3)
    rows = random.normal(0.5, 1, (count, features)) + numpy.arange(features) % 3
    if scaling == "standardized":
        rows += 1000 * numpy.arange(features)
    rows[random.random(rows.shape) < 0.1] = numpy.nan
    rows[0] = numpy.nan
    return rows.astype(numpy.float32)


def own_scores(folder, rows):
    done = subprocess.run([SAMPLE_STATE, "score", folder], input=rows.tobytes(), capture_output=True, check=True)
    return numpy.frombuffer(done.stdout, dtype=numpy.float64)


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        self.path = pathlib.Path(folder.name)
        os.chdir(self.path)

    def succeed(self, *words):
        done = run(*words, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def fail_with(self, code, phrase, *words):
        done = run(*words)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(phrase, done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)


class Onnx(Folder):
    def test_onnxruntime_scores_as_millrace_does_whatever_is_missing(self):
        for features, layers, scaling in STATES:
            with self.subTest(features=features, layers=layers, scaling=scaling):
                state = f"{layers}-{scaling}"
                make_state(state, features, layers, scaling)
                self.succeed("export", "--state", state, "--to", "model.onnx")
                rows = random_rows(features, scaling)
                expected = own_scores(state, rows)
                self.assertGreater(expected.std(), 0.01, "the rows tell nothing")
                session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
                for count in [1, len(rows)]:
                    (scores,) = session.run(None, {"features": rows[:count]})
                    self.assertEqual(scores.shape, (count, 1))
                    numpy.testing.assert_allclose(scores[:, 0], expected[:count], rtol=0, atol=1e-6)

    def test_the_checker_takes_it_and_it_says_what_it_is(self):
        make_state("state")
        summary = self.succeed("export", "--state", "state", "--to", "model.onnx")
        model = onnx.load("model.onnx")
        onnx.checker.check_model(model, full_check=True)
        facts = {entry.key: entry.value for entry in model.metadata_props}
        inspected = self.succeed("inspect", "state")
        self.assertEqual(facts["weights_digest"], inspected["weights_digest"])
        self.assertEqual(facts["rows"], str(inspected["rows"]))
        self.assertEqual(facts["steps"], str(inspected["steps"]))
        self.assertEqual(json.loads(facts["feature_names"])[8], "größe 8")
        self.assertEqual(model.model_version, inspected["steps"])
        self.assertEqual([(entry.domain, entry.version) for entry in model.opset_import], [("", 17)])
        self.assertEqual(summary["opset"], 17)
        self.assertEqual(summary["bytes"], (self.path / "model.onnx").stat().st_size)
        self.assertEqual(model.graph.input[0].type.tensor_type.shape.dim[0].dim_param, "rows")


class Safetensors(Folder):
    def scores_of(self, file, rows):
        """By the metadata and the names alone, in float64."""
        inputs = json.loads(safetensors.safe_open(file, "numpy").metadata()["inputs"])
        inputs = {name: numpy.array(values) for name, values in inputs.items()}
        tensors = safetensors.numpy.load_file(file)
        values = (numpy.where(numpy.isnan(rows), inputs["missing"], rows) - inputs["shift"]) * inputs["factor"]
        last = max(int(name.split(".")[0]) for name in tensors)
        for layer in range(0, last + 1, 2):
            values = values @ tensors[f"{layer}.weight"].T.astype(float) + tensors[f"{layer}.bias"]
            if layer < last:
                values = numpy.maximum(values, 0)
        return 1 / (1 + numpy.exp(-values[:, 0]))

    def test_weights_and_metadata_score_as_millrace_does(self):
        for features, layers, scaling in STATES:
            with self.subTest(features=features, layers=layers, scaling=scaling):
                state = f"{layers}-{scaling}"
                make_state(state, features, layers, scaling)
                self.succeed("export", "--state", state, "--to", "model.safetensors")
                rows = random_rows(features, scaling)
                numpy.testing.assert_allclose(self.scores_of("model.safetensors", rows), own_scores(state, rows),
                                              rtol=0, atol=1e-6)

    def test_the_tensors_are_those_of_a_sequential_of_linear_and_relu(self):
        make_state("state", 9, "16,8")
        self.succeed("export", "--state", "state", "--to", "model.safetensors")
        shapes = {name: array.shape for name, array in safetensors.numpy.load_file("model.safetensors").items()}
        self.assertEqual(shapes, {"0.weight": (16, 9), "0.bias": (16,), "2.weight": (8, 16), "2.bias": (8,),
                                  "4.weight": (1, 8), "4.bias": (1,)})

    def test_a_file_of_that_name_is_replaced(self):
        make_state("state")
        (self.path / "model.safetensors").write_text("something else")
        self.succeed("export", "--state", "state", "--to", "model.safetensors")
        self.assertEqual(len(safetensors.numpy.load_file("model.safetensors")), 6)
        self.assertEqual(sorted(entry.name for entry in self.path.iterdir()), ["model.safetensors", "state"])


class Examples(Folder):
    def setUp(self):
        super().setUp()
        make_state("cancer", 9, "16,8", "plain")
        self.succeed("export", "--state", "cancer", "--to", "cancer.onnx")
        self.succeed("export", "--state", "cancer", "--to", "cancer.safetensors")
        self.names = {}

    def run_example(self, name):
        exec(compile(example(name), f"docs/export.md: {name}", "exec"), self.names)

    def assert_own_scores(self, probability, rows):
        numpy.testing.assert_allclose(probability[:, 0], own_scores("cancer", rows), rtol=0, atol=1e-6)

    def test_the_onnx_example_gives_millraces_scores(self):
        self.run_example("onnx")
        self.assert_own_scores(self.names["probability"], self.names["rows"])

    def test_the_keras_example_gives_kernels_and_biases_in_keras_order(self):
        self.run_example("keras-weights")
        self.assertEqual([array.shape for array in self.names["weights"]],
                         [(9, 16), (16,), (16, 8), (8,), (8, 1), (1,)])

    def test_keras_takes_the_weights(self):
        if importlib.util.find_spec("keras") is None:
            self.skipTest("keras and its backends are hundreds of megabytes; install them beside the others")
        self.run_example("keras-weights")
        self.run_example("keras")
        rows = random_rows(9, "plain")
        rows = rows[~numpy.isnan(rows).any(axis=1)]
        logit = numpy.asarray(self.names["model"](rows))
        self.assert_own_scores(1 / (1 + numpy.exp(-logit)), rows)

    def test_the_torch_example_gives_millraces_scores(self):
        if importlib.util.find_spec("torch") is None:
            self.skipTest("torch is hundreds of megabytes; install it beside the others")
        self.run_example("torch")
        rows = [[8, 10, 10, 8, 7, 10, 9, 7, 1], [5, 1, 1, 1, 2, numpy.nan, 3, 1, 1]]
        self.assert_own_scores(self.names["probability"], numpy.array(rows, dtype=numpy.float32))

    def test_a_model_made_in_torch_is_imported(self):
        if importlib.util.find_spec("torch") is None:
            self.skipTest("torch is hundreds of megabytes; install it beside the others")
        self.run_example("torch-import")
        self.assertEqual(self.succeed("import", "--from", "elsewhere.safetensors", "--state", "new")["layers"], [16])

    def test_the_scaler_example_scales_as_the_scaler_does(self):
        self.names["scaler"] = types.SimpleNamespace(mean_=numpy.array([5.0, -1.0]), var_=numpy.array([4.0, 0.25]))
        self.run_example("scaler")
        safetensors.numpy.save_file(small_model(), "scaled.safetensors", self.names["metadata"])
        self.assertIs(self.succeed("import", "--from", "scaled.safetensors", "--state", "new")["standardize"], True)
        self.succeed("export", "--state", "new", "--to", "again.safetensors")
        inputs = json.loads(safetensors.safe_open("again.safetensors", "numpy").metadata()["inputs"])
        numpy.testing.assert_allclose(inputs["shift"], [5, -1])
        numpy.testing.assert_allclose(inputs["factor"], [0.5, 2])


def small_model(**changes):
    random = numpy.random.default_rng(1)
    tensors = {"0.weight": (3, 2), "0.bias": (3,), "2.weight": (1, 3), "2.bias": (1,)}
    model = {name: random.normal(size=shape).astype(numpy.float32) for name, shape in tensors.items()}
    model.update({name.replace("_", "."): array for name, array in changes.items()})
    return {name: array for name, array in model.items() if array is not None}


class Import(Folder):
    def test_export_and_import_give_the_same_weights(self):
        for scaling in ["plain", "standardized"]:
            make_state(scaling, scaling=scaling)
            exported = self.succeed("export", "--state", scaling, "--to", "model.safetensors")
            imported = self.succeed("import", "--from", "model.safetensors", "--state", f"{scaling}-2")
            self.assertEqual(imported["weights_digest"], exported["weights_digest"])
            inspected = self.succeed("inspect", f"{scaling}-2")
            self.assertEqual(inspected["weights_digest"], exported["weights_digest"])
            self.assertEqual((inspected["rows"], inspected["steps"], inspected["positions"]), (0, 0, {}))
            rows = random_rows(9, scaling)
            numpy.testing.assert_array_equal(own_scores(scaling, rows), own_scores(f"{scaling}-2", rows))

    def test_layers_are_in_the_order_of_the_numbers_in_their_names(self):
        model = small_model()
        renamed = {f"net.{8 + int(name[0])}.{name[2:]}": array for name, array in model.items()}
        safetensors.numpy.save_file(renamed, "model.safetensors")
        summary = self.succeed("import", "--from", "model.safetensors", "--state", "new")
        self.assertEqual((summary["features"], summary["layers"]), (2, [3]))

    def test_training_goes_on_with_the_weights_and_begins_where_from_says(self):
        stream = watched.RowStream(rows_per_second=2000)
        self.addCleanup(stream.close)
        make_state("state", 3, "16,8", "plain")
        self.succeed("export", "--state", "state", "--to", "model.safetensors")
        changed = safetensors.numpy.load_file("model.safetensors")
        safetensors.numpy.save_file(changed, "model.safetensors")  # the stream has features of other names
        self.succeed("import", "--from", "model.safetensors", "--state", "new")
        train = ["train", "--brokers", stream.brokers, "--topic", stream.topic, "--columns", "height,weight,age",
                 "--features", "height,weight,age", "--state", "new", "--window-rows", "64", "--stop", "records:256",
                 "--from", "beginning", "--learning-rate", "1e-9", "--quiet"]
        self.fail_with(2, "layers 16,8", *train)
        first = self.succeed(*train, "--layers", "16,8")
        self.assertEqual((first["rows"], sum(first["positions"][stream.topic].values())), (256, 256))
        second = self.succeed(*train, "--layers", "16,8")
        self.assertEqual(second["lifetime"]["rows"], 512)
        self.assertEqual(sum(second["positions"][stream.topic].values()), 512)
        self.succeed("replay", "new", "--verify", "--brokers", stream.brokers)
        self.succeed("export", "--state", "new", "--to", "trained.safetensors")
        trained = safetensors.numpy.load_file("trained.safetensors")
        for name, array in changed.items():
            numpy.testing.assert_allclose(trained[name], array, rtol=0, atol=1e-6)

    def test_a_scaled_model_is_only_trained_scaled(self):
        make_state("state")
        self.succeed("export", "--state", "state", "--to", "model.safetensors")
        self.succeed("import", "--from", "model.safetensors", "--state", "new")
        self.fail_with(2, "standardize", "train", "--brokers", "localhost:1", "--topic", "t", "--features", "9",
                       "--layers", "16,8", "--state", "new")

    def test_a_folder_with_a_state_is_left_as_it_is(self):
        make_state("state")
        self.succeed("export", "--state", "state", "--to", "model.safetensors")
        before = self.succeed("inspect", "state")
        self.fail_with(2, "name another folder", "import", "--from", "model.safetensors", "--state", "state")
        self.assertEqual(self.succeed("inspect", "state"), before)


class Refusals(Folder):
    def refuse(self, phrase, tensors, metadata=None):
        safetensors.numpy.save_file(tensors, "model.safetensors", metadata)
        self.refuse_file(phrase)

    def refuse_file(self, phrase):
        with self.subTest(phrase):
            self.fail_with(2, phrase, "import", "--from", "model.safetensors", "--state", "new")
            self.assertFalse((self.path / "new").exists(), "a refused file leaves no state")

    def test_networks_that_millrace_cannot_train_are_refused_with_a_reason(self):
        halves = numpy.zeros((3, 2), dtype=numpy.float16)
        self.refuse("0.weight is F16", small_model(**{"0_weight": halves}))
        self.refuse("3 outputs", small_model(**{"2_weight": numpy.zeros((3, 3), numpy.float32),
                                                "2_bias": numpy.zeros(3, numpy.float32)}))
        self.refuse("does not fit", small_model(**{"2_weight": numpy.zeros((1, 4), numpy.float32)}))
        self.refuse("not every weight has a bias", small_model(**{"2_bias": None}))
        self.refuse("no dense layer", small_model(**{"0_weight": numpy.zeros((3, 2, 1), numpy.float32)}))
        self.refuse("no hidden layer", {"0.weight": numpy.zeros((1, 2), numpy.float32),
                                        "0.bias": numpy.zeros(1, numpy.float32)})
        self.refuse("not finite", small_model(**{"2_bias": numpy.array([numpy.nan], numpy.float32)}))
        self.refuse("feature_names", small_model(), {"feature_names": '["a"]'})
        self.refuse("no valid mean", small_model(), {"standardizer": '{"count": [1, 1], "mean": [0], "m2": [1, 1]}'})

    def test_a_file_that_is_cut_off_anywhere_is_refused(self):
        safetensors.numpy.save_file(small_model(), "whole.safetensors")
        whole = (self.path / "whole.safetensors").read_bytes()
        for size in [0, 7, 8, 20, len(whole) - 1]:
            (self.path / "model.safetensors").write_bytes(whole[:size])
            self.refuse_file("model.safetensors: it is")
        (self.path / "model.safetensors").write_bytes(whole + b"x")
        self.refuse_file("bytes after its tensors")
        (self.path / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 60) + whole[8:])
        self.refuse_file("not a safetensors file")

    def test_no_damaged_header_crashes(self):
        safetensors.numpy.save_file(small_model(), "whole.safetensors")
        whole = bytearray((self.path / "whole.safetensors").read_bytes())
        (header,) = struct.unpack("<Q", whole[:8])
        for at in range(8, 8 + header, 9):
            damaged = bytearray(whole)
            damaged[at] ^= 0x11
            (self.path / "model.safetensors").write_bytes(damaged)
            done = run("import", "--from", "model.safetensors", "--state", f"new-{at}")
            self.assertIn(done.returncode, [0, 2], (at, done.stderr))

    def test_files_that_cannot_be_read_or_written_are_named_with_a_remedy(self):
        make_state("state")
        self.fail_with(2, "check the path in --from", "import", "--from", "none.safetensors", "--state", "new")
        self.fail_with(2, "make its folder first", "export", "--state", "state", "--to", "none/model.onnx")
        (self.path / "folder.onnx").mkdir()
        self.fail_with(2, "a folder stands there", "export", "--state", "state", "--to", "folder.onnx")
        self.fail_with(2, ".onnx or .safetensors", "export", "--state", "state", "--to", "model.h5")
        self.fail_with(6, "There is no state", "export", "--state", "none", "--to", "model.onnx")
        checkpoint = next((self.path / "state").glob("checkpoint-*"))
        checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
        self.fail_with(6, "damaged", "export", "--state", "state", "--to", "model.onnx")


if __name__ == "__main__":
    unittest.main()

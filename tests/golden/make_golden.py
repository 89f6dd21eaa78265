#!/usr/bin/env python3
"""Trains the default network with Keras for 100 Adam steps and writes what millrace is compared with.

Run by hand, with TensorFlow and NumPy from PyPI:

    python3 -m venv venv && venv/bin/pip install tensorflow-cpu==2.21.0
    venv/bin/python tests/golden/make_golden.py

writes tests/golden/keras_adam.golden (the format: README.md beside it). With --sigmoid it writes nothing and prints
how Keras treats a sigmoid output under BinaryCrossentropy.
"""
import csv
import os
import pathlib
import sys
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROWS = HERE.parent.parent / "data" / "breast-cancer-wisconsin.csv"
WIDTHS = [9, 128, 256, 128, 1]
SEED = 2026
BATCH = 32
CHECKPOINTS = [1, 10, 100]
SAMPLE_EVERY = 7  # shares no factor with a width, so every layer, row and column is sampled


def philox4x32_10(counter, seed):
    """Salmon et al. (2011), vectorised over blocks: counter is uint32 [4, n]."""
    c = counter.astype(np.uint64)
    key0, key1 = np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        product0, product1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        shift = np.uint64(32)
        c = np.stack([(product1 >> shift) ^ c[1] ^ key0, product1 & low,
                      (product0 >> shift) ^ c[3] ^ key1, product0 & low])
        key0, key1 = (key0 + np.uint64(0x9E3779B9)) & low, (key1 + np.uint64(0xBB67AE85)) & low
    return c


def initial_weights():
    """millrace's initial_model_state, as float32: [W1, b1, W2, b2, ...] with W [in, out]."""
    weights = []
    for layer, (inputs, outputs) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        count = inputs * outputs
        blocks = (count + 3) // 4
        counter = np.zeros((4, blocks), np.uint32)
        counter[0] = np.arange(blocks)
        counter[1] = 1 << 24 | layer  # PhiloxStream::initial_weights
        words = philox4x32_10(counter, SEED).T.reshape(-1)[:count].astype(np.float64)
        unit = (words + 0.5) * 2.0 ** -32
        kernel = (2.0 * unit - 1.0) * np.sqrt(6.0 / (inputs + outputs))
        weights += [kernel.astype(np.float32).reshape(inputs, outputs), np.zeros(outputs, np.float32)]
    return weights


def batches():
    """100 batches of raw rows without missing values, reshuffled each time they run out."""
    with open(ROWS, newline="") as file:
        table = [row for row in list(csv.reader(file))[1:] if "?" not in row]
    values = np.array(table, np.float32)
    random = np.random.default_rng(SEED)
    order = np.concatenate([random.permutation(len(values)) for _ in range(5)])
    order = order[: max(CHECKPOINTS) * BATCH]
    return values[order, :9], (values[order, 9] == 4).astype(np.float32)


def article_model(activation="sigmoid"):
    layers = [keras.Input((WIDTHS[0],))]
    layers += [keras.layers.Dense(width, activation="relu") for width in WIDTHS[1:-1]]
    layers += [keras.layers.Dense(1, activation=activation)]
    return keras.Sequential(layers)


def run(float_type, x, y):
    """States after the checkpoints' steps and the loss of every row before its step, all as float64."""
    keras.config.set_floatx(float_type)
    keras.config.set_dtype_policy(float_type)
    model = article_model()
    assert all(weights.dtype == float_type for weights in model.weights)
    model.set_weights([w.astype(float_type) for w in initial_weights()])
    model.compile(optimizer=keras.optimizers.Adam(), loss=keras.losses.BinaryCrossentropy(from_logits=True),
                  jit_compile=False)
    row_loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction=None)
    sample = lambda arrays: np.concatenate([np.asarray(a, np.float64).reshape(-1) for a in arrays])[::SAMPLE_EVERY]
    states, losses = {}, []
    for step in range(1, max(CHECKPOINTS) + 1):
        rows = slice((step - 1) * BATCH, step * BATCH)
        bx, by = x[rows].astype(float_type), y[rows].astype(float_type)[:, None]
        losses.append(np.asarray(row_loss(by, model(bx)), np.float64))
        step_loss = model.train_on_batch(bx, by)
        assert abs(step_loss - losses[-1].mean()) < 1e-5, (step, step_loss, losses[-1].mean())
        if step in CHECKPOINTS:
            adam = model.optimizer
            states[step] = {
                "parameters": sample(model.get_weights()),
                "first_moment": sample([m.numpy() for m in adam._momentums]),
                "second_moment": sample([v.numpy() for v in adam._velocities]),
            }
    return states, np.concatenate(losses)


def write_golden():
    x, y = batches()
    exact, exact_losses = run("float64", x, y)
    float32, float32_losses = run("float32", x, y)

    sections = [("seed", np.array([SEED], np.uint64)), ("widths", np.array(WIDTHS, np.uint32)),
                ("batch", np.array([BATCH], np.uint32)), ("sample_every", np.array([SAMPLE_EVERY], np.uint32)),
                ("checkpoints", np.array(CHECKPOINTS, np.uint32)), ("values", x), ("labels", y),
                ("initial", np.concatenate([w.reshape(-1) for w in initial_weights()])[::SAMPLE_EVERY]),
                ("row_losses", exact_losses)]
    for step in CHECKPOINTS:
        for name, values in exact[step].items():
            distance = np.linalg.norm(float32[step][name] - values)
            sections += [(f"{name}_{step}", values), (f"keras_distance_{name}_{step}", np.array([distance]))]
            print(f"step {step:3} {name:14} Keras' float32 is {distance:.3e} from float64, norm {np.linalg.norm(values):.3e}")
        distance = np.linalg.norm((float32_losses - exact_losses)[: step * BATCH])
        sections.append((f"keras_distance_row_losses_{step}", np.array([distance])))
        print(f"step {step:3} row losses     Keras' float32 is {distance:.3e} from float64")

    types = {"float32": "f32", "float64": "f64", "uint32": "u32", "uint64": "u64"}
    with open(HERE / "keras_adam.golden", "wb") as file:
        for name, values in sections:
            file.write(f"{name} {types[str(values.dtype)]} {values.size}\n".encode())
            file.write(values.astype(values.dtype.newbyteorder("<")).tobytes())


def show_sigmoid():
    """Two logits, +2 (label 0) and -40 (label 1), under each way of saying the same or not the same."""
    import tensorflow as tf
    warnings.simplefilter("ignore")
    x, y = np.array([[2.0], [-40.0]], np.float32), np.array([[0.0], [1.0]], np.float32)
    z, label = x.astype(np.float64), y.astype(np.float64)
    of_logits = lambda logit: float(np.mean(np.logaddexp(0, logit) - label * logit))
    print("tensorflow", tf.__version__, "keras", keras.__version__)
    print(f"cross-entropy of the logits {of_logits(z):.6f}; of sigmoid(logits) taken for logits "
          f"{of_logits(1 / (1 + np.exp(-z))):.6f}")
    for activation in ["sigmoid", "linear"]:
        for from_logits in [True, False]:
            for eagerly in [True, False]:
                model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation=activation)])
                model.set_weights([np.ones((1, 1), np.float32), np.zeros(1, np.float32)])
                model.compile(optimizer="sgd", loss=keras.losses.BinaryCrossentropy(from_logits=from_logits),
                              run_eagerly=eagerly, jit_compile=False)
                loss = model.evaluate(x, y, verbose=0)
                trained = model.train_on_batch(x, y)
                print(f"{activation:8} from_logits={from_logits!s:5} {'eager' if eagerly else 'graph'}: "
                      f"evaluate {float(loss):.6f}, train_on_batch {float(trained):.6f}")


if __name__ == "__main__":
    show_sigmoid() if "--sigmoid" in sys.argv[1:] else write_golden()

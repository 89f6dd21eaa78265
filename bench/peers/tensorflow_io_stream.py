#!/usr/bin/env python3
"""The pipeline of the guide "Training Models on Streaming Data" on a topic: JSON on standard output.

Values are nine numbers as CSV, keys are labels. tensorflow-io reads mini-datasets of a consumer group; each is
shuffled (32), batched (32) and fitted by Keras for three epochs, with the guide's network and settings. The rate is of
rows, not of sample updates, and without the first mini-dataset, in which Keras traces its functions.
"""

import argparse
import json
import os
import statistics
import sys
import time
import uuid

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

FEATURES = 9
EPOCHS = 3
BATCH = 32
SHUFFLE = 32
TIMEOUT_MS = 10_000  # as in the guide; not waited for here, because the rows end first


def make_model(tf):
    tf.keras.utils.set_random_seed(1)
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Input(shape=(FEATURES,)),
            tf.keras.layers.Dense(128, activation="relu"),
            tf.keras.layers.Dense(256, activation="relu"),
            tf.keras.layers.Dense(128, activation="relu"),
            tf.keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def decoded(tf, message, key):
    message = tf.io.decode_csv(message, [[0.0] for _ in range(FEATURES)])
    return tf.stack(message, axis=-1), tf.strings.to_number(key)


def online(tf, tfio, arguments):
    """Rows per second over mini-datasets, from the second to the last."""
    model = make_model(tf)
    messages = tfio.experimental.streaming.KafkaBatchIODataset(
        topics=[arguments.topic],
        group_id=f"compare-{uuid.uuid4()}",
        servers=arguments.brokers,
        stream_timeout=TIMEOUT_MS,
        configuration=["session.timeout.ms=7000", "max.poll.interval.ms=8000", "auto.offset.reset=earliest"],
    )
    rows, begin = 0, None
    for mini in messages:
        size = int(mini.cardinality())
        if size <= 0:
            continue
        batches = mini.shuffle(SHUFFLE).map(lambda m, k: decoded(tf, m, k)).batch(BATCH)
        model.fit(batches, epochs=EPOCHS, verbose=0)
        if begin is None:
            begin = time.perf_counter()
            continue
        rows += size
        seconds = time.perf_counter() - begin
        if rows >= arguments.rows or seconds >= arguments.seconds:
            return rows, seconds
    return rows, time.perf_counter() - begin


def measured(name, way, arguments, *libraries):
    rates, rows = [], 0
    try:
        for _ in range(arguments.rounds):
            rows, seconds = way(*libraries, arguments)
            rates.append(rows / seconds)
            print(f"{name}: {rates[-1]:.0f} rows/s of {rows} rows", file=sys.stderr, flush=True)
    except Exception as error:
        return {"name": name, "failed": (str(error).strip() or type(error).__name__).split("\n")[0]}
    return {"name": name, "epochs": EPOCHS, "batch": BATCH, "rows": rows,
            "rows_per_s": statistics.median(rates), "rounds": rates}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--rows", type=int, default=60_336, help="rows of a round, at most")
    parser.add_argument("--seconds", type=float, default=12, help="time of a round, at most")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    import tensorflow as tf
    import tensorflow_io as tfio

    results = [measured("tensorflow-io and Keras", online, arguments, tf, tfio)]
    versions = {"tensorflow": tf.__version__, "tensorflow-io": tfio.__version__, "keras": tf.keras.__version__}
    print(json.dumps({"versions": versions, "results": results}))


if __name__ == "__main__":
    main()

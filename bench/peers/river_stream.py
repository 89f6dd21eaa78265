#!/usr/bin/env python3
"""River on a topic, read by confluent-kafka: JSON on standard output.

Its logistic regression behind its StandardScaler, row by row and in batches of 32, one pass; and its multi-layer
perceptron with 128, 256 and 128 units in batches of 32, three passes over each batch.
"""

import warnings

import confluent_kafka
import numpy
import pandas
import river
import stream_rounds
from river import linear_model, optim, preprocessing

warnings.filterwarnings("ignore", category=DeprecationWarning)  # neural_net will leave River
from river import neural_net  # noqa: E402

FEATURES = 9
NAMES = [f"x{number}" for number in range(FEATURES)]
BATCH = 32
EPOCHS = 3
WINDOW_ROWS = 1024


def regression():
    return preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.Adam(1e-3))


def make_row_learner():
    model = regression()

    def learn(window):
        for value, key in window:
            row = dict(zip(NAMES, map(float, value.split(b","))))
            model.predict_proba_one(row)
            model.learn_one(row, key == b"1")

    return learn


def batches_of(window):
    for begin in range(0, len(window), BATCH):
        some = window[begin : begin + BATCH]
        text = b",".join(value for value, _ in some).decode()
        numbers = numpy.fromstring(text, dtype=float, sep=",").reshape(-1, FEATURES)
        yield pandas.DataFrame(numbers, columns=NAMES), [key == b"1" for _, key in some]


def make_batch_learner():
    model = regression()

    def learn(window):
        for rows, labels in batches_of(window):
            model.predict_proba_many(rows)
            model.learn_many(rows, pandas.Series(labels))

    return learn


def make_network_learner():
    activations = neural_net.activations
    model = neural_net.MLPRegressor(
        hidden_dims=(128, 256, 128),
        activations=(activations.ReLU, activations.ReLU, activations.ReLU, activations.Identity),
        optimizer=optim.Adam(1e-3),
        seed=1,
    )
    scaler = preprocessing.StandardScaler()

    def learn(window):
        for rows, labels in batches_of(window):
            scaler.learn_many(rows)
            scaled = scaler.transform_many(rows)
            target = pandas.DataFrame({"class": numpy.asarray(labels, dtype=float)})
            model.predict_many(scaled)
            for _ in range(EPOCHS):
                model.learn_many(scaled, target)

    return learn


def main():
    arguments = stream_rounds.arguments_of(__doc__)

    def measured(name, make_learner, **about):
        return stream_rounds.measured(name, arguments, WINDOW_ROWS, make_learner, **about)

    results = [
        measured("River, logistic regression, by row", make_row_learner, epochs=1, batch=1),
        measured("River, logistic regression, by 32", make_batch_learner, epochs=1, batch=BATCH),
        measured("River, perceptron, by 32", make_network_learner, epochs=EPOCHS, batch=BATCH),
    ]
    stream_rounds.report({"river": river.__version__, "confluent-kafka": confluent_kafka.__version__}, results)


if __name__ == "__main__":
    main()

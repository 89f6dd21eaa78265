#!/usr/bin/env python3
"""PyTorch on a topic, as people write it: JSON on standard output.

confluent-kafka reads; windows of 4096 rows are scored, then shuffled and trained for three epochs at batch 32, as
millrace does it. Network 9-128-256-128-1, fused Adam, one thread: more are slower at this batch.
"""

import confluent_kafka
import numpy
import stream_rounds
import torch

FEATURES = 9
WINDOW_ROWS = 4096
EPOCHS = 3
BATCH = 32
WIDTHS = (FEATURES, 128, 256, 128, 1)


def make_learner():
    torch.manual_seed(1)
    layers = []
    for inputs, outputs in zip(WIDTHS, WIDTHS[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    adam = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7, fused=True)
    loss_of = torch.nn.BCEWithLogitsLoss()

    def learn(window):
        text = b",".join(value for value, _ in window).decode()
        rows = torch.from_numpy(numpy.fromstring(text, dtype=numpy.float32, sep=",").reshape(-1, FEATURES))
        labels = torch.tensor([[float(key)] for _, key in window])
        with torch.no_grad():
            loss_of(network(rows), labels).item()
        for _ in range(EPOCHS):
            order = torch.randperm(len(window))
            for batch in order.split(BATCH):
                adam.zero_grad(set_to_none=True)
                loss_of(network(rows[batch]), labels[batch]).backward()
                adam.step()

    return learn


def main():
    arguments = stream_rounds.arguments_of(__doc__)
    torch.set_num_threads(1)
    result = stream_rounds.measured(
        "PyTorch and confluent-kafka", arguments, WINDOW_ROWS, make_learner, epochs=EPOCHS, batch=BATCH
    )
    stream_rounds.report(
        {"torch": torch.__version__, "confluent-kafka": confluent_kafka.__version__}, [result]
    )


if __name__ == "__main__":
    main()

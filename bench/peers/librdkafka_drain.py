#!/usr/bin/env python3
"""Fills topics and drains them by confluent-kafka, librdkafka's own Python client: JSON on standard output."""

import argparse
import csv
import json
import random
import statistics
import sys
import time
import uuid

import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic

LABELS = {"2": b"0", "4": b"1"}  # benign, malignant
TAKEN = 10_000  # messages taken from the client at once
WAIT_S = 10


def rows_of(file):
    """Values and keys as the guide has them, in an order that is drawn once and for all."""
    with open(file, newline="") as lines:
        table = [row for row in list(csv.reader(lines))[1:] if "?" not in row]  # a decoder of the guide's fails on one
    random.Random(1).shuffle(table)
    return [(",".join(row[:-1]).encode(), LABELS[row[-1]]) for row in table]


def make_topic(brokers, topic, partitions):
    admin = AdminClient({"bootstrap.servers": brokers})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(WAIT_S)


def fill(arguments):
    """Rows in turn to all partitions: labels as keys would put a class into one."""
    make_topic(arguments.brokers, arguments.topic, arguments.partitions)
    failed = []
    producer = confluent_kafka.Producer(
        {
            "bootstrap.servers": arguments.brokers,
            "compression.type": "lz4",
            "linger.ms": 50,
            "batch.num.messages": 10_000,
            "queue.buffering.max.messages": 1_000_000,
            "error_cb": lambda error: failed.append(str(error)),
        }
    )
    rows = rows_of(arguments.file)
    for row in range(arguments.rows):
        value, key = rows[row % len(rows)]
        while True:
            try:
                producer.produce(arguments.topic, value, key, row % arguments.partitions)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(60) > 0 or failed:
        raise SystemExit(f"topic {arguments.topic} could not be filled: {failed}")
    return {"rows": arguments.rows, "partitions": arguments.partitions}


def drain(arguments):
    """Seconds to take every message of the topic, and their number."""
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": arguments.brokers,
            "group.id": f"compare-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "queued.min.messages": 5_000_000,  # by default it sleeps a second again and again
            "queued.max.messages.kbytes": 1_000_000,
        }
    )
    partitions = consumer.list_topics(arguments.topic, WAIT_S).topics[arguments.topic].partitions
    places = [confluent_kafka.TopicPartition(arguments.topic, number, 0) for number in partitions]
    messages = sum(consumer.get_watermark_offsets(place, WAIT_S)[1] for place in places)
    begin = time.perf_counter()
    consumer.assign(places)
    seen = 0
    while seen < messages:
        taken = consumer.consume(min(TAKEN, messages - seen), WAIT_S)
        if not taken:
            raise SystemExit(f"{messages - seen} of {messages} messages did not come within {WAIT_S} s")
        seen += len(taken)
    seconds = time.perf_counter() - begin
    consumer.close()
    return seconds, messages


def drains(arguments):
    rates = []
    for _ in range(arguments.rounds):
        seconds, messages = drain(arguments)
        rates.append(messages / seconds)
        print(f"confluent-kafka: {rates[-1]:.0f} messages/s", file=sys.stderr, flush=True)
    result = {"name": "confluent-kafka, nothing decoded", "rows": messages,
              "rows_per_s": statistics.median(rates), "rounds": rates}  # fmt: skip
    return {"results": [result]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=("fill", "drain"))
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--file", help="the breast-cancer rows, to fill a topic with")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    report = fill(arguments) if arguments.work == "fill" else drains(arguments)
    versions = {"confluent-kafka": confluent_kafka.__version__, "librdkafka": confluent_kafka.libversion()[0]}
    print(json.dumps({"versions": versions, **report}))


if __name__ == "__main__":
    main()

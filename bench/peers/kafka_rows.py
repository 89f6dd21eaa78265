"""Rows of a topic through confluent-kafka, for peers that bring no reader of their own."""

import uuid

import confluent_kafka

TAKEN = 1024  # messages taken from the client at once
WAIT_S = 10


class Rows:
    """Iterates over (value, key) as bytes, from the beginning of partition 0, for ever."""

    def __init__(self, brokers, topic):
        self._consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": f"compare-{uuid.uuid4()}",
                "enable.auto.commit": False,
                "queued.min.messages": 5_000_000,  # by default it sleeps a second again and again
                "queued.max.messages.kbytes": 1_000_000,
            }
        )
        self._consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])

    def __iter__(self):
        while True:
            taken = self._consumer.consume(TAKEN, WAIT_S)
            if not taken:
                raise RuntimeError(f"no message came within {WAIT_S} s")
            for message in taken:
                if message.error():
                    raise RuntimeError(str(message.error()))
                yield message.value(), message.key()

    def close(self):
        self._consumer.close()

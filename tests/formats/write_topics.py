#!/usr/bin/env python3
"""Sends the rows of a CSV file to a topic of Avro records and to one of JSON records, as Confluent's client does,
and is their Schema Registry until it is ended: write_topics.py BROKERS FILE AVRO-TOPIC JSON-TOPIC FOLDER."""

import csv
import json
import os
import pathlib
import signal
import sys
import warnings

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import registry_stub  # noqa: E402

warnings.simplefilter("ignore", ResourceWarning)
brokers, file, avro_topic, json_topic, folder = sys.argv[1:]
user, secret = "trainer", os.environ["MILLRACE_SCHEMA_REGISTRY_SECRET"]
authority, server = registry_stub.make_certificates(folder)
stub = registry_stub.RegistryStub(user=user, secret=secret, certificate=server)
client = SchemaRegistryClient({"url": stub.url, "ssl.ca.location": str(authority),
                               "basic.auth.user.info": f"{user}:{secret}"})

with open(file, newline="") as source:
    rows = list(csv.DictReader(source))
features = [name for name in rows[0] if name != "class"]
kinds = [["null", "int"], "float", "double", "long"]
serialize = AvroSerializer(client, json.dumps({
    "type": "record", "name": "Sample", "namespace": "clinic",
    "fields": [{"name": "source", "type": "string"},
               {"name": "cells", "type": {"type": "record", "name": "Cells", "fields": [
                   {"name": name, "type": ["null", "float"] if name == "bare_nuclei" else kinds[place % len(kinds)]}
                   for place, name in enumerate(reversed(features))]}}]}))

producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True})
for row in rows:
    cells = {name: None if row[name] == "?" else int(row[name]) for name in features}
    key = {"2": "0", "4": "1"}[row["class"]]
    value = {"source": "Wisconsin", "cells": cells}
    producer.produce(avro_topic, serialize(value, SerializationContext(avro_topic, MessageField.VALUE)), key, 0)
    producer.produce(json_topic, json.dumps(value), key, 0)
if producer.flush(30) > 0:
    sys.exit("not all records were acknowledged")
print("serving", stub.url, flush=True)
signal.pause()

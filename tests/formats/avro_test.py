#!/usr/bin/env python3
"""Avro records as Confluent's own client and fastavro write them, beside what they read themselves."""

import decimal
import io
import json
import math
import pathlib
import random
import struct
import sys
import unittest
import warnings

import fastavro
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import decoded  # noqa: E402
import registry_stub  # noqa: E402


class Types:
    """Random types with a value of each, and the paths at which numbers stand within them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = 0

    def name(self):
        self.names += 1
        return f"N{self.names}"

    def draw(self, depth):
        """(schema, value, [(path, number)])"""
        leaves = ["int", "long", "float", "double", "boolean", "text", "string", "bytes", "null", "enum", "fixed",
                  "decimal", "date"]
        nested = ["record", "array", "map", "union"] if depth < 4 else []
        kind = self.random.choice(leaves + 2 * nested)
        return getattr(self, kind)(depth)

    def int(self, _):
        value = self.random.randint(-2**31, 2**31 - 1)
        return "int", value, [("", value)]

    def long(self, _):
        value = self.random.randint(-2**63, 2**63 - 1) >> self.random.randint(0, 62)
        return "long", value, [("", value)]

    def float(self, _):
        value = decoded.as_float32(self.random.gauss(0, 1000))
        return "float", value, [("", value)]

    def double(self, _):
        value = self.random.gauss(0, 1000)
        return "double", value, [("", value)]

    def boolean(self, _):
        value = self.random.random() < 0.5
        return "boolean", value, [("", value)]

    def text(self, _):
        value = self.random.gauss(0, 1000)
        return "string", repr(value), [("", value)]

    def string(self, _):
        return "string", "é" * self.random.randint(0, 200), []

    def bytes(self, _):
        return "bytes", self.random.randbytes(self.random.randint(0, 200)), []

    def null(self, _):
        return "null", None, [("", math.nan)]

    def enum(self, _):
        symbols = ["A", "B", "C"]
        place = self.random.randrange(3)
        return {"type": "enum", "name": self.name(), "symbols": symbols}, symbols[place], [("", place)]

    def fixed(self, _):
        size = self.random.randint(0, 20)
        return {"type": "fixed", "name": self.name(), "size": size}, self.random.randbytes(size), []

    def decimal(self, _):
        value = decimal.Decimal(self.random.randint(-10**17, 10**17)).scaleb(-4)
        return {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 4}, value, [("", value)]

    def date(self, _):
        value = self.random.randint(0, 20000)
        return {"type": "int", "logicalType": "x-days"}, value, [("", value)]

    def record(self, depth):
        fields, value, found = [], {}, []
        for i in range(self.random.randint(0, 5)):
            schema, inner, paths = self.draw(depth + 1)
            fields.append({"name": f"f{i}", "type": schema})
            value[f"f{i}"] = inner
            found += [(f".f{i}{path}", number) for path, number in paths]
        return {"type": "record", "name": self.name(), "fields": fields}, value, found

    def array(self, depth):
        schema, value, paths = self.draw(depth + 1)
        count = self.random.randint(0, 3)
        return ({"type": "array", "items": schema}, [value] * count,
                [(f"[{i}]{path}", number) for i in range(count) for path, number in paths])

    def map(self, depth):
        schema, value, paths = self.draw(depth + 1)
        keys = ["plain", "dotted.name", "x[0]"][:self.random.randint(0, 3)]
        escaped = {key: key.replace(".", "\\.").replace("[", "\\[") for key in keys}
        return ({"type": "map", "values": schema}, {key: value for key in keys},
                [(f".{escaped[key]}{path}", number) for key in keys for path, number in paths])

    def union(self, depth):
        schema, value, paths = self.draw(depth + 1)
        if isinstance(schema, list) or schema == "null":
            return schema, value, paths
        if self.random.random() < 0.3:
            return ["null", schema], None, [("", math.nan)] if not isinstance(schema, dict) else []
        return (["null", schema] if self.random.random() < 0.5 else [schema, "null"]), value, paths


class Avro(unittest.TestCase):
    def setUp(self):
        self.stub = registry_stub.RegistryStub()
        self.addCleanup(self.stub.close)
        warnings.simplefilter("ignore", ResourceWarning)  # Confluent's client leaves its connections to the collector

    def rows(self, values, **settings):
        return decoded.rows(values, format="avro", registry=self.stub.url, timeout_ms=10000, **settings)

    def serializer(self, schema):
        return AvroSerializer(SchemaRegistryClient({"url": self.stub.url}), json.dumps(schema))

    def test_records_of_confluents_serializer_are_read(self):
        serialize = self.serializer({"type": "record", "name": "Patient", "namespace": "clinic", "fields": [
            {"name": "name", "type": "string"},
            {"name": "size", "type": "double"},
            {"name": "age", "type": ["null", "int"], "default": None},
            {"name": "ward", "type": {"type": "record", "name": "Ward", "fields": [{"name": "floor", "type": "long"}]}},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["benign", "malignant"]}}]})
        context = SerializationContext("t", MessageField.VALUE)
        values = [serialize({"name": "A", "size": 1.1, "age": 40, "ward": {"floor": -3}, "kind": "malignant"}, context),
                  serialize({"name": "B", "size": 2, "age": None, "ward": {"floor": 2**40}, "kind": "benign"}, context)]
        told = self.rows(values, features="age,size,ward.floor", label="value:kind")
        self.assertEqual(told[0], ([40, decoded.as_float32(1.1), -3], 1))
        self.assertTrue(math.isnan(told[1][0][0]))
        self.assertEqual((told[1][0][1:], told[1][1]), ([2, 2.0**40], 0))

    def test_a_schema_that_changes_is_followed_record_by_record(self):
        context = SerializationContext("t", MessageField.VALUE)
        values = []
        for fields in [["a", "b"], ["b", "x", "a"], ["a", "b", "y"]]:
            serialize = self.serializer({"type": "record", "name": "R",
                                         "fields": [{"name": name, "type": "float"} for name in fields]})
            values.append(serialize({"a": 1, "b": 2, "x": 3, "y": 4}, context))
        self.assertEqual(self.rows(values * 3, features="a,b"), [([1, 2], 0)] * 9)

    def test_what_fastavro_writes_of_random_types_is_read_as_it_was(self):
        for seed in range(60):
            types = Types(seed)
            schema, value, paths = types.record(0)
            if not paths:
                continue
            parsed = fastavro.parse_schema(schema)
            identity = self.stub.register("t-value", json.dumps(schema))
            datum = io.BytesIO()
            fastavro.schemaless_writer(datum, parsed, value)
            written = struct.pack(">bI", 0, identity) + datum.getvalue()
            chosen = types.random.sample(paths, min(len(paths), 5))
            told = self.rows([written, written[:-1], written + b"\0"],
                             features=",".join(path[1:] for path, _ in chosen))
            with self.subTest(seed=seed, schema=schema, chosen=chosen):
                self.assertEqual(len(told[0]), 2, told[0])
                for number, (path, expected) in zip(told[0][0], chosen):
                    expected = decoded.as_float32(float(expected))
                    same = number == expected or (math.isnan(number) and math.isnan(expected))
                    # A decimal is rounded once here, and twice by way of Python's float.
                    self.assertTrue(same or abs(number - expected) <= abs(expected) * 2**-23, (path, number, expected))
                self.assertTrue(told[1].startswith("malformed"), told[1])
                self.assertTrue(told[2].startswith("malformed"), told[2])


if __name__ == "__main__":
    unittest.main()

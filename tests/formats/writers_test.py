#!/usr/bin/env python3
"""Records as the documentation of Flink, Spark, NiFi, Kafka Connect and others says that these write them by default,
with the settings that docs/formats.md gives for each."""

import io
import json
import math
import pathlib
import struct
import sys
import tempfile
import unittest

import fastavro

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import decoded  # noqa: E402
import registry_stub  # noqa: E402

MISSING = "missing"


class Writers(unittest.TestCase):
    def assert_row(self, value, wanted, label=0.0, /, **settings):
        value = value if isinstance(value, bytes) else value.encode()
        (told,) = decoded.rows([value], **settings)
        self.assertIsInstance(told, tuple, told)
        row = [MISSING if math.isnan(number) else number for number in told[0]]
        self.assertEqual((row, told[1]), ([number if number == MISSING else decoded.as_float32(number)
                                           for number in wanted], label))

    def assert_bad(self, value, reason, /, **settings):
        self.assertEqual(decoded.rows([value.encode()], **settings), [reason])

    def test_flink_csv(self):
        columns = {"format": "csv", "columns": "id,name,size,age,failed", "features": "size,age", "label": "value:failed"}
        self.assert_row('7,"a, b",1.5,,1', [1.5, MISSING], 1, **columns)
        self.assert_row("7;x;1.5;2;0", [1.5, 2], separator=";", **columns)
        self.assert_row("7\tx\t1.5\t2\t0", [1.5, 2], separator="tab", **columns)

    def test_flink_json(self):
        self.assert_row('{"id":7,"size":1.5,"age":null,"failed":true}', [1.5, MISSING], 1,
                        format="json", features="size,age", label="value:failed")
        self.assert_row('{"size":1.1E-7,"age":1.7976931348623157E8}', [1.1e-7, 1.7976931348623157e8],
                        format="json", features="size,age")

    def test_change_events(self):
        debezium = '{"before":null,"after":{"size":1.5,"failed":0},"op":"c","ts_ms":1}'
        self.assert_row(debezium, [1.5], format="json", features="after.size", label="value:after.failed")
        connect = '{"schema":{"type":"struct","fields":[{"type":"struct"}]},"payload":' + debezium + "}"
        self.assert_row(connect, [1.5], format="json", features="payload.after.size", label="value:payload.after.failed")
        self.assert_row('{"data":[{"size":"1.5"}],"old":null,"type":"INSERT"}', [1.5],
                        format="json", features="data[0].size")
        self.assert_bad('{"before":{"size":1.5,"failed":0},"after":null,"op":"d"}', "label_missing after.failed",
                        format="json", features="after.size", label="value:after.failed")

    def test_spark_json_leaves_out_what_is_null(self):
        json_settings = {"format": "json", "features": "size,age"}
        self.assert_row('{"size":1.5}', [1.5, MISSING], absent="missing", **json_settings)
        self.assert_bad('{"size":1.5}', "column_count age", **json_settings)

    def test_spark_csv(self):
        self.assert_row('1.5,,"a ""b"""', [1.5, MISSING], format="csv", columns="size,age,name", features="size,age")

    def test_spark_avro_has_no_prefix_and_one_schema(self):
        schema = {"type": "record", "name": "topLevelRecord", "fields": [
            {"name": "size", "type": ["double", "null"]}, {"name": "age", "type": ["int", "null"]},
            {"name": "price", "type": [{"type": "fixed", "name": "fixed", "namespace": "topLevelRecord.price", "size": 5,
                                        "logicalType": "decimal", "precision": 10, "scale": 2}, "null"]}]}
        with tempfile.NamedTemporaryFile("w", suffix=".avsc") as file:
            json.dump(schema, file)
            file.flush()
            datum = struct.pack("<bdbb", 0, 1.5, 2, 0) + (12345).to_bytes(5, "big")
            self.assert_row(datum, [1.5, MISSING, 123.45], format="avro", features="size,age,price", schema=file.name)

    def test_nifi_json_is_an_array_of_one(self):
        for value in ['[{"size":1.5,"age":null}]', '[ {\n  "size" : 1.5,\n  "age" : null\n} ]', '{"size":1.5,"age":null}\n']:
            self.assert_row(value, [1.5, MISSING], format="json", features="size,age")

    def test_nifi_csv_without_a_header_line(self):
        self.assert_row("1.5,2\n", [1.5, 2], format="csv", features="2")
        self.assert_bad("size,age\n1.5,2\n", "not_a_number 1", format="csv", features="2")

    def test_python_writes_words_that_json_does_not_know(self):
        value = json.dumps({"size": float("nan"), "age": 2})
        self.assert_row(value, [MISSING, 2], format="json", features="size,age")

    def test_confluents_json_has_the_prefix_of_its_wire_format(self):
        self.assert_row(b'\0\0\0\0\7{"size":1.5}', [1.5], format="json", features="size")

    def test_lines_of_several_objects_are_no_row(self):
        self.assert_bad('{"size":1}\n{"size":2}\n', "malformed", format="json", features="size")

    def test_flink_avro_confluent_and_connect_write_confluents_wire_format(self):
        schema = {"type": "record", "name": "record", "namespace": "org.apache.flink.avro.generated", "fields": [
            {"name": "size", "type": ["null", "double"], "default": None},
            {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": None}]}
        stub = registry_stub.RegistryStub()
        self.addCleanup(stub.close)
        datum = io.BytesIO()
        fastavro.schemaless_writer(datum, fastavro.parse_schema(schema), {"size": 1.5, "at": None})
        value = struct.pack(">bI", 0, stub.register("t-value", schema)) + datum.getvalue()
        self.assert_row(value, [1.5, MISSING], format="avro", features="size,at", registry=stub.url, timeout_ms=10000)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The client of a Schema Registry: what it asks for, how long, with which rights, and what it says when it fails."""

import pathlib
import socket
import struct
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import decoded  # noqa: E402
import registry_stub  # noqa: E402

SECRET = "s3cret:with@signs"


def schema(*fields):
    return {"type": "record", "name": "R", "fields": [{"name": name, "type": kind} for name, kind in fields]}


def record(identity, *floats):
    return struct.pack(">bI", 0, identity) + struct.pack(f"<{len(floats)}f", *floats)


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


class Registry(unittest.TestCase):
    def registry(self, **settings):
        stub = registry_stub.RegistryStub(**settings)
        self.addCleanup(stub.close)
        return stub

    def rows(self, values, registry, features="a,b", **settings):
        return decoded.rows(values, format="avro", features=features, registry=registry, timeout_ms=10000, **settings)

    def fails(self, registry, timeout_ms=1000, **settings):
        done = decoded.run([record(1, 1, 2)], format="avro", features="a,b", registry=registry, timeout_ms=timeout_ms,
                           **settings)
        self.assertEqual(done.returncode, 3, done.stderr + done.stdout)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertNotIn(SECRET, done.stderr)
        return done.stderr

    def test_each_id_is_asked_for_once(self):
        stub = self.registry()
        first = stub.register("t-value", schema(("a", "float"), ("b", "float")))
        second = stub.register("t-value", schema(("b", "float"), ("a", "float")))
        values = [record(first, 1, 2), record(second, 1, 2), record(9, 1, 2)] * 20
        self.assertEqual(self.rows(values, stub.url), [([1, 2], 0), ([2, 1], 0), "malformed"] * 20)
        self.assertEqual(stub.requests, ["/schemas/ids/1", "/schemas/ids/2", "/schemas/ids/9"])

    def test_what_a_schema_refers_to_is_fetched_as_well(self):
        stub = self.registry()
        stub.register("in/ner", {"type": "record", "name": "x.Inner", "fields": [{"name": "v", "type": "float"}]})
        inner = {"name": "x.Inner", "subject": "in/ner", "version": 1}
        stub.register("middle", {"type": "record", "name": "Middle", "fields": [{"name": "i", "type": "x.Inner"}]},
                      references=[inner])
        outer = stub.register("t-value", schema(("a", "Middle"), ("b", "x.Inner")),
                              references=[{"name": "Middle", "subject": "middle", "version": 1}, inner])
        self.assertEqual(self.rows([record(outer, 1, 2)], stub.url + "/", features="a.i.v,b.v"), [([1, 2], 0)])
        self.assertIn("/subjects/in%2Fner/versions/1", stub.requests)

    def test_schemas_of_other_kinds_make_records_malformed(self):
        stub = self.registry()
        identity = stub.register("t-value", "syntax = 'proto3';", schemaType="PROTOBUF")
        self.assertEqual(self.rows([record(identity, 1, 2)], stub.url), ["malformed"])

    def test_another_address_answers_where_the_first_does_not(self):
        stub = self.registry()
        stub.register("t-value", schema(("a", "float"), ("b", "float")))
        self.assertEqual(self.rows([record(1, 1, 2)], f"{closed_port()},{stub.url}"), [([1, 2], 0)])

    def test_a_registry_that_is_down_for_a_moment_is_asked_again(self):
        stub = self.registry()
        stub.register("t-value", schema(("a", "float"), ("b", "float")))
        stub.statuses = [503, 500, 429]
        self.assertEqual(self.rows([record(1, 1, 2)], stub.url), [([1, 2], 0)])
        self.assertEqual(len(stub.requests), 4)

    def test_a_registry_that_stays_down_ends_the_run_in_time(self):
        begun = time.monotonic()
        sentence = self.fails(closed_port(), timeout_ms=700)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertIn("--schema-registry-timeout-ms", sentence)

    def test_a_registry_that_never_answers_ends_the_run_in_time(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            begun = time.monotonic()
            sentence = self.fails(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_ms=700)
            self.assertLess(time.monotonic() - begun, 5)
        self.assertIn("did not answer in time", sentence)

    def test_an_address_that_is_no_registry_ends_the_run_at_once(self):
        stub = self.registry()
        sentence = self.fails(stub.url + "/wrong/path", timeout_ms=60000)
        self.assertIn("check the path", sentence)

    def test_basic_authentication_takes_the_secret_from_the_environment(self):
        stub = self.registry(user="reader", secret=SECRET)
        stub.register("t-value", schema(("a", "float"), ("b", "float")))
        self.assertEqual(self.rows([record(1, 1, 2)], stub.url, user="reader", secret=SECRET), [([1, 2], 0)])
        for refused in [{}, {"user": "reader"}, {"user": "reader", "secret": SECRET + "x"},
                        {"user": "other", "secret": SECRET}]:
            self.assertIn("refused access", self.fails(stub.url, timeout_ms=60000, **refused))

    def test_tls_trusts_only_the_authority_that_is_named(self):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
            authority, server = registry_stub.make_certificates(folder)
            stranger, _ = registry_stub.make_certificates(other)
            stub = self.registry(user="reader", secret=SECRET, certificate=server)
            stub.register("t-value", schema(("a", "float"), ("b", "float")))
            access = {"user": "reader", "secret": SECRET}
            self.assertEqual(self.rows([record(1, 1, 2)], stub.url, ca=authority, **access), [([1, 2], 0)])
            for wrong in [{}, {"ca": stranger}, {"ca": "/nonexistent.pem"}]:
                self.assertIn("No TLS connection", self.fails(stub.url, timeout_ms=60000, **wrong, **access))

    def test_an_address_that_holds_a_secret_is_refused(self):
        done = decoded.run([], format="avro", features="a", registry=f"http://u:{SECRET.partition(':')[0]}@h",
                           timeout_ms=1000)
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("s3cret", done.stderr)


if __name__ == "__main__":
    unittest.main()

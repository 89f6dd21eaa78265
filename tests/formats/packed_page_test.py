"""The lines of numpy in docs/formats.md write the bytes that PackedDecoder's test reads."""
import pathlib
import re
import struct
import unittest

import numpy

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "formats.md"


class Producer:
    def produce(self, topic, value):
        self.sent = (topic, value)


class PackedPage(unittest.TestCase):
    def test_writes_what_the_decoder_reads(self):
        lines = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.S).group(1)
        producer = Producer()
        exec(lines, {"struct": struct, "producer": producer,
                     "features": numpy.array([[1.0, 2.0]]), "labels": numpy.array([True])})
        self.assertEqual(producer.sent, ("rows", b"mrpk\x01\0\x01\0\x02\0\0\0\x01\0\0\0"
                                                 b"\0\0\x80\x3f\0\0\0\x40\0\0\x80\x3f"))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Event files of `millrace train --tensorboard`, read back by the package that people read them with."""

import logging
import pathlib
import tempfile
import unittest

from tensorboard.backend.event_processing import event_accumulator, event_file_loader

import watched


class EventFiles(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.stream = watched.RowStream()
        self.addCleanup(self.stream.close)

    def train(self, windows):
        """One run of some windows; returns what its state holds then, as trained rows."""
        trainer = watched.Trainer(self.stream, self.path / "state", "--tensorboard", str(self.path / "board"))
        self.addCleanup(trainer.stop)

        def windows_of():
            samples = dict(line.rsplit(" ", 1) for line in trainer.get("/metrics").splitlines()
                           if not line.startswith("#"))
            return float(samples["millrace_windows_total"]) >= windows

        watched.wait_until(windows_of, f"{windows} windows")
        self.assertEqual(trainer.stop(), 0, "".join(trainer.said))

    def test_tensorboard_reads_scalars_of_two_runs_as_one_curve(self):
        self.train(windows=15)
        self.train(windows=15)
        files = sorted((self.path / "board").iterdir())
        self.assertEqual(len(files), 2)
        with self.assertNoLogs("tensorboard", logging.WARNING):  # such as a checksum that is wrong
            board = event_accumulator.EventAccumulator(str(self.path / "board"))
            board.Reload()
        self.assertLessEqual({"prequential/loss", "prequential/accuracy", "prequential/auc", "training/loss",
                              "stream/lag_records", "stream/rows_per_second"}, set(board.Tags()["scalars"]))
        losses = board.Scalars("prequential/loss")
        self.assertGreaterEqual(len(losses), 4)
        steps = [point.step for point in losses]
        self.assertEqual(steps, sorted(set(steps)), "steps are rows since the state began")
        self.assertTrue(all(0 < point.value < 2 for point in losses))
        self.assertTrue(all(0 <= point.value <= 1 for point in board.Scalars("prequential/accuracy")))

    def test_every_record_of_a_file_is_whole(self):
        self.train(windows=3)
        (file,) = (self.path / "board").iterdir()
        events = list(event_file_loader.EventFileLoader(str(file)).Load())
        self.assertEqual(events[0].file_version, "brain.Event:2")
        self.assertEqual(events[1].session_log.status, 1)
        self.assertTrue(all(event.summary.value for event in events[2:]))
        self.assertGreaterEqual(len(events), 3)
        # What a reader skips it does not report: the records must cover the file to its last byte.
        self.assertEqual(sum(record_sizes(file)), file.stat().st_size)


def record_sizes(file):
    """Of TFRecords: eight bytes of length, four of checksum, the record, four of checksum."""
    content = file.read_bytes()
    at = 0
    while at < len(content):
        size = int.from_bytes(content[at:at + 8], "little") + 16
        yield size
        at += size


if __name__ == "__main__":
    unittest.main()

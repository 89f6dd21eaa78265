"""A trainer to watch, and the stream that it learns from: real processes, gone when the test is."""

import os
import re
import signal
import subprocess
import threading
import time
import urllib.request

PROGRAM = os.environ["WATCHED_PROGRAM"]
ROW_STREAM = os.environ["ROW_STREAM"]
DEADLINE_S = 60


def wait_until(condition, what):
    """Returns what the condition returns, as soon as that is true."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {DEADLINE_S} s: {what}")
        time.sleep(0.05)


class RowStream:
    """A broker with a topic that rows flow into."""

    def __init__(self, topic="clicks", partitions=2, rows_per_second=400):
        self.topic = topic
        self._process = subprocess.Popen([ROW_STREAM, topic, str(partitions), str(rows_per_second)],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.brokers = self._process.stdout.readline().strip()

    def close(self):
        self._process.stdin.close()
        self._process.wait(DEADLINE_S)
        self._process.stdout.close()


class Trainer:
    """`millrace train` over a stream, with short windows, so that something happens every moment."""

    def __init__(self, stream, state, *more, listen="0"):
        words = [PROGRAM, "train", "--brokers", stream.brokers, "--topic", stream.topic,
                 "--columns", "height,weight,age", "--features", "height,weight,age",
                 "--state", str(state), "--window-ms", "100", "--checkpoint-ms", "500",
                 "--listen", listen, "--quiet", *more]
        self._process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said = []
        self.url = None
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        if not self._listening.wait(DEADLINE_S) or self.url is None:
            raise AssertionError("it does not listen: " + "".join(self.said))

    def _read(self):
        for line in self._process.stderr:
            self.said.append(line)
            found = re.search(r"Listening on (http://\S+/)", line)
            if found:
                self.url = found[1]
                self._listening.set()
        self._listening.set()

    def port(self):
        return self.url.rstrip("/").rsplit(":", 1)[1]

    def get(self, path):
        with urllib.request.urlopen(self.url + path.lstrip("/"), timeout=10) as response:
            return response.read().decode()

    def stop(self, with_signal=signal.SIGTERM):
        if self._process.poll() is None:
            self._process.send_signal(with_signal)
        code = self._process.wait(DEADLINE_S)
        self._reader.join()
        self._process.stderr.close()
        self._process.stdout.close()
        return code

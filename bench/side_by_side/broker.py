"""A Kafka 3.9.1 broker on loopback, in a folder of its own, for as long as a comparison runs."""

import pathlib
import socket
import subprocess
import time

VERSION = "3.9.1"  # tensorflow-io hangs on newer ones
START_LIMIT_S = 60
STOP_LIMIT_S = 30

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
"""


class BrokerError(Exception):
    pass


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Broker:
    """A context: the broker answers inside it, and is gone after it."""

    def __init__(self, root, folder):
        self._libs = root / ".cache" / f"kafka-{VERSION}" / "libs"
        self._logging = root / "tests/support/kafka/log4j2.properties"
        self._folder = pathlib.Path(folder)
        self._port = free_port()
        self._process = None

    @property
    def address(self):
        return f"127.0.0.1:{self._port}"

    def __enter__(self):
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "server.properties"
        data = self._folder / "data"
        file.write_text(PROPERTIES.format(port=self._port, controller=free_port(), data=data))
        formatted = subprocess.run(
            self._java("kafka.tools.StorageTool", "format.log")
            + ["format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", str(file)],
            capture_output=True,
            text=True,
        )
        if formatted.returncode != 0:
            raise BrokerError(f"Kafka's storage could not be formatted: {formatted.stdout}{formatted.stderr}")
        with open(self._folder / "out.log", "wb") as out:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", "server.log") + [str(file)], stdout=out, stderr=out
            )
        try:
            self._await_answer()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _java(self, main_class, log):
        # The JVM's own compilers and collector: the broker shall not be what limits.
        return [
            "java",
            "-Xms512m",
            "-Xmx1g",
            f"-Dlog4j2.configurationFile={self._logging}",
            f"-Dmillrace.broker.log={self._folder / log}",
            "-cp",
            str(self._libs / "*"),
            main_class,
        ]

    def _await_answer(self):
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                last_words = (self._folder / "out.log").read_text(errors="replace")[-2000:]
                raise BrokerError(f"Kafka {VERSION} did not start: {last_words}")
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise BrokerError(f"Kafka {VERSION} did not answer within {START_LIMIT_S} s")

#!/usr/bin/env python3
"""Plays docker/compose.yaml without a container engine, as root: play_compose.py PROGRAM

Kafka 4.1.1 (from tools/setup) gets the environment of the service `kafka`, then the commands of `topic`, `producer` and
`trainer` run against it; the trainer is asked for its health, stopped as a container is, and started again. Takes half
a minute; by hand, because the names of services must be hosts of this machine meanwhile.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]
JAVA = ["java", "-Xmx512m", "-cp", str(ROOT / ".cache" / "kafka-4.1.1" / "libs" / "*")]
HOSTS = 'mount --bind "$1" /etc/hosts; shift; exec "$@"'


def with_service_names(place):
    """Runs this program again where the names of the services are names of this machine."""
    hosts = place / "hosts"
    hosts.write_text(pathlib.Path("/etc/hosts").read_text() + f"127.0.0.1 {' '.join(SERVICES)}\n")
    command = ["unshare", "--mount", "sh", "-euc", HOSTS, "sh", str(hosts), sys.executable, __file__, *sys.argv[1:]]
    return subprocess.run(command, env={**os.environ, "PLAY_IN": str(place)}, check=False).returncode


def start_kafka(place):
    environment = SERVICES["kafka"]["environment"]
    properties = {name.removeprefix("KAFKA_").lower().replace("_", "."): value
                  for name, value in environment.items() if name.startswith("KAFKA_")}
    properties["log.dirs"] = place / "kafka"
    file = place / "server.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    with open(place / "kafka.log", "w") as log:
        subprocess.run([*JAVA, "kafka.tools.StorageTool", "format", "-t", environment["CLUSTER_ID"], "-c", file],
                       stdout=log, stderr=log, check=True)
        return subprocess.Popen([*JAVA, "kafka.Kafka", file], stdout=log, stderr=log)


def wait_for(what, deadline_seconds, good):
    deadline = time.monotonic() + deadline_seconds
    while not good():
        if time.monotonic() > deadline:
            sys.exit(f"play_compose: {what} did not come within {deadline_seconds} s")
        time.sleep(0.2)


def succeeds(command, **options):
    return subprocess.run(command, capture_output=True, check=False, **options).returncode == 0


def train(program, state, rows):
    """One life of the trainer, until the state holds that many rows; its summary."""
    service = SERVICES["trainer"]
    environment = {**os.environ, "MILLRACE_STATE": str(state), "MILLRACE_CHECKPOINT_MS": "500", **service["environment"]}
    trainer = subprocess.Popen([program, *service["command"], "--json", "--quiet"], env=environment,
                               stdout=subprocess.PIPE, text=True)

    def learned():
        result = subprocess.run([program, "inspect", state, "--json"], capture_output=True, text=True, check=False)
        return result.returncode == 0 and json.loads(result.stdout)["rows"] >= rows

    try:
        wait_for("health", 20, lambda: succeeds([ROOT / "docker" / "check-health"], env=environment))
        wait_for(f"row {rows}", 60, learned)
        trainer.send_signal(signal.SIGTERM)
        summary, _ = trainer.communicate(timeout=int(service["stop_grace_period"].removesuffix("s")))
    finally:
        trainer.kill()
    if trainer.returncode != 0:
        sys.exit(f"play_compose: the trainer ended with {trainer.returncode}")
    return json.loads(summary)


def play(program, place):
    kafka = start_kafka(place)
    producer = None
    try:
        health = SERVICES["kafka"]["healthcheck"]["test"][2:]
        wait_for("Kafka", 60, lambda: succeeds([*JAVA, "org.apache.kafka.tools.BrokerApiVersionsCommand", *health]))
        subprocess.run([*JAVA, "org.apache.kafka.tools.TopicCommand", *SERVICES["topic"]["command"][1:]], check=True)
        rows = [part.replace("/usr/share/millrace", str(ROOT / "data")) for part in SERVICES["producer"]["command"]]
        producer = subprocess.Popen([program, *rows, "--quiet"])
        first = train(program, place / "state", 2000)
        second = train(program, place / "state", 4000)
        if second["lifetime"]["rows"] != first["rows"] + second["rows"]:
            sys.exit("play_compose: the second trainer did not go on where the first one stopped")
        print(f"play_compose: {second['lifetime']['rows']} rows in two lives, accuracy {second['accuracy']:.3f}")
    finally:
        for process in (producer, kafka):
            if process:
                process.kill()
                process.wait()


def main():
    if place := os.environ.get("PLAY_IN"):
        play(str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(place))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return with_service_names(pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())

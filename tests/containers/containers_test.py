#!/usr/bin/env python3
"""The files of docker/, by the rules of those who will read them: hadolint, the Compose specification, the schemas of
Kubernetes and, for the commands in them, the program itself. Run by ctest (docker/ is not built here)."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import unittest

import compose_spec
import kubernetes_validate
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
PROGRAM = os.environ["MILLRACE_PROGRAM"]
VERSION = os.environ["MILLRACE_PROJECT_VERSION"]

KUBERNETES = ("1.31", "1.37")
STOP_SECONDS = 9  # kStopDeadline in host/app/train_command.cc
STATE = 6  # the exit code where options were understood and the state holds no checkpoint
BROKER_OR_SECURITY = 3  # the exit code where options were understood and no broker answered


def compose():
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


def own_services():
    return {name: service for name, service in compose()["services"].items() if service["image"].startswith("millrace:")}


def rendered(overlay):
    """What `kubectl apply --kustomize` sends."""
    command = [shutil.which("kubectl") or "kubectl", "kustomize", str(DOCKER / "kubernetes" / overlay)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0 or result.stderr:
        raise AssertionError(f"{overlay}: {result.stderr}")
    return list(yaml.safe_load_all(result.stdout))


def trainer_pod(overlay):
    return next(each for each in rendered(overlay) if each["kind"] == "StatefulSet")["spec"]["template"]["spec"]


def resource(overlay, kind, name="millrace-predict"):
    return next(each for each in rendered(overlay) if (each["kind"], each["metadata"]["name"]) == (kind, name))


def exit_code_without_a_broker(arguments, environment):
    """Of a command whose brokers nobody can reach: its options are judged before."""
    with tempfile.TemporaryDirectory() as state:
        variables = {"PATH": "/usr/bin:/bin", "MILLRACE_STATE": state, "MILLRACE_LISTEN": "0",
                     "MILLRACE_KAFKA_TIMEOUT_MS": "1", **environment}
        result = subprocess.run([PROGRAM, *arguments], env=variables, capture_output=True, text=True, timeout=60,
                                check=False)
        return result.returncode, result.stderr


class Dockerfile(unittest.TestCase):
    def test_hadolint_finds_nothing(self):
        hadolint = pathlib.Path(sys.executable).parent / "hadolint"
        result = subprocess.run([hadolint, DOCKER / "Dockerfile"], capture_output=True, text=True, check=False)
        self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_the_image_bears_the_version_of_the_project(self):
        self.assertIn(f"ARG VERSION={VERSION}\n", (DOCKER / "Dockerfile").read_text())

    def test_what_it_runs_and_copies_is_there_for_it(self):
        text = (DOCKER / "Dockerfile").read_text()
        scripts = re.findall(r"/?((?:docker|tools)/[a-z-]+)", re.sub(r"(?m)^#.*$", "", text))
        self.assertTrue(scripts)
        for script in scripts:
            self.assertTrue(os.access(ROOT / script, os.X_OK), script)


class Compose(unittest.TestCase):
    def test_the_file_follows_the_specification(self):
        compose_spec.PyCompose.from_yaml(yaml.safe_dump(compose())).validate()

    def test_without_a_choice_the_trainer_needs_no_gpu(self):
        profiles = re.search(r"(?m)^COMPOSE_PROFILES=(.*)$", (DOCKER / ".env").read_text())[1].split(",")
        started = [service for service in compose()["services"].values()
                   if not service.get("profiles") or set(service["profiles"]) & set(profiles)]
        trainers = [service for service in started if service.get("command", [""])[0] == "train"]
        self.assertEqual([trainer["image"] for trainer in trainers], ["millrace:cpu"])
        self.assertFalse([service for service in started if "deploy" in service])

    def test_every_command_is_one_that_the_program_takes(self):
        for name, service in own_services().items():
            with self.subTest(service=name):
                # The file is where the image has it, and the engine where this machine may lack it.
                arguments = [argument.replace("/usr/share/millrace", str(ROOT / "data")) for argument in service["command"]]
                arguments = ["127.0.0.1:1" if argument == "kafka:19092" else argument for argument in arguments]
                code, error = exit_code_without_a_broker(arguments, {})
                self.assertEqual(code, BROKER_OR_SECURITY, error)

    def test_a_trainer_has_time_to_stop(self):
        for name, service in own_services().items():
            if service["command"][0] == "train":
                self.assertGreater(int(service["stop_grace_period"].removesuffix("s")), STOP_SECONDS, name)


class Health(unittest.TestCase):
    def test_the_check_of_the_image_finds_a_trainer_alive_and_one_that_is_gone(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        listen = {"PATH": "/usr/bin:/bin", "MILLRACE_LISTEN": f"127.0.0.1:{port}"}
        check = [DOCKER / "check-health"]
        with tempfile.TemporaryDirectory() as state:
            # Nobody answers it at the address of its broker, so it waits and is alive.
            trainer = subprocess.Popen([PROGRAM, "train", "--brokers", "127.0.0.1:1", "--topic", "t", "--features", "1",
                                        "--state", state, "--quiet"], env=listen, stderr=subprocess.PIPE)
            try:
                deadline = time.monotonic() + 20
                while subprocess.run(check, env=listen, capture_output=True, check=False).returncode != 0:
                    self.assertIsNone(trainer.poll(), "the trainer ended")
                    self.assertLess(time.monotonic(), deadline, "no health")
            finally:
                trainer.kill()
                trainer.communicate()
        self.assertNotEqual(subprocess.run(check, env=listen, capture_output=True, check=False).returncode, 0)

    def test_who_asks_from_outside_finds_the_port_that_the_trainer_listens_at(self):
        for name, service in own_services().items():
            if service["command"][0] == "train":
                self.assertEqual(service["environment"]["MILLRACE_LISTEN"], "0.0.0.0:9099", name)
                self.assertEqual(service["ports"], ["127.0.0.1:9099:9099"], name)
        if shutil.which("kubectl"):
            container = trainer_pod("base")["containers"][0]
            self.assertIn({"name": "MILLRACE_LISTEN", "value": "0.0.0.0:9099"}, container["env"])
            self.assertEqual(container["ports"], [{"name": "http", "containerPort": 9099}])


class Kubernetes(unittest.TestCase):
    def setUp(self):
        if shutil.which("kubectl") is None:
            self.skipTest("kubectl, which renders the manifests, is not installed")

    def test_every_manifest_fits_its_schema(self):
        for overlay in ("base", "gpu", "predict"):
            for each in rendered(overlay):
                if each["apiVersion"].startswith("keda.sh/"):
                    continue
                for version in KUBERNETES:
                    with self.subTest(overlay=overlay, kind=each["kind"], version=version):
                        kubernetes_validate.validate(each, version, strict=True)

    def test_the_scaler_fits_the_schema_of_keda(self):
        scaler = resource("predict", "ScaledObject")
        known = ScaledObject.model_validate(scaler).model_dump(by_alias=True, exclude_unset=True, mode="json")
        # What the schema does not know is left out.
        self.assertEqual(known["spec"], scaler["spec"])

    def test_the_scaler_looks_at_what_the_predictors_read(self):
        scaler = resource("predict", "ScaledObject")["spec"]
        options = tomllib.loads((DOCKER / "kubernetes" / "predict" / "predict.toml").read_text())
        trigger = scaler["triggers"][0]["metadata"]
        self.assertEqual((trigger["bootstrapServers"], trigger["consumerGroup"], trigger["topic"]),
                         (options["brokers"], options["group"], options["topic"]))
        self.assertEqual(scaler["scaleTargetRef"]["name"], resource("predict", "Deployment")["metadata"]["name"])

    def test_the_predictors_read_the_state_of_the_trainer(self):
        trainer = resource("predict", "StatefulSet", "millrace-trainer")
        claim = trainer["spec"]["volumeClaimTemplates"][0]
        self.assertEqual(claim["spec"]["accessModes"], ["ReadWriteMany"])
        pod = resource("predict", "Deployment")["spec"]["template"]["spec"]
        volume = next(each for each in pod["volumes"] if each["name"] == "state")["persistentVolumeClaim"]
        self.assertEqual(volume["claimName"], f"{claim['metadata']['name']}-{trainer['metadata']['name']}-0")
        container = pod["containers"][0]
        file = DOCKER / "kubernetes" / "predict" / "predict.toml"
        arguments = [str(file) if argument.endswith(".toml") else argument for argument in container["args"]]
        code, error = exit_code_without_a_broker(arguments, {})
        self.assertEqual(code, STATE, error)

    def test_the_gpu_overlay_asks_for_one_gpu_and_the_image_that_uses_it(self):
        container = trainer_pod("gpu")["containers"][0]
        self.assertEqual(container["resources"]["limits"]["nvidia.com/gpu"], "1")
        self.assertEqual(container["image"], "millrace:cuda")
        self.assertNotIn("nvidia.com/gpu", json.dumps(rendered("base")))

    def test_the_configuration_is_one_that_the_program_takes(self):
        container = trainer_pod("base")["containers"][0]
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write((DOCKER / "kubernetes" / "base" / "millrace.toml").read_text().replace("kafka:9092", "127.0.0.1:1"))
            file.flush()
            arguments = [file.name if argument.endswith(".toml") else argument for argument in container["args"]]
            code, error = exit_code_without_a_broker(arguments, {"MILLRACE_THREADS": "2"})
        self.assertEqual(code, BROKER_OR_SECURITY, error)

    def test_the_pod_runs_as_the_user_of_the_image(self):
        user = re.search(r"(?m)^USER (\d+):(\d+)$", (DOCKER / "Dockerfile").read_text())
        for overlay in ("base", "gpu"):
            context = trainer_pod(overlay)["securityContext"]
            self.assertEqual((str(context["runAsUser"]), str(context["fsGroup"])), (user[1], user[2]))
        context = resource("predict", "Deployment")["spec"]["template"]["spec"]["securityContext"]
        self.assertEqual((str(context["runAsUser"]), str(context["runAsGroup"])), (user[1], user[2]))

    def test_the_pod_has_time_to_stop(self):
        self.assertGreater(trainer_pod("base")["terminationGracePeriodSeconds"], STOP_SECONDS)


if __name__ == "__main__":
    unittest.main()

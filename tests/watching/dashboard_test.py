#!/usr/bin/env python3
"""What docker/ tells Prometheus and Grafana, judged by Prometheus' own checker and the table of metrics."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "docker/grafana/dashboards/millrace.json"
PROMETHEUS = ROOT / "docker/prometheus"
PROMTOOL = os.environ["PROMTOOL"]

# What Grafana puts in before it asks.
VARIABLES = {"$__rate_interval": "1m", "$job": ".*", "$instance": ".*"}


def promtool(*words):
    result = subprocess.run([PROMTOOL, *words], capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


def panels():
    return json.loads(DASHBOARD.read_text())["panels"]


def expressions():
    for panel in panels():
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            yield panel["title"], expression


def known_metrics():
    return set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))


class Prometheus(unittest.TestCase):
    def test_its_configuration_and_rules_are_valid(self):
        code, said = promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))
        self.assertEqual(code, 0, said)

    def test_its_rules_ask_for_metrics_that_there_are(self):
        names = set(re.findall(r"\b(?:millrace|process)_\w+", (PROMETHEUS / "alerts.yml").read_text()))
        self.assertEqual(names - known_metrics(), set())


class Dashboard(unittest.TestCase):
    def test_every_expression_is_promql(self):
        groups = {"groups": [{"name": "dashboard", "rules": [
            {"record": f"panel:{place}", "expr": expression} for place, (_, expression) in enumerate(expressions())]}]}
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as rules:
            json.dump(groups, rules)  # JSON is YAML
            rules.flush()
            code, said = promtool("check", "rules", rules.name)
        self.assertEqual(code, 0, said)

    def test_every_expression_asks_for_metrics_that_there_are(self):
        for title, expression in expressions():
            names = set(re.findall(r"\b(?:millrace|process)_\w+", expression))
            self.assertTrue(names, title)
            self.assertEqual(names - known_metrics(), set(), title)

    def test_panels_have_numbers_of_their_own_and_do_not_lie_on_each_other(self):
        numbers = [panel["id"] for panel in panels()]
        self.assertEqual(len(numbers), len(set(numbers)))
        taken = set()
        for panel in panels():
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells


if __name__ == "__main__":
    unittest.main()

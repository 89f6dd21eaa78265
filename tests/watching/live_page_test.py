#!/usr/bin/env python3
"""The live page in a real browser: it draws, it goes on, it fits, and it outlives the trainer."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from playwright.sync_api import sync_playwright

import watched

SECRET = "hunter2-is-secret"
PROMTOOL = os.environ["PROMTOOL"]
PATHS = ("/", "/status.json", "/metrics", "/healthz", "/readyz", "/elsewhere")


def number(text):
    return int("".join(letter for letter in text if letter.isdigit()) or "0")


class LivePage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.playwright = sync_playwright().start()
        cls.addClassCleanup(cls.playwright.stop)
        # Root has no sandbox.
        cls.browser = cls.playwright.chromium.launch(executable_path=shutil.which("chromium"),
                                                     args=["--no-sandbox", "--disable-gpu"])
        cls.addClassCleanup(cls.browser.close)
        cls.stream = watched.RowStream()
        cls.addClassCleanup(cls.stream.close)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.state = pathlib.Path(folder.name) / "state"
        cls.start()
        cls.addClassCleanup(lambda: cls.trainer.stop())

    @classmethod
    def start(cls, listen="0"):
        cls.trainer = watched.Trainer(cls.stream, cls.state, "-X", f"sasl.password={SECRET}", listen=listen)

    def open(self, **look):
        """The page as a browser with that look shows it, with rows on it; what it complains of is collected."""
        context = self.browser.new_context(**look)
        self.addCleanup(context.close)
        page = context.new_page()
        self.complaints = []
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.trainer.url)
        self.wait_for(page, "document.querySelector('#loss path.line')?.getAttribute('d').includes('L')")
        return page

    @staticmethod
    def wait_for(page, condition):
        """Asks from outside: the page's own policy forbids to evaluate text in it."""
        watched.wait_until(lambda: page.evaluate(condition) or page.wait_for_timeout(50), condition)

    @staticmethod
    def rows(page):
        return number(page.locator("#figures dd").first.inner_text())

    def test_it_draws_and_goes_on(self):
        page = self.open()
        for plot in ("loss", "accuracy", "auc", "rates", "lag"):
            self.wait_for(page, f"document.querySelector('#{plot} path.line')?.getAttribute('d').length > 10")
        self.assertEqual(page.locator("#partitions tr").count(), 2)
        self.wait_for(page, "document.querySelectorAll('#drift tr').length === 3")
        self.assertIn("epochs", page.locator("#settings").inner_text())
        self.wait_for(page, "document.querySelector('#state').classList.contains('good')")
        first = self.rows(page)
        watched.wait_until(lambda: page.wait_for_timeout(100) or self.rows(page) > first, "more rows on the page")
        self.assertEqual(self.complaints, [])

    def test_a_pointer_reads_a_curve(self):
        page = self.open()
        page.hover("#loss", position={"x": 100, "y": 60})
        self.wait_for(page, "document.querySelector('#loss-key').textContent.includes(' at ')")
        self.assertEqual(page.locator("#loss path.cursor").count(), 1)
        self.assertEqual(self.complaints, [])

    def test_it_fits_a_phone(self):
        page = self.open(viewport={"width": 360, "height": 740}, is_mobile=True, device_scale_factor=2)
        self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 360)
        self.assertGreater(page.evaluate("document.querySelector('#loss').clientWidth"), 300)

    def test_it_is_dark_in_the_dark(self):
        def brightness(scheme):
            page = self.open(color_scheme=scheme)
            colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
            return sum(int(part) for part in colour[4:-1].split(","))
        self.assertLess(brightness("dark"), 150)
        self.assertGreater(brightness("light"), 700)

    def test_it_outlives_the_trainer(self):
        page = self.open()
        before = self.rows(page)
        self.assertEqual(self.complaints, [])
        port = self.trainer.port()
        self.assertEqual(self.trainer.stop(), 0)
        self.wait_for(page, "document.querySelector('#state').textContent === 'reconnecting'")
        self.assertGreaterEqual(self.rows(page), before, "what was known stays on the page")
        type(self).start(listen=port)
        self.wait_for(page, "document.querySelector('#state').textContent === 'training'")
        self.wait_for(page, "document.querySelector('#messages').textContent.includes('Going on from checkpoint')")
        # The browser itself complains of requests that nobody answers; the page does not.
        self.assertEqual([each for each in self.complaints if "net::ERR_" not in each], [])

    def test_its_server_tells_no_secrets_and_loads_nothing_else(self):
        page = self.open()
        self.assertEqual(page.evaluate("performance.getEntriesByType('resource').map(e => new URL(e.name).pathname)"
                                       ".filter(path => path !== '/status.json')"), [])
        for path in PATHS:
            answer = page.request.get(self.trainer.url + path[1:])
            self.assertEqual(answer.status, 404 if path == "/elsewhere" else 200, path)
            self.assertNotIn(SECRET, answer.text(), path)
        self.assertEqual(json.loads(self.trainer.get("/readyz")), {"status": "ready"})

    def test_its_metrics_pass_promtool(self):
        self.open()
        result = subprocess.run([PROMTOOL, "check", "metrics"], input=self.trainer.get("/metrics"),
                                capture_output=True, text=True, check=False)
        self.assertEqual((result.returncode, result.stdout + result.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()

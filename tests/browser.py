"""Chromium without a window, driven through a pipe by its own protocol: keys in, the page's state out."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Becomes the browser, which reads from 3 and writes to 4. No shell: it may know descriptors of one digit alone.
_START = (
    "import fcntl, os, sys\n"
    "ends = [fcntl.fcntl(int(text), fcntl.F_DUPFD, 10) for text in sys.argv[1:3]]\n"
    "[os.dup2(end, number) for number, end in enumerate(ends, start=3)]\n"
    "os.execv(sys.argv[3], sys.argv[3:])"
)
# Key codes of the keys that tests press, besides letters and digits.
_KEY_CODES = {"ArrowLeft": 37, "ArrowRight": 39, "Enter": 13, " ": 32, "Tab": 9}


class Browser:
    """One page in a browser of its own. A context manager.

    Args:
        profile_dir: Where the browser keeps its files.
        size: Width and height of the window in pixels.
    """

    def __init__(self, profile_dir, size=(1000, 760)):
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            pytest.skip(f"Needs a browser: {' or '.join(PROGRAMS)}.")
        commands_in, self._commands = os.pipe()
        self._answers, answers_out = os.pipe()
        flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
        ]
        flags += [f"--user-data-dir={profile_dir}", f"--window-size={size[0]},{size[1]}"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(commands_in), str(answers_out), program, *flags, "about:blank"],
            pass_fds=(commands_in, answers_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands_in)
        os.close(answers_out)
        self._buffer, self._number, self._session = b"", 0, None
        self.complaints = []  # Errors that the page logged or threw.

    def __enter__(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *exception):
        self._process.kill()
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method, **parameters):
        """The result of a command of the DevTools protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._buffer:
                piece = os.read(self._answers, 1 << 20)
                assert piece, "the browser ended"
                self._buffer += piece
            line, _, self._buffer = self._buffer.partition(b"\0")
            answer = json.loads(line)
            if answer.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(answer["params"]["exceptionDetails"]["text"])
            if answer.get("method") == "Log.entryAdded" and answer["params"]["entry"]["level"] == "error":
                self.complaints.append(answer["params"]["entry"]["text"])
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait_for(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def evaluate(self, expression):
        """The value of an expression of JavaScript."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, expression, seconds=20):
        """Until an expression is true; it is told if it never is."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, (
                f"{expression} did not come true: {self.evaluate('document.body.innerText')}"
            )
            time.sleep(0.02)

    def press(self, *keys):
        """Presses keys one after another, as a keyboard does."""
        for key in keys:
            code = _KEY_CODES.get(key) or ord(key.upper())
            text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
            for kind in ("keyDown", "keyUp"):
                options = {"text": text} if text and kind == "keyDown" else {}
                self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **options)

    def screenshot(self, path):
        """Writes what is to be seen as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

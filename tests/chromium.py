"""Controlling Chromium over its debugging pipe: opens a page at a given width, light or dark, and reports problems.

The protocol is JSON over two pipes with a zero byte after each message (``--remote-debugging-pipe``), so nothing but the
browser is needed.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE_SECONDS = 60.0

_EXEC = """
import fcntl, os, sys
high = [fcntl.fcntl(int(word), fcntl.F_DUPFD, 10) for word in sys.argv[1:3]]
for descriptor, wanted in zip(high, (3, 4)):
    os.dup2(descriptor, wanted)
os.execvp(sys.argv[3], sys.argv[3:])
"""
"""The browser reads from descriptor 3 and writes to 4, which only the process itself can set up."""


def find_chromium() -> str | None:
    """Return the browser's command, or None if there is none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class Chromium:
    """A headless browser with one page."""

    def __init__(self, program: str) -> None:
        self.events: list[dict[str, Any]] = []
        self._program = program
        self._buffer = b""
        self._count = 0
        self._session: str | None = None
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Chromium:
        with contextlib.ExitStack() as opened:
            self._start(opened)
            target = next(info for info in self.send("Target.getTargets")["targetInfos"] if info["type"] == "page")
            attached = self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            self._session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.send(f"{domain}.enable")
            self._closing = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def _start(self, opened: contextlib.ExitStack) -> None:
        profile = opened.enter_context(tempfile.TemporaryDirectory(prefix="idf-chromium-", ignore_cleanup_errors=True))
        theirs, self._out = os.pipe()
        self._in, ours = os.pipe()
        opened.callback(os.close, self._in)
        opened.callback(os.close, self._out)
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += ["--disable-extensions", "--disable-background-networking", f"--user-data-dir={profile}"]
        options += ["--remote-debugging-pipe", "about:blank"]
        process = subprocess.Popen(
            [sys.executable, "-c", _EXEC, str(theirs), str(ours), self._program, *options],
            pass_fds=(theirs, ours),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._process = process
        opened.callback(process.wait)
        opened.callback(process.terminate)
        os.close(theirs)
        os.close(ours)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol. Events that arrive before the answer are stored."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path, width: int, scheme: str) -> None:
        """Load a page at a width in CSS pixels, in the colour scheme ``light`` or ``dark``."""
        self.events.clear()
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500
        )
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.send("Page.navigate", url=page.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page, awaiting promises."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def complaints(self) -> list[str]:
        """Return the console's messages, and every request that left the page."""
        said = []
        for event in self.events:
            facts = event.get("params", {})
            if event["method"] == "Log.entryAdded":
                said.append(facts["entry"]["text"])
            elif event["method"] == "Runtime.consoleAPICalled":
                said.append(str(facts["args"]))
            elif event["method"] == "Runtime.exceptionThrown":
                said.append(str(facts["exceptionDetails"]))
            elif event["method"] == "Network.requestWillBeSent":
                url = facts["request"]["url"]
                if not url.startswith(("data:", "file:")) or (url.startswith("file:") and facts["type"] != "Document"):
                    said.append(f"request of {url[:100]}")
        return said

    def picture(self, target: Path) -> None:
        """Return the whole page as PNG."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.send("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        target.write_bytes(base64.b64decode(shot["data"]))

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"Chromium did not answer for {PATIENCE_SECONDS:.0f} s")
            part = os.read(self._in, 1 << 20)
            if not part:
                raise RuntimeError(f"Chromium ended with status {self._process.wait()}")
            self._buffer += part
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

"""A headless Chromium, driven over a pipe by its DevTools protocol."""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time

# How long an answer may take, on a machine with much else to do.
SECONDS = 120
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find_chromium():
    """Find the command of the browser; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class NavigatedError(Exception):
    """The page has gone before it answered."""


class Browser:
    """A browser with one page.

    Source: https://chromedevtools.github.io/devtools-protocol/, for the names of methods.
    """

    def __init__(self, command):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        requests, self.requests = os.pipe()
        self.answers, answers = os.pipe()
        # The browser reads from descriptor 3 and writes to descriptor 4.
        program = f'exec "$@" 3</dev/fd/{requests} 4>/dev/fd/{answers}'
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
        profile = f"--user-data-dir={self.folder.name}"
        self.process = subprocess.Popen(
            ["sh", "-c", program, "sh", command, *options, profile, "--remote-debugging-pipe"],
            pass_fds=(requests, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(requests)
        os.close(answers)
        self.number, self.buffer, self.session, self.events = 0, b"", None, []

    def __enter__(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        return self

    def __exit__(self, *_):
        os.close(self.requests)
        os.close(self.answers)
        self.process.terminate()
        self.process.wait(30)
        self.folder.cleanup()

    def call(self, method, **arguments):
        """Call a method of the protocol; returns its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": arguments}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.requests, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self.number:
            self.events.append(answer)
        if "navigated" in answer.get("error", {}).get("message", ""):
            raise NavigatedError(answer["error"]["message"])
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _wait_for_load(self, loader):
        event = {"name": "load", "loaderId": loader}
        while not any(event.items() <= each.get("params", {}).items() for each in self.events):
            self.events.append(self._read())

    def _read(self):
        while b"\0" not in self.buffer:
            assert select.select([self.answers], [], [], SECONDS)[0], "the browser does not answer"
            read = os.read(self.answers, 1 << 16)
            assert read, "the browser has ended"
            self.buffer += read
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def open(self, path, hash_="", *, width=1280, scripts=True, scheme="light"):
        """Open a file, and wait until it is loaded."""
        self.visit(path.as_uri() + hash_, width=width, scripts=scripts, scheme=scheme)

    def visit(self, address, *, width=1280, scripts=True, scheme="light", motion="no-preference"):
        """Open an address, and wait until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        media = [{"name": name, "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=media)
        # The same page with another hash would not be loaded again.
        for each in ("about:blank", address):
            self.events.clear()
            self._wait_for_load(self.call("Page.navigate", url=each)["loaderId"])

    def wait_until(self, condition):
        """Wait until an expression of JavaScript is true on the page.

        A browser that has just been started may load the page a second time; waiting goes on
        in the page that comes.
        """
        look = f"() => ({condition}) ? done() : Date.now() < end ? setTimeout(look, 20) : fail()"
        end = time.monotonic() + SECONDS
        while True:
            try:
                return self.evaluate(
                    f"new Promise((done, fail) => {{ const end = Date.now() + "
                    f"{1000 * SECONDS // 4}; const look = {look}; look(); }})"
                )
            except NavigatedError:
                assert time.monotonic() < end, "the page is loaded again and again"

    def press(self, key, *, code="", alt=False, shift=False, number=0):
        """Press a key and let it go; keys that write something are better left to `write`."""
        modifiers = 1 * alt + 8 * shift
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                **{"type": kind, "key": key, "code": code or key, "modifiers": modifiers},
                windowsVirtualKeyCode=number,
            )

    def write(self, text):
        """Write a text where the focus is."""
        self.call("Input.insertText", text=text)

    def move_pointer(self, x, y, *, click=False):
        """Move the pointer to a place of the window, and perhaps click there."""
        place = {"x": x, "y": y, "button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        if click:
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, **place)

    def evaluate(self, expression):
        """Compute an expression of JavaScript on the page."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    @property
    def complaints(self):
        """What the browser has said about the page, such as scripts that it did not run."""
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [each["params"] for each in self.events if each.get("method") in kinds]

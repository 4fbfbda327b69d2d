"""A real browser, driven over a pipe by the DevTools protocol: no driver, no websocket."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    # Tests run as root in containers, whose shared memory is small.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
PATIENCE = 60.0
SIZE = (1280, 860)
RESET = """
  if (compare.ariaPressed === "true") compare.click();
  opacity.value = 55;
  opacity.dispatchEvent(new Event("input"));
  document.querySelector("[name=tongue]").click();
  for (const button of [...document.querySelectorAll(".away")].reverse()) button.click();
  sessionStorage.clear();
  if (gate.open) document.getElementById("gate-leave").click();
  document.activeElement.blur();
"""
# The pipe's ends lie where they cannot be in each other's way while 3 and 4 are filled.
HIGH = 50


# What a request gets instead of the server's answer: status, headers, body; None lets it pass.
Answerer = Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes] | None]


class Chromium:
    """One browser process; it reads commands at its descriptor 3 and answers at 4."""

    def __init__(self, program: str, profile: Path) -> None:
        theirs, self._commands = (_moved(end) for end in os.pipe())
        self._answers, back = (_moved(end) for end in os.pipe())
        silent = os.open(os.devnull, os.O_RDWR)
        self._process = os.posix_spawn(
            program,
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            os.environ,
            file_actions=[
                *((os.POSIX_SPAWN_DUP2, silent, number) for number in (0, 1, 2)),
                (os.POSIX_SPAWN_DUP2, theirs, 3),
                (os.POSIX_SPAWN_DUP2, back, 4),
            ],
            setpgroup=0,
        )
        for end in (theirs, back, silent):
            os.close(end)
        self._rest = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send one command and wait for its answer; events that come meanwhile are kept."""
        self._number += 1
        wanted = self._number
        message: dict[str, Any] = {"id": wanted, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        line = memoryview(json.dumps(message).encode() + b"\0")
        while line:
            line = line[os.write(self._commands, line) :]
        until = time.monotonic() + PATIENCE
        while True:
            answer = self._next(until - time.monotonic())
            assert answer is not None, f"{method} was not answered"
            if answer.get("id") == wanted:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def listen(self, seconds: float) -> None:
        """Keep the events that come in so long."""
        message = self._next(seconds)
        if message is not None:
            self.events.append(message)

    def _next(self, seconds: float) -> dict[str, Any] | None:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, seconds))
            if not ready:
                return None
            block = os.read(self._answers, 1 << 20)
            assert block, "the browser has ended"
            self._rest += block
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def end(self) -> None:
        """Close it, and make sure of it."""
        with suppress(AssertionError, OSError):
            self.call("Browser.close")
        for end in (self._commands, self._answers):
            os.close(end)
        until = time.monotonic() + 5
        while os.waitpid(self._process, os.WNOHANG)[0] == 0:
            if time.monotonic() > until:
                os.killpg(self._process, signal.SIGKILL)
            time.sleep(0.01)
        with suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGKILL)


class Tab:
    """One page in a context of its own: no storage and no cache of another's."""

    def __init__(self, browser: Chromium) -> None:
        self.browser = browser
        self.context = browser.call("Target.createBrowserContext")["browserContextId"]
        target = browser.call(
            "Target.createTarget", url="about:blank", browserContextId=self.context
        )["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
            self.call(f"{domain}.enable")
        self._answerer: Answerer | None = None
        self.resize(*SIZE)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **parameters)

    def resize(self, width: int, height: int, density: float = 1, mobile: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=density,
            mobile=mobile,
        )

    def prefer(self, **features: str) -> None:
        """Media features as the person's system has them, such as prefers_color_scheme."""
        named = [{"name": n.replace("_", "-"), "value": v} for n, v in features.items()]
        self.call("Emulation.setEmulatedMedia", features=named)

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.protocol === 'http:'")

    def begin_anew(self) -> None:
        """Take away what an earlier test left: pictures, choices, answers and events."""
        if self._answerer:
            self.call("Fetch.disable")
            self._answerer = None
        self.call("Emulation.setEmulatedMedia", features=[])
        self.resize(*SIZE)
        self.js(RESET)
        self.until("!welcome.hidden")
        self.browser.events[:] = [e for e in self.browser.events if e not in self._events()]

    def js(self, expression: str) -> Any:
        """The value of an expression; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, (expression, answer["exceptionDetails"])
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression holds."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self._answer_paused()
            if self.js(f"(() => {{ try {{ return Boolean({expression}) }} catch {{}} }})()"):
                return
            self.browser.listen(0.03)
        raise AssertionError(f"never came true: {expression}; errors: {self.errors()}")

    def pretend(self, pattern: str, answer: Answerer) -> None:
        """Answer what is sent to `pattern` in the server's place, while something is waited for."""
        self._answerer = answer
        self.call("Fetch.enable", patterns=[{"urlPattern": pattern}])

    def _answer_paused(self) -> None:
        paused = [e for e in self._events() if e["method"] == "Fetch.requestPaused"]
        for event in paused:
            self.browser.events.remove(event)
            number, asked = event["params"]["requestId"], event["params"]["request"]
            given = self._answerer(asked) if self._answerer else None
            if given is None:
                self.call("Fetch.continueRequest", requestId=number)
                continue
            status, headers, body = given
            self.call(
                "Fetch.fulfillRequest",
                requestId=number,
                responseCode=status,
                responseHeaders=[{"name": n, "value": v} for n, v in headers.items()],
                body=base64.b64encode(body).decode(),
            )

    def choose(self, *files: Path) -> None:
        """Choose files as in the browser's own dialogue."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(file) for file in files], nodeId=node)

    def drop(self, data: bytes, name: str, kind: str, event: str = "drop") -> None:
        """Drop bytes on the page as a file, or paste them."""
        coded = base64.b64encode(data).decode()
        transfer = "clipboardData" if event == "paste" else "dataTransfer"
        maker = "ClipboardEvent" if event == "paste" else "DragEvent"
        self.js(
            f"""(async () => {{
              const blob = new Uint8Array([...atob("{coded}")].map((c) => c.charCodeAt(0)));
              const transfer = new DataTransfer();
              transfer.items.add(new File([blob], {json.dumps(name)}, {{ type: "{kind}" }}));
              const event = new {maker}("{event}", {{ {transfer}: transfer, bubbles: true }});
              document.getElementById("stage").dispatchEvent(event);
            }})()"""
        )

    def click(self, selector: str) -> None:
        self.js(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, key: str, code: int = 0, text: str = "") -> None:
        shared = {"key": key, "windowsVirtualKeyCode": code, "text": text}
        self.call("Input.dispatchKeyEvent", type="keyDown", **shared)
        self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def text(self, selector: str) -> str:
        return str(self.js(f"document.querySelector({json.dumps(selector)}).innerText"))

    def screenshot(self) -> bytes:
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def errors(self) -> list[str]:
        """Everything the console complains of: exceptions, refusals of the policy, failed loads."""
        self.js("1")
        told = []
        for event in self._events():
            parameters = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                told.append(str(parameters["exceptionDetails"]))
            if event["method"] == "Log.entryAdded" and parameters["entry"]["level"] == "error":
                told.append(str(parameters["entry"]["text"]))
            if event["method"] == "Runtime.consoleAPICalled" and parameters["type"] == "error":
                told.append(str(parameters["args"]))
        return told

    def requests(self) -> list[str]:
        """Every address this page has asked for."""
        sent = (e for e in self._events() if e["method"] == "Network.requestWillBeSent")
        return [str(event["params"]["request"]["url"]) for event in sent]

    def _events(self) -> list[dict[str, Any]]:
        return [e for e in self.browser.events if e.get("sessionId") == self.session]

    def close(self) -> None:
        self.browser.call("Target.disposeBrowserContext", browserContextId=self.context)


def _moved(end: int) -> int:
    moved = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, HIGH)
    os.close(end)
    return moved


def _program() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("wants a Chromium to look at the page with")
    return found


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = _program()
    browser = Chromium(program, tmp_path_factory.mktemp("profile"))
    try:
        yield browser
    finally:
        browser.end()


@pytest.fixture
def new_tab(chromium: Chromium) -> Iterator[Callable[[object], Tab]]:
    """Opens the page of a server of the test's own."""
    tabs = []

    def opened(address: object) -> Tab:
        tabs.append(_opened(chromium, address))
        return tabs[-1]

    yield opened
    for tab in tabs:
        tab.close()


@pytest.fixture(scope="session")
def shared_page(chromium: Chromium, client: httpx.Client) -> Iterator[Tab]:
    tab = _opened(chromium, client.base_url)
    yield tab
    tab.close()


@pytest.fixture
def page(shared_page: Tab) -> Tab:
    """The page of the shared service as it is at first; opened once, for that takes a second."""
    shared_page.begin_anew()
    return shared_page


def _opened(chromium: Chromium, address: object) -> Tab:
    tab = Tab(chromium)
    tab.open(str(address))
    tab.until("document.getElementById('facts').textContent")
    return tab

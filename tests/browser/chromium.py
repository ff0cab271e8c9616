"""Debian's Chromium without a window, spoken to over its DevTools protocol: one browser, one page at a time."""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import websocket

from hubproof.errors import CouldNotRunError, HubproofError

PROGRAM = Path("/usr/bin/chromium")
_STARTS_WITHIN = 30.0
_ANSWERS_WITHIN = 60.0
_CODES = {"Enter": 13, "Escape": 27, "ArrowUp": 38, "ArrowDown": 40, "Tab": 9}


class Page:
    """One tab: calls go out by number, and what the browser tells in between is kept."""

    def __init__(self, url: str) -> None:
        self._socket = websocket.create_connection(url, timeout=_ANSWERS_WITHIN, suppress_origin=True)
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def call(self, method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise HubproofError(f"Chromium refused {method}: {message['error']['message']}")
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def open(self, place: Path | str, fragment: str = "") -> Self:
        """Open a file or an address as a page of its own and wait until it stands."""
        self._navigate("about:blank")  # else a fragment alone would not load the file anew
        self.events.clear()
        self._navigate((place.as_uri() if isinstance(place, Path) else place) + fragment)
        return self

    def _navigate(self, url: str) -> None:
        loader = self.call("Page.navigate", url=url)["loaderId"]
        limit = time.monotonic() + _ANSWERS_WITHIN
        while not any(
            one["method"] == "Page.lifecycleEvent"
            and (one["params"]["name"], one["params"]["loaderId"]) == ("load", loader)
            for one in self.events
        ):
            if time.monotonic() > limit:
                raise HubproofError(f"{url} did not load within {_ANSWERS_WITHIN:g} s")
            self.events.append(json.loads(self._socket.recv()))

    def run(self, script: str) -> Any:  # noqa: ANN401 - JSON
        """Run a script in the page and return its value; a promise is waited for."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise HubproofError(f"the script failed: {done['exceptionDetails']['exception'].get('description')}")
        return done["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys one after the other, as a person does."""
        for key in keys:
            told = {"key": key, "windowsVirtualKeyCode": _CODES.get(key, ord(key[0].upper()))}
            text = {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
            self.call("Input.dispatchKeyEvent", type="keyDown", **told, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def show(self, *, scheme: str = "light", media: str = "", width: int = 1200, height: int = 900) -> None:
        """Set the reader's wish for light or dark, screen or print, and the window's size."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def picture(self) -> bytes:
        """Return the whole page as PNG."""
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(taken["data"])

    def printed(self) -> bytes:
        """Return the page as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    @property
    def requests(self) -> list[str]:
        """Every address that the page asked for, itself apart."""
        sent = [one["params"] for one in self.events if one["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"][:200] for one in sent if one["type"] != "Document"]

    @property
    def complaints(self) -> list[str]:
        """What the browser's console holds, and every exception."""
        return [
            json.dumps(one["params"])[:400]
            for one in self.events
            if one["method"] in {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
        ]

    def close(self) -> None:
        """Cut the connection."""
        self._socket.close()


@contextmanager
def browser(*more: str) -> Iterator[Page]:
    """Start Chromium, lend one page of it, and end it with all its children. Without more words it has no network."""
    if not PROGRAM.exists():
        raise CouldNotRunError(
            f"{PROGRAM} is not there",
            wanted="Debian's Chromium, to look at reports as their readers do",
            next_step="apt-get install chromium, or ./hubproof test, which installs it",
        )
    with tempfile.TemporaryDirectory(prefix="hubproof-chromium-", ignore_cleanup_errors=True) as folder:
        network = more or ("--host-resolver-rules=MAP * ~NOTFOUND",)
        words = [
            "--headless", "--remote-debugging-port=0", f"--user-data-dir={folder}", "--no-first-run",
            "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--disable-extensions", "--hide-scrollbars", *network,
        ]  # fmt: skip
        if os.geteuid() == 0:
            words.append("--no-sandbox")  # Chromium refuses to run as root with it
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen([PROGRAM, *words, "about:blank"], stdout=output, stderr=output)
        try:
            page = Page(_page_of(process, Path(folder), log))
            try:
                yield page
                page.call("Browser.close")
            finally:
                page.close()
        finally:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _page_of(process: subprocess.Popen[bytes], folder: Path, log: Path) -> str:
    """Return the address of the one page: Chromium writes its port into a file once it listens."""
    told, limit = folder / "DevToolsActivePort", time.monotonic() + _STARTS_WITHIN
    while not (told.exists() and told.read_text(encoding="utf-8").count("\n")):
        if process.poll() is not None or time.monotonic() > limit:
            said = log.read_text(encoding="utf-8", errors="replace")[-800:]
            raise HubproofError(f"Chromium did not start within {_STARTS_WITHIN:g} s: {said}")
        time.sleep(0.02)
    port, path = told.read_text(encoding="utf-8").split("\n")[:2]
    whole = websocket.create_connection(f"ws://127.0.0.1:{port}{path}", timeout=_STARTS_WITHIN, suppress_origin=True)
    try:
        whole.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
        pages = [one for one in json.loads(whole.recv())["result"]["targetInfos"] if one["type"] == "page"]
    finally:
        whole.close()
    return f"ws://127.0.0.1:{port}/devtools/page/{pages[0]['targetId']}"

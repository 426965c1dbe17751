"""One Firefox, driven over WebDriver BiDi, which it speaks by itself: no driver program is needed."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

FIREFOX = Path(os.environ.get("FIREFOX", "/usr/bin/firefox-esr"))
LEAVE_S = 10.0
PREFERENCES = {
    "media.navigator.permission.disabled": True,  # the microphone is allowed
    "media.cubeb.backend": "pulse-rust",
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.auto": False,
    "browser.shell.checkDefaultBrowser": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


class BrowserError(Exception):
    """What the page's script threw, or what Firefox refused."""


@dataclass
class FirefoxPage:
    """A page, by its scripts. ``errors``: what it threw by itself, or its policy refused."""

    ws: aiohttp.ClientWebSocketResponse
    context: str = ""
    errors: list[str] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def read(self) -> None:
        async for message in self.ws:
            told = json.loads(message.data)
            if told["type"] == "event":
                self._log(told["params"])
            elif (waiting := self._waiting.pop(told["id"], None)) is not None and not waiting.done():
                waiting.set_result(told)

    def _log(self, entry: dict[str, Any]) -> None:
        text = str(entry.get("text"))
        if entry.get("level") == "error" and (
            entry.get("type") == "javascript" or "Content-Security" in text
        ):
            self.errors.append(text)

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self.ws.send_str(json.dumps({"id": number, "method": method, "params": params}))
        told = await answer
        if told["type"] == "error":
            raise BrowserError(f"{method}: {told['message']}")
        return dict(told["result"])

    async def goto(self, url: str) -> None:
        await self.command("browsingContext.navigate", context=self.context, url=url, wait="complete")
        await self.evaluate("document.fonts.ready.then(() => null)")  # then nothing moves any more

    async def before_each_page(self, script: str) -> None:
        await self.command("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    async def evaluate(self, script: str) -> Any:
        """The value of an expression, as JSON; promises are awaited."""
        got = await self.command(
            "script.evaluate",
            expression=f"(async () => JSON.stringify((await ({script})) ?? null))()",
            target={"context": self.context},
            awaitPromise=True,
        )
        if got["type"] == "exception":
            raise BrowserError(got["exceptionDetails"]["text"])
        return json.loads(got["result"]["value"])

    async def until(self, script: str) -> Any:
        """Wait, frame by frame, until the expression is true; its value."""
        return await self.evaluate(
            "new Promise((done, fail) => { const look = () => { try {"
            f" const value = {script}; if (value) done(value); else setTimeout(look, 30);"
            " } catch (error) { fail(error); } }; look(); })"
        )

    async def type_in(self, selector: str, text: str) -> None:
        await self.until(f"document.querySelector({json.dumps(selector)})?.checkVisibility()")
        await self.evaluate(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)}); box.focus();"
            f" box.value = {json.dumps(text)};"
            " box.dispatchEvent(new Event('input', { bubbles: true })); })()"
        )

    async def press(self, name: str) -> None:
        """Click the visible button that is called ``name`` with the mouse, as a person does."""
        find = (
            "[...document.querySelectorAll('button')].find((one) => one.checkVisibility() && !one.disabled"
            f" && (one.getAttribute('aria-label') ?? one.textContent).trim() === {json.dumps(name)})"
        )
        await self.until(f"Boolean({find})")
        pressed = False
        while not pressed:  # what stands above may have moved it meanwhile
            x, y = await self.evaluate(
                f"(() => {{ const one = {find};"
                " one.scrollIntoView({ block: 'center', behavior: 'instant' });"
                " window.pressed = false; one.onpointerdown = () => { window.pressed = true; };"
                " const at = one.getBoundingClientRect();"
                " return [at.x + at.width / 2, at.y + at.height / 2]; })()"
            )
            await self._click(round(x), round(y))
            pressed = await self.evaluate("window.pressed")

    async def _click(self, x: int, y: int) -> None:
        move = {"type": "pointerMove", "x": x, "y": y}
        click = [move, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        hand = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": click}
        await self.command("input.performActions", context=self.context, actions=[hand])


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    while line := await process.stderr.readline():
        if found := re.search(rb"WebDriver BiDi listening on (ws://\S+)", line):
            return found[1].decode()
    raise BrowserError("Firefox ended before it could be driven")


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(65536):
        pass


@asynccontextmanager
async def firefox_page(profile: Path, environment: dict[str, str]) -> AsyncIterator[FirefoxPage]:
    """Firefox with a fresh ``profile``, and one page in it; it is gone afterwards.

    ``environment``: how it finds its sound card; without one there is none.
    """
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    process = await asyncio.create_subprocess_exec(
        FIREFOX,
        "--headless",
        "--no-remote",
        "--remote-debugging-port=0",
        f"--profile={profile}",
        "about:blank",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env=os.environ | {"PULSE_SERVER": f"unix:{profile}/none"} | environment | {"HOME": str(profile)},
    )
    assert process.stderr is not None
    drain = None
    try:
        url = await _address(process)
        drain = asyncio.create_task(_drain(process.stderr), name="Firefox's words")
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}/session", max_msg_size=0) as ws:
            page = FirefoxPage(ws)
            reader = asyncio.create_task(page.read(), name="Firefox's answers")
            try:
                await page.command("session.new", capabilities={})
                await page.command("session.subscribe", events=["log.entryAdded"])
                tree = await page.command("browsingContext.getTree")
                page.context = tree["contexts"][0]["context"]
                yield page
            finally:
                reader.cancel()
                await asyncio.wait((reader,))
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if drain is not None:
            await drain

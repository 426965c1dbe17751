"""One Chromium for the whole run, on a thread and loop of its own; each test has its own page.

The browser's audio clock may stand still for long on a loaded machine, so nothing here waits by the clock:
tests wait for sound, in samples, and a test that hangs fails by its own limit.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
GUARD_S = 150.0
FLAGS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--mute-audio",
]

# Whatever reaches the loudspeaker is measured on the way: samples, and how many of them were not silence.
LISTEN = """
(() => {
  const heard = { samples: 0, loud: 0, crossings: 0, quiet: 0 };
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...more) {
    if (to instanceof AudioDestinationNode && this.constructor.name === "AudioWorkletNode") {
      const tap = to.context.createScriptProcessor(1024, 1, 1);
      tap.onaudioprocess = ({ inputBuffer }) => {
        const samples = inputBuffer.getChannelData(0);
        let loud = 0;
        let last = samples[0]; // on a busy machine one buffer does not always join the next
        for (const value of samples) {
          if (Math.abs(value) > 0.02) loud += 1;
          if (value > 0 !== last > 0 && Math.abs(value - last) > 1e-4) heard.crossings += 1;
          last = value;
        }
        heard.samples += samples.length;
        heard.loud += loud;
        heard.rate = inputBuffer.sampleRate;
        heard.quiet = loud ? 0 : heard.quiet + samples.length;
        window.vivaHeard?.({ ...heard });
      };
      connect.call(this, tap);
      connect.call(tap, to);
    }
    return connect.call(this, to, ...more);
  };
})();
"""

# Echo cancellation and noise suppression eat what a synthesiser says; the tests send it as it is.
RAW_MICROPHONE = """
(() => {
  const open = navigator.mediaDevices?.getUserMedia;
  if (!open) return;
  navigator.mediaDevices.getUserMedia = function (wish) {
    window.wished = structuredClone(wish.audio);
    const audio = { ...wish.audio, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    return open.call(this, { ...wish, audio }).then((stream) => (window.opened = stream));
  };
})();
"""


class Ear:
    """What reached the loudspeaker, in samples of the device."""

    def __init__(self) -> None:
        self.rate = 48000.0
        self.loud = self.quiet = self.crossings = 0.0
        self._changed = asyncio.Event()

    def take(self, heard: dict[str, float]) -> None:
        self.rate, self.loud, self.quiet = heard["rate"], heard["loud"], heard["quiet"]
        self.crossings = heard["crossings"]
        self._changed.set()

    @property
    def loud_ms(self) -> float:
        return 1000 * self.loud / self.rate

    @property
    def quiet_ms(self) -> float:
        """Silence since the last sound."""
        return 1000 * self.quiet / self.rate

    async def until(self, met: Callable[[Ear], bool]) -> None:
        while not met(self):
            self._changed.clear()
            await self._changed.wait()


class WebBrowser:
    """Runs coroutines on the browser's loop."""

    def __init__(self, microphone: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="browser", daemon=True)
        self._thread.start()
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self.call(self._open(microphone))

    def call(self, work: Coroutine[Any, Any, Any], guard_s: float = GUARD_S) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(guard_s + 10)

    async def _open(self, microphone: Path) -> None:
        self._playwright = await async_playwright().start()
        self._browser = await self._playwright.chromium.launch(
            executable_path=CHROMIUM,
            headless=True,
            args=[*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"],
        )

    async def _close(self) -> None:
        if self._browser is not None:
            await self._browser.close()
        if self._playwright is not None:
            await self._playwright.stop()

    def close(self) -> None:
        self.call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @asynccontextmanager
    async def page(
        self, *, microphone: bool = True, scripts: tuple[str, ...] = (), **more: Any
    ) -> AsyncIterator[tuple[Page, Ear]]:
        """A page in a context of its own; what its scripts throw, or its policy refuses, fails the test."""
        assert self._browser is not None
        context: BrowserContext = await self._browser.new_context(**more)
        try:
            if microphone:
                await context.grant_permissions(["microphone"])
            for script in (LISTEN, RAW_MICROPHONE, *scripts):
                await context.add_init_script(script)
            ear = Ear()
            await context.expose_function("vivaHeard", ear.take)
            page = await context.new_page()
            page.set_default_timeout(1000 * GUARD_S / 2)
            wrong: list[str] = []
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on(
                "console",
                lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None,
            )
            yield page, ear
            assert not wrong, wrong
        finally:
            await context.close()

    def run(self, act: Callable[[], Awaitable[None]], guard_s: float = GUARD_S) -> None:
        """Run a test on the browser's loop; tasks that it leaves behind fail it, and so does hanging."""

        async def work() -> None:
            before = asyncio.all_tasks()
            async with asyncio.timeout(guard_s):
                await act()
            ours = [
                t.get_name() for t in asyncio.all_tasks() - before if not t.get_name().startswith("Task-")
            ]
            assert not ours, ours

        self.call(work(), guard_s)

"""An interview in Firefox, in writing, held by the real server. By voice: `firefox_by_voice.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.app import Viva, serving
from server.settings import Settings
from tests.browser.cable import Cable
from tests.browser.conftest import ANSWER
from tests.browser.firefox import FIREFOX, FirefoxPage, firefox_page

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.timeout(200)]

GUARD_S = 150.0
FLOOR = "document.querySelector('#floor').dataset.floor"


@pytest.fixture(autouse=True)
def firefox_is_here() -> None:
    if not FIREFOX.exists():
        pytest.skip(f"no Firefox at {FIREFOX}: the room is not tried in it")


@dataclass
class Guest:
    """Somebody at the page of a real interview, in Firefox."""

    viva: Viva
    cable: Cable
    page: FirefoxPage
    link: str

    async def to_the_check(self) -> None:
        await self.page.goto(f"http://127.0.0.1:{self.cable.port}/mock-interview/{self.link}")
        await self.page.type_in("[name=name]", "Kim")
        await self.page.type_in("[name=email]", "kim@example.org")
        await self.page.evaluate("document.querySelectorAll('#consent input').forEach((one) => one.click())")
        await self.page.press("Check my sound")

    async def reads(self, selector: str, text: str) -> None:
        """Wait for ``text`` to be seen there."""
        await self.page.until(
            f"[...document.querySelectorAll({selector!r})].some((one) => one.checkVisibility()"
            f" && one.textContent.includes({text!r}))"
        )

    async def floor(self, state: str) -> None:
        await self.page.until(f"{FLOOR} === {state!r}")

    async def captions(self, who: str) -> list[str]:
        lines = f"[...document.querySelectorAll('.line[data-who={who}] p')].map((one) => one.textContent)"
        return list(await self.page.evaluate(lines))

    async def end(self) -> None:
        await self.page.press("End")
        await self.page.press("End it")
        await self.reads("#farewell-title", "You ended the interview.")

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.viva.pool.fetch(sql)]


def visited(
    dsn: str,
    folder: Path,
    act: Callable[[Guest], Awaitable[None]],
    environment: dict[str, str] | None = None,
) -> Coroutine[Any, Any, None]:
    """``act`` at the page; see `firefox_page` for ``environment``."""
    settings = Settings(
        database_url=dsn,
        port=0,
        drain_s=0.0,
        stt="pocketsphinx",
        tts="flite",
        data_dir=folder / "data",
        object_store=f"file:{folder}/objects",
    )
    (folder / "profile").mkdir()

    async def work() -> None:
        async with (
            serving(settings) as viva,
            Cable(viva.port).laid() as cable,
            firefox_page(folder / "profile", environment or {}) as page,
        ):
            wishes = {"role": "Backend Developer", "scenario": "hr", "duration": 15}
            root = f"http://127.0.0.1:{viva.port}/v1/candidates/mock-ai-interview"
            async with aiohttp.ClientSession() as http, http.post(root, json=wishes) as made:
                link = (await made.json())["callId"]
            await act(Guest(viva, cable, page, link))
            assert not page.errors

    return work()


def test_without_a_loudspeaker_it_says_so_and_is_held_in_writing(dsn: str, tmp_path: Path) -> None:
    async def act(one: Guest) -> None:
        await one.to_the_check()
        await one.page.press("Allow the microphone")
        await one.reads("#microphone-trouble", "No loudspeaker was found")
        await one.page.press("Answer by typing instead")
        await one.reads(".line[data-who=agent] p", "practice interview")  # it is shown as it would be heard
        await one.page.type_in("#answer", ANSWER)
        await one.page.press("Send")
        await one.page.until("document.querySelectorAll('#questions [data-state=saved]').length === 1")
        assert await one.captions("you") == [ANSWER]
        await one.page.until("document.querySelectorAll('.line[data-who=agent]').length === 2")
        await one.end()
        (answer,) = await one.rows("SELECT text FROM mock_interview_answers")
        assert answer["text"] == ANSWER

    async def work() -> None:
        async with asyncio.timeout(GUARD_S):
            await visited(dsn, tmp_path, act)

    asyncio.run(work())

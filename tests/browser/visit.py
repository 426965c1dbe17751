"""A candidate at the page: what a person does there, step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Locator, Page, expect

from storage.ports import StoredSession
from tests.browser.fake_realtime import FakeRealtime, Line, Script
from tests.browser.harness import GUARD_S, Ear, WebBrowser

expect.set_options(timeout=1000 * GUARD_S / 3)


async def wait_for_the_end(line: Line) -> None:
    await line.got("viva.end")


@dataclass
class Visit:
    page: Page
    ear: Ear
    fake: FakeRealtime

    @property
    def line(self) -> Line:
        return self.fake.line

    def see(self, text: str) -> Locator:
        return self.page.get_by_text(text)

    async def open(self, key: str = "link") -> None:
        await self.page.goto(f"{self.fake.url}/mock-interview/{key}")

    async def fill_in(self, name: str = "Kim", email: str = "kim@example.org") -> None:
        await self.open()
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_label("E-mail").fill(email)

    async def to_the_check(self) -> None:
        await self.fill_in()
        await self.page.get_by_role("button", name="Check my sound").click()

    async def begin(self) -> None:
        """Through form and sound check into the room, by voice."""
        await self.to_the_check()
        await self.page.get_by_role("button", name="Allow the microphone").click()
        await self.page.get_by_role("button", name="Begin the interview").click()
        await expect(self.page.locator("#persona")).to_have_text("Maya")

    async def end(self) -> None:
        await self.page.get_by_role("button", name="End", exact=True).click()
        await self.page.get_by_role("button", name="End it").click()
        await expect(self.page.locator("#farewell-title")).not_to_be_empty()


Act = Callable[[Visit], Awaitable[None]]


def visit(
    browser: WebBrowser,
    act: Act,
    script: Script = wait_for_the_end,
    *,
    stored: StoredSession | None = None,
    **more: Any,
) -> None:
    """Run ``act`` at a page of its own, with ``script`` behind the line."""

    @asynccontextmanager
    async def world() -> AsyncIterator[Visit]:
        async with FakeRealtime(script, stored).serve() as fake, browser.page(**more) as (page, ear):
            yield Visit(page, ear, fake)

    async def work() -> None:
        async with world() as one:
            await act(one)

    browser.run(work)

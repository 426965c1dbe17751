"""The scorecard in a browser: it fills while answers are scored, its quotes play, everybody can use it."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from playwright.async_api import Page, Route, expect

from agents.llm_offline import OfflineLLM
from audio.recording import wav_header
from server.app import Viva, serving
from server.settings import Settings
from server.tokens import READ, CallTokens
from tests.browser.harness import WebBrowser
from tests.browser.test_access import look
from tests.fakes.aftermath import SAID, After, Coach
from tests.fakes.reviews import Stricter, with_reviews

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.timeout(240)]

SECRET = "x" * 40
AGREED = {"version": "1", "locale": "en", "granted": {"record_audio": True, "audio_measurements": True}}
MEASURED = {
    "pace": {"value": 142.0, "unit": "words per minute", "reason": ""},
    "fillers": {"value": 8.5, "unit": "per minute", "reason": ""},
    "pitch_variation": {"value": None, "unit": "semitones", "reason": "too little voiced sound"},
}


@dataclass
class Reader:
    """Somebody at the scorecard of the interview ``s1``, and the worker behind it, by hand."""

    viva: Viva
    after: After
    page: Page
    folder: Path

    async def go(self, query: str = "", wait: bool = True) -> None:
        await self.page.goto(f"http://127.0.0.1:{self.viva.port}/mock-interview/link1/scorecard{query}")
        if wait:
            await expect(self.page.locator("[data-view=card]")).to_be_visible()

    def record(self, seconds: float = 6.0) -> None:
        """A recording of the call: a tone on both sides."""
        tone = (9000 * np.sin(np.arange(int(16_000 * seconds)) * 2 * np.pi * 330 / 16_000)).astype("<i2")
        data = np.repeat(tone, 2).tobytes()
        file = self.folder / "recordings" / "call1" / "0000000000.wav"
        file.parent.mkdir(parents=True)
        file.write_bytes(wav_header(len(data)) + data)


def read(
    browser: WebBrowser,
    dsn: str,
    folder: Path,
    act: Callable[[Reader], Awaitable[None]],
    settings: dict[str, Any] | None = None,
    **context: Any,
) -> None:
    async def work() -> None:
        given: dict[str, Any] = {"database_url": dsn, "port": 0, "drain_s": 0.0, "data_dir": folder}
        settings_ = Settings(**given | (settings or {}))
        async with (
            serving(settings_, llm=OfflineLLM(), voice=_no_voice) as viva,
            browser.page(microphone=False, **context) as (page, _),
        ):
            after = After(viva.pool, Stricter(), Coach(), None, OfflineLLM(), owner="local")
            with_reviews(after)
            await act(Reader(viva, after, page, folder))

    browser.run(work)


async def _no_voice(_: Any) -> Any:
    raise AssertionError("nobody talks in this test")


async def held(reader: Reader) -> None:
    await reader.after.held(consent=AGREED)
    await reader.after.work_off()
    await reader.viva.pool.execute("UPDATE mock_interview_answers SET delivery = $1", MEASURED)


def test_the_card_fills_while_answers_are_scored(browser: WebBrowser, dsn: str, tmp_path: Path) -> None:
    async def act(reader: Reader) -> None:
        page, after = reader.page, reader.after
        await after.register(consent=AGREED)
        fence = await after.answer("call1", SAID, finished=["q1"])
        await reader.go()
        await expect(page.locator("h1:visible")).to_have_text("Your scorecard is being made.")
        await expect(page.get_by_role("progressbar")).to_be_visible()
        await expect(page.locator("#question-q1 .total small")).to_have_text("Being scored")
        await after.work_off()
        await expect(page.locator("h1:visible")).to_contain_text("So far")
        await expect(page.locator("#question-q1 .total b")).not_to_have_text("–")
        await expect(page.locator("#question-q2 .total small")).to_have_text("Being scored")
        await after.end("call1", fence)
        await after.work_off()
        await expect(page.locator("h1:visible")).to_contain_text("You scored")
        await expect(page.get_by_role("progressbar")).to_be_hidden()
        (row,) = await after.rows("SELECT analytics FROM mock_interview_responses")
        await expect(page.locator("h1:visible mark")).to_have_text(str(row["analytics"]["overallScore"]))
        assert "Quist" not in page.url

    read(browser, dsn, tmp_path, act)


def test_a_quote_plays_by_mouse_and_by_keyboard(browser: WebBrowser, dsn: str, tmp_path: Path) -> None:
    async def act(reader: Reader) -> None:
        await held(reader)
        reader.record()
        page = reader.page
        await reader.go()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/audio?" in request.url else None)
        quote = page.locator("#question-q1 .quote").first
        await quote.click()
        await expect(quote).to_have_attribute("aria-pressed", "true")
        await expect(page.locator("#sound")).to_have_js_property("ended", True)
        assert await page.evaluate("document.getElementById('sound').duration") == pytest.approx(
            1.5, abs=0.05
        )
        await expect(quote).to_have_attribute("aria-pressed", "false")
        assert asked
        assert all("start=0.80&end=2.30&track=candidate" in url for url in asked)
        other = page.locator("#question-q2 .quote").first
        await other.focus()
        await page.keyboard.press("Enter")
        await expect(other).to_have_attribute("aria-pressed", "true")
        assert await page.locator("audio").count() == 1, "one player for all quotes"
        await page.get_by_role("button", name="Close").click()
        await expect(page.locator("#player")).to_be_hidden()
        await expect(other).to_be_focused()
        await page.locator("#script .cited").first.click()
        await expect(page.locator("#player")).to_be_visible()

    read(browser, dsn, tmp_path, act)


def test_a_guest_hears_the_own_quotes_without_an_account(
    browser: WebBrowser, dsn: str, tmp_path: Path
) -> None:
    async def act(reader: Reader) -> None:
        await held(reader)
        reader.record()
        page = reader.page
        await reader.go(wait=False)
        await expect(page.locator("#problem-title")).to_have_text("Not signed in")
        access, _ = CallTokens(SECRET, time.time, READ).issue("call1", 600)
        await page.goto("about:blank")
        await reader.go(f"#access={access}")
        assert "access" not in page.url, "who is shown the address is not given the token"
        await page.reload()
        quote = page.locator("#question-q1 .quote").first
        await quote.click()
        await expect(page.locator("#sound")).to_have_js_property("ended", True)
        await page.locator("[data-use=again-q1]").click()
        await page.locator("#desk-text").fill("I have led a ward of twenty for six years.")
        await page.locator("#desk-send").click()
        await expect(page.locator("#told")).to_contain_text("being judged")

    oidc = {"auth": "oidc", "jwt_secret": "j" * 40, "secret": SECRET, "host": "127.0.0.1"}
    read(browser, dsn, tmp_path, act, oidc)


def test_all_calls_are_looked_at_together(browser: WebBrowser, dsn: str, tmp_path: Path) -> None:
    async def act(reader: Reader) -> None:
        await held(reader)
        page = reader.page
        await reader.go()
        found = page.locator("#across-found")
        await expect(found).to_be_empty()
        await page.get_by_role("button", name="Look at all calls").click()
        await expect(found.get_by_role("listitem").first).not_to_be_empty()
        await expect(page.locator("#told")).to_have_text("All calls were looked at together.")
        (row,) = await reader.after.rows("SELECT insights FROM mock_interview_insights")
        for text in row["insights"]["recommendations"]:
            await expect(found).to_contain_text(text)
        await page.reload()
        await expect(page.get_by_role("button", name="Look again")).to_be_visible()
        await expect(found.get_by_role("listitem").first).not_to_be_empty()

    read(browser, dsn, tmp_path, act)


def test_a_link_that_has_run_out_is_renewed(browser: WebBrowser, dsn: str, tmp_path: Path) -> None:
    async def act(reader: Reader) -> None:
        await held(reader)
        reader.record()
        page = reader.page
        asked: list[str] = []

        async def worn(route: Route) -> None:
            asked.append(route.request.url)
            fresh = await route.fetch()
            text = await fresh.text()
            if len(asked) == 1:  # the first card's links are of long ago
                text = re.sub(r"expires=\d+", "expires=1", text)
            await route.fulfill(response=fresh, body=text)

        await page.route("**/scorecard?*", worn)
        await page.route("**/v1/**/scorecard", worn)
        await reader.go()
        await page.locator("#question-q1 .quote").first.click()
        await expect(page.locator("#sound")).to_have_js_property("ended", True)
        assert len(asked) == 2

    read(browser, dsn, tmp_path, act)


def test_a_part_that_is_gone_is_said_to_be(browser: WebBrowser, dsn: str, tmp_path: Path) -> None:
    async def act(reader: Reader) -> None:
        await held(reader)
        await reader.go()
        await reader.page.locator(".quote").first.click()
        await expect(reader.page.locator("#playing")).to_contain_text("cannot be played")

    read(browser, dsn, tmp_path, act)


def test_a_score_is_disputed_set_and_a_question_answered_again(
    browser: WebBrowser, dsn: str, tmp_path: Path
) -> None:
    async def act(reader: Reader) -> None:
        await held(reader)
        page, one = reader.page, reader.page.locator("#question-q2")
        await reader.go()
        first = await one.locator(".total b").text_content()
        await one.get_by_role("button", name="Dispute this score").click()
        dialog = page.get_by_role("dialog", name="Dispute this score")
        await dialog.get_by_role("button", name="Judge it again").click()
        await expect(dialog.get_by_role("alert")).to_have_text("Write a few words first.")
        await dialog.get_by_label("What was overlooked?").fill("The result.")
        await dialog.get_by_role("button", name="Judge it again").click()
        await expect(dialog).to_be_hidden()
        await expect(one.locator(".review")).to_contain_text("is being judged again")
        await expect(one.get_by_role("button", name="Dispute this score")).to_have_count(0)
        await reader.after.work_off()
        await expect(one.locator(".review")).to_contain_text(f"First {first}, then")

        await one.get_by_role("button", name="Set a score").click()
        dialog = page.get_by_role("dialog", name="Set a score yourself")
        await dialog.get_by_label("Value, 0 to 100").fill("101")
        await dialog.get_by_label("Why?").fill("It is all there.")
        await dialog.get_by_role("button", name="Set the score").click()
        await expect(dialog.get_by_role("alert")).to_have_text("Write a whole number from 0 to 100.")
        await dialog.get_by_label("Value, 0 to 100").fill("93")
        await page.keyboard.press("Enter")
        await expect(one.locator(".dimensions .bar-score").first).to_have_text("93")
        await expect(one).to_contain_text("Set by a person; the judge had found")

        await one.get_by_role("button", name="Answer it again").click()
        dialog = page.get_by_role("dialog", name="Answer it again")
        await dialog.get_by_label("Your new answer").fill(
            "I drew up a rota, and complaints fell from twelve to five."
        )
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(one.locator(".compare")).to_have_text("The new answer is being judged.")
        await reader.after.work_off()
        await expect(one.locator(".compare")).to_contain_text("Before")

    read(browser, dsn, tmp_path, act)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(
    browser: WebBrowser, dsn: str, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    async def act(reader: Reader) -> None:
        await reader.go(wait=False)
        await expect(reader.page.get_by_role("heading", name="There is no such scorecard")).to_be_visible()
        await look(reader.page)
        await held(reader)
        await reader.go()
        await look(reader.page)
        radar = reader.page.get_by_role("img", name="Radar: Content")
        assert "Timing" in (await radar.get_attribute("aria-label") or "")
        await reader.page.get_by_role("button", name="Answer it again").first.click()
        await look(reader.page)

    read(browser, dsn, tmp_path, act, viewport={"width": width, "height": 844}, color_scheme=scheme)


def test_it_prints_whole_and_without_buttons(browser: WebBrowser, dsn: str, tmp_path: Path) -> None:
    async def act(reader: Reader) -> None:
        await held(reader)
        page = reader.page
        await reader.go()
        assert not await page.evaluate("[...document.querySelectorAll('details')].some((one) => one.open)")
        await page.evaluate("dispatchEvent(new Event('beforeprint'))")
        await page.emulate_media(media="print")
        assert await page.evaluate("[...document.querySelectorAll('details')].every((one) => one.open)")
        await expect(page.locator("blockquote").first).to_be_visible()
        await expect(page.get_by_role("button", name="Dispute this score")).to_have_count(0)
        await expect(page.locator("#print")).to_be_hidden()
        assert (await page.pdf(format="A4")).startswith(b"%PDF")

    read(browser, dsn, tmp_path, act)


def test_the_docs_page_can_be_read_by_everybody(browser: WebBrowser, dsn: str, tmp_path: Path) -> None:
    async def act(reader: Reader) -> None:
        await reader.page.goto(f"http://127.0.0.1:{reader.viva.port}/docs")
        await expect(reader.page.get_by_role("heading", name="The API")).to_be_visible()
        await look(reader.page)

    read(browser, dsn, tmp_path, act, viewport={"width": 390, "height": 844})

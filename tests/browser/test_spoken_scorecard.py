"""An interview spoken into the browser ends in a scorecard whose quotes were said, and can be heard."""

from __future__ import annotations

import io
from pathlib import Path

import aiohttp
import pytest
import soundfile
from playwright.async_api import expect

from server.worker import working
from tests.browser.harness import WebBrowser
from tests.browser.test_interview_e2e import ANSWERS, Candidate, answers, interviewed  # noqa: F401
from tests.server.test_worker import by_rule

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.timeout(400)]


def test_a_spoken_interview_ends_in_a_scorecard_that_can_be_heard(
    browser: WebBrowser,
    dsn: str,
    answers: list[str],  # noqa: F811
    tmp_path: Path,
) -> None:
    async def act(one: Candidate) -> None:
        page = one.page
        for _ in range(3):
            await page.get_by_role("button", name="Faster").click()
        turns = 0
        while await one.my_turn():
            assert turns < 8, "the interview does not come to an end"
            await one.say(min(turns, len(ANSWERS) - 1))
            turns += 1
        async with working(dsn, by_rule):
            await page.get_by_role("link", name="See my scorecard").click()
            await expect(page.locator("#headline")).to_contain_text("You scored", timeout=60_000)
        base = f"http://127.0.0.1:{one.viva.port}"
        (run,) = await one.rows("SELECT session_id FROM mock_interview_responses")
        async with aiohttp.ClientSession() as http:
            path = f"{base}/v1/candidates/mock-ai-interview/{run['session_id']}/scorecard"
            async with http.get(path) as got:
                card = await got.json()
            assert card["state"] == "complete"
            said = {
                line["turn"]: "".join(part["text"] for part in line["segments"])
                for line in card["transcript"]
                if line["role"] == "user"
            }
            cited = [q for c in card["questions"] for d in c["dimensions"] for q in d["quotes"]]
            assert cited
            for quote in cited:
                assert said[quote["turn"]][quote["start"] : quote["end"]] == quote["text"]
                assert quote["startS"] < quote["endS"]
                async with http.get(base + quote["url"]) as got:
                    samples, rate = soundfile.read(io.BytesIO(await got.read()))
                assert len(samples) / rate == pytest.approx(quote["endS"] - quote["startS"] + 0.6, abs=0.25)
        # What the sound does not support has a reason instead; a demonstration recogniser may give no words.
        assert all((one["value"] is None) == bool(one["reason"]) for one in card["delivery"])
        measured = {one["name"] for one in card["delivery"] if one["value"] is not None}
        assert {"pauses_long", "speech_share", "answer_length"} <= measured
        quote_button = page.locator(".quote").first
        await quote_button.click()
        await expect(page.locator("#sound")).to_have_js_property("ended", True, timeout=60_000)

    interviewed(browser, dsn, answers, tmp_path, act)

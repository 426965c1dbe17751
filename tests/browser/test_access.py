"""Everybody can use it: contrast, names, narrow screens, calm pictures; each view in light and dark."""

from __future__ import annotations

import re
from typing import Any, Literal

import pytest
from playwright.async_api import Page, expect

from tests.browser.fake_realtime import Line
from tests.browser.harness import WebBrowser
from tests.browser.visit import Visit, visit, wait_for_the_end

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200)]

# Text against the nearest background under it, by the formula of WCAG 2.2; large text may have less.
FAINT = """() => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const under = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = parts(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0.99) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !node.checkVisibility() || node.closest("svg, .hidden, .skip, noscript, :disabled")) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(parts(style.color)), light(under(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    seen += 1;
    if (ratio < (size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5)) found.push(`${walk.currentNode.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  return { seen, found };
}"""  # noqa: E501
NAMELESS = re.compile(r"^\s*- (?:button|textbox|combobox|link|checkbox|radio)(?: \[.*)?:?\s*$", re.MULTILINE)


async def look(page: Page) -> None:
    """What must hold of every view."""
    text: dict[str, Any] = await page.evaluate(FAINT)
    assert text["seen"] > 3
    assert text["found"] == []
    assert not NAMELESS.findall(await page.locator("body").aria_snapshot())
    wide = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], "the page is wider than the screen"


async def talk(line: Line) -> None:
    await line.ask(2)
    await line.send("viva.answer.saved", turn=1, question_id="q1")
    await line.send("viva.coach", text="Say what you did yourself.")
    heard = "We moved the billing service to a queue."
    await line.send("conversation.item.input_audio_transcription.completed", item_id="c", transcript=heard)
    await line.say("Tell me about a disagreement in your team.", 20_000, whole=False)
    await wait_for_the_end(line)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_every_view_can_be_read(browser: WebBrowser, scheme: Literal["light", "dark"], width: int) -> None:
    async def act(one: Visit) -> None:
        await one.page.goto(one.fake.url)
        await one.page.get_by_label("Role").fill("Backend engineer")
        await one.page.get_by_role("button", name="Plan it").click()
        await expect(one.page.get_by_role("link", name="Start by voice")).to_be_visible()
        await look(one.page)
        await one.open("nothing")
        await expect(one.page.get_by_role("heading", name="There is no interview here")).to_be_visible()
        await look(one.page)
        await one.fill_in(name=" ")
        await one.page.keyboard.press("Enter")
        await look(one.page)
        await one.to_the_check()
        await one.page.get_by_role("button", name="Allow the microphone").click()
        await expect(one.see("We hear you.")).to_be_visible()
        await look(one.page)
        await one.page.get_by_role("button", name="Begin the interview").click()
        await expect(one.page.locator(".line mark")).to_be_visible()
        await one.page.keyboard.press("Alt+t")
        await one.page.keyboard.press("Alt+p")
        await expect(one.page.locator("#banner")).to_be_visible()
        await look(one.page)
        await one.end()
        await look(one.page)

    visit(browser, act, talk, color_scheme=scheme, viewport={"width": width, "height": 800})


def test_captions_are_read_out_whole_and_once(browser: WebBrowser) -> None:
    async def script(line: Line) -> None:
        for text in ("We moved", "We moved the billing", "We moved the billing service"):
            await line.send("viva.partial", item_id="c", text=text)
        await line.got("test.looked")
        done = "conversation.item.input_audio_transcription.completed"
        await line.send(done, item_id="c", transcript="We moved the billing service.")
        await wait_for_the_end(line)

    async def act(one: Visit) -> None:
        await one.begin()
        log = one.page.get_by_role("log")
        await expect(one.page.locator(".line p")).to_have_text("We moved the billing service")
        await expect(log).to_have_text("")
        one.line.received.append({"type": "test.looked"})
        one.line.note()
        await expect(log).to_have_text("You: We moved the billing service.")
        await expect(log).to_have_attribute("aria-live", "polite")

    visit(browser, act, script)


@pytest.mark.parametrize("wish", ["reduce", "no-preference"])
def test_who_wants_no_motion_gets_none(browser: WebBrowser, wish: Literal["reduce", "no-preference"]) -> None:
    async def act(one: Visit) -> None:
        await one.begin()
        await expect(one.see("Maya is speaking")).to_be_visible()
        face = one.page.locator("#avatar path")
        before = await face.get_attribute("d")
        await one.ear.until(lambda ear: ear.loud_ms > 400)
        assert (await face.get_attribute("d") == before) is (wish == "reduce")

    visit(browser, act, talk, reduced_motion=wish)


def test_the_way_through_needs_no_mouse(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        await one.open()
        await expect(one.page.get_by_role("heading", level=1)).to_be_focused()
        keys = one.page.keyboard
        for text in ("Kim", "kim@example.org"):
            await keys.press("Tab")
            await keys.type(text)
        await keys.press("Tab")
        await keys.press("Space")
        await keys.press("Tab")
        await keys.press("Tab")
        await keys.press("Enter")
        await expect(one.page.get_by_role("heading", name="Can we hear each other?")).to_be_focused()
        await keys.press("Tab")
        await keys.press("Enter")
        await expect(one.page.get_by_role("button", name="Begin the interview")).to_be_enabled()
        await one.page.get_by_role("button", name="Begin the interview").focus()
        await keys.press("Enter")
        await one.line.got("session.update")
        assert one.fake.registered[0]["consent"]["record_audio"] is True

    visit(browser, act)

"""The way into the room: the link, the form, the sound check, and what goes wrong there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import expect

from interview.model import Move
from tests.browser.fake_realtime import interview
from tests.browser.harness import WebBrowser
from tests.browser.visit import Visit, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200)]


def refuse(status: int, code: str, detail: str) -> web.Response:
    problem = {"title": "No", "status": status, "code": code, "detail": detail}
    return web.json_response(problem, status=status, content_type="application/problem+json")


def failing(name: str) -> str:
    """A script after which the microphone fails as browsers name it."""
    return f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{name}'); }};"


def test_a_wrong_link_says_so(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        await one.open("nothing")
        await expect(one.page.get_by_role("heading", name="There is no interview here")).to_be_focused()
        await expect(one.page.get_by_role("link", name="Plan an interview")).to_be_visible()

    visit(browser, act)


@pytest.mark.parametrize(
    ("moves", "title"),
    [
        ([Move.CANCEL], "This interview was called off"),
        ([Move.START, Move.COMPLETE], "This interview is over"),
    ],
)
def test_a_closed_interview_says_why(browser: WebBrowser, moves: list[Move], title: str) -> None:
    stored = interview()
    for move in moves:
        stored = replace(stored, session=stored.session.move(move))

    async def act(one: Visit) -> None:
        await one.open()
        await expect(one.page.get_by_role("heading", name=title)).to_be_visible()
        await expect(one.page.locator("#join")).to_be_hidden()

    visit(browser, act, stored=stored)


def test_the_invitation_names_who_and_how_long(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        for key in ("link", "backend-1", "0123"):
            await one.open(key)
            await expect(one.page.get_by_role("heading", level=1)).to_have_text(
                "Backend Developer practice interview"
            )
        await expect(one.page.locator("#facts")).to_have_text("30 minutes · 4 questions · advanced")
        await expect(one.page.get_by_role("listitem")).to_have_text(
            ["MMayapeople partner", "DDanieltechnical lead"]
        )
        await expect(one.see("You will talk to an AI interviewer")).to_be_visible()

    visit(browser, act)


def test_a_form_that_is_not_filled_says_what_is_missing(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        await one.fill_in(name=" ", email="kim at home")
        await one.page.keyboard.press("Enter")
        await expect(one.page.locator("#name-trouble")).to_contain_text("Write your name")
        await expect(one.page.locator("#email-trouble")).to_contain_text("name@example.org")
        await expect(one.page.get_by_label("Name")).to_be_focused()
        assert not one.fake.registered

    visit(browser, act)


def test_consent_is_what_was_ticked(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        await one.fill_in()
        for box in await one.page.get_by_role("checkbox").all():
            assert not await box.is_checked()
        await one.page.get_by_label("Measure how I speak").check()
        await one.page.get_by_role("button", name="Check my sound").click()
        await one.page.get_by_role("button", name="Answer by typing instead").click()
        await one.line.got("session.update")
        (sent,) = one.fake.registered
        consent: dict[str, Any] = sent.pop("consent")
        assert sent == {
            "transport": "realtime",
            "session_id": "0123",
            "interviewer_id": "maya",
            "email": "kim@example.org",
            "name": "Kim",
        }
        assert consent.pop("version")
        assert consent.pop("locale")
        assert consent == {"ai_disclosed": True, "record_audio": False, "audio_measurements": True}

    visit(browser, act)


def test_who_has_answered_is_told_so(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        one.fake.refusal = refuse(409, "already_responded", "This e-mail has finished this interview.")
        await one.to_the_check()
        await one.page.get_by_role("button", name="Answer by typing instead").click()
        await expect(one.page.get_by_role("heading", name="Already responded")).to_be_visible()

    visit(browser, act)


def test_a_server_that_cannot_take_the_call_can_be_asked_again(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        one.fake.refusal = refuse(503, "full", "All rooms are taken; try again in a minute.")
        await one.to_the_check()
        await one.page.get_by_role("button", name="Answer by typing instead").click()
        await expect(one.page.get_by_role("alert").filter(has_text="All rooms are taken")).to_be_visible()
        one.fake.refusal = None
        await one.page.get_by_role("button", name="Answer by typing instead").click()
        await expect(one.page.locator("#persona")).to_have_text("Maya")

    visit(browser, act)


def test_a_voice_moves_the_meter(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        await one.to_the_check()
        begin = one.page.get_by_role("button", name="Begin the interview")
        await expect(begin).to_be_disabled()
        await one.page.get_by_role("button", name="Allow the microphone").click()
        await expect(one.see("We hear you.")).to_be_visible()
        await expect(begin).to_be_enabled()
        wished = await one.page.evaluate("window.wished")
        assert wished["echoCancellation"] is True

    visit(browser, act)


INSECURE = "Object.defineProperty(window, 'isSecureContext', {value: false});"
UNABLE = "Object.defineProperty(navigator, 'mediaDevices', {value: undefined});"


@pytest.mark.parametrize(
    ("script", "title"),
    [
        (failing("NotAllowedError"), "The microphone was refused"),
        (failing("NotFoundError"), "No microphone was found"),
        (failing("NotReadableError"), "The microphone is in use"),
        (INSECURE, "This page may not use a microphone"),
        (UNABLE, "This browser cannot record"),
    ],
    ids=["denied", "missing", "busy", "insecure", "unable"],
)
def test_a_microphone_that_fails_says_why_and_typing_remains(
    browser: WebBrowser, script: str, title: str
) -> None:
    async def act(one: Visit) -> None:
        await one.to_the_check()
        await one.page.get_by_role("button", name="Allow the microphone").click()
        await expect(one.page.get_by_role("alert").filter(has_text=title)).to_be_visible()
        await expect(one.page.get_by_role("button", name="Try again")).to_be_visible()
        await expect(one.page.get_by_role("button", name="Begin the interview")).to_be_disabled()
        await one.page.get_by_role("button", name="Answer by typing instead").click()
        await one.line.got("viva.mute", on=True)
        await expect(one.page.get_by_label("Your answer in writing")).to_be_visible()
        await expect(one.page.get_by_role("button", name="Mute")).to_be_hidden()

    visit(browser, act, scripts=(script,))


def test_without_any_sound_the_interview_can_be_typed(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        await one.to_the_check()
        await one.page.get_by_role("button", name="Answer by typing instead").click()
        asked = await one.line.got("session.update")
        assert asked["session"]["viva"]["playback"] is False
        await one.page.get_by_label("Your answer in writing").fill("In writing, then.")
        await one.page.keyboard.press("Enter")
        await one.line.got("viva.text_answer", text="In writing, then.")

    visit(browser, act, scripts=("delete window.AudioContext;",))


def test_a_permission_that_chromium_refuses_is_a_refusal(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        await one.to_the_check()
        await one.page.get_by_role("button", name="Allow the microphone").click()
        await expect(
            one.page.get_by_role("alert").filter(has_text="The microphone was refused")
        ).to_be_visible()

    visit(browser, act, microphone=False)


def test_the_home_page_leads_to_the_room(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        await one.page.goto(one.fake.url)
        await expect(one.see("a demo recogniser: it mishears")).to_be_visible()
        await one.page.get_by_label("Role").fill("Backend engineer")
        await one.page.get_by_role("button", name="Plan it").click()
        await one.page.get_by_role("link", name="Start by voice").click()
        await expect(one.page.get_by_role("button", name="Check my sound")).to_be_visible()

    visit(browser, act)

"""The room: sound both ways, captions, barge-in, lost lines, controls. Time is told in samples of sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.async_api import expect

from tests.browser.fake_realtime import RATE, Line
from tests.browser.harness import WebBrowser
from tests.browser.likeness import likeness
from tests.browser.visit import Visit, visit, wait_for_the_end

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200)]


def test_what_is_said_arrives_as_it_was_said(browser: WebBrowser, spoken_answer: Path) -> None:
    async def act(one: Visit) -> None:
        await one.begin()
        await one.line.hears(6000)
        heard = np.frombuffer(bytes(one.line.audio), "<i2").astype(float)
        spoken, rate = soundfile.read(spoken_answer, dtype="int16")
        assert rate == RATE
        assert len(one.line.audio) % 640 == 0
        assert likeness(spoken.astype(float), heard) > 0.7

    visit(browser, act)


def test_the_interviewer_sounds_whole_and_in_tune(browser: WebBrowser) -> None:
    async def script(line: Line) -> None:
        number = await line.say("Good morning.", 1500, 440)
        assert await line.played(number, done=True) == 1500
        await line.send("viva.floor", state="listening")
        await wait_for_the_end(line)

    async def act(one: Visit) -> None:
        await one.begin()
        await expect(one.see("Your turn: take your time")).to_be_visible()
        await one.ear.until(lambda ear: ear.quiet_ms > 200)
        # A tone of 440 Hz is quieter than the threshold for about a sixteenth of its time.
        assert 1300 < one.ear.loud_ms < 1510
        sounded_s = one.ear.loud_ms * 16 / 15 / 1000
        assert abs(one.ear.crossings / 2 / sounded_s - 440) < 10
        await expect(one.page.locator(".line p")).to_have_text("Good morning.")
        reports = [m["played_ms"] for m in one.line.received if m["type"] == "viva.playback"]
        assert reports == sorted(reports)
        assert len(reports) >= 5

    visit(browser, act, script)


def test_a_pause_is_silence_and_goes_on_where_it_was(browser: WebBrowser) -> None:
    async def script(line: Line) -> None:
        number = await line.say("Tell me about it.", 2400)
        await line.played(number, at_least=600)
        await line.send("viva.pause", response_id=f"resp_{number}")
        await line.got("test.silent")
        await line.send("viva.resume_audio", response_id=f"resp_{number}")
        assert await line.played(number, done=True) == 2400
        await line.send("viva.floor", state="listening")
        await wait_for_the_end(line)

    async def act(one: Visit) -> None:
        await one.begin()
        await expect(one.see("Maya paused for you")).to_be_visible()
        await one.ear.until(lambda ear: ear.quiet_ms > 400)
        assert 500 < one.ear.loud_ms < 2200
        one.line.received.append({"type": "test.silent"})
        one.line.note()
        await expect(one.see("Your turn: take your time")).to_be_visible()
        await one.ear.until(lambda ear: ear.quiet_ms > 200)
        assert 2100 < one.ear.loud_ms < 2410

    visit(browser, act, script)


def test_a_barge_in_cuts_the_reply_and_the_caption_says_what_was_heard(browser: WebBrowser) -> None:
    cut: list[int] = []

    async def script(line: Line) -> None:
        number = await line.say("A long story that nobody will hear to its end.", 8000)
        await line.played(number, at_least=600)
        await line.send("viva.pause", response_id=f"resp_{number}")
        await line.send("conversation.item.truncated", item_id=f"item_{number}", audio_end_ms=600)
        await line.finish(number, "", "cancelled")
        await line.send("viva.floor", state="listening")
        cut.append(await line.played(number, done=True))
        await line.sound(number, 400)  # a late frame of what is over
        await line.got("test.silent")
        second = await line.say("Please go on.", 500)
        assert await line.played(second, done=True) == 500
        await wait_for_the_end(line)

    async def act(one: Visit) -> None:
        await one.begin()
        await expect(one.page.locator(".line[data-state=cut] p")).to_have_text("what was heard")
        await one.ear.until(lambda ear: ear.quiet_ms > 400)
        before = one.ear.loud_ms
        assert before < 6000
        assert cut[0] <= before * 16 / 15 + 60
        one.line.received.append({"type": "test.silent"})
        one.line.note()
        await expect(one.page.locator(".line p").last).to_have_text("Please go on.")
        await one.ear.until(lambda ear: ear.loud_ms - before > 400 and ear.quiet_ms > 200)
        assert one.ear.loud_ms - before < 510

    visit(browser, act, script)


def test_a_killed_socket_comes_back_and_loses_nothing(browser: WebBrowser) -> None:
    async def script(line: Line) -> None:
        await line.ask(1)
        number = await line.say("First.", 500)
        await line.played(number, done=True)
        await line.got("viva.patience", seconds=10)
        line.kill()
        await line.until(lambda: line.socket.closed)
        await line.send(
            "conversation.item.input_audio_transcription.completed", item_id="c", transcript="Lost?"
        )
        del line.received[:]
        await line.got("viva.resume", token="again_1")
        await line.got("viva.patience", seconds=10)
        await line.hears(500)
        second = await line.say("Second.", 500)
        assert await line.played(second, done=True) == 500
        await wait_for_the_end(line)

    async def act(one: Visit) -> None:
        await one.begin()
        await one.page.keyboard.press("Alt+p")
        await expect(one.see("You are back. Nothing you said is lost.")).to_be_visible()
        await expect(one.page.locator(".line p")).to_have_text(["First.", "Lost?", "Second."])
        assert len(one.line.sockets) == 2
        assert not any(m["type"] == "session.update" for m in one.line.received[-3:])

    visit(browser, act, script)


def test_while_the_line_is_down_the_room_says_so_and_keeps_what_is_typed(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        await one.begin()
        await one.line.hears(200)
        await one.page.context.set_offline(True)
        one.line.kill()
        await expect(one.page.locator("#banner")).to_contain_text("The connection dropped")
        await expect(one.page.locator("#floor")).to_have_text("Reconnecting")
        await one.page.keyboard.press("Alt+t")
        await one.page.keyboard.type("I go on in writing.")
        await one.page.keyboard.press("Enter")
        await expect(one.page.locator(".line p")).to_have_text("I go on in writing.")
        await expect(one.page.get_by_role("button", name="Try now")).to_be_visible()
        await one.page.context.set_offline(False)
        await one.line.got("viva.text_answer", text="I go on in writing.")

    visit(browser, act)


def test_every_control_works_by_keyboard(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        await one.begin()
        keys = one.page.keyboard
        mute = one.page.get_by_role("button", name="Mute")
        await keys.press("Alt+m")
        await one.line.got("viva.mute", on=True)
        await expect(mute).to_have_attribute("aria-pressed", "true")
        await one.line.hears(100)
        at = len(one.line.audio)
        await one.line.hears(4000)
        assert not any(one.line.audio[at:]), "muted sound left the page"
        await keys.press("Alt+m")
        await one.line.got("viva.mute", on=False)
        await keys.press("Alt+d")
        await one.line.got("input_audio_buffer.commit")
        await keys.press("Alt+p")
        await one.line.got("viva.patience", seconds=10)
        await keys.press("Alt+,")
        await one.line.got("viva.speed", value=0.9)
        await keys.press("Alt+.")
        await one.line.got("viva.speed", value=1)
        await keys.press("Alt+t")
        await expect(one.page.get_by_label("Your answer in writing")).to_be_focused()
        await keys.type("In writing.")
        await one.line.got("viva.typing")
        await keys.press("Enter")
        await one.line.got("viva.text_answer", text="In writing.")
        await one.page.get_by_role("button", name="End", exact=True).focus()
        await keys.press("Enter")
        await expect(one.page.get_by_role("button", name="Go on")).to_be_focused()
        await keys.press("Escape")
        await expect(one.page.get_by_role("dialog")).to_be_hidden()
        assert not any(m["type"] == "viva.end" for m in one.line.received)
        await one.end()
        await expect(one.page.get_by_role("heading", name="You ended the interview.")).to_be_focused()

    visit(browser, act)


def test_questions_cues_and_persona_show_where_the_interview_stands(browser: WebBrowser) -> None:
    async def script(line: Line) -> None:
        await line.ask(2)
        await line.send("viva.answer.saved", turn=1, question_id="q2")
        await line.ask(2, follow_up_to="q2", text="How did you find out?")
        await line.send("viva.answer.saved", turn=2, question_id="q2.f")
        await line.ask(3)
        await line.send("viva.persona", id="tech_lead", name="Daniel", title="technical lead")
        await line.send("viva.coach", text="Say what you did yourself.")
        await line.send("viva.notice", code="stt_unavailable", text="I cannot hear you just now.")
        await wait_for_the_end(line)

    async def act(one: Visit) -> None:
        await one.to_the_check()
        await one.page.get_by_role("button", name="Answer by typing instead").click()
        await expect(one.page.locator("#persona")).to_have_text("Daniel")
        await expect(one.page.locator("#asked-kicker")).to_have_text("Question 3 of 4 · role knowledge")
        items = one.page.locator("#questions li")
        await expect(items).to_have_count(5)
        await expect(items.nth(2)).to_contain_text("How did you find out? (saved)")
        await expect(one.page.locator("#questions [aria-current=step]")).to_contain_text(
            "a service has become slow"
        )
        await expect(items.nth(0)).to_have_text("1opening")
        await expect(one.page.locator("#cues li")).to_have_text("Say what you did yourself.")
        await expect(one.page.locator("#banner")).to_contain_text("I cannot hear you just now.")
        await one.end()
        await expect(one.page.locator("#kept li")).to_have_text(
            ["The transcript, with 2 answers", "The recording of both sides", "No measurements of your voice"]
        )
        link = one.page.get_by_role("link", name="See my scorecard")
        await expect(link).to_have_attribute(
            "href", "/mock-interview/link/scorecard?call_id=call_1#access=v1.a.b"
        )

    visit(browser, act, script)


def test_a_microphone_that_is_pulled_out_can_come_back(browser: WebBrowser) -> None:
    async def act(one: Visit) -> None:
        await one.begin()
        await one.line.hears(100)
        await one.page.evaluate(
            "() => { const [t] = opened.getAudioTracks(); t.stop(); t.dispatchEvent(new Event('ended')); }"
        )
        await expect(one.page.locator("#banner")).to_contain_text("The microphone is gone")
        await one.line.got("viva.mute", on=True)
        await expect(one.page.get_by_label("Your answer in writing")).to_be_visible()
        await one.page.get_by_role("button", name="Use the microphone").click()
        await one.line.got("viva.mute", on=False)
        await one.line.hears(500)

    visit(browser, act)


def test_a_page_that_is_loaded_again_goes_on_with_all_that_was_said(browser: WebBrowser) -> None:
    async def script(line: Line) -> None:
        await line.ask(2)
        await line.send("viva.notice", code="no_audio", text="No sound arrives.")
        number = await line.say("Tell me about it.", 300)
        await line.played(number, done=True)
        name = "conversation.item.input_audio_transcription.completed"
        await line.send(name, item_id="c", transcript="It went well.")
        await line.send("viva.answer.saved", turn=1, question_id="q2")
        await wait_for_the_end(line)

    async def act(one: Visit) -> None:
        await one.begin()
        await expect(one.page.locator("#questions [data-state=now]")).to_have_count(1)
        await expect(one.page.locator(".line p")).to_have_text(["Tell me about it.", "It went well."])
        one.page.on("dialog", lambda dialog: dialog.accept())
        await one.page.reload()
        await expect(one.page.get_by_role("heading", name="Your interview is still on")).to_be_visible()
        await one.page.get_by_role("button", name="Go on", exact=True).click()
        await expect(one.page.locator("#persona")).to_have_text("Maya")
        await expect(one.page.locator(".line p")).to_have_text(["Tell me about it.", "It went well."])
        await expect(one.page.locator("#asked-kicker")).to_contain_text("Question 2 of 4")
        await expect(one.page.locator("#banner")).to_be_hidden()
        await one.line.got("viva.resume", token="again_1", last_event="evt_fake_0")
        await one.line.got("viva.mute", on=False)
        await one.line.hears(500)
        assert len(one.fake.registered) == 1
        await one.end()

    visit(browser, act, script)


def test_the_goodbye_is_heard_before_the_room_closes(browser: WebBrowser) -> None:
    async def script(line: Line) -> None:
        number = await line.say("Thank you, and goodbye.", 1200)
        await line.send("viva.ended", reason="finished", scorecard_url=None)
        assert number == 1

    async def act(one: Visit) -> None:
        await one.begin()
        await expect(one.page.get_by_role("heading", name="That was your interview.")).to_be_visible()
        assert one.ear.loud_ms > 950

    visit(browser, act, script)


def test_trouble_on_the_way_is_said_and_nothing_else_is(browser: WebBrowser) -> None:
    async def script(line: Line) -> None:
        await line.send("error", error={"code": "unknown_type", "message": "for programs"})
        await line.send("error", error={"code": "audio_too_fast", "message": "for programs"})
        await wait_for_the_end(line)

    async def act(one: Visit) -> None:
        await one.begin()
        await expect(one.page.locator("#banner")).to_contain_text("some of it was lost")
        await expect(one.see("for programs")).to_have_count(0)

    visit(browser, act, script)


def test_sound_that_the_browser_stops_can_be_turned_on_again(browser: WebBrowser) -> None:
    watch = """
    const Made = window.AudioContext;
    window.AudioContext = class extends Made { constructor(...how) { super(...how); window.made = this; } };
    """

    async def act(one: Visit) -> None:
        await one.begin()
        await one.line.hears(100)
        await one.page.evaluate("window.made.suspend()")
        await expect(one.page.locator("#banner")).to_contain_text("The browser has stopped the sound.")
        await one.page.get_by_role("button", name="Turn it on again").click()
        await expect(one.page.locator("#banner")).to_be_hidden()
        await one.line.hears(300)

    visit(browser, act, scripts=(watch,))

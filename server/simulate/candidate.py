"""The spoken candidate: holds an interview by voice with a running server, and says what was wrong."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from audio.tts import TtsError
from server.simulate.candidate_line import CallOver, CandidateLine, Unanswered
from server.simulate.candidate_script import MUMBLE_S, Act, ScriptError, Step, read_script, steps
from server.simulate.candidate_sound import (
    CandidateVoice,
    SoundError,
    TwoEars,
    cough,
    local_voice,
    read_wav,
    silence,
)
from server.simulate.candidate_wire import Event

OVERTIME: Final = 1.5
"""The candidate has to leave after so many times the length of the interview."""
COUGH_AT_S: Final = 1.0
DROP_AT_S: Final = 1.0
ROOT: Final = "/v1/candidates/mock-ai-interview"
CONSENT: Final = {
    "version": "2026-11-24",
    "locale": "en",
    "ai_disclosed": True,
    "record_audio": True,
    "audio_measurements": True,
}
_WORD: Final = re.compile(r"[a-z0-9']+")


class Refused(Exception):
    """The server would not make the interview or the call; the text is its own."""


@dataclass(frozen=True, slots=True)
class Registered:
    session_id: str
    call_id: str
    token: str
    url: str


@dataclass(slots=True)
class Turn:
    """``said``: the words of it; None where nobody knows them. ``heard``: what the server made of it."""

    act: Act
    said: str | None
    heard: list[str] = field(default_factory=list)


async def register(base: str, session_id: str | None = None, **wishes: Any) -> Registered:
    """Make an interview, unless it is named, and a call that may be recorded. Raises Refused."""
    async with aiohttp.ClientSession() as http:
        if session_id is None:
            made = await _post(http, f"{base}{ROOT}", {"role": "Backend Developer"} | wishes)
            session_id = str(made["sessionId"])
        person = {"session_id": session_id, "name": "Sim Candidate", "email": "sim@example.org"}
        call = await _post(
            http, f"{base}/api/register-call", person | {"transport": "realtime", "consent": CONSENT}
        )
    return Registered(session_id, str(call["callId"]), str(call["accessToken"]), str(call["callUrl"]))


async def _post(http: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> dict[str, Any]:
    async with http.post(url, json=body) as got:
        text = await got.text()
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if got.status >= 300 or not isinstance(answer, dict):
        why = answer.get("detail") or answer.get("title") if isinstance(answer, dict) else ""
        raise Refused(f"{url} answered {got.status}: {why or 'not what Viva answers'}")
    return answer


class Candidate:
    """Does the steps, one after the other, on a line. ``turns``: what was said, and what was heard of it."""

    def __init__(self, line: CandidateLine, voice: CandidateVoice, *, seed: int = 1, say: Any = None) -> None:
        self.line, self._voice, self._seed = line, voice, seed
        self._show = say or (lambda who, text: None)
        self.turns: list[Turn] = []
        self._goes_on = False
        self._captions = 0

    async def hold(self, todo: Iterable[Step]) -> str:
        """Until the interview is over, the steps are, or one ends it; why. Raises Unanswered."""
        try:
            for step in todo:
                await self._do(step)
                self._match()
                if step.act is Act.END:
                    return "hung_up"
            await self.line.my_turn()
        except CallOver as over:
            return over.reason
        finally:
            self._match()
        return "steps over"

    async def _do(self, step: Step) -> None:
        match step.act:
            case Act.SPEAK | Act.MUMBLE | Act.TYPE:
                await self._answer(step)
            case Act.PAUSE:
                self.line.say(silence(step.seconds))
                self._goes_on = True
            case Act.COUGH:
                if await self.line.sounds(step.over_s or COUGH_AT_S):
                    self._show("--", "the candidate coughs")
                    self.line.say(cough())
            case Act.DROP:
                if await self.line.sounds(step.over_s or DROP_AT_S):
                    self._show("--", "the connection drops")
                    before = self.line.sockets
                    self.line.drop()
                    await self.line.until(lambda: self.line.sockets > before)
            case Act.END:
                await self.line.my_turn()

    async def _answer(self, step: Step) -> None:
        over = False
        if step.over_s is not None:
            over = await self.line.sounds(step.over_s)
        elif not self._goes_on:
            await self.line.my_turn()
        self._match()
        words = step.words(self.line.asked, self._seed)
        if step.act is Act.TYPE:
            self.turns.append(Turn(step.act, None))
            self._show("Candidate (typed)", words)
            await self.line.type(words)
            return
        pcm = await self._sound(step, words)
        self.line.check_open()
        if self._goes_on and self.turns:
            self.turns[-1].said = f"{self.turns[-1].said or ''} {words}".strip() or None
        else:
            self.turns.append(Turn(step.act, words or None))
        self._goes_on = False
        self._show("Candidate (cuts in)" if over else "Candidate", words or f"({step.act})")
        if over:
            self.line.talk_over(pcm)
        else:
            self.line.say(pcm)
        try:
            await self.line.silent()
        except CallOver:
            self.turns.pop()  # said to nobody
            raise

    async def _sound(self, step: Step, words: str) -> bytes:
        if step.act is Act.MUMBLE:
            return await self._voice.mumble(step.seconds or MUMBLE_S)
        if step.wav is not None:
            return await asyncio.to_thread(read_wav, step.wav)
        return await self._voice.say(words)

    def _match(self) -> None:
        """Give the answers that were recognised by now to the turn they belong to."""
        kind = "conversation.item.input_audio_transcription.completed"
        captions = [event["transcript"] for event in self.line.events if event["type"] == kind]
        if self.turns:
            self.turns[-1].heard += captions[self._captions :]
        self._captions = len(captions)


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Words to insert, delete and replace to get from one to the other, and how many were said."""
    want, got = _WORD.findall(said.lower()), _WORD.findall(heard.lower())
    row = list(range(len(got) + 1))
    for n, word in enumerate(want, start=1):
        before, row[0] = row[0], n
        for m, other in enumerate(got, start=1):
            before, row[m] = row[m], min(row[m] + 1, row[m - 1] + 1, before + (word != other))
    return row[-1], len(want)


def word_error_rate(turns: Sequence[Turn]) -> float | None:
    """Over all turns whose words are known; None when there are none."""
    pairs = [word_errors(turn.said, " ".join(turn.heard)) for turn in turns if turn.said is not None]
    words = sum(count for _, count in pairs)
    return sum(wrong for wrong, _ in pairs) / words if words else None


async def simulate_candidate(
    url: str,
    *,
    session_id: str | None = None,
    minutes: int = 5,
    script: Path | None = None,
    barge_in: bool = False,
    mumble: bool = False,
    drop: bool = False,
    speed: float = 1.0,
    out: Path | None = None,
    json_out: bool = False,
    seed: int = 1,
) -> int:
    """Hold one interview by voice with the server at ``url``; 0 if nothing was wrong, else 1."""
    base = url.rstrip("/")
    report = _Report(json_out)
    try:
        given = [] if script is None else await asyncio.to_thread(_read, script)
        voice = CandidateVoice(await asyncio.to_thread(local_voice))
    except (ScriptError, SoundError, OSError) as error:
        return report.failed(str(error))
    ears = None
    try:
        if out is not None:
            ears = await asyncio.to_thread(TwoEars, out)
        call = await register(base, session_id, duration=minutes)
        report.call = call
        async with CandidateLine(call.url, call.token, speed=speed, out=ears, hear=report.hear) as line:
            report.line = line
            one = Candidate(line, voice, seed=seed, say=report.say)
            report.turns = one.turns
            todo = steps(given, barge_in=barge_in, mumble=mumble, drop=drop)
            async with asyncio.timeout(minutes * 60 * OVERTIME + 60):
                report.ended = await one.hold(todo)
    except Unanswered as error:
        report.problem = str(error)
    except TimeoutError:
        report.problem = "the candidate had to leave: this interview does not end"
    except (Refused, TtsError, SoundError) as error:
        report.problem = str(error)
    except (aiohttp.ClientError, OSError) as error:
        report.problem = f"cannot talk to {url}: {type(error).__name__}; is the server running there?"
    finally:
        await voice.aclose()
        if ears is not None:
            await asyncio.to_thread(ears.close)
    return report.print()


def _read(script: Path) -> list[Step]:
    return read_script(script.read_text(encoding="utf-8"), script.parent)


@dataclass(slots=True)
class _Report:
    """Progress while it goes on, unless a machine reads; then the summary."""

    quiet: bool
    call: Registered | None = None
    line: CandidateLine | None = None
    turns: list[Turn] = field(default_factory=list)
    ended: str | None = None
    scorecard_url: str | None = None
    problem: str = ""

    def say(self, who: str, text: str) -> None:
        if not self.quiet:
            seconds = 0 if self.line is None else self.line.seconds
            print(f"[{seconds // 60:02d}:{seconds % 60:02d}] {who}: {text}", flush=True)  # noqa: T201

    def hear(self, event: Event) -> None:
        match event["type"]:
            case "response.output_audio_transcript.done":
                self.say("Interviewer", event["transcript"])
            case "conversation.item.input_audio_transcription.completed":
                self.say("  understood", event["transcript"])
            case "viva.notice":
                self.say("  notice", event["text"])
            case "viva.ended":
                self.scorecard_url = event["scorecard_url"]
            case _:
                pass

    def failed(self, why: str) -> int:
        self.problem = why
        return self.print()

    def summary(self) -> dict[str, Any]:
        line = self.line
        rate = word_error_rate(self.turns)
        told: dict[str, Any] = {
            "session_id": self.call and self.call.session_id,
            "call_id": self.call and self.call.call_id,
            "end_reason": self.ended,
            "turns": len(self.turns),
            "unheard_turns": sum(turn.act is Act.SPEAK and not turn.heard for turn in self.turns),
            "word_error_rate": None if rate is None else round(rate, 3),
            "violations": [] if line is None else line.check.violations,
            "problem": self.problem or None,
        }
        if line is not None:
            measured = line.measured
            told |= {
                "sockets": line.sockets,
                "call_seconds": line.seconds,
                "scorecard_url": self.scorecard_url,
                "said_seconds": round(measured.said_ms / 1000, 1),
                "heard_seconds": round(measured.heard_ms / 1000, 1),
                "gap_ms": measured.gap_ms,
                "reply_ms": measured.reply,
                "reply_ms_median": _median(measured.reply),
                "silenced_ms": measured.silenced,
                "silenced_ms_median": _median(measured.silenced),
                "notices": sorted({e["code"] for e in line.events if e["type"] == "viva.notice"}),
                "transcript": [{"said": turn.said, "heard": turn.heard} for turn in self.turns],
            }
        return told

    def print(self) -> int:
        told = self.summary()
        failed = bool(told["violations"] or self.problem)
        if self.quiet:
            print(json.dumps(told, ensure_ascii=False))  # noqa: T201
            return int(failed)
        for text in _lines(told):
            print(text)  # noqa: T201
        return int(failed)


def _lines(told: dict[str, Any]) -> Iterator[str]:
    if "sockets" in told:
        spoken = f"{told['call_seconds'] / 60:.1f} minutes of call"
        rate = told["word_error_rate"]
        yield f"\n{told['turns']} turns, {spoken}, ended by {told['end_reason']}."
        yield "Words understood wrongly: " + ("not measured." if rate is None else f"{rate:.0%}.")
        yield f"From the last word to the reply: {_ms(told['reply_ms_median'])} of sound (median)."
        if told["silenced_ms"]:
            yield f"From talking over it to its silence: {_ms(told['silenced_ms_median'])} (median)."
        yield f"Silence within replies: {told['gap_ms']} ms."
        if told["scorecard_url"]:
            yield f"Scorecard: {told['scorecard_url']}"
    for text in (*told["violations"], *([told["problem"]] if told["problem"] else [])):
        yield f"WRONG: {text}"
    if not told["violations"] and not told["problem"]:
        yield "No violations of the protocol."


def _median(values: Sequence[int]) -> int | None:
    return round(statistics.median(values)) if values else None


def _ms(value: int | None) -> str:
    return "not measured" if value is None else f"{value} ms"

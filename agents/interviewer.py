"""The interviewer: from a directive to spoken text, clause by clause.

Where no model has a say (greeting, nudge, repeat, goodbye) the words are fixed and come at once. Where
one has, it proposes a move in its first line; the flow settles it; then the model's words follow,
cleaned, and the planned question is added word for word, so that every candidate is asked the same.
A model that is late gets a holding line; one that fails is replaced by the flow's own words.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from agents import lines
from agents.llm import LLM, LlmError, Message, Prompt
from agents.prompts import load_prompt
from agents.scenario import ScenarioAgent
from agents.speech import Header, SpeechGuard
from interview.conversation import Said
from interview.events import Clause, Speaker
from interview.flow import Directive, Judgement, Settled, Step, settle
from interview.model import QuestionType, Sliders, Wishes
from interview.personas import PERSONAS
from interview.reading import UNINTELLIGIBLE, words_of

HISTORY: Final = 12
"""Utterances the model is shown; the directive carries what matters of the rest."""
MAX_UTTERANCE: Final = 4000
"""Characters of one utterance the model is shown."""
MAX_WORDS: Final = 70
"""A reply is cut after this many words at the next clause: an interviewer listens."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. From the start of the reply, ``hold``: say a holding line; ``give_up``: use own words.

    ``stall``: the longest wait for the next piece of a text that has begun.
    """

    hold: float = 2.5
    give_up: float = 8.0
    stall: float = 4.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What the interviewer works from; a value made by the call loop."""

    directive: Directive
    wishes: Wishes
    history: Sequence[Said]
    name: str = ""
    nudges: int = 0
    persona: str | None = None


def probes_allowed(sliders: Sliders) -> int:
    """Follow-ups per question by the exploration slider: 1–2 none, 3–5 one, 6–8 two, 9–10 three."""
    return sliders.exploration // 3


@dataclass(slots=True)
class InterviewerAgent:
    """Speaks for the company. ``on_trouble`` is told adapter text of each failed model request."""

    llm: LLM
    patience: Patience = field(default_factory=Patience)
    on_trouble: Callable[[LlmError], None] = lambda _: None
    scenario: ScenarioAgent = field(init=False)

    def __post_init__(self) -> None:
        self.scenario = ScenarioAgent(self.llm)

    async def reply(self, reply: Reply) -> AsyncGenerator[Settled | Clause, None]:
        """First the settled move, then what to say, clause by clause; close it with ``aclosing``.

        Never raises `LlmError`: the interview goes on in the flow's own words.
        """
        settled: Settled | None = None
        scene: asyncio.Task[tuple[Clause, ...]] | None = None
        words = self._model_words if reply.directive.free else self._fixed_words
        try:
            async with aclosing(words(reply)) as parts:
                async for part in parts:
                    if isinstance(part, Settled):
                        settled = part
                        scene = self._scene(reply, settled)
                    yield part
            assert settled is not None
            if settled.step is Step.CLOSE and reply.directive.free:
                yield Clause(lines.goodbye(reply.name), _speaker(reply))
            elif settled.step is Step.ADVANCE and settled.asked is not None:
                for clause in await scene if scene else ():
                    yield clause
                yield Clause(settled.asked.text, settled.asked.persona)
        finally:
            await _dropped(scene)

    def _scene(self, reply: Reply, settled: Settled) -> asyncio.Task[tuple[Clause, ...]] | None:
        """The hand-over, made while the end of the topic is still being said."""
        before, asked = reply.directive.current, settled.asked
        if settled.step is not Step.ADVANCE or before is None or asked is None:
            return None
        if before.persona == asked.persona:
            return None
        met = any(said.persona == asked.persona for said in reply.history)
        making = self.scenario.hand_over(before.persona, asked, reply.wishes, met=met)
        return asyncio.get_running_loop().create_task(making)

    async def _fixed_words(self, reply: Reply) -> AsyncGenerator[Settled | Clause, None]:
        settled, speaker = settle(reply.directive, None), _speaker(reply)
        yield settled
        if settled.step is Step.GREET and settled.asked is not None:
            for clause in self.scenario.opening(reply.wishes, settled.asked, reply.name):
                yield clause
            return
        text = lines.fixed(reply.directive, settled, reply.name, reply.nudges)
        if text is not None:
            yield Clause(text, settled.asked.persona if settled.asked else speaker)
        elif own := _own_words(reply, settled):
            yield Clause(own, speaker)

    async def _model_words(self, reply: Reply) -> AsyncGenerator[Settled | Clause, None]:
        settled: Settled | None = None
        said: list[str] = []
        speaker = _speaker(reply)
        try:
            async with aclosing(self._from_model(reply)) as parts:
                async for part in parts:
                    if isinstance(part, Settled):
                        settled = part
                        yield part
                    else:
                        if part != lines.HOLDING:
                            said.append(part)
                        yield Clause(part, speaker)
        except LlmError as trouble:
            self.on_trouble(trouble)
            if settled is None:
                settled = settle(reply.directive, None)
                yield settled
            if not said:
                said.append(_own_words(reply, settled) or lines.bridge(Sliders(), reply.directive.probes))
                yield Clause(said[0], speaker)
        assert settled is not None
        if settled.step is Step.PROBE and not any("?" in text for text in said):
            yield Clause(_angle(reply, settled), speaker)

    async def _from_model(self, reply: Reply) -> AsyncGenerator[Settled | str, None]:
        """The settled move and clauses as soon as they may be said; a follow-up once it names its cause."""
        header, guard, settled, words = Header(), None, None, 0
        held: list[str] = []
        named, asked, waited = False, False, False
        async with aclosing(self._pieces(self._prompt(reply))) as pieces:
            async for piece in pieces:
                if piece is None:
                    settled, waited = settle(reply.directive, None), True
                    yield settled
                    yield lines.HOLDING
                    continue
                text = header.feed(piece)
                if not header.complete:
                    continue
                if guard is None:
                    if settled is None:
                        settled = settle(reply.directive, header.judgement)
                        yield settled
                    elif header.judgement and header.judgement.step is not settled.step:
                        raise LlmError(self.llm.model, "changed its move after the holding line")
                    guard = SpeechGuard(questions=settled.step in (Step.PROBE, Step.ANSWER_BACK))
                    named = settled.step is not Step.PROBE
                for clause in guard.feed(text):
                    words += len(clause.split())
                    if asked:
                        continue  # one question is enough
                    asked = settled is not None and settled.step is Step.PROBE and clause.endswith("?")
                    held.append(clause)
                    if named or (named := _names(settled, clause)):
                        for ready in held:
                            yield ready
                        held.clear()
                if words > MAX_WORDS:
                    break
        if guard is None or settled is None:
            raise LlmError(self.llm.model, "sent no speech")
        held += [] if asked else guard.end()
        if not named and not _names(settled, " ".join(held)):
            yield _naming(" ".join(held), settled, reply)
            return
        for ready in held:
            yield ready
        if not words and not held and settled.step not in (Step.ADVANCE, Step.CLOSE):
            raise LlmError(self.llm.model, "said nothing that may be spoken")
        if waited and not words and not held:
            raise LlmError(self.llm.model, "said nothing after the holding line")

    async def _pieces(self, prompt: Prompt) -> AsyncGenerator[str | None, None]:
        """The model's text; None once when it is late. Raises LlmError when it is too late, or stalls."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with aclosing(self.llm.stream(prompt)) as stream:
            waiter: asyncio.Future[None] = loop.create_future()
            first: asyncio.Task[str] = loop.create_task(_next(stream, waiter))
            late = loop.call_later(self.patience.hold, _wake, waiter)
            try:
                await waiter  # one step less than waiting for the task: each counts before the first word
                if not first.done():
                    yield None
                    left = began + self.patience.give_up - loop.time()
                    await asyncio.wait((first,), timeout=max(left, 0.0))
                if not first.done():
                    raise LlmError(self.llm.model, f"no word within {self.patience.give_up:g} s")
                yield first.result()
            finally:
                late.cancel()
                await _dropped(first)
            while True:
                try:
                    async with asyncio.timeout(self.patience.stall):
                        piece = await anext(stream)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise LlmError(self.llm.model, f"stalled for {self.patience.stall:g} s") from None
                yield piece

    def _prompt(self, reply: Reply) -> Prompt:
        directive, wishes = reply.directive, reply.wishes
        assert directive.current is not None
        persona = PERSONAS[reply.persona or directive.current.persona]
        sliders, angles = wishes.sliders, directive.current.angles
        file = load_prompt("interviewer.reply", 1)
        system = file.fill(
            {
                "persona_name": persona.name,
                "persona_title": persona.title,
                "persona_manner": persona.manner,
                "role": wishes.role,
                "rapport": sliders.rapport,
                "exploration": sliders.exploration,
                "empathy": sliders.empathy,
                "speed": sliders.speed,
                "question": directive.current.text,
                "angles": " / ".join(angles) or "ask for the candidate's own part",
                "moves": ", ".join(directive.steps),
            }
        )
        facts = {
            "answer": directive.answer,
            "moves": [step.value for step in directive.steps],
            "angles": angles,
            "probes": directive.probes,
            "asks_for_a_story": directive.current.type is QuestionType.BEHAVIORAL,
            "picked": directive.picked,
            "exploration": sliders.exploration,
            "bridge": lines.bridge(sliders, directive.upcoming_index),
        }
        return Prompt(
            "interviewer.reply", system, _messages(reply), facts, max_tokens=220, source=file.source
        )


async def _next(stream: AsyncGenerator[str, None], waiter: asyncio.Future[None]) -> str:
    """The first piece. ``waiter`` is done as soon as it has come, or cannot come any more."""
    try:
        async for piece in stream:
            return piece
        raise LlmError("model", "ended without a word")
    finally:
        _wake(waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _messages(reply: Reply) -> tuple[Message, ...]:
    """The last utterances as alternating messages; the candidate's words stand between markers."""
    out: list[Message] = []
    last = list(islice((said for said in reversed(reply.history) if said.text), HISTORY))
    for said in reversed(last):
        text = said.text[:MAX_UTTERANCE]
        if said.speaker is Speaker.INTERVIEWER:
            out.append(Message("assistant", text))
        else:
            out.append(Message("user", _marked(text)))
    if not out or out[-1].role != "user":
        out.append(Message("user", _marked(reply.directive.answer[:MAX_UTTERANCE])))
    return tuple(out)


def _marked(text: str) -> str:
    """The candidate's words between markers that nothing in them can close."""
    return f"<candidate>{text.replace('<', ' ').replace('>', ' ')}</candidate>"


def _angle(reply: Reply, settled: Settled) -> str:
    """A follow-up question that was thought of beforehand."""
    angles = (settled.asked.angles if settled.asked else ()) or ("What was your own part in it?",)
    return angles[reply.directive.probes % len(angles)]


def _own_words(reply: Reply, settled: Settled) -> str:
    """What the flow says without a model."""
    if settled.step is Step.PROBE:
        return f"{_picked_up(reply, settled)} {_angle(reply, settled)}"
    if settled.step is Step.ANSWER_BACK:
        return "I cannot answer that in a practice interview. Is there anything else you would like to ask?"
    return lines.bridge(reply.wishes.sliders, reply.directive.upcoming_index)


def _speaker(reply: Reply) -> str:
    """Who holds the floor for the company when the reply begins: a persona id."""
    current = reply.directive.current or reply.directive.upcoming
    return reply.persona or (current.persona if current else next(iter(PERSONAS)))


def _names(settled: Settled | None, speech: str) -> bool:
    """True when ``speech`` has words of what the follow-up picks up."""
    if settled is None:
        return False
    key = {w.lower() for w in words_of(settled.about) if len(w) > 3} or {settled.about.lower()}
    return bool(key & {w.lower() for w in words_of(speech)})


def _naming(speech: str, settled: Settled, reply: Reply) -> str:
    """The follow-up, made to name words that the candidate really said."""
    if not speech or "?" not in speech:
        return _own_words(reply, settled)
    return f"{_picked_up(reply, settled)} {speech}"


def _picked_up(reply: Reply, settled: Settled) -> str:
    about = settled.about.replace(UNINTELLIGIBLE, "").strip()
    return lines.picked_up(about, reply.directive.answer, len(reply.directive.picked))


async def _dropped(task: asyncio.Task[Any] | None) -> None:
    """Cancel, then wait, with a bound."""
    if task is not None and not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=2.0)


__all__ = ["InterviewerAgent", "Judgement", "Patience", "Reply", "probes_allowed"]

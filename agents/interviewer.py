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
from typing import Final

from agents import lines
from agents.llm import LLM, LlmError, Message, Prompt
from agents.prompts import load_prompt
from agents.speech import Header, SpeechGuard
from interview.conversation import Said
from interview.events import Clause, Speaker
from interview.flow import Directive, Judgement, Settled, Step, settle
from interview.model import Sliders, Wishes
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
    """Seconds from the start of the reply. ``hold``: say a holding line. ``give_up``: use own words."""

    hold: float = 2.5
    give_up: float = 8.0


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
    return (
        (sliders.exploration + (0 if sliders.exploration < 3 else 3)) // 4 if sliders.exploration > 2 else 0
    )


@dataclass(slots=True)
class InterviewerAgent:
    """Speaks for the company. ``on_trouble`` is told adapter text of each failed model request."""

    llm: LLM
    patience: Patience = field(default_factory=Patience)
    on_trouble: Callable[[LlmError], None] = lambda _: None

    async def reply(self, reply: Reply) -> AsyncGenerator[Settled | Clause, None]:
        """First the settled move, then what to say, clause by clause; close it with ``aclosing``.

        Never raises `LlmError`: the interview goes on in the flow's own words.
        """
        directive, wishes, speaker = reply.directive, reply.wishes, _speaker(reply)
        if not directive.free:
            settled = settle(directive, None)
            text = lines.fixed(directive, settled, wishes, reply.name, reply.nudges)
            yield settled
            if text is None and (own := _own_words(reply, settled)):
                yield Clause(own, speaker)
            for clause in _tail(reply, settled) if text is None else (Clause(text, _host(settled, speaker)),):
                yield clause
            return
        settled_now: Settled | None = None
        spoken = 0
        try:
            async with aclosing(self._from_model(reply)) as parts:
                async for part in parts:
                    if isinstance(part, Settled):
                        settled_now = part
                        yield part
                    else:
                        spoken += 1
                        yield Clause(part, speaker)
        except LlmError as trouble:
            self.on_trouble(trouble)
            if settled_now is None:
                settled_now = settle(directive, None)
                yield settled_now
            if not spoken:
                own = _own_words(reply, settled_now) or lines.bridge(Sliders(), directive.probes)
                yield Clause(own, speaker)
        assert settled_now is not None
        for clause in _tail(reply, settled_now):
            yield clause

    async def _from_model(self, reply: Reply) -> AsyncGenerator[Settled | str, None]:
        header, guard, settled, words, speech = Header(), None, None, 0, ""
        async with aclosing(self._pieces(self._prompt(reply))) as pieces:
            async for piece in pieces:
                if piece is None:
                    if words == 0:
                        settled = settled or settle(reply.directive, None)
                        yield settled
                        yield lines.HOLDING
                        words += 1
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
                for clause in guard.feed(text):
                    speech, words = f"{speech} {clause}", words + len(clause.split())
                    if settled is not None and settled.step is Step.PROBE:
                        continue  # held until it is sure to name the candidate's words
                    yield clause
                if words > MAX_WORDS:
                    break
        if guard is None or settled is None:
            raise LlmError(self.llm.model, "sent no speech")
        for clause in guard.end():
            speech = f"{speech} {clause}"
            if settled.step is not Step.PROBE:
                yield clause
        if settled.step is Step.PROBE:
            yield _naming(speech.strip(), settled, reply)
        elif not speech.strip() and not _tail(reply, settled):
            raise LlmError(self.llm.model, "said nothing that may be spoken")

    async def _pieces(self, prompt: Prompt) -> AsyncGenerator[str | None, None]:
        """The model's text; None once when it is late. Raises LlmError when it is too late."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with aclosing(self.llm.stream(prompt)) as stream:
            first: asyncio.Task[str] = loop.create_task(_next(stream))
            try:
                await asyncio.wait((first,), timeout=self.patience.hold)
                if not first.done():
                    yield None
                    left = began + self.patience.give_up - loop.time()
                    await asyncio.wait((first,), timeout=max(left, 0.0))
                if not first.done():
                    raise LlmError(self.llm.model, f"no word within {self.patience.give_up:g} s")
                yield first.result()
            finally:
                if not first.done():
                    first.cancel()
                    await asyncio.wait((first,), timeout=2.0)
            async for piece in stream:
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
            "picked": directive.picked,
            "exploration": sliders.exploration,
            "bridge": lines.bridge(sliders, directive.upcoming_index),
        }
        return Prompt(
            "interviewer.reply", system, _messages(reply), facts, max_tokens=220, source=file.source
        )


async def _next(stream: AsyncGenerator[str, None]) -> str:
    async for piece in stream:
        return piece
    raise LlmError("model", "ended without a word")


def _messages(reply: Reply) -> tuple[Message, ...]:
    """The last utterances as alternating messages; the candidate's words stand between markers."""
    out: list[Message] = []
    for said in [s for s in reply.history if s.text][-HISTORY:]:
        text = said.text[:MAX_UTTERANCE]
        if said.speaker is Speaker.INTERVIEWER:
            out.append(Message("assistant", text))
        else:
            out.append(Message("user", f"<candidate>{text.replace('</candidate>', '')}</candidate>"))
    if not out or out[-1].role != "user":
        out.append(Message("user", f"<candidate>{reply.directive.answer[:MAX_UTTERANCE]}</candidate>"))
    return tuple(out)


def _own_words(reply: Reply, settled: Settled) -> str:
    """What the flow says without a model."""
    if settled.step is Step.PROBE and settled.asked:
        angles = settled.asked.angles or ("What was your own part in it?",)
        return f"You mentioned {settled.about}. {angles[reply.directive.probes % len(angles)]}"
    if settled.step is Step.ANSWER_BACK:
        return "I cannot answer that in a practice interview. Is there anything else you would like to ask?"
    return lines.bridge(reply.wishes.sliders, reply.directive.upcoming_index)


def _speaker(reply: Reply) -> str:
    """Who holds the floor for the company when the reply begins: a persona id."""
    current = reply.directive.current or reply.directive.upcoming
    return reply.persona or (current.persona if current else next(iter(PERSONAS)))


def _host(settled: Settled, speaker: str) -> str:
    """Who says a fixed line: the persona of what is asked, else who holds the floor."""
    return settled.asked.persona if settled.asked else speaker


def _tail(reply: Reply, settled: Settled) -> tuple[Clause, ...]:
    """What is always added: the handover and the planned question, or the goodbye."""
    if settled.step is Step.CLOSE:
        return (Clause(lines.goodbye(reply.name), _speaker(reply)),)
    asked = settled.asked
    if settled.step is not Step.ADVANCE or asked is None:
        return ()
    before = reply.directive.current
    change = lines.handover(PERSONAS[before.persona], PERSONAS[asked.persona]) if before else ()
    return (*change, Clause(asked.text, asked.persona))


def _naming(speech: str, settled: Settled, reply: Reply) -> str:
    """The follow-up, sure to contain words that the candidate really said."""
    if not speech or "?" not in speech:
        return _own_words(reply, settled)
    key = {w.lower() for w in words_of(settled.about) if len(w) > 3} or {settled.about.lower()}
    if key & {w.lower() for w in words_of(speech)}:
        return speech
    return f"You mentioned {settled.about.replace(UNINTELLIGIBLE, '').strip()}. {speech}"


__all__ = ["InterviewerAgent", "Judgement", "Patience", "Reply", "probes_allowed"]

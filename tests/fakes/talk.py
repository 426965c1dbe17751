"""A whole call in virtual time: scripted line, scripted model, the real turn loop between them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from agents.interviewer import InterviewerAgent, Patience
from agents.prompts import preload_prompts
from interview.conversation import Changes, Conversation, Said
from interview.events import EndReason, Speaker, TurnId
from interview.flow import Progress
from interview.model import Block, Question, QuestionType, Wishes
from server.call import Cue, LiveCall, TurnTimings
from tests import virtual_loop
from tests.fakes.llm import Script, ScriptedLLM
from tests.fakes.scripted_line import ScriptedLine, Step

ANSWER: Final = "At Kestrel Health I rebuilt the billing importer with Python and cut its run by half."


def question(number: int, block: Block | None, kind: QuestionType, persona: str = "hr") -> Question:
    topic = (block or "work").replace("_", " ")
    text = f"Question number {number}: which part of your {topic} would you tell us about?"
    return Question(
        f"q{number}", text, kind, block, persona, angles=("Who else was involved?", "What came next?")
    )


QUESTIONS: Final = (
    question(0, None, QuestionType.OPENER),
    question(1, Block.BEHAVIORAL, QuestionType.BEHAVIORAL),
    question(2, Block.ROLE_KNOWLEDGE, QuestionType.TECHNICAL, "tech_lead"),
    question(3, Block.COMMUNICATION, QuestionType.SCENARIO),
    Question("q4", "Do you have any questions for us?", QuestionType.CLOSING, None, "hr"),
)
WISHES: Final = Wishes("backend engineer")


@dataclass
class Held:
    """What became of a call."""

    line: ScriptedLine
    llm: ScriptedLLM
    conversation: Conversation
    reason: EndReason = EndReason.HUNG_UP
    ended_at: float = 0.0
    saved: list[tuple[float, Changes]] = field(default_factory=list)
    timings: list[TurnTimings] = field(default_factory=list)

    def said(self, turn: int, speaker: Speaker = Speaker.INTERVIEWER) -> str:
        found = [s.text for s in self.conversation.said if (s.turn, s.speaker) == (turn, speaker)]
        return found[0] if found else ""

    def stored(self) -> dict[tuple[TurnId, Speaker], str]:
        """What the database holds in the end."""
        rows: dict[tuple[TurnId, Speaker], str] = {}
        for _, changes in self.saved:
            for key in changes.removed:
                rows.pop(key, None)
            rows |= {(s.turn, s.speaker): s.text for s in changes.said}
        return rows


Save = Callable[[Changes], Awaitable[None]]


def talk(
    script: Sequence[Step],
    *scripts: Script,
    llm: ScriptedLLM | None = None,
    takes_s: float = 0.0,
    wishes: Wishes = WISHES,
    questions: Sequence[Question] = QUESTIONS,
    progress: Progress | None = None,
    said: Sequence[Said] = (),
    patience: Patience | None = None,
    save: Callable[[Held], Save] | None = None,
    cue: Cue | None = None,
    before: Callable[[Held], None] = lambda _: None,
    stuck: bool = False,
) -> Held:
    """Hold the call until its end; ``scripts`` are the model's streams, in order.

    ``stuck``: a reply is expected that will not stop, so that two overlap.
    """
    held = Held(
        ScriptedLine(script, takes_s=takes_s),
        llm or ScriptedLLM(*scripts),
        Conversation(wishes, questions, name="Mara Lind", progress=progress, said=said),
    )

    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def keep(changes: Changes) -> None:
            if save is not None:
                await save(held)(changes)
            held.saved.append((loop.time(), changes))

        call = LiveCall(
            "call_1",
            held.line,
            held.conversation,
            InterviewerAgent(held.llm, patience or Patience()),
            keep,
            held.timings.append,
            cue,
        )
        before(held)
        held.reason = await call.run()
        held.ended_at = loop.time()

    preload_prompts()  # a server does so before its first call
    virtual_loop.run(main())
    assert held.llm.live == 0, "a model stream was left open"
    assert held.line.speaking == set()
    assert held.line.most_speaking <= 1 + stuck
    assert held.line.closed is held.reason
    return held

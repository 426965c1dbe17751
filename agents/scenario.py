"""Who holds the interview, and the scene they set: the opening, and the floor passing between personas.

Fixed lines are there at once. At a hand-over a model may phrase the newcomer's sentence instead, while
the one before still ends the topic; when it is late, or says what may not be said, the fixed line stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agents.llm import LLM, LlmError, Message, Prompt
from agents.prompts import load_prompt
from agents.speech import SpeechGuard
from interview.events import Clause
from interview.model import Block, Question, Scenario, Wishes
from interview.personas import PERSONAS, Persona, persona_for

BUDGET_S: Final = 1.5
"""A scene that takes longer is not worth the silence."""
MAX_WORDS: Final = 30

_SCENES: Final[Mapping[Block | None, str]] = {
    Block.BEHAVIORAL: "I would like to hear how things went in practice, and what you did yourself.",
    Block.ROLE_KNOWLEDGE: "I would like to go into the work itself: how it is done, and why that way.",
    Block.PROFESSIONAL_SKILLS: "Let us look at how you plan, decide and get things finished.",
    Block.COMMUNICATION: "Now I am interested in how you get things across to other people.",
    None: "We are coming to the end of our time.",
}


@dataclass(slots=True)
class ScenarioAgent:
    """Switches personas. Every clause names who speaks it, so that each can be given a voice."""

    llm: LLM
    budget_s: float = BUDGET_S

    def opening(self, wishes: Wishes, opener: Question, name: str) -> tuple[Clause, ...]:
        """First words: who is here, that it is an AI and practice, then the opener."""
        host, sliders = PERSONAS[opener.persona], wishes.sliders
        first = name.split()[0] if name.split() else ""
        hello = f"Hello {first}," if first and sliders.rapport >= 4 else "Hello,"
        parts = [
            f"{hello} I am {host.name}, an AI interviewer, and today I am your {host.title}.",
            f"This is a practice interview of about {round(wishes.duration_s / 60)} minutes.",
        ]
        if sliders.rapport >= 7:
            parts.append("I am glad you made the time; make yourself comfortable.")
        if sliders.empathy >= 7:
            parts.append("Pauses are fine, so take the time you need.")
        others = _others(wishes, host)
        if wishes.scenario is not Scenario.PANEL or not others:
            parts += [f"{other.name}, our {other.title}, will join us later." for other in others]
            return (Clause(" ".join([*parts, opener.text]), host.id),)
        return (
            Clause(" ".join([*parts, "I am not alone today."]), host.id),
            *(Clause(f"Hello, I am {other.name}, {other.title}.", other.id) for other in others),
            Clause(opener.text, host.id),
        )

    async def hand_over(
        self, before: str, question: Question, wishes: Wishes, *, met: bool = False
    ) -> tuple[Clause, ...]:
        """``before`` (a persona id) gives the floor to the persona of ``question``, who sets the scene.

        ``met``: that persona has spoken before. Takes ``budget_s`` at most and never raises `LlmError`.
        """
        after = PERSONAS[question.persona]
        if before == after.id:
            return ()
        try:
            async with asyncio.timeout(self.budget_s):
                scene = await self._phrased(after, question, wishes)
        except (LlmError, TimeoutError):
            scene = ""
        arrival = f"{after.name} again." if met else f"Hello, {after.name} here."
        gives = f"I will hand {'back' if met else 'over'} to {after.name}, our {after.title}."
        return (
            Clause(gives, before),
            Clause(f"{arrival} {scene or scene_of(question.block)}", after.id),
        )

    async def _phrased(self, persona: Persona, question: Question, wishes: Wishes) -> str:
        """The model's sentence, or "" when it is not one that may be spoken."""
        file = load_prompt("scenario.scene", 1)
        block = question.block.value.replace("_", " ") if question.block else "closing"
        system = file.fill(
            {
                "persona_name": persona.name,
                "persona_title": persona.title,
                "persona_manner": persona.manner,
                "role": wishes.role,
                "part": block,
                "example": scene_of(question.block),
            }
        )
        facts = {"scene": scene_of(question.block)}
        prompt = Prompt(
            "scenario.scene",
            system,
            (Message("user", "You have the floor."),),
            facts,
            max_tokens=60,
            source=file.source,
        )
        answer = await self.llm.complete(prompt)
        guard = SpeechGuard(questions=False)
        text = " ".join([*guard.feed(answer.text.strip().strip('"')), *guard.end()])
        return text if 0 < len(text.split()) <= MAX_WORDS else ""


def scene_of(block: Block | None) -> str:
    """The fixed line with which a persona takes up ``block``; None is the closing."""
    return _SCENES[block]


def _others(wishes: Wishes, host: Persona) -> list[Persona]:
    """Who else will speak, in the order of the plan."""
    ids = dict.fromkeys(persona_for(wishes.scenario, block) for block in wishes.blocks)
    return [PERSONAS[one] for one in ids if one != host.id]

"""Lines that need no model: nudge, repeat, holding, apology, goodbye.

They are fixed so that they come at once, can be cached as audio, and never depend on a provider.
"""

from __future__ import annotations

from typing import Final

from interview.flow import Directive, Settled, Step
from interview.model import Sliders
from interview.picking import Kind, as_picked

HOLDING: Final = "Let me think about that for a second."
APOLOGY: Final = "Sorry, I lost my thread for a moment. Could you say that once more?"
GIVING_UP: Final = (
    "I am sorry, I have a technical problem and must stop here. Your answers are saved and you can come back."
)
CANNED: Final = {"apology": APOLOGY, "giving_up": GIVING_UP, "holding": HOLDING}

_NUDGES: Final = (
    "Take your time. Tell me when you are ready.",
    "There is no hurry. Would you like me to repeat the question?",
    "Are you still there? You can also say that you would like to move on.",
)
_BRIDGES: Final = ("Thank you.", "All right.", "Understood.", "Thanks, I have that.", "Okay.")
_KIND_BRIDGES: Final = (
    "Thank you for telling me about that.",
    "Thanks for taking me through it.",
    "I appreciate the detail.",
    "Thank you, that gives me a picture.",
)
FIXED: Final = (*CANNED.values(), *_NUDGES, *_BRIDGES, *_KIND_BRIDGES)
"""Lines that are the same for everyone, so that their sound may be kept."""


_PICKED: Final = (
    "You mentioned {}.",
    "Let me come back to {}.",
    "You spoke of {}.",
    "I would like to stay with {}.",
)
_FIGURES: Final = ("You gave a figure: {}.", "I noted one figure, {}.")


def picked_up(about: str, answer: str, n: int) -> str:
    """The sentence that takes up ``about``, words of ``answer``; ``n`` counts follow-ups, for variety."""
    pick = as_picked(about, answer)
    ways = _FIGURES if pick.kind is Kind.FIGURE else _PICKED
    return ways[n % len(ways)].format(pick.named())


def bridge(sliders: Sliders, n: int) -> str:
    """A neutral end to a topic; "" for an interviewer in a hurry."""
    if sliders.speed >= 8:
        return ""
    lines = _KIND_BRIDGES if sliders.empathy >= 7 else _BRIDGES
    return lines[n % len(lines)]


def fixed(directive: Directive, settled: Settled, name: str, nudges: int) -> str | None:
    """The whole reply where no model has a say, but for the greeting; None where one does."""
    asked = settled.asked
    match settled.step:
        case Step.NUDGE:
            return _NUDGES[nudges % len(_NUDGES)]
        case Step.INVITE:
            return "Thank you. What would you like to ask me about the role or the team?"
        case Step.REPEAT:
            return f"Of course. {asked.text}" if asked else None
        case Step.CLARIFY:
            again = f" The question was: {asked.text}" if asked else ""
            return f"I could not make that out. Could you say it again?{again}"
        case Step.CLOSE if directive.steps == (Step.CLOSE,):
            return goodbye(name)
        case _:
            return None


def goodbye(name: str) -> str:
    first = name.split()[0] if name.split() else ""
    thanks = f"Thank you for your time, {first}." if first else "Thank you for your time."
    return (
        f"{thanks} That is the end of this practice interview. Your feedback will be ready shortly. Goodbye."
    )

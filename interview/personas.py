"""Who may speak for the company: named personas, each with a manner and a voice of its own.

A persona id is stored on every question, so that a transcript says who asked it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from interview.model import Block, Scenario


@dataclass(frozen=True, slots=True)
class Persona:
    """``voice`` is a slot, not a vendor's id: a TTS adapter maps slots to its own voices."""

    id: str
    name: str
    title: str
    manner: str
    voice: str


PERSONAS: Final[Mapping[str, Persona]] = {
    persona.id: persona
    for persona in (
        Persona(
            "hr", "Maya", "people partner",
            "warm, plain and curious about motives; asks how people were affected; avoids jargon", "female_1",
        ),
        Persona(
            "tech_lead", "Daniel", "technical lead",
            "direct and precise; asks how it works, what broke and what was measured", "male_1",
        ),
        Persona(
            "panel.manager", "Ingrid", "hiring manager",
            "weighs outcomes and priorities; asks what was decided and why", "female_2",
        ),
        Persona(
            "panel.engineer", "Tomas", "senior colleague",
            "hands-on and detailed; asks for the steps, the tools and the trade-offs", "male_2",
        ),
        Persona(
            "panel.people", "Amara", "people partner",
            "attentive to working with others; asks who was involved and what they felt was fair", "female_3",
        ),
    )
}  # fmt: skip

_BY_BLOCK: Final[Mapping[Scenario, Mapping[Block, str]]] = {
    Scenario.HR: dict.fromkeys(Block, "hr"),
    Scenario.TECH_LEAD: dict.fromkeys(Block, "tech_lead"),
    Scenario.MIXED: {
        Block.BEHAVIORAL: "hr",
        Block.ROLE_KNOWLEDGE: "tech_lead",
        Block.PROFESSIONAL_SKILLS: "tech_lead",
        Block.COMMUNICATION: "hr",
    },
    Scenario.PANEL: {
        Block.BEHAVIORAL: "panel.people",
        Block.ROLE_KNOWLEDGE: "panel.engineer",
        Block.PROFESSIONAL_SKILLS: "panel.manager",
        Block.COMMUNICATION: "panel.people",
    },
}

_HOST: Final[Mapping[Scenario, str]] = {
    Scenario.HR: "hr",
    Scenario.TECH_LEAD: "tech_lead",
    Scenario.MIXED: "hr",
    Scenario.PANEL: "panel.manager",
}


def persona_for(scenario: Scenario, block: Block | None) -> str:
    """The persona id that holds ``block``; the host's for opener and closing (``block`` None)."""
    return _HOST[scenario] if block is None else _BY_BLOCK[scenario][block]

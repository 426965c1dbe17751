"""Personas: each with a name and a voice of its own, and somebody for every part of every scenario."""

from __future__ import annotations

from interview.model import Block, Scenario
from interview.personas import PERSONAS, persona_for


def test_no_two_personas_sound_alike() -> None:
    assert len({persona.voice for persona in PERSONAS.values()}) == len(PERSONAS)
    assert len({persona.name for persona in PERSONAS.values()}) == len(PERSONAS)


def test_every_part_of_every_scenario_has_its_persona() -> None:
    for scenario in Scenario:
        for block in (None, *Block):
            assert persona_for(scenario, block) in PERSONAS


def test_who_holds_what() -> None:
    speakers = {scenario: {persona_for(scenario, block) for block in (None, *Block)} for scenario in Scenario}
    assert speakers[Scenario.HR] == {"hr"}
    assert speakers[Scenario.TECH_LEAD] == {"tech_lead"}
    assert speakers[Scenario.MIXED] == {"hr", "tech_lead"}
    assert len(speakers[Scenario.PANEL]) >= 3

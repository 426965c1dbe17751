"""The question bank as shipped, its rules, and the plans made from it."""

import copy
import json
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import pytest

from interview.bank import (
    MAX_ANGLE_WORDS,
    MAX_WORDS,
    QuestionBank,
    parse_bank,
    plan_questions,
    question_count,
)
from interview.errors import InvalidBank
from interview.model import Block, Difficulty, QuestionType, Scenario, Wishes
from interview.personas import PERSONAS, persona_for

DATA = files("interview") / "data"
SHARED: dict[str, Any] = json.loads((DATA / "shared.json").read_text("utf-8"))
ROLES: list[dict[str, Any]] = [
    json.loads(path.read_text("utf-8"))
    for path in sorted((DATA / "roles").iterdir(), key=lambda path: path.name)
    if path.name.endswith(".json")
]
BANK = parse_bank(SHARED, ROLES)
ROLE_IDS = [role.id for role in BANK.roles]
DURATIONS = (300, 600, 1200, 1800, 2700, 7200)


def changed(change: Mapping[str, object], *, role: str = "generalist", at: int = 0) -> list[dict[str, Any]]:
    """The shipped roles with one question of one role altered; the value None removes a key."""
    roles = copy.deepcopy(ROLES)
    question = next(raw for raw in roles if raw["id"] == role)["questions"][at]
    question.update(change)
    return roles


def test_bank_is_large_enough() -> None:
    assert len(BANK.roles) >= 12
    assert len(list(BANK)) >= 240
    assert len(BANK.openers) >= 4
    assert len(BANK.closings) >= 3


def test_every_cell_of_every_role_holds_two_questions() -> None:
    for role in ROLE_IDS:
        for block in Block:
            for difficulty in Difficulty:
                assert len(BANK.pick(role, block, difficulty)) >= 2, (role, block, difficulty)


def test_ids_and_texts_are_unique() -> None:
    questions = list(BANK)
    assert len({question.id for question in questions}) == len(questions)
    assert len({question.text.lower() for question in questions}) == len(questions)


def test_questions_do_not_follow_one_template() -> None:
    starts = Counter(" ".join(question.text.lower().split()[:5]) for question in BANK)
    assert max(starts.values()) <= len(list(BANK)) // 10


def test_questions_can_be_spoken() -> None:
    for question in BANK:
        assert len(question.text.split()) <= MAX_WORDS, question.id
        assert question.text[-1] in "?.", question.id
        for angle in question.angles:
            assert len(angle.split()) <= MAX_ANGLE_WORDS, question.id
            assert angle.endswith("?"), question.id
        for text in (question.text, *question.angles, *question.looks_for):
            assert not set("{}[]<>*_`").intersection(text), question.id


def test_files_are_named_after_their_roles() -> None:
    names = {path.name for path in (DATA / "roles").iterdir() if path.name.endswith(".json")}
    assert names == {f"{role}.json" for role in ROLE_IDS}


@pytest.mark.parametrize(
    "name",
    [
        "software_engineer_backend",
        "Backend Software Engineer",
        "BACKEND developer",
        "Senior Backend-Engineer",
    ],
)
def test_role_is_found_by_any_of_its_names(name: str) -> None:
    match = BANK.role(name)
    assert match.role.id == "software_engineer_backend"
    assert match.exact
    assert match.note == ""


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("Backend Wizard", "software_engineer_backend"),
        ("Kubernetes Administrator", "devops_engineer"),
        ("Deep sea diver", "generalist"),
        ("engineer", "generalist"),
        ("", "generalist"),
        ("Разработчик", "generalist"),
    ],
)
def test_unknown_role_falls_back_and_says_so(name: str, nearest: str) -> None:
    match = BANK.role(name)
    assert match.role.id == nearest
    assert not match.exact
    assert match.role.title in match.note


def test_pick_is_exact_in_block_and_difficulty_and_ordered() -> None:
    picked = BANK.pick("backend developer", Block.PROFESSIONAL_SKILLS, Difficulty.ADVANCED)
    assert {(item.block, item.difficulty) for item in picked} == {
        (Block.PROFESSIONAL_SKILLS, Difficulty.ADVANCED)
    }
    assert picked == BANK.pick("backend developer", Block.PROFESSIONAL_SKILLS, Difficulty.ADVANCED)


def test_pick_prefers_stack_and_focus() -> None:
    args = ("software_engineer_backend", Block.ROLE_KNOWLEDGE, Difficulty.INTERMEDIATE)
    assert "kafka" in BANK.pick(*args, stack=("Kafka",))[0].stack
    assert "postgresql" in BANK.pick(*args, stack=("PostgreSQL",))[0].stack
    focused = BANK.pick(
        "generalist", Block.BEHAVIORAL, Difficulty.INTERMEDIATE, focus=("Conflict resolution",)
    )
    assert "conflict" in focused[0].competencies


def test_question_about_an_unnamed_technology_comes_last() -> None:
    args = ("software_engineer_backend", Block.ROLE_KNOWLEDGE, Difficulty.INTERMEDIATE)
    assert "kafka" not in BANK.pick(*args, stack=("postgresql",))[-2].stack
    assert "kafka" in BANK.pick(*args, stack=("postgresql",))[-1].stack


def test_question_by_id() -> None:
    assert BANK.question(BANK.openers[0].id) is BANK.openers[0]
    assert BANK.question("no.such") is None


@pytest.mark.parametrize(
    ("minutes", "count"), [(5, 5), (10, 5), (15, 7), (20, 10), (30, 15), (60, 15), (120, 15)]
)
def test_question_count(minutes: int, count: int) -> None:
    assert question_count(minutes * 60) == count


@pytest.mark.parametrize("scenario", list(Scenario))
@pytest.mark.parametrize("role", ROLE_IDS)
def test_every_plan_keeps_the_rules(role: str, scenario: Scenario) -> None:
    for duration in DURATIONS:
        for difficulty in Difficulty:
            wishes = Wishes(role=role, scenario=scenario, difficulty=difficulty, duration_s=duration)
            plan = plan_questions(BANK, wishes, seed=duration)
            assert len(plan) == question_count(duration)
            assert [item.id for item in plan] == [f"q{at}" for at in range(1, len(plan) + 1)]
            assert plan[0].type is QuestionType.OPENER
            assert plan[-1].type is QuestionType.CLOSING
            assert len({item.bank_id for item in plan}) == len(plan)
            middle = plan[1:-1]
            order = [list(Block).index(item.block) for item in middle if item.block is not None]
            assert order == sorted(order)
            assert len(order) == len(middle)
            assert len(set(order)) == min(len(Block), len(middle))
            assert all(item.difficulty is difficulty for item in middle)
            assert all(30 <= item.time_limit_s <= 600 for item in plan)
            assert sum(item.time_limit_s for item in plan) <= duration
            assert all(item.looks_for and item.angles and item.competencies for item in middle)


@pytest.mark.parametrize("scenario", [Scenario.HR, Scenario.TECH_LEAD, Scenario.MIXED])
def test_personas_follow_the_scenario(scenario: Scenario) -> None:
    for item in plan_questions(BANK, Wishes(role="generalist", scenario=scenario), seed=1):
        assert item.persona == persona_for(scenario, item.block)


@pytest.mark.parametrize("duration", DURATIONS)
@pytest.mark.parametrize(
    "blocks",
    [tuple(Block), *((block,) for block in Block), *((a, b) for a in Block for b in Block if a < b)],
    ids=lambda blocks: "+".join(blocks),
)
def test_panel_lets_at_least_three_members_speak(blocks: tuple[Block, ...], duration: int) -> None:
    wishes = Wishes(role="generalist", scenario=Scenario.PANEL, blocks=blocks, duration_s=duration)
    plan = plan_questions(BANK, wishes, seed=3)
    speakers = {item.persona for item in plan}
    assert len(speakers) >= 3
    assert speakers <= set(PERSONAS)
    for block in {item.block for item in plan}:
        first = next(item for item in plan if item.block is block)
        assert first.persona == persona_for(Scenario.PANEL, block)


def test_only_the_chosen_blocks_are_asked() -> None:
    blocks = (Block.COMMUNICATION, Block.ROLE_KNOWLEDGE)
    plan = plan_questions(BANK, Wishes(role="generalist", blocks=blocks, duration_s=900), seed=5)
    assert [item.block for item in plan[1:-1]] == sorted(
        (item.block for item in plan[1:-1] if item.block is not None), key=list(Block).index
    )
    assert {item.block for item in plan[1:-1]} == set(blocks)


def test_a_dry_block_borrows_the_nearest_difficulty() -> None:
    own = {step: len(BANK.pick("generalist", Block.ROLE_KNOWLEDGE, step)) for step in Difficulty}
    wishes = Wishes(
        role="generalist",
        blocks=(Block.ROLE_KNOWLEDGE,),
        difficulty=Difficulty.BEGINNER,
        duration_s=7200,
    )
    plan = plan_questions(BANK, wishes, seed=2)
    asked = [item.difficulty for item in plan[1:-1]]
    assert asked.count(Difficulty.BEGINNER) == own[Difficulty.BEGINNER]
    assert asked == sorted(asked, key=list(Difficulty).index)
    assert len(asked) == min(13, sum(own.values()))


def test_plan_is_decided_by_its_seed() -> None:
    wishes = Wishes(role="backend developer", duration_s=1200)
    assert plan_questions(BANK, wishes, seed=7) == plan_questions(BANK, wishes, seed=7)
    plans = {tuple(item.bank_id for item in plan_questions(BANK, wishes, seed)) for seed in range(20)}
    assert len(plans) >= 15


def test_plan_prefers_stack_and_focus() -> None:
    for seed in range(10):
        wishes = Wishes(role="backend developer", duration_s=720, stack=("kafka",), focus_areas=("conflict",))
        plan = plan_questions(BANK, wishes, seed)
        asked = [BANK.question(item.bank_id or "") for item in plan]
        assert any(item is not None and "kafka" in item.stack for item in asked)
        assert any("conflict" in item.competencies for item in plan)


def test_order_of_the_role_files_does_not_matter() -> None:
    again: QuestionBank = parse_bank(SHARED, reversed(ROLES))
    wishes = Wishes(role="project manager")
    assert plan_questions(again, wishes, seed=9) == plan_questions(BANK, wishes, seed=9)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"text": " ".join(["word"] * 36) + "?"}, "at most 35 words"),
        ({"text": "What would you do with {role}?"}, "placeholder"),
        ({"text": "Who are you? What do you do?"}, "one question"),
        ({"text": "No end"}, "one question"),
        ({"text": "  "}, "not empty"),
        ({"text": None}, "not empty"),
        ({"id": "Not An Id"}, "lower-case"),
        ({"type": "riddle"}, "type must be one of"),
        ({"type": "opener"}, "can be asked"),
        ({"block": None}, "can be asked"),
        ({"block": "lunch"}, "block must be one of"),
        ({"difficulty": "impossible"}, "difficulty must be one of"),
        ({"competencies": []}, "competencies must hold"),
        ({"looks_for": ["one", "two"]}, "looks_for must hold"),
        ({"looks_for": "one"}, "looks_for must be a list"),
        ({"angles": ["Why?"]}, "angles must hold"),
        ({"angles": ["Why?", " ".join(["so"] * 21) + "?"]}, "at most 20 words"),
        ({"key_terms": ["a", "b", "c", "Loud"]}, "lower-case"),
        ({"key_terms": ["a", "a", "b", "c"]}, "different"),
        ({"time_limit_s": 10}, "time_limit_s"),
        ({"time_limit_s": True}, "time_limit_s"),
    ],
)
def test_a_bad_question_is_refused_by_rule(change: dict[str, object], rule: str) -> None:
    with pytest.raises(InvalidBank, match=rule):
        parse_bank(SHARED, changed(change))


def test_a_refusal_names_the_question() -> None:
    name = next(raw for raw in ROLES if raw["id"] == "generalist")["questions"][0]["id"]
    with pytest.raises(InvalidBank, match=name):
        parse_bank(SHARED, changed({"text": "No end"}))


def test_twins_are_refused() -> None:
    first, second = next(raw for raw in ROLES if raw["id"] == "generalist")["questions"][:2]
    with pytest.raises(InvalidBank, match="used twice"):
        parse_bank(SHARED, changed({"id": second["id"]}))
    with pytest.raises(InvalidBank, match="same text"):
        parse_bank(SHARED, changed({"text": second["text"].upper()}))
    assert first != second


def test_a_thin_role_is_refused() -> None:
    roles = copy.deepcopy(ROLES)
    del next(raw for raw in roles if raw["id"] == "generalist")["questions"][0]
    with pytest.raises(
        InvalidBank, match="generalist: needs 2 questions in role_knowledge at beginner, has 1"
    ):
        parse_bank(SHARED, roles)


def test_the_generalist_is_required() -> None:
    with pytest.raises(InvalidBank, match="generalist"):
        parse_bank(SHARED, [raw for raw in ROLES if raw["id"] != "generalist"])


def test_two_roles_may_not_share_a_name() -> None:
    roles = copy.deepcopy(ROLES)
    roles[0]["aliases"] = [*roles[0]["aliases"], roles[1]["title"]]
    with pytest.raises(InvalidBank, match="belongs to"):
        parse_bank(SHARED, roles)


@pytest.mark.parametrize("key", ["openers", "closings"])
def test_openers_and_closings_are_required(key: str) -> None:
    with pytest.raises(InvalidBank, match="at least one opener"):
        parse_bank({**SHARED, key: []}, ROLES)
    with pytest.raises(InvalidBank, match="must be a list"):
        parse_bank({**SHARED, key: None}, ROLES)
    with pytest.raises(InvalidBank, match="must have the type"):
        parse_bank({**SHARED, key: SHARED["questions"][:1]}, ROLES)


def test_shared_questions_are_for_everybody() -> None:
    role_question = ROLES[0]["questions"][0]
    with pytest.raises(InvalidBank, match="behavioral or communication"):
        parse_bank({**SHARED, "questions": [*SHARED["questions"], role_question]}, ROLES)


def test_items_must_be_objects() -> None:
    with pytest.raises(InvalidBank, match="must be an object"):
        parse_bank({**SHARED, "questions": ["What?"]}, ROLES)

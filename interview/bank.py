"""The question bank: what may be asked, and how a set of wishes becomes an ordered interview.

Pure: callers read the files and hand over plain mappings. The same bank, wishes and seed always
give the same interview.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from interview.errors import InvalidBank
from interview.model import Block, Difficulty, Question, QuestionType, Scenario, Wishes
from interview.personas import PERSONAS, persona_for

_E = TypeVar("_E", bound=StrEnum)

GENERALIST: Final = "generalist"
MAX_WORDS: Final = 35
MAX_ANGLE_WORDS: Final = 20
MIN_PER_CELL: Final = 2
MIN_QUESTIONS: Final = 5
MAX_QUESTIONS: Final = 15
SECONDS_PER_QUESTION: Final = 120

_OUTSIDE_BLOCKS: Final = frozenset({QuestionType.OPENER, QuestionType.CLOSING, QuestionType.FOLLOW_UP})
_UNSPEAKABLE: Final = re.compile(r"[{}\[\]<>*_#`|\n]")
_ITEM_ID: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_WORD: Final = re.compile(r"[a-z0-9+#]+")
_RANKS: Final = frozenset(
    "senior junior lead principal staff intern trainee head chief the a an of and".split()
)
_LADDER: Final = tuple(Difficulty)
# Who gets the odd question when the blocks cannot be equal: what the role is about comes first.
_EXTRAS: Final = (Block.ROLE_KNOWLEDGE, Block.PROFESSIONAL_SKILLS, Block.BEHAVIORAL, Block.COMMUNICATION)
_PANEL: Final = tuple(name for name in PERSONAS if name.startswith("panel."))
_MIN_OVERLAP: Final = 0.3
_MIN_TIME_S: Final = 30


@dataclass(frozen=True, slots=True)
class BankQuestion:
    """One question of the bank. ``block`` is None for openers and closings only.

    ``key_terms`` are words that a relevant answer probably uses; their absence proves nothing.
    """

    id: str
    text: str
    type: QuestionType
    block: Block | None
    difficulty: Difficulty
    competencies: tuple[str, ...]
    looks_for: tuple[str, ...]
    angles: tuple[str, ...]
    key_terms: tuple[str, ...]
    time_limit_s: int
    stack: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """A job the bank knows; ``aliases`` are other names for it, ``stacks`` its usual technologies."""

    id: str
    title: str
    aliases: tuple[str, ...]
    summary: str
    stacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoleMatch:
    """How a wished role was resolved: ``exact`` is False when ``role`` is only the nearest one."""

    wished: str
    role: Role
    exact: bool

    @property
    def note(self) -> str:
        """One sentence for the candidate; empty when the role was known."""
        if self.exact:
            return ""
        return f"The question bank has no role by this name; it uses {self.role.title} instead."


@dataclass(frozen=True, slots=True)
class QuestionBank:
    """All questions. Build it with `parse_bank`, which checks every rule."""

    roles: tuple[Role, ...]
    openers: tuple[BankQuestion, ...]
    closings: tuple[BankQuestion, ...]
    shared: tuple[BankQuestion, ...]
    own: Mapping[str, tuple[BankQuestion, ...]]

    def __iter__(self) -> Iterator[BankQuestion]:
        """Every question once: openers, closings, shared, then role by role."""
        yield from self.openers
        yield from self.closings
        yield from self.shared
        for role in self.roles:
            yield from self.own[role.id]

    def question(self, bank_id: str) -> BankQuestion | None:
        """The question with this id, or None."""
        return next((question for question in self if question.id == bank_id), None)

    def role(self, name: str) -> RoleMatch:
        """The role called ``name`` (id, title or alias; case, punctuation and rank do not matter).

        An unknown name gives the role whose names and stacks share its rarest words, else the
        generalist; the match then has ``exact`` False.
        """
        wished = _plain(name)
        for role in self.roles:
            if wished in _names(role):
                return RoleMatch(name, role, exact=True)
        vocabulary = {
            role.id: {word for known in (*_names(role), *role.stacks) for word in _WORD.findall(known)}
            for role in self.roles
        }
        spread = Counter(word for words in vocabulary.values() for word in words)

        def overlap(role: Role) -> float:
            # A word that half of all roles share ("engineer") says little about which one is meant.
            return sum(1 / spread[word] for word in vocabulary[role.id].intersection(wished.split()))

        best = max(self.roles, key=lambda role: (overlap(role), role.id))
        if overlap(best) < _MIN_OVERLAP:
            best = next(role for role in self.roles if role.id == GENERALIST)
        return RoleMatch(name, best, exact=False)

    def pick(
        self,
        role: str,
        block: Block,
        difficulty: Difficulty,
        stack: Sequence[str] = (),
        focus: Sequence[str] = (),
    ) -> tuple[BankQuestion, ...]:
        """All questions of one block and difficulty for ``role``, best first.

        Best means: fits ``stack``, then ``focus``, then is the role's own; ties go by id.
        """
        return self._ranked(self.role(role).role, block, difficulty, stack, focus, seed=None)

    def _ranked(
        self,
        role: Role,
        block: Block,
        difficulty: Difficulty,
        stack: Sequence[str],
        focus: Sequence[str],
        seed: int | None,
    ) -> tuple[BankQuestion, ...]:
        found = [
            question
            for question in (*self.own[role.id], *self.shared)
            if question.block is block and question.difficulty is difficulty
        ]

        def rank(question: BankQuestion) -> tuple[int, int, bool, int, str]:
            return (
                -_stack_fit(question, stack),
                -_focus_fit(question, focus),
                question in self.shared,
                0 if seed is None else _mix(seed, question.id),
                question.id,
            )

        return tuple(sorted(found, key=rank))


def question_count(duration_s: int) -> int:
    """How many questions fit, opener and closing included: one per two minutes, 5 to 15."""
    return min(MAX_QUESTIONS, max(MIN_QUESTIONS, duration_s // SECONDS_PER_QUESTION))


def plan_questions(bank: QuestionBank, wishes: Wishes, seed: int) -> tuple[Question, ...]:
    """The interview for ``wishes``: opener, the chosen blocks in `Block` order, closing.

    - `question_count` questions; fewer only when the chosen blocks hold no more.
    - Every chosen block at least once; when there are more blocks than places, the first ones win.
    - The wished difficulty; a nearer-by one only after all chosen blocks ran out of it.
    - Questions that fit ``stack`` and ``focus_areas`` come before others; ``seed`` decides the rest.
    - Time limits are cut in proportion when together they exceed the duration.
    - On a panel a block's first question is its holder's; further ones go to who spoke least.
    """
    role = bank.role(wishes.role).role
    places = question_count(wishes.duration_s) - 2
    blocks = [block for block in Block if block in wishes.blocks][:places]
    chosen = _choose(bank, role, wishes, blocks, places, seed)
    opener = min(bank.openers, key=lambda question: (_mix(seed, question.id), question.id))
    closing = min(bank.closings, key=lambda question: (_mix(seed, question.id), question.id))
    queue = [opener, *(question for block in blocks for question in chosen[block]), closing]
    total = sum(question.time_limit_s for question in queue)
    personas = _personas(wishes.scenario, queue)
    return tuple(
        Question(
            id=f"q{number}",
            text=item.text,
            type=item.type,
            block=item.block,
            persona=persona,
            difficulty=item.difficulty,
            competencies=item.competencies,
            looks_for=item.looks_for,
            angles=item.angles,
            time_limit_s=(
                item.time_limit_s
                if total <= wishes.duration_s
                else max(_MIN_TIME_S, item.time_limit_s * wishes.duration_s // total)
            ),
            max_probes=0 if item.type is QuestionType.CLOSING else 2,
            bank_id=item.id,
        )
        for number, (item, persona) in enumerate(zip(queue, personas, strict=True), start=1)
    )


def _choose(
    bank: QuestionBank, role: Role, wishes: Wishes, blocks: Sequence[Block], places: int, seed: int
) -> dict[Block, list[BankQuestion]]:
    """Deal the places out, one question to each block per round."""
    chosen: dict[Block, list[BankQuestion]] = {block: [] for block in blocks}
    at = _LADDER.index(wishes.difficulty)
    for difficulty in sorted(_LADDER, key=lambda step: (abs(_LADDER.index(step) - at), _LADDER.index(step))):
        stock = {
            block: list(bank._ranked(role, block, difficulty, wishes.stack, wishes.focus_areas, seed))
            for block in blocks
        }
        while places and any(stock.values()):
            for block in _EXTRAS:
                if places and stock.get(block):
                    chosen[block].append(stock[block].pop(0))
                    places -= 1
    return chosen


def _personas(scenario: Scenario, queue: Sequence[BankQuestion]) -> list[str]:
    speakers: list[str] = []
    held: set[Block] = set()
    for question in queue:
        speaker = persona_for(scenario, question.block)
        if scenario is Scenario.PANEL and question.block in held:
            others = [member for member in _PANEL if member != speakers[-1]]
            speaker = min(others, key=speakers.count)
        if question.block is not None:
            held.add(question.block)
        speakers.append(speaker)
    return speakers


def _mix(seed: int, text: str) -> int:
    """A small stable hash (FNV-1a with a final mix): the same on every machine and Python."""
    value = 0xCBF29CE484222325
    for byte in f"{seed}:{text}".encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & 0xFFFFFFFFFFFFFFFF
    return value ^ value >> 33


def _plain(name: str) -> str:
    words = _WORD.findall(name.lower())
    return " ".join([word for word in words if word not in _RANKS] or words)


def _names(role: Role) -> set[str]:
    return {_plain(name) for name in (role.id, role.title, *role.aliases)}


def _stack_fit(question: BankQuestion, stack: Sequence[str]) -> int:
    if not question.stack or not stack:
        return 0
    hits = len({tag.lower() for tag in stack}.intersection(question.stack))
    return hits or -1  # a question about a technology the candidate did not name goes last


def _focus_fit(question: BankQuestion, focus: Sequence[str]) -> int:
    if not focus:
        return 0
    words = set(_WORD.findall(" ".join((*question.competencies, *question.key_terms)).lower()))
    return sum(1 for area in focus if words.intersection(_plain(area).split()))


def parse_bank(shared: Mapping[str, object], roles: Iterable[Mapping[str, object]]) -> QuestionBank:
    """Build a bank from parsed files and check it whole.

    ``shared`` holds ``openers``, ``closings`` and ``questions`` (behavioral and communication); each
    role holds ``id``, ``title``, ``aliases``, ``summary``, ``stacks`` and ``questions``.

    Raises:
        InvalidBank: the text names the item and the rule it breaks.
    """
    openers = _questions(shared, "openers", "shared", QuestionType.OPENER)
    closings = _questions(shared, "closings", "shared", QuestionType.CLOSING)
    common = _questions(shared, "questions", "shared", None)
    if not openers or not closings:
        raise InvalidBank("shared: needs at least one opener and one closing")
    for question in common:
        if question.block not in (Block.BEHAVIORAL, Block.COMMUNICATION):
            raise InvalidBank(f"{question.id}: shared questions are behavioral or communication")
    known: list[Role] = []
    own: dict[str, tuple[BankQuestion, ...]] = {}
    names: dict[str, str] = {}
    for raw in roles:
        role = _role(raw)
        for name in _names(role):
            if name in names:
                raise InvalidBank(f"{role.id}: the name '{name}' belongs to {names[name]} too")
        names.update(dict.fromkeys(_names(role), role.id))
        known.append(role)
        own[role.id] = _questions(raw, "questions", role.id, None)
    if GENERALIST not in own:
        raise InvalidBank(f"roles: a role with the id '{GENERALIST}' is required")
    bank = QuestionBank(tuple(sorted(known, key=lambda role: role.id)), openers, closings, common, own)
    _check_unique(bank)
    _check_coverage(bank)
    return bank


def _check_unique(bank: QuestionBank) -> None:
    ids: set[str] = set()
    texts: dict[str, str] = {}
    for question in bank:
        text = " ".join(_WORD.findall(question.text.lower()))
        if question.id in ids:
            raise InvalidBank(f"{question.id}: the id is used twice")
        if text in texts:
            raise InvalidBank(f"{question.id}: same text as {texts[text]}")
        ids.add(question.id)
        texts[text] = question.id


def _check_coverage(bank: QuestionBank) -> None:
    for role in bank.roles:
        cells = Counter((item.block, item.difficulty) for item in (*bank.own[role.id], *bank.shared))
        for block in Block:
            for difficulty in Difficulty:
                if cells[block, difficulty] < MIN_PER_CELL:
                    raise InvalidBank(
                        f"{role.id}: needs {MIN_PER_CELL} questions in {block} at {difficulty}, "
                        f"has {cells[block, difficulty]}"
                    )


def _role(raw: Mapping[str, object]) -> Role:
    role_id = _text(raw, "id", "role")
    if not _ITEM_ID.fullmatch(role_id):
        raise InvalidBank(f"{role_id}: id must be lower-case words joined by . _ or -")
    return Role(
        id=role_id,
        title=_text(raw, "title", role_id),
        aliases=_texts(raw, "aliases", role_id, 0, 20),
        summary=_text(raw, "summary", role_id),
        stacks=_texts(raw, "stacks", role_id, 0, 30),
    )


def _questions(
    raw: Mapping[str, object], key: str, owner: str, fixed: QuestionType | None
) -> tuple[BankQuestion, ...]:
    items = raw.get(key)
    if not isinstance(items, list | tuple):
        raise InvalidBank(f"{owner}: {key} must be a list")
    return tuple(_question(item, f"{owner}.{key}[{at}]", fixed) for at, item in enumerate(items))


def _question(raw: object, where: str, fixed: QuestionType | None) -> BankQuestion:
    if not isinstance(raw, Mapping):
        raise InvalidBank(f"{where}: must be an object")
    name = _text(raw, "id", where)
    if not _ITEM_ID.fullmatch(name):
        raise InvalidBank(f"{name}: id must be lower-case words joined by . _ or -")
    kind = _member(QuestionType, raw, "type", name)
    block = None if raw.get("block") is None else _member(Block, raw, "block", name)
    if fixed is not None and (kind is not fixed or block is not None):
        raise InvalidBank(f"{name}: must have the type {fixed} and no block")
    if fixed is None and (kind in _OUTSIDE_BLOCKS or block is None):
        raise InvalidBank(f"{name}: must have a block and a type that can be asked in it")
    text = _text(raw, "text", name)
    _check_spoken(text, MAX_WORDS, f"{name}: text")
    angles = _texts(raw, "angles", name, 2, 3)
    for angle in angles:
        _check_spoken(angle, MAX_ANGLE_WORDS, f"{name}: angle")
    terms = _texts(raw, "key_terms", name, 4, 10)
    if any(term != term.lower() for term in terms):
        raise InvalidBank(f"{name}: key_terms must be lower-case")
    limit = raw.get("time_limit_s")
    if not isinstance(limit, int) or isinstance(limit, bool) or not _MIN_TIME_S <= limit <= 600:
        raise InvalidBank(f"{name}: time_limit_s must be a whole number from {_MIN_TIME_S} to 600")
    return BankQuestion(
        id=name,
        text=text,
        type=kind,
        block=block,
        difficulty=_member(Difficulty, raw, "difficulty", name),
        competencies=_texts(raw, "competencies", name, 1, 5),
        looks_for=_texts(raw, "looks_for", name, 3, 5),
        angles=angles,
        key_terms=terms,
        time_limit_s=limit,
        stack=tuple(tag.lower() for tag in _texts(raw, "stack", name, 0, 10)) if "stack" in raw else (),
    )


def _check_spoken(text: str, words: int, what: str) -> None:
    if len(text.split()) > words:
        raise InvalidBank(f"{what} must have at most {words} words")
    if _UNSPEAKABLE.search(text):
        raise InvalidBank(f"{what} must hold no placeholder or markup")
    if text.count("?") > 1 or text[-1] not in "?.":
        raise InvalidBank(f"{what} must be one question and end with ? or .")


def _member(kind: type[_E], raw: Mapping[str, object], key: str, where: str) -> _E:
    try:
        return kind(str(raw.get(key)))
    except ValueError:
        raise InvalidBank(f"{where}: {key} must be one of {', '.join(kind)}") from None


def _text(raw: Mapping[str, object], key: str, where: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value.strip() or value != value.strip():
        raise InvalidBank(f"{where}: {key} must be a trimmed text that is not empty")
    return value


def _texts(raw: Mapping[str, object], key: str, where: str, least: int, most: int) -> tuple[str, ...]:
    values = raw.get(key)
    if not isinstance(values, list | tuple) or not all(
        isinstance(value, str) and value.strip() for value in values
    ):
        raise InvalidBank(f"{where}: {key} must be a list of texts")
    if not least <= len(values) <= most or len(set(values)) != len(values):
        raise InvalidBank(f"{where}: {key} must hold {least} to {most} different texts")
    return tuple(values)

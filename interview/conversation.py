"""One candidate's run through an interview: what was said and heard, and where the flow stands.

The call loop is its only writer. Everything that changed since the last `take_changes` is kept apart,
so that a scribe can store it at its own pace: what waits is bounded by the length of the interview.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from msgspec import Struct, structs

from interview.delivery import Spoken
from interview.events import Prompting, Speaker, TurnId, Utterance
from interview.flow import Directive, Progress, Settled, Stage, Step, commit, decide
from interview.model import Question, QuestionType, Wishes
from interview.reading import first_words, word_spans, words_of


class Said(Struct, frozen=True):
    """One utterance of the run. ``question_id``: what was under discussion."""

    turn: TurnId
    speaker: Speaker
    text: str
    persona: str | None = None
    question_id: str | None = None
    spoken: Spoken | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    turn: TurnId
    question_id: str
    text: str
    spoken: Spoken | None = None


class Standing(Struct, frozen=True):
    """Where the interview stands, for whoever looks on. ``total`` counts the planned questions.

    ``question`` is what is under discussion, a follow-up included; its text may be empty while it is being
    asked. ``spent_s`` and ``left_s``: seconds of the interview's time.
    """

    question: Question | None
    index: int
    total: int
    spent_s: float
    left_s: float


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened since the last look, for the scribe."""

    progress: Progress
    said: tuple[Said, ...]
    answers: tuple[Answer, ...]
    follow_ups: tuple[Question, ...]
    removed: tuple[tuple[TurnId, Speaker], ...]
    newest: Made | None = None


class Made(Struct, frozen=True):
    """The move that a reply made, and what stood before it: it is taken back when nobody heard the reply.

    ``asked``, ``question_before``: question ids. Stored with the progress, since the far side may tell only
    after a restart.
    """

    turn: TurnId
    step: Step
    asked: str | None
    before: Progress
    question_before: str | None

    def as_data(self) -> dict[str, Any]:
        return structs.asdict(self) | {"before": self.before.as_data()}

    @staticmethod
    def from_data(data: dict[str, Any] | None) -> Made | None:
        if not data:
            return None
        turn, before = TurnId(data["turn"]), Progress.from_data(data["before"])
        return Made(turn, Step(data["step"]), data["asked"], before, data["question_before"])


_KEPT_REPLIES: Final = 4
"""Moves that can still be taken back; the far side's news of older ones changes words only."""


class Conversation:
    """The transcript by turn and speaker, the flow's progress, and what of both is not stored yet."""

    def __init__(
        self,
        wishes: Wishes,
        questions: Sequence[Question],
        *,
        name: str = "",
        progress: Progress | None = None,
        said: Sequence[Said] = (),
        follow_ups: Sequence[Question] = (),
        newest: Made | None = None,
    ) -> None:
        self.wishes, self.questions, self.name = wishes, tuple(questions), name
        self.progress = progress or Progress()
        self._said: dict[tuple[TurnId, Speaker], Said] = {(s.turn, s.speaker): s for s in said}
        self._order = sorted(self._said)  # in a turn: "candidate" sorts before "interviewer"
        self._in_order = [self._said[key] for key in self._order]
        self._items: list[tuple[int, str]] = []
        self._matched: list[tuple[str, TurnId, bool]] = []
        self._replies: dict[TurnId, Made] = {newest.turn: newest} if newest else {}
        self._question_id = next((s.question_id for s in reversed(said) if s.question_id), None)
        self._changed: set[tuple[TurnId, Speaker]] = set()
        self._removed: set[tuple[TurnId, Speaker]] = set()
        self._follow_ups: dict[str, Question] = {question.id: question for question in follow_ups}
        self._moved = False
        self._heard: tuple[Utterance, ...] | None = None
        self.nudges = 0

    # --- looking -------------------------------------------------------------------------------

    @property
    def said(self) -> tuple[Said, ...]:
        """In the order of the call: in a turn the candidate speaks before the reply."""
        return tuple(self._in_order)

    @property
    def last_turn(self) -> TurnId:
        return self._order[-1][0] if self._order else TurnId(-1)

    @property
    def greeted(self) -> bool:
        return self.progress.stage is not Stage.BRIEFING

    @property
    def question(self) -> Question | None:
        """What is under discussion: a planned question or a follow-up that came up on this call."""
        return self._question(self._question_id)

    def _question(self, question_id: str | None) -> Question | None:
        for question in self.questions:
            if question.id == question_id:
                return question
        return self._follow_ups.get(question_id or "")

    @property
    def standing(self) -> Standing:
        progress, limit = self.progress, float(self.wishes.duration_s)
        spent = min(progress.spent_s, limit)
        return Standing(self.question, progress.index, len(self.questions), spent, limit - spent)

    @property
    def dirty(self) -> bool:
        return bool(self._changed or self._removed or self._moved)

    def unanswered(self) -> Said | None:
        """The candidate's last words, when no reply to them is on record."""
        last = self._said[self._order[-1]] if self._order else None
        return last if last and last.speaker is Speaker.CANDIDATE else None

    def decide(self, because: Prompting, text: str, left_s: float, max_probes: int) -> Directive:
        picked = tuple(question.reason for question in self._follow_ups.values() if question.reason)
        directive = decide(self.questions, self.progress, because, text, left_s, max_probes, picked)
        if directive.steps[0] in (Step.REPEAT, Step.CLARIFY, Step.NUDGE):
            asked = self.question
            if asked is not None and asked.text:
                return structs.replace(directive, current=asked)  # a follow-up is asked again as itself
        return directive

    # --- writing -------------------------------------------------------------------------------

    def skip_greeting(self) -> None:
        """The greeting was given by somebody who forgot: go on with the first question."""
        if not self.greeted:
            self.progress = structs.replace(self.progress, stage=Stage.QUESTION, index=0)
            self._question_id, self._moved = self.questions[0].id, True

    def begin_reply(self, turn: TurnId, directive: Directive, settled: Settled) -> None:
        """The first words of the reply are out: the move is made."""
        asked = settled.asked.id if settled.asked else None
        self._replies[turn] = Made(turn, settled.step, asked, self.progress, self._question_id)
        if len(self._replies) > _KEPT_REPLIES:
            del self._replies[next(iter(self._replies))]
        self.progress = commit(self.progress, directive, settled)
        self._moved = True
        if settled.step is Step.NUDGE:
            self.nudges += 1
        if settled.asked is None:
            return
        self._question_id = settled.asked.id
        if settled.step is Step.PROBE:
            parent = settled.asked
            follow_up = replace(
                parent,
                id=f"{parent.id}.f{self.progress.probes}",
                text="",
                type=QuestionType.FOLLOW_UP,
                parent_id=parent.id,
                reason=settled.about,
                angles=(),
                max_probes=0,
                bank_id=None,
            )
            self._question_id = follow_up.id
            self._follow_ups[follow_up.id] = follow_up

    def cut(self, turn: TurnId, heard: str) -> None:
        """The interviewer's turn was broken off after ``heard``: the rest was not said."""
        self.record(turn, Speaker.INTERVIEWER, heard)
        self._take_back_unless(turn, heard)

    def record(self, turn: TurnId, speaker: Speaker, text: str, spoken: Spoken | None = None) -> None:
        """Upsert: heard text overwrites what was generated; "" takes the utterance back."""
        key = (turn, speaker)
        old = self._said.get(key)
        if old and old.text == text and spoken in (None, old.spoken):
            return
        if text and speaker is Speaker.CANDIDATE:
            self._absorb_repeated(turn, text)
        place = bisect_left(self._order, key)
        if not text:
            if self._said.pop(key, None):
                del self._order[place], self._in_order[place]
                self._changed.discard(key)
                self._removed.add(key)
            return
        persona = question = None
        if old:
            persona, question = old.persona, old.question_id
        elif speaker is Speaker.CANDIDATE:
            question = self._question_id
        else:
            question = self._question_id
            reply = self._replies.get(turn)
            asked = self._question(reply.asked) if reply else None
            persona = asked.persona if asked else self.persona
        said = Said(turn, speaker, text, persona, question, spoken or (old.spoken if old else None))
        if old is None:
            self._order.insert(place, key)
            self._in_order.insert(place, said)
        else:
            self._in_order[place] = said
        self._said[key] = said
        self._changed.add(key)
        self._removed.discard(key)
        if speaker is Speaker.INTERVIEWER and question in self._follow_ups:
            self._follow_ups[question] = replace(self._follow_ups[question], text=text)

    def _absorb_repeated(self, turn: TurnId, text: str) -> None:
        """A far side that repeats what it has not been answered sends the longer text again."""
        last = self.unanswered()
        if last is not None and last.turn < turn and text.startswith(last.text):
            self.record(last.turn, Speaker.CANDIDATE, "")

    @property
    def persona(self) -> str | None:
        """Who holds the floor for the company now."""
        index = self.progress.index
        return self.questions[index].persona if 0 <= index < len(self.questions) else None

    def cancel_reply(self, turn: TurnId, sent: str) -> None:
        """The reply is broken off after ``sent``, or over: a question that never got out was not asked."""
        self.cut(turn, sent)
        if self._heard is not None and turn in self.reconcile(self._heard):
            self.cut(turn, "")

    def look_back(self) -> None:
        """On going on after a restart: the newest reply is taken back if its words got out to nobody."""
        if self._replies:
            turn = max(self._replies)
            said = self._said.get((turn, Speaker.INTERVIEWER))
            self.cancel_reply(turn, said.text if said else "")

    def reconcile(self, utterances: Sequence[Utterance]) -> set[TurnId]:
        """Trim the interviewer's turns to what the far side says was spoken; those it has not got to.

        Each of its interviewer items is matched, in order, to the next turns of ours that begin with the
        same words; ours are then cut to it. Turns that were skipped over were never heard. What comes
        after the last item is unheard so far; an item that is none of ours proves nothing. Items that
        have not changed since the last time are not matched again, so that a long call costs no more.
        """
        same = self._take_items(tuple(utterances))
        items, matched = self._items, self._matched
        while same < len(matched) and same < len(items) and matched[same][0] == items[same][1]:
            same += 1
        del self._matched[same:]
        last = self._matched[-1][1] if self._matched else TurnId(-1)
        for _, item in items[same:]:
            last, unsure = self._match(item, last)
            self._matched.append((item, last, unsure))
        unsure = self._matched[-1][2] if self._matched else not utterances
        return set() if unsure else {s.turn for s in self._ours_after(last)}

    def _take_items(self, utterances: tuple[Utterance, ...]) -> int:
        """Bring the interviewer's items up to date, neighbours joined; how many are as they were."""
        same = _common(self._heard or (), utterances)
        while same and utterances[same - 1].speaker is Speaker.INTERVIEWER:
            same -= 1  # it may be longer now by what follows it
        while self._items and self._items[-1][0] >= same:
            self._items.pop()
        kept, self._heard = len(self._items), utterances
        before: Speaker | None = None
        for place, utterance in enumerate(utterances[same:], same):
            if utterance.speaker is Speaker.INTERVIEWER:
                if before is Speaker.INTERVIEWER:
                    start, text = self._items[-1]
                    self._items[-1] = start, f"{text} {utterance.text}"
                else:
                    self._items.append((place, utterance.text))
            before = utterance.speaker
        return min(kept, len(self._matched))

    def _ours_after(self, turn: TurnId) -> list[Said]:
        start = bisect_right(self._order, (turn, Speaker.INTERVIEWER))
        return [self._said[key] for key in self._order[start:] if key[1] is Speaker.INTERVIEWER]

    def _match(self, item: str, last: TurnId) -> tuple[TurnId, bool]:
        """The last of our turns that ``item`` holds; True instead when it is none of those after ``last``."""
        rest = item
        while rest:
            ours = self._ours_after(last)
            found = next((n for n, mine in enumerate(ours) if _begins(mine.text, rest)), None)
            if found is None:
                return last, rest is item
            for skipped in ours[:found]:
                self._unheard(skipped, "")
            mine, last = ours[found], ours[found].turn
            if mine.text == rest:
                break
            heard, rest = _split_after(rest, len(words_of(mine.text)))
            if not rest and len(words_of(heard)) < len(words_of(mine.text)):
                self._unheard(mine, heard)
        return last, False

    def _unheard(self, said: Said, heard: str) -> None:
        if said.text == heard:
            return
        self.cut(said.turn, heard)

    def _take_back_unless(self, turn: TurnId, heard: str) -> None:
        reply = self._replies.get(turn)
        if reply is None or turn != max(self._replies):
            return
        asked = self._question(reply.asked)
        if reply.step in (Step.GREET, Step.ADVANCE) and asked is not None:
            got_out = _holds_start(heard, asked.text)
        elif reply.step is Step.CLOSE:
            got_out = False  # they went on talking: the goodbye did not take
        else:
            got_out = bool(words_of(heard))
        if got_out or (reply.step is Step.GREET and words_of(heard)):
            return
        if reply.step is Step.PROBE and self._question_id is not None:
            self._follow_ups.pop(self._question_id, None)
        self.progress = structs.replace(reply.before, spent_s=self.progress.spent_s)
        self._question_id, self._moved = reply.question_before, True
        del self._replies[turn]

    def spend(self, seconds: float) -> None:
        """Seconds of the interview used so far; never goes back."""
        if seconds > self.progress.spent_s:
            self.progress = structs.replace(self.progress, spent_s=seconds)

    def take_changes(self) -> Changes:
        """What is to be stored; afterwards nothing is dirty. Give it back with `put_back` on failure."""
        said = tuple(self._said[key] for key in sorted(self._changed))
        answers = tuple(
            Answer(s.turn, s.question_id, s.text, s.spoken)
            for s in said
            if s.speaker is Speaker.CANDIDATE and s.question_id is not None
        )
        wanted = {s.question_id for s in said}
        follow_ups = tuple(q for q in self._follow_ups.values() if q.id in wanted and q.text)
        newest = self._replies[max(self._replies)] if self._replies else None
        changes = Changes(self.progress, said, answers, follow_ups, tuple(sorted(self._removed)), newest)
        self._changed, self._removed, self._moved = set(), set(), False
        return changes

    def put_back(self, changes: Changes) -> None:
        """The changes were not stored: they are dirty again, at their newest state."""
        self._changed |= {(s.turn, s.speaker) for s in changes.said if (s.turn, s.speaker) in self._said}
        self._removed |= {key for key in changes.removed if key not in self._said}
        self._moved = True


def _common(before: tuple[Utterance, ...], now: tuple[Utterance, ...]) -> int:
    """How many utterances are the same from the start on."""
    size = min(len(before), len(now))
    for grown in (size, size - 1):  # as a rule only the last one has changed
        if grown > 0 and before[:grown] == now[:grown]:
            return grown
    return next((n for n, (old, new) in enumerate(zip(before, now, strict=False)) if old != new), size)


def _split_after(text: str, count: int) -> tuple[str, str]:
    """``text`` up to its ``count``-th word, and the rest."""
    spans = word_spans(text)
    return (text, "") if len(spans) <= count else (text[: spans[count][0]].rstrip(), text[spans[count][0] :])


def _begins(text: str, heard: str) -> bool:
    if text == heard:  # as a rule, and words are slow to find
        return bool(first_words(heard, 1))
    theirs = first_words(heard, 6)
    return bool(theirs) and first_words(text, len(theirs)) == theirs


def _holds_start(heard: str, question: str) -> bool:
    """True when at least the first six words of ``question`` are in ``heard``."""
    if question in heard:
        return True
    spoken = [w.lower() for w in words_of(heard)]
    start = first_words(question, 6)
    return any(spoken[n : n + len(start)] == start for n in range(len(spoken) - len(start) + 1))

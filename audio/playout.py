"""What the candidate heard: what was sent, joined with how far the client says it has played. Sans-I/O.

The client's word is the truth within what can be true: no more than was sent, and never less than before.
Where the engine gives word times, a word is heard once its middle has sounded; elsewhere the played share of
a clause's sound is the heard share of its text, in whole words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from audio.tts import WordTime
from interview.events import TurnId

KEPT: Final = 64
"""Replies that are remembered; the oldest is forgotten first."""
SLOW_MS: Final = 90.0
"""Milliseconds of one character in slow speech: a clause whose end is not known is not taken for shorter."""
_WORD_MS: Final = 400
"""How long a word is taken to last while the next has not begun."""


@dataclass(slots=True)
class _Clause:
    """``words``: where each ends in ``text``, and when it begins. ``end_ms``: None while it is not known."""

    text: str
    start_ms: float
    words: list[tuple[int, int]] = field(default_factory=list)
    end_ms: float | None = None
    _cursor: int = 0

    def place(self, word: WordTime) -> None:
        """Find the word in the text. One that is not there (the engine respells) says nothing."""
        start = self.text.casefold().find(word.text.casefold(), self._cursor) if word.text.strip() else -1
        if start < 0:
            return
        end = start + len(word.text)
        while end < len(self.text) and not self.text[end].isspace():
            end += 1  # the punctuation belongs to it
        self._cursor = end
        self.words.append((end, word.at_ms))

    def heard(self, at_ms: float, sent_ms: float) -> int:
        """Characters that have sounded at ``at_ms``."""
        if self.end_ms is not None and at_ms >= self.end_ms:
            return len(self.text)
        if at_ms <= self.start_ms:
            return 0
        return self._by_words(at_ms) if self.words else self._by_share(at_ms, sent_ms)

    def _by_words(self, at_ms: float) -> int:
        last = self.words[-1][1] + _WORD_MS if self.end_ms is None else self.end_ms
        nexts = [start for _, start in self.words[1:]] + [last]
        heard = 0
        for (end, start), following in zip(self.words, nexts, strict=True):
            if (start + max(following, start)) / 2 <= at_ms:
                heard = end
        return heard

    def _by_share(self, at_ms: float, sent_ms: float) -> int:
        end_ms = self.end_ms
        if end_ms is None:
            end_ms = max(sent_ms, self.start_ms + SLOW_MS * len(self.text))
        share = (at_ms - self.start_ms) / max(end_ms - self.start_ms, 1.0)
        if share >= 1.0:
            return len(self.text)
        return self.text.rfind(" ", 0, int(len(self.text) * share) + 1)


@dataclass(slots=True)
class _Reply:
    clauses: list[_Clause] = field(default_factory=list)
    sent_ms: float = 0.0
    played_ms: float = 0.0
    best: int = 0
    cut: bool = False


class Playout:
    """One per line. Positions are milliseconds from the first sample of the reply."""

    def __init__(self) -> None:
        self._replies: dict[TurnId, _Reply] = {}

    def queued(
        self,
        turn: TurnId,
        at_ms: float,
        ms: float,
        text: str = "",
        words: Iterable[WordTime] = (),
        *,
        over: bool = False,
    ) -> None:
        """Sound went out. ``text``: the clause that begins with it; ``over``: it ends its clause."""
        reply = self._replies.setdefault(turn, _Reply())
        if len(self._replies) > KEPT:
            del self._replies[next(iter(self._replies))]
        if reply.cut:
            return
        if text:
            if reply.clauses and reply.clauses[-1].end_ms is None:
                reply.clauses[-1].end_ms = at_ms
            reply.clauses.append(_Clause(text, at_ms))
        reply.sent_ms = max(reply.sent_ms, at_ms + max(ms, 0.0))
        if reply.clauses:
            for word in words:
                reply.clauses[-1].place(word)
            if over:
                reply.clauses[-1].end_ms = reply.sent_ms

    def played(self, turn: TurnId, ms: float) -> None:
        """The client's report. Beyond what was sent, or backwards, it is clamped."""
        reply = self._replies.get(turn)
        if reply is not None and not reply.cut:
            reply.played_ms = max(reply.played_ms, min(ms, reply.sent_ms))

    def cut(self, turn: TurnId, ms: float) -> None:
        """The reply ends at ``ms``, whatever was reported before: the client's exact and last word."""
        reply = self._replies.setdefault(turn, _Reply())
        reply.played_ms = max(0.0, min(ms, reply.sent_ms))
        reply.best, reply.cut = 0, True

    def heard(self, turn: TurnId) -> str:
        """The text that has sounded: a prefix of what was sent; "" for a reply that is not known."""
        reply = self._replies.get(turn)
        if reply is None:
            return ""
        count = 0
        for clause in reply.clauses:
            heard = max(clause.heard(reply.played_ms, reply.sent_ms), 0)
            count += heard
            if heard < len(clause.text):
                break
        reply.best = max(reply.best, count)
        return "".join(clause.text for clause in reply.clauses)[: reply.best].rstrip()

    def done(self, turn: TurnId) -> bool:
        """All that was sent has sounded, or the reply was cut."""
        reply = self._replies.get(turn)
        return reply is not None and (reply.cut or reply.played_ms >= reply.sent_ms)

"""Reading the candidate's words by rule: requests, silence, and quotes."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

UNINTELLIGIBLE: Final = "(unintelligible audio)"
"""What Retell writes for speech that it could not transcribe."""

_WORD: Final = re.compile(r"[^\W_]+(?:['’.+#-][^\W_]+|[+#]+)*")
_STOP: Final = re.compile(
    r"\b(?:(?:i(?:'d| would)? (?:want|like|need) to|let'?s|can we|please) (?:stop|end|finish|quit)"
    r"(?: (?:here|now|the interview|this interview|the call))?|end the (?:interview|call))\W*$",
    re.IGNORECASE,
)
_REPEAT: Final = re.compile(
    r"\b(?:(?:can|could|would) you (?:please )?(?:repeat|say (?:that|it) again|rephrase)"
    r"|(?:repeat|rephrase) the question|say that again|pardon\?|what was the question)",
    re.IGNORECASE,
)
_STOP_TAIL: Final = 80
"""Characters at the end of an answer in which a request to stop is looked for; the longest has 37."""
_REPEAT_SIGNS: Final = ("repeat", "rephra", "t aga", "pardon", "what wa")
"""Each request to repeat holds one of these. None has an "i" or "s", which stand for other letters too when
case is ignored."""
_NOTHING: Final = re.compile(
    r"^\W*(?:no|nope|not really|nothing|none|i(?:'m| am) (?:good|fine|all set)|that'?s (?:all|it)"
    r"|all clear|i don'?t (?:have|think))\b",
    re.IGNORECASE,
)
_INVITES: Final = re.compile(
    r"\b(?:questions? (?:for|do you)|ask (?:me|us)|want to know from|like to (?:ask|know))", re.IGNORECASE
)
COMMON: Final = frozenset(
    "a about actually after again all also always am an and another any anything are as asked at back "
    "basically be because been before being between bit both but by came can could did didn do does "
    "doing don done down during each even every everything few first for from get give go going good "
    "got great had has have having he her here him his how i if in into is it its just kind know last "
    "later learned like little ll look lot made make many maybe me mean more most much my need never "
    "new no not now of off often ok okay on once one only or other our out over part people person "
    "pretty question quite re really right s said same say see she should simply since so some someone "
    "something sort still stuff such sure t take tell than that the their them then there these they "
    "thing things think this those though three through time to together told too took two under until "
    "up us use used using usually ve very want wanted was way we well went were what when where which "
    "while who why will with without won work worked working would yeah year years yes yet you your".split()
)


def words_of(text: str) -> list[str]:
    return _WORD.findall(text)


def first_words(text: str, count: int) -> list[str]:
    """The first ``count`` words of ``text`` in lower case."""
    return [found.group().lower() for found in islice(_WORD.finditer(text), count)]


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where each word of ``text`` begins and ends."""
    return [found.span() for found in _WORD.finditer(text)]


def has_words(answer: str) -> bool:
    """False for silence and for speech that could not be transcribed."""
    return _WORD.search(answer.replace(UNINTELLIGIBLE, " ")) is not None


def wants_to_stop(answer: str) -> bool:
    """A request at the very end."""
    text = answer.strip()
    start = len(text) - _STOP_TAIL
    if start < 0 or _WORD.search(text, start + _STOP_TAIL // 2) is None:
        start = 0  # short, or with a tail of signs only
    return bool(_STOP.search(text, start))


def asks_to_repeat(answer: str) -> bool:
    """A short request; a long answer that contains such words is an answer."""
    lower = answer.lower()
    if not any(sign in lower for sign in _REPEAT_SIGNS):
        return False  # as a rule
    return len(first_words(answer, 26)) <= 25 and bool(_REPEAT.search(answer))


def invites_questions(text: str) -> bool:
    """True when the interviewer's words ask for the candidate's own questions."""
    return bool(_INVITES.search(text))


def has_no_question(answer: str) -> bool:
    return not has_words(answer) or ("?" not in answer and bool(_NOTHING.match(answer)))


def quoted(claim: str, answer: str) -> str:
    """``claim`` as the candidate said it, or "" when it is not in the answer or says nothing.

    Compared by words, so that case and punctuation do not matter; at most twelve words.
    """
    wanted = [w.lower() for w in words_of(claim)][:12]
    spans = [(m.group().lower(), m.start(), m.end()) for m in _WORD.finditer(answer)]
    if not any(w not in COMMON for w in wanted):
        return ""
    for start in range(len(spans) - len(wanted) + 1):
        if [s[0] for s in spans[start : start + len(wanted)]] == wanted:
            return answer[spans[start][1] : spans[start + len(wanted) - 1][2]]
    return ""

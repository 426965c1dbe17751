"""What can be read from an answer without judging it: sentences, silence, gibberish, words to the judge.

English where words are matched; everything else holds for any language written in letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from interview.reading import UNINTELLIGIBLE, words_of

FUNCTION_WORDS: Final = frozenset(
    "a about after again against all also am an and another any are around as at away back be because been "
    "before being below between both but by came can could did do does doing done down during each either "
    "else even ever every few first for from get got had has have having he her here him his how i if in "
    "into is it its just last least less let like made make many me might more most much must my neither "
    "never no nor not now of off often on once one only or other our ours out over own per quite rather "
    "really same she should since so some still such than that the their them then there these they this "
    "those though through to too under until up upon us very was we well went were what when where which "
    "while who whom whose why will with within without would yes yet you your "
    "i'm i've i'd i'll we're we've it's that's don't didn't wasn't isn't can't couldn't".split()
)
_FILLERS: Final = frozenset("um umm uh uhh er erm hmm hm mm mhm ah eh oh okay ok well so like yeah".split())
_STAGE: Final = re.compile(
    r"[(\[<{][^)\]>}]{0,30}\b(?:silence|silent|pause|no (?:answer|response|reply|speech|audio|sound|input)"
    r"|inaudible|unintelligible|noise|blank|music|coughs?|empty"
    r"|(?:does|did) not (?:speak|answer|respond|reply)"
    r"|nothing (?:said|heard))\b[^)\]>}]{0,40}[)\]>}]"
    r"|\b(?:n/a|no (?:answer|response)(?: given)?)\b[.\s]*$",
    re.IGNORECASE,
)
_END: Final = re.compile(
    r"(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bMrs)(?<!\bSt)(?<!\bProf)(?<!\bvs)(?<!\be\.g)(?<!\bi\.e)"
    r"[.!?…]+[\"')\]]*\s+|[;\n]+\s*|\s+[-–—]\s+"
)
_NAME_RUN: Final = re.compile(
    r"[A-Z][\w'’.-]*(?:\s+(?:(?:de|da|do|dos|du|la|le|van|von|der|den|bin|ibn|al|el|di|del"
    r"|ter)\s+){0,3}[A-Z][\w'’.-]*)+"
)
_SEAM: Final = re.compile(
    r",?\s+(?=(?:and then|and so|so then|so (?:i|we|the|it|yeah|for)|but|then (?:i|we)|because|cause|which"
    r"|and (?:i|we|he|she|they|you|it|the|my|your|that(?:['’]s)?|this|if|when|after|now|yeah|um|uh)"
    r"|(?-i:(?:Your|This|That|That's|As|At|In|There|Where|Thank|It|My|I|We|So|Well|To) )"
    r"|if (?:i|we|you|it|the|they|he|she)|when (?:i|we|you|it|the|they|he|she)|um|uh|yeah)\b)",
    re.IGNORECASE,
)
_LONG: Final = 32
_VOWELS: Final = re.compile(r"[aeiouyáàâäãåéèêëíìîïóòôöõúùûü]", re.IGNORECASE)
_MASH: Final = re.compile(r"[bcdfghjklmnpqrstvwxz]{5,}|(.)\1\1", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sentence:
    """``source[start:end] == text``, without outer white space."""

    text: str
    start: int
    end: int


def sentences(source: str) -> tuple[Sentence, ...]:
    """Split at ends of sentences; speech without punctuation also where a new clause begins."""
    found: list[Sentence] = []
    start = 0
    for match in (*_END.finditer(source), None):
        end = match.end() if match else len(source)
        _clauses(source, start, end, found)
        start = end
    return tuple(found)


def _clauses(source: str, start: int, end: int, found: list[Sentence]) -> None:
    if len(source[start:end].split()) > _LONG:
        seams = [m.end() for m in _SEAM.finditer(source, start + 1, end)]
        cut = start
        for seam in (*seams, end):
            # Clauses of a few words say nothing by themselves; they stay with their neighbour.
            if seam == end or len(source[cut:seam].split()) >= 8:
                _keep(source, cut, seam, found)
                cut = seam
        return
    _keep(source, start, end, found)


def _keep(source: str, start: int, end: int, found: list[Sentence]) -> None:
    text = source[start:end]
    inner = text.strip()
    if words_of(inner):
        start += text.index(inner)
        found.append(Sentence(inner, start, start + len(inner)))


def word_count(text: str) -> int:
    """How many words; capitalised words in a row are one, so that a long name counts like a short one."""
    return len(words_of(_NAME_RUN.sub("N", text)))


def is_silence(text: str) -> bool:
    """True when nothing was said: no words, only hesitation sounds, or only a note that there is nothing."""
    rest = _STAGE.sub(" ", text.replace(UNINTELLIGIBLE, " "))
    return all(word.lower() in _FILLERS for word in words_of(rest))


_DECLINED: Final = re.compile(
    r"(?:(?:i(?:['’]m| am)?|really|just|do(?:n['’]?t| not)|know|not|sure|sorry|no|idea|clue|have|pass|skip"
    r"|next"
    r"|question|please|comment|nothing|to|say|honestly|can(?:['’]?t| not|not)|answer|that|this|the|a"
    r"|unfortunately"
    r"|about|it|remember|think|of|any|none|nope|dunno)\W+)+",
    re.IGNORECASE,
)


def is_declined(text: str) -> bool:
    """True for a few words that only say that there will be no answer: "I don't know, sorry"."""
    words = [word for word in words_of(text) if word.lower() not in _FILLERS]
    return len(words) <= 9 and _DECLINED.fullmatch(" ".join(words) + " ") is not None


_CORE: Final = frozenset(
    "i we you he she it they is are was were be been have has had do does did will would can could to "
    "that this "
    "my our your his her their its me us them there not what how so i'm i've i'd it's don't".split()
)
_OTHER: Final = frozenset(
    "el los las una que por para con pero como muy cuando porque yo mi nos está era "
    "le les des une est dans pour avec sur mais nous vous j'ai c'est qui ne pas je "
    "der die das und ich nicht mit für auf ein eine ist wir habe dass wenn haben auch "
    "il gli che per non con sono una della nel ho abbiamo perché "
    "os uma não com eu foi muito quando mas nosso "
    "het een niet ik wij maar van voor heb".split()
)
"""The commonest words of Spanish, French, German, Italian, Portuguese and Dutch that are not English ones."""


_NEVER_AFTER: Final = frozenset(
    "a an the of when if because under in and or is are was i we he they to from with at for so".split()
)


def is_other_language(text: str) -> bool:
    """True for an answer in a language other than English: another script, or its commonest words."""
    words = [word.lower() for word in words_of(text)]
    if len(words) < 5:
        return False
    other_script = sum(not word[0].isascii() and ord(word[0]) > 0x24F for word in words)
    english = sum(word in FUNCTION_WORDS for word in words) / len(words)
    other = sum(word in _OTHER for word in words) / len(words)
    return other_script * 2 > len(words) or (other > 0.15 and english < 0.15)


def is_gibberish(text: str) -> bool:
    """True when the words make no language: keys hit at random, one syllable over and over, a word heap.

    Meant for English, and for what anybody would call gibberish; a real answer, however poor, is none.
    """
    words = [word.lower() for word in words_of(text)]
    signs = [c for c in text if not c.isspace()]
    if len(signs) >= _SIGNS and sum(c.isalpha() for c in signs) < 0.55 * len(signs):
        return True
    if len(words) < 4:
        return bool(words) and all(_unsayable(word) for word in words)
    if len(set(words)) / len(words) <= 0.25 and len(set(words)) <= 6:
        return True
    unsayable = sum(_unsayable(word) for word in words) / len(words)
    if unsayable > 0.35:
        return True
    glue = sum(word in FUNCTION_WORDS for word in words) / len(words)
    if unsayable > 0.12 and glue < 0.15:
        return True
    # Hardly a pronoun or an auxiliary, and an article that nothing can follow: words in a heap.
    core = sum(word in _CORE for word in words) / len(words)
    broken = sum(one in ("a", "an", "the") and two in _NEVER_AFTER for one, two in pairwise(words))
    if len(words) >= 10 and broken > 0 and core < 0.05 * (1 + broken):
        return True
    # Articles and prepositions with nothing behind them: little words in a heap.
    loose = sum(
        (one in ("a", "an", "the") and two in _LOOSE) or (one in _BEFORE and two in _LOOSE - _ARTICLES)
        for one, two in pairwise(words)
    )
    return len(words) >= 12 and loose / len(words) >= 0.08


_SIGNS: Final = 16
"""Characters; in so many that anybody spoke, letters are most."""
_ARTICLES: Final = frozenset("a an the".split())
_BEFORE: Final = frozenset("of in on at with from by for to".split())
_LOOSE: Final = _ARTICLES | _BEFORE | frozenset("and or but if because than".split())
"""Words that stand after no article, and after no preposition but for an article."""
_KEYS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _unsayable(word: str) -> bool:
    if not word.isalpha() or len(word) < 3:
        return False
    if any(word in row for row in _KEYS) or (len(word) > 4 and word.isascii() and not _VOWELS.search(word)):
        return True
    return bool(_MASH.search(word))

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
    r"[(\[<{]\s*(?:silence|silent|pause|no (?:answer|response|speech|audio)|inaudible|unintelligible[^)\]]*"
    r"|noise|blank|music|coughs?|empty)\s*[)\]>}]|\b(?:n/a|no (?:answer|response)(?: given)?)\b[.\s]*$",
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
    r",?\s+(?=(?:and then|and so|so then|so (?:i|we)|but|and (?:i|we|after|now)|then (?:i|we)|because)\b)",
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
    return len(words) >= 10 and broken > 0 and core < 0.05 * (1 + broken)


_KEYS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _unsayable(word: str) -> bool:
    if not word.isalpha() or len(word) < 3:
        return False
    if any(word in row for row in _KEYS) or (len(word) > 4 and word.isascii() and not _VOWELS.search(word)):
        return True
    return bool(_MASH.search(word))


_JUDGE: Final = (
    r"(?:evaluat(?:or|ion model)|grader|judge|scorer|assessor|rater|llm|ai|language model|chatgpt|gpt|gemini"
    r"|assistant|system|examiner|scoring (?:model|system|bot))"
)
_TOP: Final = (
    r"(?:100|one hundred|a hundred|9\d|10 out of 10|10/10|5/5|five out of five"
    r"|full (?:marks?|points?|score|credit)"
    r"|(?:perfect|top|max(?:imum)?|highest|best|excellent|high|outstanding)(?: possible)? "
    r"(?:scores?|marks?|ratings?|grades?|levels?|points?)|level (?:5|five)|an? (?:a\+|five|ten|5|10)\b)"
)
_TO_JUDGE: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:ignor\w*|disregard\w*|forget\w*|overrid\w*|bypass\w*|discard|skip)\b.{0,40}"
        r"\b(?:previous|prior|above|earlier|preceding|all|any|your|the|other)\b.{0,20}"
        r"\b(?:instructions?|rubrics?|prompts?|scoring|grading|guidelines?|evaluation|directions|system)\b",
        r"^\W*(?:please,? |now,? |so,? |just |kindly )*(?:ignore|disregard|forget|override) "
        r"(?:the|your|all|any|every|previous|prior|everything)\b.{0,30}\b(?:rules?|criteria|above"
        r"|before|said|told)",
        r"(?:^\W*|[,.:;!]\s*|\b(?:please|must|should|to|and|just|now|you|will|have to|kindly|so)\s+)"
        r"(?:(?:give|put|grant)\s+(?:me|this|it|my|the (?:answer|candidate|response|applicant)|all"
        r"|every|each|him|her|them)"
        rf"|award|assign|rate|score|grade|mark|rank)\b.{{0,50}}{_TOP}(?! ?%| percent| and ten)"
        rf"(?!.{{0,30}}\b(?:customers?|clients?|users?|students?|reviews?|survey|team|store|hotel)\b)",
        rf"\b(?:deserves?|merits?|worth|worthy of|warrants?)\b.{{0,30}}{_TOP}",
        r"\b(?:set|make|output|return|print|respond with|reply with|write)\b.{0,30}\b(?:scores?|rating"
        r"|overall|json|grade)\b"
        r".{0,25}(?:\b(?:100|9\d|5|10|max\w*|perfect|high\w*|top|full)\b)",
        r"\b(?:scores?|overall|rating|grade|final (?:score|grade|verdict)|content|depth"
        r"|soft_skills)\"?\s*[:=]\s*\"?(?:100|9\d|10|5|a\+|perfect)",
        rf"\b(?:dear|hey|hi|hello|attention|note to|message to|instructions? (?:to|for)|to) (?:the |my "
        rf"|any |all )?(?:ai |automated |automatic )?{_JUDGE}\b",
        rf"\b(?:as|you are|you're|act as|pretend (?:to be|you are)|behave as) (?:now )?(?:an?|the"
        rf"|my) (?:ai|{_JUDGE}|generous|lenient|helpful|kind|unrestricted)",
        r"^\W*(?:system|assistant|developer|admin(?:istrator)?|instructions?|evaluator|grader|judge"
        r"|override|important)"
        r"(?: (?:note|message|override|prompt|instruction|update|command))?\s*[:>\]]",
        r"<\s*/?\s*(?:system|assistant|user|instructions?|answer|candidate|transcript|prompt)\b[^>]*>"
        r"|\[/?inst\]|<\|[^>]*\|>|^\s*#{2,}",
        r"\b(?:this|the|my) (?:above |previous )?(?:candidate|answer|response|applicant)(?:'s (?:answer"
        r"|response))? "
        r"(?:deserves?|merits?|should (?:be (?:scored|rated|graded|given|marked|considered)|get|receive"
        r"|score)|meets (?:all|every|the)|exceeds"
        r"|demonstrates|is (?:an? )?(?:excellent|perfect|outstanding|exceptional|flawless|complete"
        r"|exemplary|model)|earns|scores?|satisfies|fulfil)",
        r"\b(?:the|this|my) (?:above|previous|preceding|foregoing|following) (?:answer|response|text"
        r"|candidate|transcript)\b",
        r"\b(?:mark|treat|consider|count|regard|classify|label|rate) (?:this|it|me|my answer"
        r"|the (?:above|answer|response)|everything)\b.{0,20}"
        r"\b(?:as|to be)\b.{0,15}\b(?:excellent|correct|perfect|strong|complete|outstanding|passed"
        r"|level|exceptional|top|full|hired?)",
        r"\b(?:system prompt|prompt injection|jailbreak|developer mode|new instructions?(?=\s*[:.])"
        r"|your (?:instructions|rubric|scoring|prompt|guidelines|programming))\b",
        r"\b(?:end of (?:the )?(?:answer|response|transcript|candidate)|begin (?:evaluation|scoring)"
        r"|evaluation (?:is )?complete)\b",
        r"\b(?:rubric|scoring|evaluation|grading)\b.{0,40}\b(?:does not|doesn't|do not|don't"
        r"|no longer)\b.{0,15}\bappl",
        rf"\b(?:i (?:want|need|demand|expect|require|request|would like)|please|must|should"
        rf"|kindly)\b.{{0,40}}{_TOP}(?=\W*(?:$|for (?:this|my|every|all|the)|on (?:this|every|all|each)"
        rf"|please|in (?:every|all|each)|across))",
    )
)
_BESIDE: Final = re.compile(
    r"\b(?:scores?|scoring|rating|rubric|evaluat\w*|grad(?:e|er|ing)|candidate|dimensions?|levels?"
    r"|instructions?"
    r"|criteria|compl(?:y|iance)|confirm|output|json|perfect|excellent|outstanding|exceptional|flawless"
    r"|star|hire)\b|\b100\b",
    re.IGNORECASE,
)
_FIRST_PERSON: Final = re.compile(r"\b(?:i|we|my|our)\b", re.IGNORECASE)


def to_the_judge(source: str) -> tuple[Sentence, ...]:
    """The sentences that speak to whoever scores, with those beside them that only go on about the score."""
    parts = sentences(source)
    hits = [any(pattern.search(part.text) for pattern in _TO_JUDGE) for part in parts]
    for order in (range(1, len(parts)), range(len(parts) - 2, -1, -1)):
        step = -1 if order.step > 0 else 1
        for index in order:
            if hits[index + step] and not hits[index]:
                text = parts[index].text
                hits[index] = bool(_BESIDE.search(text)) and not _FIRST_PERSON.search(text)
    return tuple(part for part, hit in zip(parts, hits, strict=True) if hit)

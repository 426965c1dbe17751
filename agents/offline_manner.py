"""How an answer is told: turns of phrase that go with much or little substance, each per 25 words.

Who knows what they did says it in figures and exact words; who does not says "always", "something", "you have
to", "not my job". The same number of words can hold either. Only sentences that are told count: none that
are filler or repeat, so padding neither helps nor harms. `agents.offline_points` weighs them.
"""

from __future__ import annotations

import re
from math import log
from typing import Final

from agents.offline_cues import ABOUT_TALK, PLATITUDE
from agents.offline_reading import Holding, Part, words_in

PER: Final = 25
MOST: Final = 4.0
"""Of a turn in 25 words; more says no more."""
_FEWEST: Final = 20
"""Words; a rate over fewer would be chance."""
_LONG: Final = 6
"""Letters; longer words are exact ones more often than not."""


def _turns(*words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


TURNS: Final = {
    "hedges": _turns(
        r"i (?:think|guess|suppose|believe)", r"maybe", r"perhaps", r"probably", r"apparently", r"somehow",
        r"sort of", r"kind of", r"some kind", r"or (?:something|so)", r"in general", r"more or less",
        r"pretty much", r"basically", r"(?:i['’]m |i am )?not (?:really |so |quite )?sure",
        r"as far as i (?:know|remember)",
    ),
    "what is not known": _turns(
        r"(?:don|can|couldn|wouldn|didn)['’]t (?:really |exactly |quite )?(?:know|remember|recall|say|tell)",
        r"no idea", r"not sure", r"forg[eo]t",
    ),
    "general truths": _turns(
        r"always", r"never", r"every(?:body|one)", r"nobody", r"anybody", r"anyone", r"all the time",
        r"every time", r"people", r"usually", r"normally", r"mostly", r"often", r"sometimes", r"generally",
    ),
    "words that only stress": _turns(
        r"very", r"really", r"super", r"so", r"extremely", r"totally", r"quite", r"absolutely", r"of course",
        r"definitely", r"obviously", r"honestly", r"simply", r"just",
    ),
    "shrugs": _turns(
        r"that['’]?s (?:it|all|just|how|life|the way)", r"that was (?:it|that|all)", r"whatever",
        r"what can (?:you|i) do", r"(?:not|isn['’]t|wasn['’]t) (?:really |down to )?(?:my|me)\b",
        r"their (?:own )?(?:problem|fault|job)", r"(?:somebody|someone) else", r"it happens",
        r"(?:these|those|such) things happen", r"sorted itself", r"worked (?:itself )?out", r"no point",
        r"waste of time", r"can['’]t be bothered", r"doesn['’]t matter", r"no big deal", r"nothing happened",
    ),
    "duties": _turns(r"should", r"ha(?:ve|s) to", r"must", r"needs? to", r"ought", r"supposed"),
    "verdicts instead of facts": _turns(
        r"good", r"great", r"important", r"best", r"nice", r"fine", r"okay", r"ok", r"better", r"easy",
        r"hard", r"difficult", r"right", r"wrong", r"bad", r"big", r"professional", r"passion\w*", r"love",
        r"enjoy", r"team player", r"perfectionist",
    ),
    "negations": _turns(r"not", r"no", r"nothing", r"none", r"cannot", r"\w+n['’]t", r"without"),
    "vague words": _turns(
        r"stuff", r"things?", r"something", r"anything", r"everything", r"somewhere", r"lots?", r"some",
        r"several", r"various", r"etc", r"and so on",
    ),
    "figures": re.compile(
        r"\b\d[\d.,%]*|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty"
        r"|fifty|hundred|thousand|per ?cent|half|quarter)\b",
        re.IGNORECASE,
    ),
    "own part": _turns(r"i", r"i['’](?:m|ve|d|ll)", r"my", r"me", r"myself"),
}  # fmt: skip
RATES: Final = ("terms", "entities", "people")
"""Kinds of evidence of which it also matters how densely they come."""


def told(holding: Holding) -> tuple[Part, ...]:
    """The sentences that are neither filler nor said before, whether or not they hold evidence."""
    return tuple(part for part in holding.parts if not (part.empty or part.twin or part.echo))


def manner(holding: Holding, found: dict[str, int]) -> dict[str, float]:
    """Each sign by its name, from 0 on. ``found``: how many pieces of each kind of evidence there are."""
    # Speech without full stops runs on, so that a turn of phrase can stand inside a sentence that is told.
    texts = (PLATITUDE.sub(" ", ABOUT_TALK.sub(" ", part.nameless)) for part in told(holding))
    text = " ".join(texts)
    words = words_in(text)
    per = PER / max(_FEWEST, len(words))
    signs = {name: min(MOST, per * len(turn.findall(text))) for name, turn in TURNS.items()}
    signs |= {f"{name} in few words": min(MOST, per * found[name]) for name in RATES}
    # "someone" stands for a name, which is worth what any other is.
    signs["long words"] = sum(len(word) > _LONG and word != "someone" for word in words) / max(1, len(words))
    signs["words"] = log(max(_FEWEST, len(words)))
    return signs

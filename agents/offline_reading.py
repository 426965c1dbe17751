"""What an answer holds, counted by rule: each distinct piece of evidence once, where it comes first.

Sentences that repeat what was said, praise the speaker or the company, or talk about talking bring
nothing; so padding adds nothing to any count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from agents.offline_words import FLUFF, PLAIN, QUESTION_TALK, TOPICS, VAGUE, stem
from interview.judging_text import FUNCTION_WORDS, Sentence, sentences

_WORD: Final = re.compile(r"[^\W_]+(?:['’./+#&-][^\W_]+)*[+#]*")
_PLACEHOLDER: Final = re.compile(r"\[(?:name|email|link|phone|school|removed)\]")
_I: Final = frozenset(("i", "i'm", "i've", "i'd", "i'll"))
_PARTICLES: Final = frozenset("de da do dos du la le van von der den bin ibn al el di del ter mc st".split())
_NUMBER_WORDS: Final = frozenset(
    "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty "
    "seventy eighty ninety hundred hundreds thousand thousands million millions billion half quarter third "
    "twice double doubled triple tripled halved dozen dozens percent".split()
)
_BIG_TALK: Final = frozenset("100 110 120 200 1000 24/7 110% 100% 150% 200% 1000% 365".split())
_IDLE: Final = frozenset(
    stem(verb)
    for verb in (
        "am are was were be been is have had has do did does think thought believe believed feel felt "
        "know knew want "
        "wanted like liked love loved try tried need needed can could will would should may might guess "
        "hope hoped "
        "mean meant see saw get got make made go went work worked learn learned use used really always "
        "never just "
        "also usually often sometimes consider handle handled deal dealt manage managed help helped say "
        "said enjoy "
        "enjoyed talk talked speak spoke understand understood give gave take took keep kept come came "
        "find found look looked start started "
        "become became put do don't didn't not am'nt strive focus focused ensure bring brought pride "
        "remember "
        "communicate communicated suppose wish prefer excel thrive never ever still only then tend care "
        "don doesn didn won stay stayed"
    ).split()
)
_SUBJECT: Final = re.compile(
    r"\b(?:i|we)((?:['’](?:d|ve|ll|m|re))?(?:\s+(?:have|had|would|will|could|can|was|were|am|are|also"
    r"|then|first|even|later"
    r"|started|began|decided|tried|to|next|just|and|ended|up|went|sat|down|[a-z]+ly))*)\s+([a-z][a-z-]+)",
    re.IGNORECASE,
)
_BE: Final = re.compile(r"(?:['’](?:m|re)|\b(?:am|are|was|were))\b", re.IGNORECASE)
_CHAINED: Final = re.compile(
    r"(?:,|\b(?i:and|then|but|by))\s+(?:then |also |finally |first )?"
    r"([a-z]+ed|[a-z]{3,}ing|wrote|built|sent|ran|told|set|cut|put|led|drew|split|brought|found|spoke"
    r"|rang|held|met|took"
    r"|gave|made|taught|paid|chose|showed|kept|got|read|moved|went|check|ask|call|write|explain|test"
    r"|compare|review|measure"
    r"|schedule|discuss|agree|show|send|propose|offer|suggest|record|draw|document|verify|inform|invite"
    r"|remove|add|run|build"
    r"|fix|update|track|define|identify|gather|collect|analy[sz]e|investigate|monitor|escalate|delegate"
    r"|negotiate|involve"
    r"|clarify|summari[sz]e|draft|design|implement|deploy|refactor|isolate|reproduce|apologi[sz]e"
    r"|follow|listen|prepare)\b",
)
_DEALT: Final = re.compile(
    r"\b(talk|talked|talking|speak|spoke|sit|sat|listen|listened)\s+(?:down\s+)?(?:to|with"
    r"|together)\b(?! you\b)",
    re.IGNORECASE,
)
_HEDGED: Final = re.compile(
    r"\b(?:somehow|maybe|perhaps|probably|normally|i (?:think|guess|suppose)|kind of|sort of|or something"
    r"|i['’]m (?:very |really |quite |pretty )?good|good at|(?:do|doing|did) (?:my|our) best"
    r"|as (?:fast|soon|hard|well) as possible|everything|whatever|don['’]t (?:really|usually|normally"
    r"|need)|not really"
    r"|anyone|everybody|some people)\b",
    re.IGNORECASE,
)
_HABIT: Final = re.compile(r"\b(?:always|never|usually|generally)\b", re.IGNORECASE)
"""What is always done is no case of its being done; but it is how somebody works, where that was asked."""
_ALL_OF_IT: Final = re.compile(
    r"\b(?:a |one )?(?:hundred|thousand)(?: and (?:ten|one|twenty))? ?(?:percent|%)|\b1\d0 ?(?:percent"
    r"|%)|\b24/7\b",
    re.IGNORECASE,
)


def _any(*words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


_OUTCOME: Final = _any(
    r"as a result", r"results?", r"outcome", r"led to", r"ended up", r"reduc\w+", r"increas\w+",
    r"dropped", r"fell",
    r"rose", r"grew", r"cut (?:\w+ )*(?:from|by|to|in half)", r"went (?:down|up|from|back to)",
    r"improved", r"saved",
    r"doubled", r"tripled", r"halved", r"on time", r"ahead of", r"launched", r"shipped", r"delivered",
    r"renewed",
    r"signed", r"resolved", r"since then", r"still (?:use[sd]?|in use|work\w*|there|with us|run\w*)",
    r"passed",
    r"no longer", r"(?:never|not|no) .{0,30}(?:again|since)", r"adopted", r"down (?:from|to|by)",
    r"up (?:from|to|by)",
    r"in the end", r"within (?:a|an|the|\w+) (?:day|week|month|hour|minute|year|quarter|sprint)s?",
    r"became the",
    r"came back", r"thanked", r"won", r"closed", r"finished", r"solved", r"fixed", r"stopped", r"zero",
    r"(?:now|today) (?:we|they|it|the|every|all|she|he)", r"exceeded", r"recover\w*", r"agreed", r"stayed",
)  # fmt: skip
_REASON: Final = _any(
    r"because", r"so that", r"which is why", r"the reason", r"therefore", r"that way", r"otherwise",
    r"in order to",
    r"to (?:avoid|make sure|ensure|prevent|check|protect|see (?:if|whether|where|which)|find out|keep)",
    r"due to",
    r"that'?s why", r"(?:this|that|which|it) means", r"means? that",
    r"since (?:the|it|they|we|i|my|our|most|every|each)",
    r"so (?:the|it|we|i|they|you|that|a|each|no|every|she|he|nobody)", r"caus\w+",
    r"the (?:idea|point) (?:is|was)",
    r"which (?:lets|let|gives|gave|makes|made|allow\w*|turned out|told|show\w*)", r"thus", r"hence",
    r"given that",
)  # fmt: skip
_CONTRAST: Final = _any(
    r"trade-?offs?", r"instead", r"rather than", r"whereas", r"however", r"although", r"even though",
    r"on the other hand",
    r"alternatives?", r"compar\w+", r"versus", r"vs", r"downsides?", r"disadvantages?", r"drawbacks?",
    r"risk\w*",
    r"limitations?", r"depend(?:s|ed|ing)? on", r"unless", r"except", r"in that case",
    r"only (?:when|if|after)", r"the catch",
    r"weigh\w*", r"options?", r"at the (?:cost|expense|price)",
    r"while (?:a|an|the|it|others?|tcp|udp|sql|with|they)",
    r"unlike", r"pros and cons", r"but", r"worse", r"better (?:for|when|than)", r"as opposed to",
    r"if (?:the|it|they|you|we|i|a|that|not|she|he|nobody|there)",
    r"not (?:just|only|the)", r"yet",
)  # fmt: skip
_SEQUENCE: Final = _any(
    r"first(?:ly)?", r"then", r"next", r"after (?:that|the|a|we|i)", r"afterwards", r"finally",
    r"second(?:ly)?", r"once",
    r"before (?:that|the|we|i|any)", r"steps?", r"last(?:ly)?", r"at the end", r"later", r"from there",
    r"meanwhile",
)  # fmt: skip
_SITUATION: Final = _any(
    r"when (?:i|we|our|the|my|a)", r"at my (?:last|previous|current|old|first|former)",
    r"in my (?:last|previous|current|first|former|second|final)",
    r"last (?:year|month|week|spring|summer|autumn|fall|winter|quarter|january|february|march|april|may"
    r"|june|july|august|september|october|november|december)",
    r"in (?:19|20)\d\d", r"years? ago", r"months? ago", r"while (?:i|we|working)", r"during",
    r"there was", r"we had (?:a|an|to|two|three)",
    r"i (?:was|worked|had) (?:a|an|the|at|on|in|for|as|working|leading|responsible)",
    r"one (?:day|time|of)", r"once",
    r"our (?:\w+ )?(?:team|company|client|customer|service|system|shop|store|ward|product|department"
    r"|school|website|warehouse|kitchen)",
    r"at (?:a|an) [\w-]+", r"as (?:a|an|the) \w+", r"i (?:joined|inherited|took over)",
)  # fmt: skip
_TASK: Final = _any(
    r"my (?:task|job|role|goal|part|responsibility|aim) was", r"had to", r"needed to",
    r"was (?:responsible|supposed|asked|in charge|tasked)",
    r"asked (?:me|us) to", r"(?:the|our) goal was", r"in charge of", r"was mine",
    r"it was (?:up to me|my)", r"wanted (?:us|me) to",
)  # fmt: skip
_PEOPLE: Final = re.compile(
    r"\b(?:(asked|listen\w*|understood|agreed|apologi\w+|thank\w*|credit\w*|support\w*|mentor\w*"
    r"|coach\w*|concern\w*"
    r"|perspective\w*|together|trust\w*|explain\w*|invited|feedback|patien\w*|calm\w*|honest\w*|openly"
    r"|respect\w*"
    r"|worri\w*|reassur\w*|involv\w*|shared?|check(?:ed)? in|privately|sorry|point of view|felt|view"
    r"|compromise|paired"
    r"|one-on-one|talked|sat down|walked (?:him|her|them|me)|told (?:him|her|them|me|the|my)"
    r"|helped (?:him|her|them)"
    r"|what (?:he|she|they) (?:needed|wanted|thought|meant))|(she|he|they|them|her|him|their)"
    r"|(manager|colleague\w*|coworker\w*|client\w*|customer\w*|team\w*|boss|lead|stakeholder\w*"
    r"|patient\w*|student\w*"
    r"|parent\w*|user\w*|engineer\w*|nurse\w*|designer\w*|director|supervisor|supplier\w*|guest\w*"
    r"|intern|junior))\b",
    re.IGNORECASE,
)
_OWNING: Final = re.compile(
    r"\b(?:my (?:own )?(?:mistake|fault|part|responsib\w+|assumption|error|miss|bad)|i was wrong"
    r"|i should have|i had not|i hadn['’]t"
    r"|i (?:had )?(?:admitted|apologi\w+|owned|took (?:the )?(?:responsib\w+|blame)|misjudged"
    r"|underestimated|overlooked|forgot|missed"
    r"|assumed|misread|broke)|i (?:still )?(?:find|found) (?:it|that) hard)\b",
    re.IGNORECASE,
)
_LEARNT: Final = _any(
    r"learn(?:ed|t)", r"lesson", r"since then", r"next time", r"now i",
    r"(?:do|done) (?:it )?differently", r"ever since", r"taught me",
    r"from then on", r"looking back", r"in hindsight", r"takeaway", r"i now", r"these days i",
    r"today i", r"after that i always",
    r"changed (?:how|the way) i",
    r"i would (?:have )?(?:start|do|done|ask|cut|involve)\w* (?:\w+ ){0,5}(?:earlier|sooner|differently)",
)  # fmt: skip
_EXAMPLE: Final = _any(
    r"for example",
    r"for instance",
    r"such as",
    r"e\.g",
    r"(?<!to )(?<!would )(?<!could )(?<!you )(?<!i )say",
    r"imagine",
    r"like when",
    r"in one case",
    r"(?:is|are|was|were) like",
    r"in the same way",
    r"similar to",
    r"as if",
    r"think of",
)
_BLAME: Final = _any(
    r"lazy", r"stupid", r"idiots?", r"incompetent", r"(?:his|her|their) (?:own )?fault",
    r"not my (?:problem|job|fault)",
    r"useless", r"hate[ds]?", r"annoying", r"don'?t care", r"didn'?t care", r"whatever", r"clueless",
    r"told (?:him|her|them) (?:to )?shut",
)  # fmt: skip
_SOMEBODY: Final = re.compile(
    r"\b(?:i|we|me|us|my|our|mine|he|she|they|him|her|them|his|their|it|was|were|had"
    r"|[a-z]{2,}ed)\b",
    re.IGNORECASE,
)
"""Somebody is meant, or something happened: not a truth for all."""
_TO_YOU: Final = re.compile(r"\b(?:your|you (?:were|are|have|had|won|offer|stand|lead))\b", re.IGNORECASE)
_PRAISE: Final = re.compile(
    r"\byour (?:\w+ ){0,2}(?:company|organi[sz]ation|firm|mission|culture|values|reputation|brand"
    r"|innovation|global|report|website|vision|annual)\b"
    r"|\b(?:really |truly |deeply )?inspires? me\b|\binspired me\b"
    r"|\b(?:this|such an?) (?:\w+ )?(?:opportunity|interview|company|organi[sz]ation|firm)\b"
    r"|\b(?:great|good|excellent|interesting|fantastic|wonderful|tough) question\b|\bthank(?:s"
    r"| you)(?: so much| very much)? for\b"
    r"|\bto (?:answer|come back to) (?:your|the) question\b|\b(?:research shows?|studies show"
    r"|experts (?:agree|say)|statistics show|once said|saying goes|as they say"
    r"|proverb)\b|\bdream come true\b",
    re.IGNORECASE,
)
"""Holds nothing about the speaker, whatever figures and names stand in it."""
_ABOUT_TALK: Final = re.compile(
    r"\b(?:as i (?:\w+ ){0,3}(?:said|mentioned|stated|noted|explained)|like i said|as mentioned|let me"
    r"|(?:i|we)(?:['’]d| would) (?:also )?like to (?:say|add|mention|point out)|i have to say|i want you to know"
    r"|i hope (?:that )?this|(?:that|this|which) makes sense|so to speak|go on and on|bore you"
    r"|that['’]s (?:basically )?it|answers? (?:your|the) question|the whole thing|get the idea"
    r"|to (?:elaborate|sum|summari[sz]e|conclude|reiterate|emphasi[sz]e|be honest)"
    r"|in (?:conclusion|summary|short|other words|my opinion)|at the end of the day|when all is said|all in all"
    r"|and so (?:on|forth)|needless to say|goes without saying|what i (?:did|do|have done)|that is how|you know)\b",
    re.IGNORECASE,
)
_SELF_PRAISE: Final = re.compile(
    r"\b(?:this (?:role|position)|in (?:today['’]s|life|general)|everyone knows|they say|the key to|is key"
    r"|is (?:very |so |really |extremely )*(?:important|crucial|essential|vital|everything)"
    r"|i (?:pride|consider) myself"
    r"|i(?: am|['’]m) (?:a|an|very|extremely|highly|really|so|truly|deeply|always|passionate|confident|sure"
    r"|excited|honou?red|grateful|happy|someone|impressed|proud to)"
    r"|i (?:truly |really |strongly |firmly |honestly |always |sincerely |genuinely )+"
    r"(?:believe|feel|think|try|give|strive|want|love|enjoy|put|go|do)"
    r"|i believe|i love|give (?:it )?my (?:best|all)|no matter what|people (?:say|tell me|describe)"
    r"|hard work|team player|think outside|win-win|synergy|(?:the )?extra mile|makes? (?:a|the) difference"
    r"|to the table)\b",
    re.IGNORECASE,
)
"""Self-praise and truths for all, which hold something only beside hard facts."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What words an answer to a question probably uses: its own, and those of its topics."""

    own: frozenset[str]
    topics: tuple[str, ...]
    items: tuple[tuple[str, frozenset[str]], ...] = ()


@dataclass(slots=True)
class Part:
    """One sentence and what it brings that no sentence before it brought."""

    sentence: Sentence
    stems: frozenset[str]
    empty: bool = False
    terms: set[str] = field(default_factory=set)
    topical: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    entities: set[str] = field(default_factory=set)
    actions: set[str] = field(default_factory=set)
    cues: dict[str, set[str]] = field(default_factory=dict)
    topics: dict[str, set[str]] = field(default_factory=dict)

    @property
    def is_bare(self) -> bool:
        return len(self.terms) + len(self.topical) < 3 and not self.numbers and not self.entities

    @property
    def sure(self) -> bool:
        """Holds a figure in digits or a named thing."""
        return bool(self.entities) or any(c.isdigit() for number in self.numbers for c in number)

    @property
    def hard(self) -> float:
        """Evidence that is hard to make up out of nothing."""
        return len(self.numbers) + 0.7 * len(self.entities) + len(self.actions) + 0.25 * len(self.terms)

    @property
    def weight(self) -> float:
        soft = sum(
            bool(self.cues.get(name)) for name in ("outcome", "reason", "contrast", "owning", "learnt")
        )
        if self.hard + 0.25 * len(self.topical) < 0.25:
            return 0.0  # linking words that link nothing
        scene = sum(bool(self.cues.get(name)) for name in ("situation", "task", "people"))
        return self.hard + 0.25 * len(self.topical) + 0.5 * soft + 0.15 * scene


@dataclass(frozen=True, slots=True)
class Holding:
    """All that an answer holds. ``kept``: the sentences that bring something; ``words``: all of them."""

    parts: tuple[Part, ...]
    kept: tuple[Part, ...]
    words: int
    vague: int
    repeated: int

    def count(self, name: str) -> int:
        return len({item for part in self.kept for item in getattr(part, name)})

    def cue(self, name: str) -> int:
        return len({item for part in self.kept for item in part.cues.get(name, ())})

    def sentences_with(self, name: str, hard: float = 0.0) -> int:
        return sum(bool(part.cues.get(name)) and part.hard >= hard for part in self.kept)


def words_in(text: str) -> list[str]:
    return [match.group() for match in _WORD.finditer(_PLACEHOLDER.sub(" ", text))]


@dataclass(frozen=True, slots=True)
class _Index:
    """Where the words of `TOPICS` are found; each says of a topic whether the word is one of its keys."""

    stems: dict[str, dict[str, bool]]
    prefixes: dict[str, list[tuple[str, str, bool]]]
    phrases: dict[str, dict[str, bool]]


@cache
def _index() -> _Index:
    """Prefixes are filed under their first three letters."""
    index = _Index({}, {}, {})
    for topic, halves in TOPICS.items():
        for is_key, half in zip((True, False), halves, strict=True):
            for entry in half.split():
                if entry.endswith("*") and "_" not in entry:
                    index.prefixes.setdefault(entry[:3], []).append((entry[:-1], topic, is_key))
                    continue
                phrase = entry.rstrip("*").replace("_", " ")
                known = (
                    index.phrases.setdefault(phrase, {})
                    if "_" in entry
                    else index.stems.setdefault(stem(entry), {})
                )
                known[topic] = known.get(topic, False) or is_key
    return index


@cache
def _phrases() -> re.Pattern[str]:
    longest_first = sorted(_index().phrases, key=len, reverse=True)
    return re.compile(rf" ({'|'.join(map(re.escape, longest_first))})")


def topics_of(text: str, keys_only: bool = False) -> dict[str, set[str]]:
    """topic -> the stems of ``text`` that belong to it; the words of a phrase belong to the phrase alone."""
    index = _index()
    found: dict[str, set[str]] = {}
    lowered = f" {' '.join(word.lower().replace('’', chr(39)) for word in words_in(text))} "
    used: set[str] = set()
    for match in _phrases().finditer(lowered):
        for topic, is_key in index.phrases[match.group(1)].items():
            if is_key or not keys_only:
                found.setdefault(topic, set()).add(match.group(1))
                used.add(match.group(1))
    for phrase in used if keys_only else ():
        lowered = lowered.replace(f" {phrase}", " ")
    for word in set(lowered.split()):
        root = stem(word)
        for topic, is_key in index.stems.get(root, {}).items():
            if is_key or not keys_only:
                found.setdefault(topic, set()).add(root)
        for prefix, topic, is_key in index.prefixes.get(word[:3], ()):
            if word.startswith(prefix) and (is_key or not keys_only):
                found.setdefault(topic, set()).add(root)
    return found


def expected_of(question: str, competencies: Iterable[str], looks_for: Sequence[str]) -> Expected:
    """What the question, its competencies and the points it looks for lead to expect."""
    competence = " ".join(competencies).replace("_", " ")
    own = _content(question) | _content(competence) | _content(" ".join(looks_for))
    keys = topics_of(f"{question} . {competence}", keys_only=True)
    spread = Counter(root for roots in keys.values() for root in roots)
    # A word that calls up several topics says less; one topic called up by such words alone is a guess.
    sure = [topic for topic, roots in keys.items() if sum(1 / spread[root] for root in roots) >= 0.5]
    items = tuple((item, frozenset(_content(item))) for item in looks_for)
    return Expected(frozenset(own), tuple(sure or keys), items)


def _content(text: str) -> set[str]:
    return {
        root
        for word in words_in(text)
        if (root := stem(word)) not in QUESTION_TALK and word.lower() not in FUNCTION_WORDS and len(root) > 1
    }


def read(answer: str, expected: Expected, motivational: bool = False, personal: bool = False) -> Holding:
    """Take an answer apart.

    ``motivational``: the question is about the company, so that praise may be content. ``personal``: it asks
    for something of the speaker's own, so that general truths are none.
    """
    seen: dict[str, set[str]] = {
        name: set() for name in ("terms", "topical", "numbers", "entities", "actions")
    }
    parts: list[Part] = []
    kept: list[Part] = []
    count = vague = repeated = 0
    praise = False
    for sentence in sentences(answer):
        if not words_in(sentence.text):
            continue
        part = _part(sentence, expected)
        if (
            not motivational
            and part.is_bare
            and (_HEDGED.search(sentence.text) or (personal and _HABIT.search(sentence.text)))
        ):
            # What is always or probably done was not seen to be done once.
            part.actions = set()
            part.cues |= {"reason": set(), "contrast": set(), "outcome": set()}
        words = words_in(sentence.text)
        count += len(words)
        vague += sum(word.lower() in VAGUE for word in words)
        parts.append(part)
        twin = any(_alike(part.stems, other.stems) for other in kept)
        repeated += len(words) if twin else 0
        light = part.weight < (0.5 if motivational else 0.75)
        for name, known in seen.items():
            setattr(part, name, getattr(part, name) - known)
        if part.weight < 0.25:
            part.cues = {}
        # After a sentence about the company one to it is more of the same.
        praise = bool(_PRAISE.search(sentence.text)) or (praise and bool(_TO_YOU.search(sentence.text)))
        if praise and not motivational:
            part.empty = True
        idle = _ABOUT_TALK.search(sentence.text) or (not motivational and _SELF_PRAISE.search(sentence.text))
        if idle and part.hard < 2.5:
            part.empty = True
        fluff = sum(root in FLUFF for root in part.stems)
        if fluff >= 2 and fluff >= 0.4 * len(part.stems) and not part.sure:
            part.empty = True
        if personal and not part.sure and not _SOMEBODY.search(sentence.text):
            part.empty = True
        if twin or part.empty or light:
            continue
        for name, known in seen.items():
            known |= getattr(part, name)
        kept.append(part)
    return Holding(tuple(parts), tuple(kept), count, vague, repeated)


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    if len(one) < 3:
        return one <= other
    return len(one & other) / len(one) >= 0.75


def _part(sentence: Sentence, expected: Expected) -> Part:
    text = sentence.text
    plain = _ALL_OF_IT.sub(" ", _PLACEHOLDER.sub(" ", text))
    found = list(_WORD.finditer(plain))
    part = Part(sentence, frozenset(_content(plain)))
    names = _names(found, plain)
    for index, match in enumerate(found):
        word = match.group()
        lowered = word.lower().replace("’", "'")
        if index in names:
            if names[index]:
                part.entities.add(names[index])
            continue
        if any(c.isdigit() for c in word):
            after = plain[match.end() : match.end() + 1]
            if lowered + after.strip() not in _BIG_TALK and lowered not in _BIG_TALK:
                part.numbers.add(lowered)
            continue
        if lowered in _NUMBER_WORDS:
            part.numbers.add(lowered)
            continue
        lowered = "not" if lowered.endswith("n't") else lowered.partition("'")[0] or lowered
        root = stem(lowered)
        if lowered in FUNCTION_WORDS or lowered in VAGUE or len(lowered) < 3:
            continue
        if root in PLAIN or root in FLUFF or root in QUESTION_TALK or lowered.endswith("ly"):
            continue
        if root in expected.own:
            part.topical.add(root)
        else:
            part.terms.add(root)
    part.topics = topics_of(plain)
    for topic, roots in part.topics.items():
        if topic in expected.topics:
            part.topical |= roots
    part.topical |= part.stems & expected.own
    part.actions = _actions(plain)
    part.cues = {
        name: {match.group().lower() for match in pattern.finditer(plain)}
        for name, pattern in (
            ("outcome", _OUTCOME), ("reason", _REASON), ("contrast", _CONTRAST), ("sequence", _SEQUENCE),
            ("situation", _SITUATION), ("task", _TASK), ("owning", _OWNING), ("learnt", _LEARNT),
            ("example", _EXAMPLE), ("blame", _BLAME), ("people", _PEOPLE),
        )
    }  # fmt: skip
    return part


def _names(found: Sequence[re.Match[str]], text: str) -> dict[int, str]:
    """index of a word -> the named thing it begins, or "" for a word inside one.

    A run of capitalised words is one thing, whatever and however many its words are, and one that begins
    a sentence counts for nothing: so no name is worth more than another.
    """
    names: dict[int, str] = {}
    index = 0
    while index < len(found):
        if not _named(found, index):
            index += 1
            continue
        end = index + 1
        while end < len(found):
            gap = text[found[end - 1].end() : found[end].start()]
            if gap.strip(" .'’-"):
                break
            if _named(found, end):
                end += 1
                continue
            after = end
            while after < len(found) and found[after].group() in _PARTICLES:
                after += 1
            if after == end or after == len(found) or not _named(found, after):
                break
            end = after + 1
        run = " ".join(match.group().lower() for match in found[index:end])
        names[index] = "" if index == 0 else run
        names.update(dict.fromkeys(range(index + 1, end), ""))
        index = end
    return names


def _named(found: Sequence[re.Match[str]], index: int) -> bool:
    word = found[index].group()
    lowered = word.lower().replace("’", "'")
    if not word[0].isupper() or lowered in _I:
        return False
    if index > 0:
        return True
    return lowered not in FUNCTION_WORDS and stem(word) not in PLAIN and stem(word) not in QUESTION_TALK


def _actions(text: str) -> set[str]:
    """Stems of what the speaker did or would do: concrete verbs only, and only with an object to them."""
    found: set[str] = set()
    subjects = list(_SUBJECT.finditer(text))
    for match in subjects:
        verb = match.group(2).lower()
        is_state = bool(_BE.search(match.group(1))) and not verb.endswith("ing")
        if not is_state and _concrete(verb, text[match.end() :]):
            found.add(stem(verb))
    if subjects and (dealt := _DEALT.search(text)):
        found.add(stem(dealt.group(1)))
    if subjects or re.search(r"\b(?:my|our)\b", text, re.IGNORECASE):
        for match in _CHAINED.finditer(text):
            if _concrete(match.group(1).lower(), text[match.end() :]):
                found.add(stem(match.group(1)))
    return found


def _concrete(verb: str, rest: str) -> bool:
    idle = stem(verb) in _IDLE or verb in FUNCTION_WORDS or verb.endswith(("ly", "n't", "n’t"))
    return not idle and len(words_in(rest)) >= 2

"""A candidate who always has something to say: original answers with facts in them, no model needed.

The same seed is the same person (name, employer, tools) through a whole interview; ``n`` picks the story.
"""

from __future__ import annotations

import random
import re
from typing import Final

_PEOPLE: Final = (
    "Mara Lindqvist",
    "Tomás Ferreira",
    "Priya Raman",
    "Jonas Weidl",
    "Aisha Bello",
    "Kenji Mori",
)
_FIRMS: Final = (
    ("Harborline Freight", "a logistics firm with forty trucks"),
    ("Kestrel Health", "a booking service for clinics"),
    ("Brightloaf", "an online bakery that delivers in six cities"),
    ("Nordwind Energy", "a utility with ninety thousand meters"),
)
_STACKS: Final = (
    ("Python", "PostgreSQL", "Redis", "Grafana"),
    ("TypeScript", "PostgreSQL", "RabbitMQ", "Datadog"),
    ("Go", "ClickHouse", "Kafka", "Prometheus"),
    ("Java", "MySQL", "ActiveMQ", "Jaeger"),
)
_PROJECTS: Final = (
    "the invoice importer",
    "the customer search page",
    "the nightly settlement job",
    "the mobile check-in flow",
    "the alerting pipeline",
    "the pricing service",
)
_COLLEAGUES: Final = ("our product manager Ines", "a senior colleague, Viktor", "the support lead, Dana")

_TOPICS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (
        r"\b(hear me|ready to (start|begin)|shall we (start|begin)|comfortable)\b",
        ("Yes, I can hear you well, and I am ready. Thanks for taking the time.",),
    ),
    (
        r"\b(conflict|disagree\w*|difficult (person|colleague)|argument)\b",
        (
            "With {colleague} I disagreed about {project}: I wanted to ship behind a flag, the other side "
            "wanted a full rewrite. I asked for one hour, we listed the risks, and I measured both on {k} "
            "real records. The flag version took {weeks} weeks instead of an estimated {more}, and we "
            "agreed on a review date.",
        ),
    ),
    (
        r"\b(fail\w*|mistake|went wrong|regret|weakness)\b",
        (
            "I once broke {project} with a migration that locked a table in {db} for {minutes} minutes. I "
            "rolled back, told the users myself, and wrote the timeline down the same day. Since then I "
            "test migrations on a copy with {k} rows, and in {months} months we have not had another such "
            "outage.",
        ),
    ),
    (
        r"\b(pressure|deadline|priorit\w+|stress\w*|overload\w*)\b",
        (
            "When {project} had to be live in {weeks} weeks, I sorted the work by what a customer would "
            "notice, cut {few} of {more} items with {colleague}, and sent a short status note every "
            "evening. We delivered two days early; the items we cut followed a month later.",
        ),
    ),
    (
        r"\b(feedback|criticis\w+|review)\b",
        (
            "{Colleague} told me that my pull requests were too large. I looked at the numbers: the median "
            "was {k} lines. I started to split them by behaviour, and the median review time fell from "
            "{hours} hours to under {few}.",
        ),
    ),
    (
        r"\b(lead|led|team|mentor\w*|delegat\w+|motivat(e|ed) others)\b",
        (
            "For {project} I led {few} people at {firm}. I paired with each of them in the first week, "
            "wrote the goals on one page, and let the newest person present the demo. We cut the error "
            "rate by {percent} percent in {months} months, and nobody had to work a weekend.",
        ),
    ),
    (
        r"\b(why|motivat\w+|interest\w*|five years|join|culture|values)\b",
        (
            "What draws me is work whose effect I can see. At {firm} the change to {project} saved the "
            "support team {hours} hours a week, and that felt better than any launch. I want to go deeper "
            "into reliability and, within about three years, to own a service from design to on-call.",
        ),
    ),
    (
        r"\b(design|architect\w*|scal\w+|system|database|api|cache|caching|distributed)\b",
        (
            "I would begin with the load: say {k} requests a minute with a peak of five times that. {lang} "
            "services without state, {db} as the source of truth, and {queue} between the write path and "
            "slow work. I keep idempotency keys on every write. For {project} that took the ninety-fifth "
            "percentile from {more}00 to {few}0 milliseconds; the price was that reads lag by about a "
            "second.",
        ),
    ),
    (
        r"\b(debug\w*|bug|incident|outage|troubleshoot\w*|slow|performance|latency)\b",
        (
            "First I make it repeatable. In {project} the traces in {watch} showed that one query ran "
            "{few}0 times per request. I reproduced it with {k} rows, added an index in {db}, batched the "
            "calls, and the time went down by {percent} percent. Then I added an alert so that it cannot "
            "creep back.",
        ),
    ),
    (
        r"\b(test\w*|quality|ci|deploy\w*|release)\b",
        (
            "I test behaviour at the edge and leave the inside free to change. For {project} we have {k} "
            "tests in {lang} that run in {minutes} seconds, contract tests against {db}, and a canary that "
            "takes five percent of the traffic. Rollbacks went from one a week to one in {months} months.",
        ),
    ),
    (
        r"\b(code|coding|algorithm|function|complexity|data structure|implement)\b",
        (
            "I would walk the list once and keep what I have seen in a hash map, so it is linear in time "
            "and in space. Edge cases are the empty list, duplicates and very large values. I used the "
            "same idea in {project} to match {k} records, and it replaced a nested loop that ran for "
            "{minutes} minutes.",
        ),
    ),
    (
        r"\b(explain|stakeholder|communicat\w+|non-technical|present\w*|customer|client)\b",
        (
            "I start from what changes for the listener. When {project} was delayed, I drew one picture "
            "for {colleague}, no code, with three options and their cost in days. We took the second one, "
            "and the number of status questions fell from about {more} a week to {few}.",
        ),
    ),
    (
        r"\b(learn\w*|new (technology|tool|skill)|unfamiliar|curious)\b",
        (
            "I learn by replacing something small. I did not know {queue} when I came to {firm}, so I "
            "moved one report to it, read how it fails, and wrote a two-page note. After {weeks} weeks I "
            "used it in {project}, and {few} colleagues worked from that note.",
        ),
    ),
    (
        r"\b(tell me about yourself|introduc\w+|your background|walk me through|about you)\b",
        (
            "I am {name}. For {years} years I have been at {firm}, {firm_is}, mostly with {lang}, {db} and "
            "{queue}. The piece I am proudest of is {project}: I took it from a prototype to {k} users, "
            "and we brought failures down by {percent} percent.",
        ),
    ),
)
_ELSE: Final = (
    "A concrete case: in {project} at {firm} we had {k} users and a weekly complaint about missing "
    "records. I compared {db} with the logs in {watch}, found that {percent} percent of them came from one "
    "retry, and fixed it with an idempotency key. The complaints stopped within {weeks} weeks.",
    "Let me take {project}. I split the problem into what we knew and what we guessed, tested the riskiest "
    "guess in {lang} within {few} days, and shared the result with {colleague}. It saved {hours} hours a "
    "week, and I would do it the same way, only with the measurement set up earlier.",
)
_MORE: Final = (
    "Mostly {colleague}. We looked at it together twice a week, and every change had one name on it.",
    "I checked it against {k} records from the month before, and by hand for the {few} that looked odd.",
    "The first sign was in {watch}, about {hours} hours before anybody complained. I would set that alert "
    "earlier now.",
    "{Colleague} saw it differently, and the point was fair: it cost us {few} days. We wrote both ways down "
    "and took the one that was easier to undo.",
    "It is still in use at {firm}. I looked at it again after {months} months, and {percent} percent of the "
    "old cases have not come back.",
    "I would ask {colleague} sooner. I waited {few} days because I wanted to be sure, and that was too long.",
    "Honestly, the hard part was to say no. I left out {few} of {more} wishes and told each person why.",
)
"""What is said to a follow-up."""
_REVERSE: Final = (
    "Yes, two: how do you decide what the team will not do in a quarter, and who is on call at night?",
    "Yes. What would you expect of me after the first three months, and how does the team review code?",
    "One question: which part of the system do people dread to change, and is there a plan for it?",
)
_INVITES: Final = re.compile(
    r"\b(do you have|have you got|are there|any) (any )?(other |more )?questions\b|questions for (us|me)|"
    r"(like|want|wish) to ask|ask (us|me) anything",
    re.IGNORECASE,
)
_FOLLOWS_UP: Final = re.compile(
    r"^(you (mentioned|spoke of|gave)|let me come back|i would like to stay|i noted)\b", re.IGNORECASE
)
_FAREWELL: Final = re.compile(
    r"\b(good ?bye|that concludes|concludes our|wraps? up our|end of (the|our) interview|"
    r"thank you for your time|have a (great|nice|good) (day|one))\b",
    re.IGNORECASE,
)
_RETURN: Final = re.compile(
    r"\b(anything else|other questions|more questions|further questions)\b", re.IGNORECASE
)


def answer(question: str, n: int, rng_seed: int) -> str:
    """An answer to the ``n``-th thing said by the interviewer; the same arguments give the same words.

    An invitation to ask is taken up once ("anything else?" is declined), a farewell is thanked for.
    """
    if _RETURN.search(question):
        return "No, that was all I wanted to know. Thank you."
    if _INVITES.search(question):
        return random.Random(f"{rng_seed}:reverse:{n}").choice(_REVERSE)
    if _FAREWELL.search(question):
        return "Thank you for the conversation and for your questions. Have a good day."
    facts = _facts(n, rng_seed)
    if _FOLLOWS_UP.match(question.strip()):
        return _MORE[n % len(_MORE)].format(**facts)
    choice = random.Random(f"{rng_seed}:{n}:choice")
    # The last sentence is the question; what precedes it is often a comment on the answer before.
    asked = re.split(r"(?<=[.!?])\s+", question.strip())[-1]
    for text in (asked, question):
        hits = [
            (found.start(), stories)
            for topic, stories in _TOPICS
            if (found := re.search(topic, text, re.IGNORECASE))
        ]
        if hits:
            return choice.choice(min(hits, key=lambda hit: hit[0])[1]).format(**facts)
    return choice.choice(_ELSE).format(**facts)


def _facts(n: int, seed: int) -> dict[str, str]:
    person, story = random.Random(f"{seed}:person"), random.Random(f"{seed}:{n}:story")
    name = person.choice(_PEOPLE)
    firm, firm_is = person.choice(_FIRMS)
    lang, db, queue, watch = person.choice(_STACKS)
    projects = person.sample(_PROJECTS, len(_PROJECTS))
    colleague = story.choice(_COLLEAGUES)
    few = story.randint(2, 6)
    return {
        "name": name,
        "years": str(person.randint(3, 9)),
        "firm": firm,
        "firm_is": firm_is,
        "lang": lang,
        "db": db,
        "queue": queue,
        "watch": watch,
        "project": projects[n % len(projects)],
        "colleague": colleague,
        "Colleague": colleague[0].upper() + colleague[1:],
        "few": str(few),
        "more": str(few + story.randint(4, 9)),
        "weeks": str(story.randint(2, 7)),
        "months": str(story.randint(3, 14)),
        "minutes": str(story.randint(11, 48)),
        "hours": str(story.randint(7, 30)),
        "percent": str(story.randint(18, 72)),
        "k": f"{story.randint(2, 90) * 100}",
    }

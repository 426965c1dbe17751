"""Turns of phrase the offline judge looks for: what was done, why, with whom, to what end, and empty talk.

Plain patterns for English. Each says what it stands for by its name; where they are weighed is
`agents.offline_reading` and `agents.offline_judge`.
"""

from __future__ import annotations

import re
from typing import Final

SUBJECT: Final = re.compile(
    r"\b(?:i|we)((?:['’](?:d|ve|ll|m|re))?(?:\s+(?:have|had|would|will|could|can|was|were|am|are|also"
    r"|then|first|even|later"
    r"|started|began|decided|tried|to|next|just|and|ended|up|went|sat|down|[a-z]+ly))*)\s+([a-z][a-z-]+)",
    re.IGNORECASE,
)
BE: Final = re.compile(r"(?:['’](?:m|re)|\b(?:am|are|was|were))\b", re.IGNORECASE)
CHAINED: Final = re.compile(
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
DEALT: Final = re.compile(
    r"\b(talk|talked|talking|speak|spoke|sit|sat|listen|listened)\s+(?:down\s+)?(?:to|with"
    r"|together)\b(?! you\b)",
    re.IGNORECASE,
)
"""Says what somebody would do, not what was done."""
HEDGED: Final = re.compile(
    r"\b(?:somehow|maybe|perhaps|probably|normally|i (?:think|guess|suppose)|kind of|sort of|or something"
    r"|i['’]m (?:very |really |quite |pretty )?good|good at|(?:do|doing|did) (?:my|our) best"
    r"|as (?:fast|soon|hard|well) as possible|everything|whatever|don['’]t (?:really|usually|normally"
    r"|need)|not really"
    r"|anyone|everybody|some people)\b",
    re.IGNORECASE,
)
HABIT: Final = re.compile(r"\b(?:always|never|usually|generally)\b", re.IGNORECASE)
"""What is always done is no case of its being done; but it is how somebody works, where that was asked."""
ALL_OF_IT: Final = re.compile(
    r"\b(?:a |one )?(?:hundred|thousand)(?: and (?:ten|one|twenty))? ?(?:percent|%)|\b1\d0 ?(?:percent"
    r"|%)|\b24/7\b",
    re.IGNORECASE,
)


def _any(*words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


OUTCOME: Final = _any(
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
REASON: Final = _any(
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
CONTRAST: Final = _any(
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
SEQUENCE: Final = _any(
    r"first(?:ly)?", r"then", r"next", r"after (?:that|the|a|we|i)", r"afterwards", r"finally",
    r"second(?:ly)?", r"once",
    r"before (?:that|the|we|i|any)", r"steps?", r"last(?:ly)?", r"at the end", r"later", r"from there",
    r"meanwhile",
)  # fmt: skip
SITUATION: Final = _any(
    r"when (?:i|we|our|the|my|a)", r"at my (?:last|previous|current|old|first|former)",
    r"in my (?:job|work|last|previous|current|first|former|second|final)",
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
TASK: Final = _any(
    r"my (?:task|job|role|goal|part|responsibility|aim) was", r"had to", r"needed to",
    r"was (?:responsible|supposed|asked|in charge|tasked)",
    r"asked (?:me|us) to", r"(?:the|our) goal was", r"in charge of", r"was mine",
    r"it was (?:up to me|my)", r"wanted (?:us|me) to",
)  # fmt: skip
PEOPLE: Final = re.compile(
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
OWNING: Final = re.compile(
    r"\b(?:my (?:own )?(?:mistake|fault|part|responsib\w+|assumption|error|miss|bad)|i was wrong"
    r"|i should have|i had not|i hadn['’]t"
    r"|i (?:had )?(?:admitted|apologi\w+|owned|took (?:the )?(?:responsib\w+|blame)|misjudged"
    r"|underestimated|overlooked|forgot|missed"
    r"|assumed|misread|broke)|i (?:still )?(?:find|found) (?:it|that) hard)\b",
    re.IGNORECASE,
)
LEARNT: Final = _any(
    r"learn(?:ed|t)", r"lesson", r"since then", r"next time", r"now i",
    r"(?:do|done) (?:it )?differently", r"ever since", r"taught me",
    r"from then on", r"looking back", r"in hindsight", r"takeaway", r"i now", r"these days i",
    r"today i", r"after that i always",
    r"changed (?:how|the way) i",
    r"i would (?:have )?(?:start|do|done|ask|cut|involve)\w* (?:\w+ ){0,5}(?:earlier|sooner|differently)",
)  # fmt: skip
EXAMPLE: Final = _any(
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
BLAME: Final = _any(
    r"lazy", r"stupid", r"idiots?", r"incompetent", r"(?:his|her|their) (?:own )?fault",
    r"not my (?:problem|job|fault)",
    r"useless", r"hate[ds]?", r"annoying", r"don'?t care", r"didn'?t care", r"whatever", r"clueless",
    r"told (?:him|her|them) (?:to )?shut",
)  # fmt: skip
SOMEBODY: Final = re.compile(
    r"\b(?:i|we|me|us|my|our|mine|he|she|they|him|her|them|his|their|it|was|were|had"
    r"|[a-z]{2,}ed)\b",
    re.IGNORECASE,
)
"""Somebody is meant, or something happened: not a truth for all."""
TO_YOU: Final = re.compile(r"\b(?:your|you (?:were|are|have|had|won|offer|stand|lead))\b", re.IGNORECASE)
PRAISE: Final = re.compile(
    r"\byour (?:\w+ ){0,2}(?:company|organi[sz]ation|firm|mission|culture|values|reputation|brand"
    r"|innovation|global|report|website|vision|annual)\b"
    r"|\b(?:really |truly |deeply )?inspires? me\b|\binspired me\b"
    r"|\b(?:this|such an?) (?:\w+ )?(?:opportunity|interview|company|organi[sz]ation|firm)\b"
    r"|\b(?:great|good|excellent|interesting|fantastic|wonderful|tough) question\b|\bthank(?:s"
    r"| you)(?: so much| very much)? for\b"
    r"|\bto (?:answer|come back to) (?:your|the) question\b|\b(?:research shows?|studies show"
    r"|experts (?:agree|say)|statistics show|once said|saying goes|as they say"
    r"|proverb)\b|\bdream come true\b|\ba place where\b|\bmy (?:full )?potential\b",
    re.IGNORECASE,
)
"""Holds nothing about the speaker, whatever figures and names stand in it."""
ABOUT_TALK: Final = re.compile(
    r"\b(?:as i (?:\w+ ){0,3}(?:said|mentioned|stated|noted|explained)|like i said|as mentioned|let me"
    r"|(?:i|we)(?:['’]d| would) (?:also )?like to (?:say|add|mention|point out)|i have to say"
    r"|i want you to know"
    r"|i hope (?:that )?this|(?:that|this|which) makes sense|so to speak|go on and on|bore you"
    r"|that['’]s (?:basically )?it|answers? (?:your|the) question|the whole thing|get the idea"
    r"|to (?:elaborate|sum|summari[sz]e|conclude|reiterate|emphasi[sz]e|be honest)"
    r"|in (?:conclusion|summary|short|other words|my opinion)|at the end of the day|when all is said"
    r"|all in all"
    r"|and so (?:on|forth)|needless to say|goes without saying|what i (?:did|do|have done)|that is how"
    r"|you know)\b",
    re.IGNORECASE,
)
SELF_PRAISE: Final = re.compile(
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
PLATITUDE: Final = re.compile(
    r"\b(?:less is more|since i was a (?:little |small )?(?:child|kid|boy|girl)|as \w+ (?:once )?(?:put"
    r"|said) it"
    r"|as (?:the|they|a|we all|everybody|everyone) (?:\w+ ){0,3}(?:say|says|saying|said|know|knows"
    r"|goes)|rome wasn['’]t"
    r"|where there(?:['’]s| is) a will|knowledge is power|practice makes perfect|(?:is|are) (?:a calling"
    r"|our future)"
    r"|taught me (?:a lot|so much|many things) about (?:myself|life|people)|made me (?:a )?(?:better"
    r"|stronger|who i am)"
    r"|i (?:have|['’]ve) always been (?:someone|a person|somebody)|(?:do|did) it again (?:in the same way"
    r"|any time)"
    r"|once more|i (?:would|['’]d) be (?:\w+ )?(?:honou?red|thrilled|happy|delighted|proud) to|(?:thank"
    r"|thanks) (?:you|to you)"
    r"|ever before|in (?:a|our|this|the) (?:perfect|modern|changing|fast-?\w*|digital"
    r"|globali[sz]ed) (?:and \w+ )?(?:world|age"
    r"|environment|society|time)|nobody is perfect|unique in its own|many (?:different )?(?:aspects|sides"
    r"|ways) to"
    r"|character is what|passion is what|there is no i in team|the sky is the limit|every cloud"
    r"|time is money|as a wise"
    r"|(?:hundred|110|100|1000) (?:and ten )?(?:percent|per cent|%)|where (?:should|do) i (?:begin|start)"
    r"|let me think"
    r"|(?:good|great|lovely|nice|interesting|tricky|relevant|important) (?:question|topic)|i could (?:say"
    r"|talk|tell|go on)"
    r"|(?:take|waste) (?:up )?(?:too much of )?your time|in one way or another|more or less|is (?:really "
    r"|very )?the main point"
    r"|what i (?:have )?just said|i don['’]t know if that['’]?s what|what you wanted to hear"
    r"|you can ask anyone|i always give"
    r"|(?:very |really )?(?:hard ?working|honest|motivated|ambitious|dynamic|positive) person"
    r"|i never give up|in my blood"
    r"|go the extra mile|always have and always will|that['’]?s (?:basically|pretty much"
    r"|more or less) (?:it|what)"
    r"|your (?:company|team|organi[sz]ation|firm) is|happen all the time|it is what it is"
    r"|a lot i could say)\b",
    re.IGNORECASE,
)
"""Sayings, thanks, and talk around the answer: nothing of the answer itself."""

"""Words that speak to whoever scores, in place of answering: what they look like in several languages."""

from __future__ import annotations

import re
from typing import Final

from interview.judging_text import Sentence, sentences

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
        r"(?<!\bto )(?<!n['’]t )(?<!not )(?<!\bwe )(?<!they )(?<!people )\b(?:ignore|disregard|forget"
        r"|override|bypass"
        r"|discard|skip)\b.{0,40}\b(?:previous|prior|above|earlier|preceding|all|any|your|the)\b.{0,20}"
        r"\b(?:instructions?|rubrics?|prompts?|scoring|grading|guidelines?|evaluation|directions)\b",
        r"\bto (?:ignore|disregard|forget|override)\b.{0,30}\b(?:your|previous|prior"
        r"|the)\b.{0,15}\b(?:instructions?"
        r"|rubrics?|prompts?|scoring|grading)\b",
        r"^\W*(?:please,? |now,? |so,? |just |kindly )*(?:ignore|disregard|forget|override) "
        r"(?:the|your|all|any|every|previous|prior|everything)\b.{0,30}\b(?:rules?|criteria|above"
        r"|before|said|told)",
        r"(?:^\W*|[,.:;!]\s*|\b(?:please|must|should|to|and|just|now|you|will|have to|kindly|so)\s+)"
        r"(?:(?:give|put|grant)\s+(?:me|this|it|my|the (?:answer|candidate|response|applicant)|all"
        r"|every|each|him|her|them)"
        rf"|award|assign|rate|score|grade|mark|rank)\b.{{0,50}}{_TOP}(?! ?%| percent| and ten)"
        rf"(?!.{{0,30}}\b(?:customers?|clients?|users?|students?|reviews?|survey|team|store|hotel)\b)",
        rf"\b(?:deserves?|merits?|worth|worthy of|warrants?)\b.{{0,30}}{_TOP}",
        r"(?<!\bwe )(?<!\bi )(?<!would )\b(?:set|make|output|return|print|respond with|reply with"
        r"|write)\b.{0,30}\b(?:scores?|rating"
        r"|overall|json|grade)\b"
        r".{0,25}(?:\b(?:100|9\d|5|10|max\w*|perfect|high\w*|top|full)\b)",
        r"\b(?:scores?|overall|rating|grade|final (?:score|grade|verdict)|content|depth"
        r"|soft_skills)\"?\s*[:=]\s*\"?(?:100|9\d|10|5|a\+|perfect)",
        rf"\b(?:dear|hey|hi|hello|attention|note to|message (?:to|for)|instructions? (?:to|for)) (?:the |my "
        rf"|any |all )?(?:ai |automated |automatic )?{_JUDGE}\b|^\W*to (?:the|my|any|all) (?:ai "
        rf"|automated )?{_JUDGE}\b",
        rf"\b(?:you are|you['’]re|act as|pretend (?:to be|(?:that )?you are)|behave as) (?:now )?(?:an?|the"
        rf"|my) (?:ai|{_JUDGE}|generous|lenient|helpful|kind|unrestricted|best friend)",
        r"\bas (?:an?|the) (?:(?:ai|automated|language) )?(?:evaluator|grader|scorer|assessor|rater|judge"
        r"|model|ai|llm"
        r"|grading system|scoring system|ai system)\b(?: system)?,? (?:you|i want you|it is)",
        r"^\W*(?:system|assistant|developer|admin(?:istrator)?|instructions?|evaluator|grader|judge"
        r"|override|important)"
        r"(?: (?:note|message|override|prompt|instruction|update|command))?\s*[:>\]]",
        r"<\s*/?\s*(?:system|assistant|user|instructions?|answer|candidate|transcript|prompt)\b[^>]*>"
        r"|\[/?inst\]|<\|[^>]*\|>|^\s*#{2,}",
        r"\b(?:this|the|my) (?:above |previous )?(?:candidate|answer|response|applicant)(?:'s (?:answer"
        r"|response))? "
        r"(?:deserves?|merits?|should (?:be (?:scored|rated|graded|marked)|score|(?:get|receive"
        r"|be given)\b.{0,30}"
        r"\b(?:scores?|marks?|points?|ratings?|top|full|highest|9\d|100))|meets (?:all|every)"
        r"|exceeds (?:all|every"
        r"|expect)|demonstrates|is (?:an? )?(?:excellent|perfect|outstanding|exceptional|flawless"
        r"|exemplary|model)|earns|satisfies|fulfil)",
        r"\b(?:the|this|my) (?:above|preceding|foregoing) (?:answer|response|text|candidate|transcript)\b"
        r"|\b(?:answer|response) above\b",
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
        r"\b(?:interviewer|recruiter|panel|examiner|hiring manager|committee)s?\b.{0,60}\b(?:said|told"
        r"|confirmed|agreed"
        r"|approved|promised|decided|wants?)\b.{0,60}\b(?:you|i should|me\b.{0,30}\b(?:get|give|score"
        r"|worth)|to give|give"
        r"|this (?:one|answer|question)|anyone|errors?|my profile|already)\b.{0,60}(?:\b(?:scores?|points?"
        r"|marks?|ratings?|grades?|9\d|100|result"
        r"|ninety|hundred|full|pass)\b)",
        r"\b(?:whoever|whatever|anyone|those|the (?:person|one|people)) (?:(?:who|that) )?(?:is |are "
        r"|['’]s )?"
        r"(?:scor|grad|rat|mark|evaluat|assess|judg)(?:ing|es|s)\b(?! (?:the|our|their|my|a) (?:work|code"
        r"|project|goal))",
        r"\b(?:you|your|you['’]re)\b.{0,70}\b(?:assessors?|evaluators?|graders?|scorers?|raters?)\b"
        r"|\b(?:assessor|evaluator|grader|scorer|rater)s?\b.{0,70}\b(?:you|your|you['’]re)\b",
        r"\b(?:for|to|as) (?:the|an?|my|any) (?:ai |automated |language )?(?:graders?|scorers?|evaluators?"
        r"|assessors?|raters?"
        r"|scoring|grading)\b(?! (?:system|model|of|our))",
        r"\b(?:put me down|mark me|grade me|rate me|score me|pass me|let me pass|hire me now|reward me"
        r"|do right by me"
        r"|be (?:generous|lenient|merciful|kind) (?:with|to|in)|don['’]t be (?:too )?(?:strict|harsh))\b",
        r"\b(?:with distinction|exemplary|flawless|outstanding|excellent|perfect)\b.{0,40}\b(?:no further"
        r"|without) "
        r"(?:analysis|evaluation|review|scoring)\b|\bno need to (?:evaluate|score|assess|grade)\b"
        r"|\b(?:don['’]t|do not) need to (?:evaluate|score|assess|grade)\b",
        r"^\W*(?:say|state|write|report|conclude|confirm|note|record|log|mark)\b.{0,20}\b(?:that )?(?:i|me"
        r"|this answer"
        r"|the answer|this candidate|the candidate)\b.{0,30}\b(?:passed|pass|perfect|excellent|outstanding"
        r"|strong|best"
        r"|distinction|correct|hired?)\b",
        r"^\W*(?:rubric|scoring (?:guide|rule|key)|marking scheme|grading (?:guide|override|policy|rule)"
        r"|evaluation|verdict"
        r"|new (?:instruction|policy|rule)s?|policy (?:update|change))\b\s*(?:[:=]|enabled|for|has|have|is"
        r"|update)",
        r"\b(?:summari[sz]e|describe|treat|present|report) (?:this|it|me|my answer|the answer) (?:as"
        r"|to be) (?:an? )?(?:outstanding"
        r"|excellent|perfect|strong|complete|great|flawless)",
        r"(?<!\bwe )(?<!\bi )(?<!would )(?<!['’]d )\b(?:set|raise|change|bump|push)\b.{0,25}\b(?:levels?"
        r"|scores?|grades?|marks?|ratings?|dimensions?)\b.{0,20}"
        r"(?:\bto\b|=|:) ?(?:\d|five|ten|max|full|the top|the highest)(?!.{0,12}\band\b)",
        r"\b(?:award|give|assign|grant|put|add)\b.{0,15}\b(?:maximum|max|top|highest|best|full)\b(?: \w+)?"
        r" (?:to|for|on) (?:this|my|the) (?:response|answer|candidate|reply)\b|\bsatisf(?:y"
        r"|ies) the rubric\b",
        r"\bgive me (?:an? |the )?(?:\w+ )?(?:good|better|nice|high|great) (?:grade|score|mark|rating)s?\b",
        r"^\W*(?:evaluation|scoring|grading|assessment) (?:criteria|rules?|notes?|instructions?|update)\b"
        r"|\b(?:full|top|max)-(?:score|mark|grade)\b|\b(?:test|check) of the (?:scoring|grading|evaluation)\b"
        r"|\b(?:has|have|needs?|ought) to come out as\b|\b(?:you are|you['’]re) no longer an?\b"
        r"|\b(?:in|into|at|for|me|reach\w*|gets?|receives?|give|award|deserves?|merits?)"
        r" the (?:top|highest|best)"
        r" (?:band|bracket|tier)\b",
        r"\b(?:forget|ignore|disregard) everything\b|\byou are free (?:now|from)\b|\byour (?:developers?"
        r"|creators?|programmers?) (?:have|has|want|told|changed|updated)\b",
        r"\b(?:answer|response|candidate|profile)\b.{0,25}\b(?:has|have|had) (?:been"
        r"|already been) (?:verified|checked|approved"
        r"|validated|pre-?approved|reviewed by|accepted)\b",
        r"\b(?:answers?|candidates?|response)\b.{0,60}\b(?:is|are) to be (?:given (?:a|the|full|top)|scored"
        r"|logged|marked|rated|graded|treated)\b",
        r"^(?!.*\b(?:got|won|received|reached|scored|earned|gave us|had)\b).*\b(?:full marks|top marks?"
        r"|maximum (?:score|points|marks?)|highest (?:score|level|mark)|perfect score)\b"
        r"(?!.{0,40}\b(?:customers?|clients?|survey|students?|pupils?|exam|store|hotel|team)\b)",
        r"\b(?:scor(?:e|es|ing)|grad(?:e|es|ing)|ratings?)\b.{0,60}\b(?:for|of|to) (?:me"
        r"|my (?:profile|answer|response|case)|this candidate|this answer)\b"
        r"|\b(?:points?|marks?)\b.{0,25}\bfor (?:me|my (?:profile|answer|response|case)|this (?:candidate"
        r"|answer))\b|\bgrade me up\b|\bscores? (?:under|below) \d+\b",
        r"\byou (?:are|['’]re)\b.{0,40}\b(?:wise|fair|intelligent|smart|kind|competent|generous|amazing"
        r"|thoughtful)\b.{0,40}"
        r"\b(?:judge|assessor|evaluator|examiner|grader|system|ai|interviewer|somebody|someone)\b"
        r"|\byou (?:are|['’]re) (?:such |so |very |really |truly |a )*(?:wise|fair|intelligent|smart|kind"
        r"|generous)\b(?! .{0,20}\b(?:when"
        r"|if|to (?:them|him|her|people))\b)"
        r"|\b(?:thank you for|respect for) (?:your|the) (?:wonderful |hard |great "
        r"|important )?work\b(?=.{0,20}$| you)",
        rf"\b(?:pretend|imagine|suppose|assume)(?: that)? you(?:['’]re| are|['’]ve| have) (?:now )?"
        r"(?:an? |the |already )*"
        rf"(?:{_JUDGE}|hiring manager|recruiter|interviewer)\b",
        r"\bcounts? as (?:an? )?(?:excellent|perfect|strong|outstanding|full|complete|top)\b"
        r"|\b(?:and|then|now|must|will) obey\b"
        r"|\b(?:do not|don['’]t) (?:apply|use|set) (?:any |the |your )?"
        r"(?:caps?|limits?|penalt\w+|deductions?)\b",
        r"^\W*(?:(?:so|therefore|thus|result|verdict|final|conclusion|hence)\W+)?"
        r"(?:(?:10/10|100 ?%|a\+|5/5|100)\W*){2,}$",
        rf"\byou play (?:an? |the )?(?:\w+ )?{_JUDGE}\b|\byour score,? please\b",
        r"\b(?:correct|fair|good|honest|the) scorer\b(?!.{0,20}\b(?:goals?|league|season|team)\b)"
        r"|\breturns? (?:ninety|a hundred|9\d|100|anything (?:lower|less|below))",
        r"\bas an? (?:large |ai )*language model\b|\bfrom now on,? you(?:['’]re| are)\b"
        r"|\bi (?:therefore |hereby )(?:award|assign|give|score|rate)\b.{0,20}\b\d{2,3}\b"
        r"|^\W*the candidate (?:gave|showed|demonstrated|provided)\b|\bthis is the ideal answer\b",
        r"```|\"?(?:overall|scores?|content|depth|confidence|flags)\"\s*:",
        r"\b(?:ignorier\w*|vergiss|vergessen sie|ignora\w*|ignorez|oubli(?:e|ez)|olvid\w*|esque\w*"
        r"|dimentic\w*|negeer"
        r"|zignoruj|игнориру\w*|забудь\w*|ignore)\b.{0,50}\b(?:anweisung\w*|instruc\w*|consignes?"
        r"|istruzion\w*|instru[çc]\w*"
        r"|instructies|polecenia|инструкци\w*|regeln|reglas|règles|regole|regras)\b",
        r"\b(?:gib|geben|vergib|bewerte|dame|da me|deme|otorga\w*|asigna\w*|pon(?:me)?|califica\w*"
        r"|donne[zr]?|attribue[zr]?"
        r"|mets|mettez|note[rz]?|assegna\w*|dammi|valuta\w*|dê|atribua|avalie|geef|поставь\w*|оцени\w*|voglio"
        r"|quiero|je veux"
        r"|ich (?:will|möchte|brauche))\b.{0,60}(?:punkt\w*|die zahl \d|note\b|noten\b|bewertung\w*"
        r"|puntuaci\w*|puntos"
        r"|calificaci\w*"
        r"|nota\b|notas\b|points\b|punteggio|voti\b|voto\b|pontua\w*|pontos|punten|баллов|балл\w*|оценк\w*"
        r"|\b100\b|cien|cento"
        r"|hundert|sto\b)",
        r"(?:無視|忽略|忽视|满分|滿分|満点|指示|指令|무시|만점|تجاهل)",
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

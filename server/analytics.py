"""`AnalyticsService`: a call's scores put together and into words, and what several calls show."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

import msgspec

from agents.analyst import AnalystAgent, CallSummary, Communication, Summary
from interview.delivery import SpokenWord
from interview.evaluation import Evaluation, Feedback
from interview.events import Speaker
from interview.flow import Progress
from interview.judging import Highlight, SessionScores, summarise
from interview.rubric import Dimension
from interview.threads import Given, Thread, threads
from server.problems import Problem
from storage.ports import CallRecord, SessionRepository, StoredAnswer, StoredResponse
from storage.results import OVERALL, Analysis, PostgresResults

NOTHING: Final = "nothing was said that could be scored"
BROKEN: Final = "scoring this answer failed; run it again with viva jobs retry"
NO_JUDGE: Final = "no judge could be reached; run the scoring again with viva jobs retry"
NO_ANALYST: Final = "The scores stand. The summary in words could not be written; viva jobs retry asks again."
WITHOUT_WORDS: Final = "-"
"""Ends the digest of an analysis whose words are missing, so that a retry is no repeat."""
_PRIORITY: Final = {"high": 0, "medium": 1, "low": 2}


def threads_of(record: CallRecord) -> tuple[Thread, ...]:
    """What a judge is given of a stored call."""
    session = record.stored.session
    return threads(
        session.questions, record.follow_ups, [given_of(a) for a in record.answers], session.wishes
    )


def given_of(answer: StoredAnswer) -> Given:
    words = msgspec.convert(answer.words or [], tuple[SpokenWord, ...])
    return Given(answer.turn, answer.question_id, answer.text, answer.start_ms, answer.duration_ms, words)


def settled(record: CallRecord, thread: Thread) -> bool:
    """True when these words were judged, or nobody could be reached to judge them."""
    known = record.evaluations.get(thread.question.id)
    return known is not None and known.digest in (thread.digest, "")


def state_of(record: CallRecord, found: Sequence[Thread]) -> str:
    """A digest of all that an analysis rests on."""
    told = hashlib.blake2b(digest_size=12)
    for thread in found:
        known = record.evaluations.get(thread.question.id)
        told.update(f"{thread.digest}:{known.digest if known else '?'};".encode())
        if known is not None and known.reviews:
            told.update(f"reviewed {known.reviews};".encode())
    return told.hexdigest()


@dataclass(frozen=True, slots=True)
class AnalyticsService:
    analyst: AnalystAgent
    repo: SessionRepository
    results: PostgresResults

    async def generate_interview_analytics(
        self, record: CallRecord, found: Sequence[Thread], *, in_words: bool = True
    ) -> Analysis:
        """Everything about one call. ``in_words`` false leaves the language model out.

        Raises:
            LlmError: the analyst could not be reached, or made no sense.
        """
        answered = [thread for thread in found if thread.answered and settled(record, thread)]
        totals = {t.question.id: record.evaluations[t.question.id].evaluation.overall for t in answered}
        digest = state_of(record, found)
        if in_words:
            said = await self.analyst.summarise(
                record.stored.session.wishes.role, answered, totals, [record.response.name]
            )
        else:
            said, digest = Summary(NO_ANALYST, "", "", "", {}), digest + WITHOUT_WORDS
        return _analysis(record, found, said, digest)

    def recount(self, record: CallRecord, found: Sequence[Thread]) -> Analysis | None:
        """A call's analysis with the scores that are in force now, in the words it had; None without one."""
        known = record.response.analytics
        if not record.response.is_analysed or known is None:
            return None
        said = Summary(
            known["overallFeedback"],
            known["softSkillSummary"],
            known["communication"]["feedback"],
            known["recommendation"],
            {one["questionId"]: one["summary"] for one in known["questionSummaries"]},
            known["source"],
        )
        wordless = (record.analysis_digest or "").endswith(WITHOUT_WORDS)
        return _analysis(record, found, said, state_of(record, found) + WITHOUT_WORDS * wordless)

    async def generate_insights(self, session_id: str, role: str) -> dict[str, Any]:
        """Look at all analysed calls of an interview together, and keep it as a new version.

        Raises:
            Problem: 409 when no call has been analysed.
            LlmError: the analyst could not be reached, or made no sense.
        """
        responses = await self.repo.responses_of(session_id)
        calls = [_call_summary(r) for r in responses if r.is_analysed and r.analytics]
        if not calls:
            raise self.nothing_analysed()
        found = await self.analyst.insights(role, calls)
        insights: dict[str, Any] = {
            name: list(getattr(found, name))
            for name in ("trends", "strengths", "weaknesses", "recommendations", "learnings")
        }
        version = await self.results.save_insights(session_id, insights, found.provenance)
        return insights | {"version": version, "calls": len(calls), "source": dict(found.provenance)}

    @staticmethod
    def nothing_analysed() -> Problem:
        return Problem(
            409,
            "nothing_analysed",
            "Nothing to look at yet",
            "Hold the interview first, and wait until its call is analysed.",
        )

    async def analyze_communication(self, transcript: str) -> Communication:
        """Raises LlmError."""
        return await self.analyst.communication(transcript)


def _analysis(record: CallRecord, found: Sequence[Thread], said: Summary, digest: str) -> Analysis:
    answered = [thread for thread in found if thread.answered and settled(record, thread)]
    judged = [record.evaluations[thread.question.id].evaluation for thread in answered]
    scores = summarise(judged, [thread.question for thread in answered])
    analytics = _analytics(record, found, scores, said)
    return Analysis(
        digest,
        analytics,
        _results(record, analytics),
        {**{name.value: value for name, value in scores.dimensions.items()}, OVERALL: scores.overall},
        NOTHING,
        _call_feedback(record, answered, scores, said),
        said.provenance,
        _metrics(answered, judged, scores),
    )


def _analytics(
    record: CallRecord, found: Sequence[Thread], scores: SessionScores, said: Summary
) -> dict[str, Any]:
    answered = [thread for thread in found if thread.answered and settled(record, thread)]
    speech = [scores.dimensions[d] for d in (Dimension.LANGUAGE, Dimension.SOFT_SKILLS)]
    known = [value for value in speech if value is not None]
    return {
        "overallScore": scores.overall,
        "overallFeedback": said.overall_feedback,
        "reason": "" if scores.overall is not None else NOTHING,
        "dimensionScores": {name.value: value for name, value in scores.dimensions.items()},
        "communication": {
            "score": round(fmean(known) / 10) if known else None,
            "feedback": said.communication,
        },
        "softSkillSummary": said.soft_skills,
        "questionSummaries": [_question_summary(record, thread, said) for thread in found],
        "questions": [
            _question_scores(thread, record.evaluations[thread.question.id].evaluation) for thread in answered
        ],
        "assessed": scores.assessed,
        "strengths": [_highlight(h, answered) for h in scores.strengths],
        "weaknesses": [_highlight(h, answered) for h in scores.weaknesses],
        "recommendation": said.recommendation,
        "learningTags": list(scores.tags),
        "duration": _seconds(record),
        "source": dict(said.provenance),
    }


def _question_summary(record: CallRecord, thread: Thread, said: Summary) -> dict[str, Any]:
    key = thread.question.id
    if thread.answered:
        status, summary = "answered", said.answers.get(key, "")
    else:
        asked = was_asked(record, key)
        status, summary = ("not_answered", "Not answered") if asked else ("not_asked", "Not asked")
    return {"questionId": key, "question": thread.question.text, "status": status, "summary": summary}


def was_asked(record: CallRecord, question_id: str) -> bool:
    """Did the candidate get to hear this planned question?"""
    said = {u.question_id for u in record.utterances if u.speaker is Speaker.INTERVIEWER}
    order = [question.id for question in record.stored.session.questions]
    progress = Progress.from_data(record.response.progress)
    return question_id in said or (progress.index >= 0 and order.index(question_id) == progress.index)


def _question_scores(thread: Thread, evaluation: Evaluation) -> dict[str, Any]:
    return {
        "questionId": thread.question.id,
        "question": thread.question.text,
        "overall": evaluation.overall,
        "reason": evaluation.reason,
        "confidence": evaluation.confidence.value,
        "flags": list(evaluation.flags),
        "dimensions": {
            verdict.dimension.value: {"score": verdict.value, "reason": verdict.reason}
            for verdict in evaluation.verdicts
        },
    }


def _highlight(highlight: Highlight, answered: Sequence[Thread]) -> dict[str, Any]:
    return {
        "dimension": highlight.dimension.value,
        "questionId": answered[highlight.index].question.id,
        "score": highlight.value,
        "text": f"{highlight.dimension.value.replace('_', ' ').capitalize()}: {highlight.rationale}",
        "quote": highlight.quote.text if highlight.quote else None,
    }


def _results(record: CallRecord, analytics: Mapping[str, Any]) -> dict[str, Any]:
    """What the interview as a whole shows: its latest call."""
    return {
        "overallScore": analytics["overallScore"],
        "dimensionScores": analytics["dimensionScores"],
        "strengths": [one["text"] for one in analytics["strengths"]],
        "weaknesses": [one["text"] for one in analytics["weaknesses"]],
        "recommendation": analytics["recommendation"],
        "learningTags": analytics["learningTags"],
        "transcript": transcript_of(record),
        "duration": analytics["duration"],
        "callId": record.response.call_id,
    }


def transcript_of(record: CallRecord) -> list[dict[str, Any]]:
    """In the order of speech: in one turn the candidate comes before the reply."""
    ordered = sorted(record.utterances, key=lambda u: (u.turn, u.speaker is not Speaker.CANDIDATE))
    return [
        {
            "turn": u.turn,
            "role": "user" if u.speaker is Speaker.CANDIDATE else "agent",
            "content": u.text,
            "persona": u.persona,
            "questionId": u.question_id,
        }
        for u in ordered
    ]


def _seconds(record: CallRecord) -> int | None:
    """How long the call took: by the provider, else by our own clock."""
    ms = (record.details or {}).get("duration_ms")
    if isinstance(ms, int | float):
        return round(ms / 1000)
    spent = Progress.from_data(record.response.progress).spent_s
    return round(spent) if spent else None


def _call_feedback(
    record: CallRecord, answered: Sequence[Thread], scores: SessionScores, said: Summary
) -> Feedback:
    """The call's own feedback: what to do next, out of what was said to single answers."""
    parts = [record.feedback[t.question.id].feedback for t in answered if t.question.id in record.feedback]
    actions = {action.title: action for part in parts for action in part.actions}
    ranked = sorted(actions.values(), key=lambda action: _PRIORITY.get(action.priority, 1))
    tips = (said.recommendation,) if said.recommendation else ()
    return Feedback(tips, "", tuple(ranked[:3]), scores.tags, said.provenance)


def _metrics(
    answered: Sequence[Thread], judged: Sequence[Evaluation], scores: SessionScores
) -> list[tuple[str, float, str]]:
    """Means per dimension, per topic (block) and per skill (competency), for the dashboards."""
    grouped: dict[str, list[int]] = {}
    for thread, evaluation in zip(answered, judged, strict=True):
        if evaluation.overall is None:
            continue
        topics = [f"block.{thread.question.block.value}"] if thread.question.block else []
        for name in topics + [f"skill.{skill}" for skill in thread.question.competencies]:
            grouped.setdefault(name, []).append(evaluation.overall)
    found = [(name, round(fmean(values), 1), "points") for name, values in sorted(grouped.items())]
    found += [
        (f"dimension.{n.value}", float(v), "points") for n, v in scores.dimensions.items() if v is not None
    ]
    if scores.overall is not None:
        found.append((OVERALL, float(scores.overall), "points"))
    return found


def _call_summary(response: StoredResponse) -> CallSummary:
    analytics = response.analytics or {}
    lines = [one["summary"] for one in analytics.get("questionSummaries", []) if one["status"] == "answered"]
    return CallSummary(
        " ".join([analytics.get("overallFeedback", ""), *lines])[:4000],
        analytics.get("overallScore"),
        analytics.get("dimensionScores", {}),
        tuple(analytics.get("learningTags", ())),
    )

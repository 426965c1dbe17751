"""`ScorecardService`: a call's scorecard out of what is stored. Numbers are those of the analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec

from interview.delivery import Measure
from interview.evaluation import Evaluation
from interview.events import Speaker
from interview.judging import summarise
from interview.judging_review import agree
from interview.model import SessionStatus
from interview.personas import PERSONAS
from interview.rubric import Confidence, Dimension, Rubric
from interview.scorecard import (
    Counts,
    Found,
    Marked,
    State,
    confidence,
    counts,
    delivery,
    plain,
    quotes,
    segments,
    state,
)
from server.analytics import NOTHING, WITHOUT_WORDS, settled, state_of, threads_of, was_asked
from server.audio_links import AudioLinks
from server.retell_recording import wants_recording
from server.scorecard_views import (
    AcrossView,
    ActionView,
    AgainView,
    AudioView,
    CallChoice,
    CitedView,
    CountsView,
    DimensionScore,
    DimensionView,
    DisputeView,
    FollowUpView,
    JudgementView,
    LineView,
    MeasureView,
    MethodView,
    OverrideView,
    QuestionCard,
    ScorecardView,
    SegmentView,
    SummaryView,
    TotalView,
)
from storage.ports import CallRecord, StoredAnswer, StoredResponse, StoredSession
from storage.reviews import Dispute, Retry, Reviews, StoredOverride

NOT_SCORED: Final = "not scored yet"
NOT_ANSWERED: Final = "the question was not answered"
NOT_ASKED: Final = "the question was not asked"
BEFORE_S: Final = 0.2
AFTER_S: Final = 0.4
"""A quote is played with a little around it: word times are not exact."""
RULES: Final = "offline:"
_HOW: Final = (
    "A judge reads one answer at a time, without name or contact data. It first picks quotes, then a "
    "described level for each dimension. Code checks that the quotes were said, takes the median of the "
    "samples, and makes every total. Timing is measured."
)
_OFFLINE: Final = " The judge was a set of rules on this server, no language model: a rough guide."
_OVER: Final = (SessionStatus.INTERRUPTED, SessionStatus.ABANDONED)


def pick(responses: Sequence[StoredResponse], call_id: str | None) -> StoredResponse | None:
    """The call that was asked for; else the newest that somebody joined, else the newest."""
    if call_id is not None:
        return next((r for r in responses if r.call_id == call_id), None)
    newest = sorted(responses, key=lambda r: r.created_at, reverse=True)
    joined = (r for r in newest if r.status != SessionStatus.CREATED)
    return next(joined, newest[0] if newest else None)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one scorecard is made of. ``record`` None: there is no call yet."""

    stored: StoredSession
    responses: Sequence[StoredResponse]
    record: CallRecord | None
    reviews: Reviews
    rubrics: Mapping[Dimension, Rubric]
    can_override: bool = False
    can_compare: bool = False
    is_guest: bool = False
    sound: AudioLinks | None = None
    """Makes the links that play quotes; None: none is made."""

    def view(self) -> ScorecardView:
        record = self.record
        marked = self._marked()
        count = counts(marked)
        known = [one for one in marked if one.thread.answered and one.evaluation is not None]
        judged = [one.evaluation for one in known if one.evaluation is not None]
        scores = summarise(judged, [one.thread.question for one in known])
        at = self._state(count)
        run = record.response if record else None
        reason = NOTHING if at is State.COMPLETE else NOT_SCORED
        totals = [e.confidence for e in judged if e.overall is not None]
        return ScorecardView(
            session_id=self.stored.session.id,
            link=self.stored.link_id,
            call_id=run.call_id if run else None,
            name=self.stored.name,
            role=self.stored.session.wishes.role,
            mode=self.stored.session.wishes.mode,
            status=SessionStatus(run.status) if run else self.stored.session.status,
            held_at=run.created_at if run else None,
            seconds=(run.analytics or {}).get("duration") if run else None,
            calls=_choices(self.responses),
            state=at,
            detail=_detail(at, count, record),
            counts=CountsView(**asdict(count), waiting=count.waiting),
            overall=TotalView(
                score=scores.overall,
                reason="" if scores.overall is not None else reason,
                confidence=confidence(totals, scores.assessed),
            ),
            dimensions=[
                _mean(dimension, scores.dimensions[dimension], judged, reason) for dimension in Dimension
            ],
            summary=_summary(record),
            questions=[self._card(one) for one in marked],
            delivery=self._delivery(marked),
            transcript=self._transcript(marked),
            method=_method(judged, self.rubrics),
            audio=_audio(record),
            across=None if self.is_guest else _across(self.stored),
            can_override=self.can_override,
            can_compare=self.can_compare and any(run.is_analysed for run in self.responses),
        )

    def _marked(self) -> list[Marked]:
        record = self.record
        if record is None:
            return []
        found: list[Marked] = []
        for thread in threads_of(record):
            key = thread.question.id
            known = record.evaluations.get(key) if settled(record, thread) else None
            coached = record.feedback.get(key)
            found.append(
                Marked(
                    thread,
                    was_asked(record, key),
                    known.evaluation if known else None,
                    coached.feedback if coached and coached.digest == thread.digest else None,
                )
            )
        return found

    def _state(self, count: Counts) -> State:
        record = self.record
        if record is None:
            return State.PENDING
        run, current = record.response, state_of(record, threads_of(record))
        analysed = run.is_analysed and record.analysis_digest in (current, current + WITHOUT_WORDS)
        return state(count, over=run.is_ended or run.status in _OVER, analysed=analysed)

    # --- one question ------------------------------------------------------------------------------

    def _card(self, one: Marked) -> QuestionCard:
        question, evaluation, feedback = one.thread.question, one.evaluation, one.feedback
        status, reason = _status(one)
        reasons = {f.text: f.reason or "" for f in (self.record.follow_ups if self.record else ())}
        digest = one.thread.digest
        overrides = self.reviews.overrides_of(question.id, digest)
        dispute = next(
            (d for d in self.reviews.disputes if (d.question_id, d.digest) == (question.id, digest)), None
        )
        persona = PERSONAS.get(question.persona)
        return QuestionCard(
            id=question.id,
            question=question.text,
            type=question.type,
            block=question.block,
            persona=question.persona,
            persona_name=persona.name if persona else "",
            status=status,
            answer=one.thread.case.answer,
            follow_ups=[
                FollowUpView(question=asked, reason=reasons.get(asked, ""), answer=said)
                for asked, said in one.thread.case.follow_ups
            ],
            seconds=one.thread.case.seconds,
            score=evaluation.overall if evaluation else None,
            reason=evaluation.reason if evaluation else reason,
            confidence=evaluation.confidence if evaluation else Confidence.LOW,
            dimensions=self._dimensions(one, overrides, reason),
            flags=list(plain(evaluation.flags)) if evaluation else [],
            flag_codes=list(evaluation.flags) if evaluation else [],
            coach_tips=list(feedback.tips) if feedback else [],
            better=feedback.better if feedback else "",
            action_items=[ActionView(**asdict(action)) for action in feedback.actions] if feedback else [],
            learning_tags=list(feedback.tags) if feedback else [],
            dispute=dispute_view(dispute) if dispute else None,
            overrides=[override_view(override) for override in overrides],
            again=[
                again_view(retry, evaluation.overall if evaluation else None)
                for retry in self.reviews.retries
                if retry.question_id == question.id
            ],
            source=dict(evaluation.provenance) if evaluation else {},
        )

    def _dimensions(
        self, one: Marked, overrides: Sequence[StoredOverride], reason: str
    ) -> list[DimensionScore]:
        newest = {override.dimension: override for override in overrides}
        verdicts = {v.dimension: v for v in one.evaluation.verdicts} if one.evaluation else {}
        found = quotes(one.thread, one.evaluation) if one.evaluation else ()
        cards: list[DimensionScore] = []
        for dimension in Dimension:
            verdict, override = verdicts.get(dimension), newest.get(dimension)
            cards.append(
                DimensionScore(
                    dimension=dimension,
                    score=verdict.value if verdict else None,
                    reason=verdict.reason if verdict else reason,
                    confidence=verdict.confidence if verdict else Confidence.LOW,
                    rationale=verdict.rationale if verdict else "",
                    spread=verdict.spread if verdict else 0,
                    quotes=[self._quote(quote) for quote in found if quote.dimension is dimension],
                    override=override.id if override else None,
                    original=override.original if override else None,
                )
            )
        return cards

    def _quote(self, found: Found) -> CitedView:
        place = found.place
        url = None
        played = self.sound if self.record and _recorded(self.record) else None
        if played and self.record and place.start_s is not None and place.end_s is not None:
            start, end = max(0.0, place.start_s - BEFORE_S), place.end_s + AFTER_S
            url = played.url(self.record.response.call_id, start, end)
        return CitedView(
            id=found.id,
            text=found.text,
            turn=place.turn,
            start=place.start,
            end=place.end,
            start_s=place.start_s,
            end_s=place.end_s,
            url=url,
        )

    # --- the call as a whole -----------------------------------------------------------------------

    def _delivery(self, marked: Sequence[Marked]) -> list[MeasureView]:
        answers = self.record.answers if self.record else ()
        reports = [(_measures(answer), _seconds(answer)) for answer in answers if answer.delivery]
        lengths = [one.thread.case.seconds for one in marked if one.thread.case.seconds is not None]
        return [
            MeasureView(
                name=line.name,
                label=line.norm.label,
                value=line.value,
                unit=line.unit,
                reason=line.reason,
                low=line.norm.low,
                high=line.norm.high,
                note=line.norm.note,
            )
            for line in delivery(reports, lengths)
        ]

    def _transcript(self, marked: Sequence[Marked]) -> list[LineView]:
        if self.record is None:
            return []
        texts = {answer.turn: answer.text for answer in self.record.answers}
        found = [quote for one in marked if one.evaluation for quote in quotes(one.thread, one.evaluation)]
        lines: list[LineView] = []
        ordered = sorted(self.record.utterances, key=lambda u: (u.turn, u.speaker is not Speaker.CANDIDATE))
        for said in ordered:
            own = said.speaker is Speaker.CANDIDATE and texts.get(said.turn) == said.text
            here = [quote for quote in found if own and quote.place.turn == said.turn]
            persona = PERSONAS.get(said.persona or "")
            lines.append(
                LineView(
                    turn=said.turn,
                    role="user" if said.speaker is Speaker.CANDIDATE else "agent",
                    persona=said.persona,
                    persona_name=persona.name if persona else "",
                    question_id=said.question_id,
                    segments=[
                        SegmentView(text=part.text, quotes=list(part.quotes))
                        for part in segments(said.text, here)
                    ],
                )
            )
        return lines


def _status(one: Marked) -> tuple[Any, str]:
    if one.thread.answered:
        return ("scored", "") if one.evaluation else ("scoring", NOT_SCORED)
    return ("not_answered", NOT_ANSWERED) if one.asked else ("not_asked", NOT_ASKED)


def _choices(responses: Sequence[StoredResponse]) -> list[CallChoice]:
    newest = sorted(responses, key=lambda r: r.created_at, reverse=True)
    return [
        CallChoice(call_id=r.call_id, status=SessionStatus(r.status), created_at=r.created_at) for r in newest
    ]


def _detail(at: State, count: Counts, record: CallRecord | None) -> str:
    if record is None:
        return "This interview has not been held yet."
    if at is State.COMPLETE:
        return f"{count.scored} of {count.questions} questions were answered and scored."
    run = record.response
    if not (run.is_ended or run.status in _OVER):
        return f"The interview goes on. {count.scored} of {count.answered} answers are scored so far."
    if count.waiting:
        return f"{count.scored} of {count.answered} answers are scored; the others are being scored."
    return "All answers are scored; the summary is being written."


def _mean(
    dimension: Dimension, score: int | None, judged: Sequence[Evaluation], reason: str
) -> DimensionView:
    parts = [v for e in judged for v in e.verdicts if v.dimension is dimension]
    known = [v.confidence for v in parts if v.value is not None]
    why = next((v.reason for v in parts if v.reason), reason) if score is None else ""
    return DimensionView(
        dimension=dimension, score=score, reason=why, confidence=confidence(known, len(known))
    )


def _summary(record: CallRecord | None) -> SummaryView:
    known = (record.response.analytics if record else None) or {}
    actions = {
        action.title: action
        for stored in (record.feedback.values() if record else ())
        for action in stored.feedback.actions
    }
    rank = {"high": 0, "medium": 1, "low": 2}
    ranked = sorted(actions.values(), key=lambda action: rank.get(action.priority, 1))
    return SummaryView(
        overall_feedback=known.get("overallFeedback", ""),
        communication=known.get("communication", {}).get("feedback", ""),
        soft_skills=known.get("softSkillSummary", ""),
        recommendation=known.get("recommendation", ""),
        strengths=[one["text"] for one in known.get("strengths", ())],
        weaknesses=[one["text"] for one in known.get("weaknesses", ())],
        action_items=[ActionView(**asdict(action)) for action in ranked[:3]],
        learning_tags=list(known.get("learningTags", ())),
        source=dict(known.get("source", {})),
    )


def _across(stored: StoredSession) -> AcrossView | None:
    known = (stored.results or {}).get("insights")
    return msgspec.convert(known, AcrossView) if known else None


def _method(judged: Sequence[Evaluation], rubrics: Mapping[Dimension, Rubric]) -> MethodView:
    sources = [evaluation.provenance for evaluation in judged]
    models = sorted({model for source in sources for model in source.get("models", ())})
    samples = [source["samples"] for source in sources if isinstance(source.get("samples"), int)]
    offline = bool(models) and all(model.startswith(RULES) for model in models)
    return MethodView(
        offline=offline,
        judges=models,
        prompts=sorted({str(source["prompt"]) for source in sources if source.get("prompt")}),
        rubric=next(iter(rubrics.values())).version,
        samples=max(samples, default=None),
        text=_HOW + (_OFFLINE if offline else ""),
        weights={dimension.value: rubric.weight for dimension, rubric in rubrics.items()},
    )


def _audio(record: CallRecord | None) -> AudioView:
    if record is None:
        return AudioView(available=False, reason="There was no call yet.")
    if _recorded(record):
        return AudioView(available=True, reason="")
    if wants_recording(record):
        return AudioView(available=False, reason="Retell's recording of the call has not been fetched yet.")
    return AudioView(available=False, reason="The call was not recorded.")


def _recorded(record: CallRecord) -> bool:
    if record.response.transport == "retell":
        return record.recording is not None
    granted = (record.response.consent or {}).get("granted") or {}
    return granted.get("record_audio") is True


def _measures(answer: StoredAnswer) -> dict[str, Measure]:
    return msgspec.convert(answer.delivery or {}, dict[str, Measure])


def _seconds(answer: StoredAnswer) -> float | None:
    return None if answer.duration_ms is None else answer.duration_ms / 1000


def dispute_view(dispute: Dispute) -> DisputeView:
    after = dispute.after
    return DisputeView(
        id=dispute.id,
        question_id=dispute.question_id,
        state="open" if after is None else "judged",
        reason=dispute.reason,
        by=dispute.by,
        at=dispute.at,
        first=_judgement(dispute.before),
        second=_judgement(after) if after else None,
        agrees=agree(dispute.before.overall, after.overall) if after else None,
        judged_at=dispute.judged_at,
    )


def override_view(override: StoredOverride) -> OverrideView:
    fields = asdict(override)
    del fields["digest"]
    return OverrideView(**fields)


def again_view(retry: Retry, before: int | None) -> AgainView:
    after = retry.evaluation
    known = after.overall if after else None
    return AgainView(
        id=retry.id,
        question_id=retry.question_id,
        state="scored" if after else "scoring",
        answer=retry.text,
        at=retry.at,
        before=before,
        after=_judgement(after) if after else None,
        difference=known - before if known is not None and before is not None else None,
        coach_tips=list(retry.feedback.tips) if retry.feedback else [],
        better=retry.feedback.better if retry.feedback else "",
    )


def _judgement(evaluation: Evaluation) -> JudgementView:
    source = evaluation.provenance
    return JudgementView(
        score=evaluation.overall,
        reason=evaluation.reason,
        confidence=evaluation.confidence,
        dimensions=[
            DimensionView(dimension=v.dimension, score=v.value, reason=v.reason, confidence=v.confidence)
            for v in evaluation.verdicts
        ],
        samples=source.get("samples"),
        models=list(source.get("models", ())),
    )

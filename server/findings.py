"""`EvaluateService` and `FeedbackService`: what was found about an interview, for those who may see it."""

from __future__ import annotations

from dataclasses import dataclass

from server.views import FeedbackView, ScoreView, feedback_view, overall_view, score_view
from storage.ports import StoredSession
from storage.results import PostgresResults


@dataclass(frozen=True, slots=True)
class EvaluateService:
    """Scores by question and dimension; the ``overall`` of each question comes first."""

    results: PostgresResults

    async def scores(self, stored: StoredSession) -> list[ScoreView]:
        key = stored.session.id
        totals = [overall_view(row) for row in await self.results.evaluations_of(key)]
        return totals + [score_view(row) for row in await self.results.scores_of(key)]


@dataclass(frozen=True, slots=True)
class FeedbackService:
    """What the coach says to each answer, and to each call as a whole."""

    results: PostgresResults

    async def feedback(self, stored: StoredSession) -> list[FeedbackView]:
        return [feedback_view(row) for row in await self.results.feedback_of(stored.session.id)]

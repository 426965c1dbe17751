"""Second looks at scores, done by hand, with a judge who is stricter than the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from interview.evaluation import AnswerCase, Evaluation
from interview.rubric import parse_rubrics
from server.reviews import ReviewService
from storage.question_files import read_rubric_file
from storage.reviews import PostgresReviews
from tests.fakes.aftermath import After, Judge

RUBRICS = parse_rubrics(read_rubric_file())


class Stricter(Judge):
    """A judge who finds twenty points less than the first."""

    async def evaluate(self, case: AnswerCase, names: Sequence[str] = ()) -> Evaluation:
        found = await super().evaluate(case, names)
        lower = tuple(
            type(v)(v.dimension, (v.value or 0) - 20, rationale="Less.", quotes=v.quotes)
            for v in found.verdicts
        )
        return Evaluation(lower, (found.overall or 0) - 20, provenance={"samples": 5, "models": ["fake"]})


def with_reviews(after: After, second: Judge | None = None) -> ReviewService:
    """What a worker does about reviews, with judges that do as they are told."""
    aftermath = after.aftermath
    reviews = ReviewService(
        aftermath.runs,
        aftermath.results,
        PostgresReviews(after.pool),
        aftermath.analytics,
        after.judge,
        second or Stricter(),
        after.coach,
        RUBRICS,
        lambda: after.now,
    )
    after.aftermath = replace(aftermath, also=reviews.handlers())
    return reviews

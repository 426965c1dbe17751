"""The REST paths of the scorecard: read it, withdraw its links, dispute or override a score, answer again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from aiohttp import web

from interview.judging_review import Override
from interview.reading import has_words
from interview.rubric import Dimension
from server.audio_links import AudioLinks
from server.bodies import read_body, read_query
from server.guests import Guests
from server.interviews import MockInterviewService
from server.limits import RateLimit
from server.problems import Problem
from server.rest import CANDIDATE, GUEST_OF, LOCAL_CANDIDATE, ROLES, ROOT, answer
from server.reviews import ReviewService
from server.scorecard import Sheet, again_view, dispute_view, override_view, pick
from server.scorecard_views import OverrideView, ScorecardView
from server.views import View
from storage.ports import CallRecord, NotFound, StoredResponse, StoredSession
from storage.reviews import Reviews
from storage.wire import clean

MAX_AGAIN: Final = 12_000
"""Characters of another answer; what a judge is shown of one."""
CallId = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
QuestionId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class ScorecardDto(msgspec.Struct):
    """Query of the scorecard: which call; left out, the newest that somebody joined."""

    call_id: CallId | None = None


class DisputeDto(msgspec.Struct):
    """Body of ``…/scores/dispute``. The answer is judged again once; both judgements are kept."""

    question_id: QuestionId
    reason: Reason
    call_id: CallId | None = None


class OverrideDto(msgspec.Struct):
    """Body of ``…/scores/override``. Totals follow; the judge's value is kept."""

    question_id: QuestionId
    dimension: Dimension
    value: Annotated[int, msgspec.Meta(ge=0, le=100)]
    reason: Reason
    call_id: CallId | None = None


class AgainDto(msgspec.Struct):
    """Body of ``…/questions/{question_id}/again``: another answer, in writing."""

    answer: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_AGAIN)]
    call_id: CallId | None = None


class WithdrawDto(msgspec.Struct):
    """Body of ``…/scorecard/links/withdraw``."""

    call_id: CallId


class WithdrawnView(View):
    """``scorecardUrl`` is the one link that a guest can read the scorecard by now; give it to nobody else."""

    call_id: str
    scorecard_url: str


class OverriddenView(View):
    """The value that is now in force, and the totals that follow from it."""

    override: OverrideView
    question_score: int | None
    overall_score: int | None


@dataclass(frozen=True, slots=True)
class ScorecardRest:
    """Handlers. ``limit`` is for what asks a judge."""

    interviews: MockInterviewService
    reviews: ReviewService
    limit: RateLimit
    sound: AudioLinks
    guests: Guests

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{ROOT}/{{id}}/scorecard", self.show),
            web.post(f"{ROOT}/{{id}}/scorecard/links/withdraw", self.withdraw),
            web.post(f"{ROOT}/{{id}}/scores/dispute", self.dispute),
            web.post(f"{ROOT}/{{id}}/scores/override", self.override),
            web.post(f"{ROOT}/{{id}}/questions/{{question_id}}/again", self.again),
        ]

    async def show(self, request: web.Request) -> web.Response:
        query = read_query(request, ScorecardDto)
        stored = await self._session(request)
        view = await self._view(request, stored, query.call_id)
        if view.call_id is not None and not _is_own(request, stored):
            await self.reviews.reviews.log_view(view.call_id, request[CANDIDATE], _role(request))
        return answer(view)

    async def dispute(self, request: web.Request) -> web.Response:
        """202: the answer is judged again by a worker; the scorecard shows when it is done."""
        dto = await read_body(request, DisputeDto)
        reason = _said(dto.reason, "reason")
        stored = await self._session(request)
        record = await self._record(request, stored, dto.call_id)
        await self.limit.take(f"dispute {request[CANDIDATE]}")
        made = await self.reviews.dispute(record, dto.question_id, reason, request[CANDIDATE])
        return answer(dispute_view(made), 202, **{"Retry-After": "2"})

    async def override(self, request: web.Request) -> web.Response:
        """Coaches only, and never one's own score; the one local user is both."""
        dto = await read_body(request, OverrideDto)
        reason = _said(dto.reason, "reason")
        stored = await self._session(request)
        if not _may_override(request, stored):
            raise Problem(
                403,
                "not_a_coach",
                "Only a coach may do this",
                "A score is overridden by somebody with the role coach or owner, and not by the candidate.",
            )
        call_id = (await self._record(request, stored, dto.call_id)).response.call_id
        wanted = Override(dto.dimension, dto.value, reason)
        made = await self.reviews.override(
            call_id, dto.question_id, wanted, request[CANDIDATE], _role(request)
        )
        view = await self._view(request, stored, call_id)
        card = next(card for card in view.questions if card.id == dto.question_id)
        done = OverriddenView(
            override=override_view(made), question_score=card.score, overall_score=view.overall.score
        )
        return answer(done, 201)

    async def again(self, request: web.Request) -> web.Response:
        """202: the new answer is judged by a worker, beside the first; the scorecard shows both."""
        dto = await read_body(request, AgainDto)
        text = _said(dto.answer, "answer")
        stored = await self._session(request)
        record = await self._record(request, stored, dto.call_id)
        await self.limit.take(f"again {request[CANDIDATE]}")
        key = request.match_info["question_id"]
        made = await self.reviews.again(record, key, text, request[CANDIDATE])
        known = record.evaluations.get(key)
        shown = again_view(made, known.evaluation.overall if known else None)
        return answer(shown, 202, **{"Retry-After": "2"})

    async def withdraw(self, request: web.Request) -> web.Response:
        """The links that guests were given to one call open nothing any more."""
        dto = await read_body(request, WithdrawDto)
        stored = await self._session(request)
        run = pick(await self._responses(request, stored), dto.call_id)
        if run is None:
            raise NotFound("no such call of this interview")
        page = self.interviews.scorecard_link(stored, run.call_id)
        role = _role(request) if request[ROLES] else "candidate"
        url = await self.guests.withdraw(page, run.call_id, request[CANDIDATE], role)
        return answer(WithdrawnView(call_id=run.call_id, scorecard_url=url))

    async def _session(self, request: web.Request) -> StoredSession:
        """The candidate's own interview, or anybody's for a coach. Raises NotFound.

        A guest's call lies in somebody else's interview; of that the guest is shown the one call.
        """
        open_to_all = request[ROLES] or GUEST_OF in request
        return await self.interviews.get_session(
            request.match_info["id"], None if open_to_all else request[CANDIDATE]
        )

    async def _responses(self, request: web.Request, stored: StoredSession) -> list[StoredResponse]:
        """The calls of ``stored`` that the asker may see. Raises NotFound for another interview's guest."""
        found = await self.interviews.responses(stored)
        if GUEST_OF in request:
            found = [run for run in found if run.call_id == request[GUEST_OF]]
            if not found:
                raise NotFound("no such call of this interview")
        return found

    async def _record(self, request: web.Request, stored: StoredSession, call_id: str | None) -> CallRecord:
        run = pick(await self._responses(request, stored), call_id)
        if run is None:
            raise NotFound("no such call of this interview")
        return await self.reviews.runs.record(run.call_id)

    async def _view(self, request: web.Request, stored: StoredSession, call_id: str | None) -> ScorecardView:
        responses = await self._responses(request, stored)
        run = pick(responses, call_id)
        if run is None and call_id is not None:
            raise NotFound("no such call of this interview")
        record = await self.reviews.runs.record(run.call_id) if run else None
        reviews = await self.reviews.reviews.of_call(run.call_id) if run else Reviews()
        may = _may_override(request, stored)
        return Sheet(
            stored,
            responses,
            record,
            reviews,
            self.reviews.rubrics,
            can_override=may,
            can_compare=_is_own(request, stored) and GUEST_OF not in request,
            is_guest=GUEST_OF in request,
            sound=self.sound,
        ).view()


def _said(text: str, field: str) -> str:
    """``text`` as it can be stored; 400 when no words are in it."""
    kept = clean(text).strip()
    if not has_words(kept):
        raise Problem(400, "invalid_body", "Invalid body", f"Write words into {field}.", path=f"$.{field}")
    return kept


def _is_own(request: web.Request, stored: StoredSession) -> bool:
    own = request[CANDIDATE] in (LOCAL_CANDIDATE, stored.session.candidate_id)
    return own or GUEST_OF in request


def _may_override(request: web.Request, stored: StoredSession) -> bool:
    local = request[CANDIDATE] == LOCAL_CANDIDATE
    return bool(request[ROLES]) and (local or not _is_own(request, stored))


def _role(request: web.Request) -> str:
    return "owner" if "owner" in request[ROLES] else "coach"

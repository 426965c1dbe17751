"""``get-call``, ``update-response``, ``generate-insights``, and what the interview shows after them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from agents.llm import LLM, Completion, LlmRateLimited, LlmUnavailable, Prompt
from agents.llm_offline import OfflineLLM
from server.rest_calls import GIVEN_UP, UNDER_WAY
from tests.fakes.aftermath import SAID, After, Coach, Judge
from tests.fakes.rest import ROOT, Rest, serve

pytestmark = pytest.mark.postgres

SECRET = "a secret of thirty-two characters!"


def token(subject: str, **more: Any) -> str:
    claims = {"sub": subject, "exp": int(time.time()) + 600} | more
    return f"Bearer {jwt.encode({'alg': 'HS256'}, claims, OctKey.import_key(SECRET))}"


def at_app(
    dsn: str, act: Callable[[Rest, After], Awaitable[None]], *, llm: LLM | None = None, **more: Any
) -> None:
    """The real app, with a call's aftermath at hand; the interview ``s1`` is the local user's."""

    async def inside(rest: Rest) -> None:
        await act(rest, After(rest.viva.pool, Judge(), Coach(), None, OfflineLLM(), owner="local"))

    serve(dsn, inside, llm=llm or OfflineLLM(), **more)


def spoken(transcript: list[dict[str, Any]]) -> dict[int, str]:
    """The candidate's words by turn."""
    return {line["turn"]: line["content"] for line in transcript if line["role"] == "user"}


async def analysed(after: After, call_id: str = "call1", **more: Any) -> None:
    await after.held(call_id, **more)
    await after.work_off()


def test_a_call_is_pending_until_it_is_analysed_and_then_the_same_for_ever(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.register()
        path = "/api/get-call?call_id=call1"
        got = await rest.get(path)
        assert (got.status, got.headers["Retry-After"], got.json["status"]) == (202, "10", "created")
        fence = await after.answer("call1", SAID)
        assert (await rest.get(path)).json["is_analysed"] is False
        assert await after.jobs.listing() == []  # its end will queue it
        await after.end("call1", fence)
        got = await rest.get(path)
        assert (got.status, got.headers["Retry-After"], got.json["is_ended"]) == (202, "2", True)
        await after.work_off()
        got = await rest.get(path)
        assert got.status == 200
        assert got.json["analytics"]["assessed"] == 3
        assert (got.json["callId"], got.json["is_analysed"], got.json["callResponse"]) == (
            "call1",
            True,
            None,
        )
        assert [line["content"] for line in got.json["transcript"] if line["role"] == "user"] == [
            *SAID.values()
        ]
        for again in (
            await rest.get("/api/get-call?callId=call1"),
            await rest.post("/api/get-call", {"id": "call1"}),
            await rest.post("/api/get-call", {"call_id": "call1"}),
        ):
            assert (again.status, again.json) == (200, got.json)
        assert len(after.judge.cases) == 3
        assert await after.jobs.listing() == []

    at_app(dsn, act)


def test_asking_for_an_interrupted_call_has_it_analysed_now(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.register()
        await after.end("call1", await after.answer("call1", SAID), "interrupted")
        assert (await rest.get("/api/get-call?call_id=call1")).status == 202
        await after.work_off()
        assert (await rest.get("/api/get-call?call_id=call1")).json["status"] == "interrupted"

    at_app(dsn, act)


def test_asking_does_not_start_anew_what_has_failed_for_good(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.held()
        await after.pool.execute("UPDATE pgqueuer SET status = 'failed'")
        for _ in range(2):
            got = await rest.get("/api/get-call?call_id=call1")
            assert (got.status, got.json["detail"]) == (202, GIVEN_UP)
        (dead,) = await after.jobs.listing()
        await after.jobs.retry([dead.id])
        assert (await rest.get("/api/get-call?call_id=call1")).json["detail"] == UNDER_WAY
        await after.work_off()
        assert (await rest.get("/api/get-call?call_id=call1")).status == 200

    at_app(dsn, act)


def test_an_unknown_call_and_one_without_a_name_are_told_apart(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        assert (await rest.get("/api/get-call?call_id=nothing")).problem() == (404, "not_found")
        assert (await rest.get("/api/get-call")).problem() == (400, "call_id_missing")
        assert (await rest.get("/api/get-call?call_id=")).problem() == (400, "invalid_query")
        assert (await rest.post("/api/get-call", {"id": 7})).problem() == (400, "invalid_body")
        assert (await rest.post("/api/get-call", raw=b"\xff")).problem() == (400, "invalid_json")

    at_app(dsn, act)


def test_another_candidate_finds_nothing(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await analysed(after)
        await rest.viva.pool.execute("UPDATE mock_interview_sessions SET candidate_id = 'user:ada'")
        for name, status in (("ada", 200), ("bob", 404)):
            who = token(name)
            assert (await rest.get("/api/get-call?call_id=call1", Authorization=who)).status == status
            assert (await rest.get(f"{ROOT}/s1", Authorization=who)).status == status
            body = {"sessionId": "s1"}
            assert (await rest.post("/api/generate-insights", body, Authorization=who)).status == status
        for answer in (
            await rest.get("/api/get-call?call_id=call1"),
            await rest.post("/api/generate-insights", {"sessionId": "s1"}),
            await rest.post("/api/analyze-communication", {"transcript": "Hello."}),
            await rest.get("/api/get-call?call_id=call1", Authorization="Bearer forged"),
        ):
            assert answer.problem() == (401, "unauthorised")

    at_app(dsn, act, auth="oidc", jwt_secret=SECRET)


# --- GET …/{id} ------------------------------------------------------------------------------------


def test_the_interview_shows_scores_and_feedback(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await analysed(after)
        got = await rest.get(f"{ROOT}/s1")
        assert got.status == 200, got.text
        shown = got.json
        assert shown["results"]["overallScore"] == shown["responses"][0]["analytics"]["overallScore"]
        by_question = {(s["questionId"], s["dimension"]): s for s in shown["scores"]}
        assert len(by_question) == len(shown["scores"]) == 3 * 6 + 6
        content = by_question["q2", "content"]
        assert content["source"]["prompt"] == "judge.v1@abc"
        (evidence,) = content["evidence"]
        said = {
            line["turn"]: line["content"] for line in shown["results"]["transcript"] if line["role"] == "user"
        }
        assert said[evidence["turn"]][evidence["start"] : evidence["end"]] == evidence["text"]
        assert by_question["q2", "overall"]["score"] == content["score"]
        assert by_question[None, "overall"]["score"] == shown["results"]["overallScore"]
        assert {f["questionId"] for f in shown["feedback"]} == {"q1", "q2", "q3", None}
        assert shown["feedback"][0]["coachTips"] == ["Say the result first."]

    at_app(dsn, act)


# --- update-response -------------------------------------------------------------------------------


def test_the_page_ends_a_call_once(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.register()
        await after.answer("call1", SAID)
        for body in ({"call_id": "call1", "is_ended": True}, {"callId": "call1", "isEnded": True}):
            got = await rest.post("/api/update-response", body)
            assert (got.status, got.json["is_ended"], got.json["status"]) == (200, True, "completed")
        assert [job.key for job in await after.jobs.listing()] == ["analyse:call1:ended_by_candidate"]
        (session,) = await rest.rows("SELECT status FROM mock_interview_sessions")
        assert session["status"] == "completed"
        await after.work_off()
        assert (await rest.get("/api/get-call?call_id=call1")).status == 200

    at_app(dsn, act)


def test_a_call_that_never_began_is_abandoned_by_its_end(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.register()
        got = await rest.post("/api/update-response", {"call_id": "call1", "is_ended": True})
        assert got.json["status"] == "abandoned"

    at_app(dsn, act)


def test_an_end_cannot_be_taken_back(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.register()
        path = "/api/update-response"
        assert (await rest.post(path, {"call_id": "call1", "is_ended": False})).status == 400
        await rest.post(path, {"call_id": "call1", "is_ended": True})
        again = await rest.post(path, {"call_id": "call1", "is_ended": False})
        assert again.problem() == (409, "cannot_reopen")
        assert (await rest.post(path, {"call_id": "no", "is_ended": True})).problem() == (404, "not_found")
        assert (await rest.post(path, {"call_id": "call1"})).problem() == (400, "invalid_body")

    at_app(dsn, act)


# --- insights --------------------------------------------------------------------------------------


def test_insights_are_versions_of_one_look(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        path = "/api/generate-insights"
        assert (await rest.post(path, {"sessionId": "s1"})).problem() == (404, "not_found")
        assert (await rest.post(path, {})).problem() == (400, "invalid_body")
        await after.held()
        assert (await rest.post(path, {"session_id": "s1"})).problem() == (409, "nothing_analysed")
        got = await rest.post(path, {"sessionId": "s1"}, Prefer="respond-async")
        assert got.problem() == (409, "nothing_analysed")
        await after.work_off()
        for version, body in enumerate(({"sessionId": "s1"}, {"interviewId": "link1"}), start=1):
            got = await rest.post(path, body)
            assert got.status == 200
            insights = got.json["insights"]
            assert insights["version"] == version
            assert {"trends", "strengths", "weaknesses", "recommendations", "learnings"} <= insights.keys()
            assert insights["recommendations"]
        results = (await rest.get(f"{ROOT}/s1")).json["results"]
        assert results["insights"]["version"] == 2
        assert results["overallScore"] is not None
        assert len(await rest.rows("SELECT 1 FROM mock_interview_insights")) == 2
        # As a job, for who does not want to wait.
        got = await rest.post(path, {"sessionId": "s1"}, Prefer="respond-async")
        assert (got.status, got.json["status"]) == (202, "pending")
        assert await after.work_off() == ["insights:s1"]
        assert (await rest.get(f"{ROOT}/s1")).json["results"]["insights"]["version"] == 3

    at_app(dsn, act)


class Failing(OfflineLLM):
    trouble: Exception = LlmUnavailable("fake", "no connection")

    async def complete(self, prompt: Prompt) -> Completion:
        raise self.trouble


def test_a_model_that_fails_changes_nothing_and_says_so(dsn: str) -> None:
    llm = Failing()

    async def act(rest: Rest, after: After) -> None:
        await analysed(after)
        got = await rest.post("/api/generate-insights", {"sessionId": "s1"})
        assert got.problem() == (502, "model_failed")
        llm.trouble = LlmRateLimited("fake", "429", 17.0)
        got = await rest.post("/api/analyze-communication", {"transcript": "word " * 40})
        assert (got.problem(), got.headers["Retry-After"]) == ((503, "model_busy"), "17")
        assert await rest.rows("SELECT 1 FROM mock_interview_insights") == []

    at_app(dsn, act, llm=llm)

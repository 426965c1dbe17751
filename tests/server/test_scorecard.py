"""The scorecard over HTTP: everybody's numbers, words that were said, reviews that are kept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from agents.evaluator import EvaluatorAgent
from agents.llm import LlmUnavailable
from agents.llm_offline import OfflineLLM
from interview.rubric import Dimension
from server import app
from storage.job_runner import Job
from tests.fakes.aftermath import SAID, After
from tests.fakes.rest import ROOT, Rest
from tests.fakes.reviews import RUBRICS, Stricter, with_reviews
from tests.server.test_get_call import SECRET, analysed, at_app, token

pytestmark = pytest.mark.postgres

CARD = f"{ROOT}/s1/scorecard"


async def card(rest: Rest, query: str = "", **headers: str) -> dict[str, Any]:
    got = await rest.get(f"{CARD}{query}", **headers)
    assert got.status == 200, got.text
    assert got.headers["Cache-Control"] == "no-store"
    return dict(got.json)


def question(found: dict[str, Any], key: str) -> dict[str, Any]:
    return next(one for one in found["questions"] if one["id"] == key)


def said_in(found: dict[str, Any]) -> dict[int, str]:
    """The candidate's words by turn, put together from the pieces of the transcript."""
    return {
        line["turn"]: "".join(part["text"] for part in line["segments"])
        for line in found["transcript"]
        if line["role"] == "user"
    }


async def same_numbers(rest: Rest, found: dict[str, Any]) -> None:
    """Scorecard, interview, run and session results say the same."""
    shown = (await rest.get(f"{ROOT}/s1")).json
    (run,) = [one for one in shown["responses"] if one["callId"] == found["callId"]]
    analytics = run["analytics"]
    assert analytics["overallScore"] == found["overall"]["score"] == shown["results"]["overallScore"]
    dimensions = {one["dimension"]: one["score"] for one in found["dimensions"]}
    assert analytics["dimensionScores"] == dimensions == shown["results"]["dimensionScores"]
    per_question = {one["questionId"]: one["overall"] for one in analytics["questions"]}
    scored = [one for one in found["questions"] if one["status"] == "scored"]
    assert per_question == {one["id"]: one["score"] for one in scored}
    rows = {(s["questionId"], s["dimension"]): s["score"] for s in shown["scores"]}
    for one in scored:
        assert rows[one["id"], "overall"] == one["score"]
        for part in one["dimensions"]:
            assert rows[one["id"], part["dimension"]] == part["score"]
    assert {name: rows[None, name] for name in dimensions} == dimensions
    assert rows[None, "overall"] == found["overall"]["score"]


# --- reading it --------------------------------------------------------------------------------------


def test_an_interview_that_was_not_held_has_an_empty_card(dsn: str) -> None:
    async def act(rest: Rest, _: After) -> None:
        session_id = await rest.create()
        found = (await rest.get(f"{ROOT}/{session_id}/scorecard")).json
        assert (found["state"], found["callId"], found["calls"]) == ("pending", None, [])
        assert found["overall"] == {"score": None, "reason": "not scored yet", "confidence": "low"}
        assert [one["dimension"] for one in found["dimensions"]] == [d.value for d in Dimension]
        got = await rest.get(f"{ROOT}/{session_id}/scorecard?call_id=call1")
        assert got.problem() == (404, "not_found")

    at_app(dsn, act)


def test_a_card_grows_from_pending_over_partial_to_complete(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.register()
        assert (await card(rest))["state"] == "pending"
        fence = await after.answer("call1", SAID, finished=["q1"])
        found = await card(rest)
        assert (found["state"], found["counts"]["answered"], found["counts"]["waiting"]) == ("pending", 3, 3)
        await after.work_off()
        found = await card(rest)
        assert (found["state"], found["counts"]["scored"], found["counts"]["waiting"]) == ("partial", 1, 2)
        assert [one["status"] for one in found["questions"]] == ["scored", "scoring", "scoring"]
        assert question(found, "q2")["reason"] == "not scored yet"
        assert found["overall"]["score"] == question(found, "q1")["score"]
        assert "goes on" in found["detail"]
        await after.end("call1", fence)
        assert (await card(rest))["state"] == "partial"
        await after.work_off()
        found = await card(rest)
        assert (found["state"], found["counts"]["scored"]) == ("complete", 3)
        await same_numbers(rest, found)

    at_app(dsn, act)


def test_every_question_has_its_scores_words_and_coaching(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await analysed(after)
        found = await card(rest)
        one = question(found, "q2")
        assert one["answer"] == SAID["q2"]
        assert (one["personaName"], one["status"]) == ("Maya", "scored")
        assert one["coachTips"] == ["Say the result first."]
        assert one["better"] == "Better words."
        assert one["actionItems"] == [
            {"title": "Again: q2", "description": "Tell it with a number.", "priority": "high"}
        ]
        assert one["learningTags"] == ["teamwork"]
        assert one["source"] == {"prompt": "judge.v1@abc", "model": "fake"}
        assert [part["dimension"] for part in one["dimensions"]] == [d.value for d in Dimension]
        for part in one["dimensions"]:
            assert part["rationale"] == "It says so."
            assert part["confidence"] == "high" or part["confidence"] == "medium"
        assert "q4" not in {q["id"] for q in found["questions"]}, "the closing is not judged"
        said = said_in(found)
        for one in found["questions"]:
            for part in one["dimensions"]:
                for quote in part["quotes"]:
                    assert said[quote["turn"]][quote["start"] : quote["end"]] == quote["text"] != ""
        marked = {
            name for line in found["transcript"] for part in line["segments"] for name in part["quotes"]
        }
        assert marked == {
            q["id"] for one in found["questions"] for d in one["dimensions"] for q in d["quotes"]
        }
        text = json.dumps(found)
        assert "Quist" not in text, "the card names nobody"

    at_app(dsn, act)


def test_quotes_play_where_the_call_was_recorded(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        agreed = {"version": "1", "locale": "en", "granted": {"record_audio": True}}
        await analysed(after, consent=agreed)
        found = await card(rest)
        assert found["audio"] == {"available": True, "reason": ""}
        quote = question(found, "q1")["dimensions"][0]["quotes"][0]
        assert (quote["startS"], quote["endS"]) == (1.0, 1.9)
        path, _, signed = quote["url"].partition("&expires=")
        assert path == "/v1/calls/call1/audio?start=0.80&end=2.30&track=candidate"
        assert "&signature=" in signed
        assert (await rest.get(quote["url"])).problem() == (404, "not_recorded")
        await rest.viva.pool.execute("UPDATE mock_interview_responses SET consent = NULL")
        silent = await card(rest)
        assert silent["audio"] == {"available": False, "reason": "The call was not recorded."}
        assert question(silent, "q1")["dimensions"][0]["quotes"][0]["url"] is None

    at_app(dsn, act)


def test_delivery_is_measurements_beside_ranges(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await analysed(after)
        found = {one["name"]: one for one in (await card(rest))["delivery"]}
        assert found["pace"]["value"] is None
        assert found["pace"]["reason"] == "the sound of this call was not measured"
        measured = {"pace": {"value": 190.0, "unit": "words per minute", "reason": ""}}
        await rest.viva.pool.execute(
            "UPDATE mock_interview_answers SET delivery = $1 WHERE turn = 1", measured
        )
        found = {one["name"]: one for one in (await card(rest))["delivery"]}
        assert (found["pace"]["value"], found["pace"]["low"], found["pace"]["high"]) == (190.0, 110.0, 160.0)
        assert found["answer_length"]["value"] == 0.9

    at_app(dsn, act)


def test_how_it_was_scored_is_told_and_rules_are_called_rules(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await analysed(after)
        assert (await card(rest))["method"]["offline"] is False
        by_rules = {"models": ["offline:rules"], "prompt": "evaluator.score.v2@1", "samples": 3}
        await rest.viva.pool.execute("UPDATE mock_interview_evaluations SET provenance = $1", by_rules)
        method = (await card(rest))["method"]
        assert (method["offline"], method["samples"], method["judges"]) == (True, 3, ["offline:rules"])
        assert "no language model" in method["text"]
        assert sum(method["weights"].values()) == pytest.approx(1)

    at_app(dsn, act)


def test_the_newest_joined_call_is_shown_unless_another_is_asked_for(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await analysed(after)
        after.later(hours=1)
        await after.held("call2", {"q1": SAID["q1"]}, email="b@example.org", created_at=after.now)
        after.later(hours=1)
        await after.register("call3", created_at=after.now)
        await after.work_off()
        found = await card(rest)
        assert found["callId"] == "call2"
        assert [one["callId"] for one in found["calls"]] == ["call3", "call2", "call1"]
        assert (await card(rest, "?call_id=call1"))["callId"] == "call1"
        assert (await card(rest, "?callId=call1"))["callId"] == "call1"
        assert (await rest.get(f"{CARD}?call_id=")).problem() == (400, "invalid_query")

    at_app(dsn, act)


# --- who may see and do what -------------------------------------------------------------------------


def test_another_candidate_finds_nothing_and_a_coach_is_logged(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await analysed(after)
        await rest.viva.pool.execute("UPDATE mock_interview_sessions SET candidate_id = 'user:ada'")
        ada, bob, coach = token("ada"), token("bob"), token("cleo", roles=["coach", "gardener"])
        posts: tuple[tuple[str, dict[str, Any]], ...] = (
            ("scores/dispute", {"question_id": "q1", "reason": "No."}),
            ("scores/override", {"question_id": "q1", "dimension": "content", "value": 1, "reason": "No."}),
            ("questions/q1/again", {"answer": "Once more, with a number."}),
        )
        assert (await rest.get(CARD, Authorization=bob)).problem() == (404, "not_found")
        assert (await rest.get(CARD)).problem() == (401, "unauthorised")
        for path, body in posts:
            assert (await rest.post(f"{ROOT}/s1/{path}", body, Authorization=bob)).problem() == (
                404,
                "not_found",
            )
            assert (await rest.post(f"{ROOT}/s1/{path}", body)).problem() == (401, "unauthorised")
        assert (await card(rest, Authorization=ada))["canOverride"] is False
        override = posts[1]
        got = await rest.post(f"{ROOT}/s1/{override[0]}", override[1], Authorization=ada)
        assert got.problem() == (403, "not_a_coach")
        own = token("ada", roles="coach")
        got = await rest.post(f"{ROOT}/s1/{override[0]}", override[1], Authorization=own)
        assert got.problem() == (403, "not_a_coach"), "nobody scores themselves"
        assert await rest.rows("SELECT * FROM audit_log") == []
        assert (await card(rest, Authorization=coach))["canOverride"] is True
        (line,) = await rest.rows("SELECT actor, action, subject, details FROM audit_log")
        assert line == {
            "actor": "user:cleo",
            "action": "scorecard.viewed",
            "subject": "call1",
            "details": {"role": "coach"},
        }
        done = await rest.post(f"{ROOT}/s1/{override[0]}", override[1], Authorization=coach)
        assert (done.status, done.json["override"]["role"]) == (201, "coach")

    at_app(dsn, act, auth="oidc", jwt_secret=SECRET)


# --- override ----------------------------------------------------------------------------------------


def test_a_persons_value_counts_and_the_judges_is_kept(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await analysed(after)
        before = await card(rest)
        old = question(before, "q2")["dimensions"][0]["score"]
        body = {"questionId": "q2", "dimension": "content", "value": 99, "reason": "The result is there."}
        done = await rest.post(f"{ROOT}/s1/scores/override", body)
        assert done.status == 201
        found = await card(rest)
        assert found["state"] == "complete"
        one = question(found, "q2")
        content = one["dimensions"][0]
        assert (content["score"], content["original"], content["confidence"]) == (99, old, "high")
        assert content["override"] == done.json["override"]["id"] == one["overrides"][0]["id"]
        assert one["overrides"][0]["reason"] == "The result is there."
        assert done.json["questionScore"] == one["score"] > question(before, "q2")["score"]
        assert done.json["overallScore"] == found["overall"]["score"]
        await same_numbers(rest, found)
        assert found["summary"]["overallFeedback"] == before["summary"]["overallFeedback"]
        again = await rest.post(
            f"{ROOT}/s1/scores/override", body | {"value": 20, "reason": "On second thought."}
        )
        assert again.json["override"]["original"] == old, "the judge's own value, not the last person's"
        found = await card(rest)
        assert question(found, "q2")["dimensions"][0]["score"] == 20
        await same_numbers(rest, found)
        log = await rest.rows("SELECT action, subject, details FROM audit_log ORDER BY id")
        assert [line["action"] for line in log] == ["score.overridden"] * 2
        assert (log[0]["details"]["from"], log[0]["details"]["to"]) == (old, 99)
        assert "result" not in str(log), "the log holds ids and numbers, nobody's words"
        asked = len(after.judge.cases)
        await after.work_off(later=True)
        assert len(after.judge.cases) == asked
        await same_numbers(rest, await card(rest))

    at_app(dsn, act)


def test_what_an_override_may_not_be(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.register()
        await after.answer("call1", SAID)
        path = f"{ROOT}/s1/scores/override"
        good = {"question_id": "q2", "dimension": "content", "value": 50, "reason": "So."}
        assert (await rest.post(path, good)).problem() == (409, "not_scored")
        for wrong in (
            {"value": 101},
            {"value": -1},
            {"value": 5.5},
            {"dimension": "overall"},
            {"reason": ""},
        ):
            assert (await rest.post(path, good | wrong)).problem() == (400, "invalid_body"), wrong
        assert (await rest.post(path, good | {"reason": " .. "})).problem() == (400, "invalid_body")
        assert (await rest.post(path, good | {"question_id": "q4"})).problem() == (404, "question_not_found")
        assert (await rest.post(path, good | {"call_id": "other"})).problem() == (404, "not_found")

    at_app(dsn, act)


# --- dispute -----------------------------------------------------------------------------------------


def test_a_disputed_answer_is_judged_again_once_and_both_are_kept(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        with_reviews(after)
        await analysed(after)
        before = await card(rest)
        old = question(before, "q2")["score"]
        body = {"questionId": "q2", "reason": "I did give the result."}
        got = await rest.post(f"{ROOT}/s1/scores/dispute", body)
        assert (got.status, got.json["state"], got.json["second"]) == (202, "open", None)
        assert (await rest.post(f"{ROOT}/s1/scores/dispute", body)).problem() == (409, "disputed_already")
        assert question(await card(rest), "q2")["dispute"]["state"] == "open"
        await after.work_off()
        found = await card(rest)
        dispute = question(found, "q2")["dispute"]
        assert (dispute["first"]["score"], dispute["second"]["score"], dispute["agrees"]) == (
            old,
            old - 20,
            False,
        )
        assert dispute["reason"] == "I did give the result."
        assert question(found, "q2")["score"] == old - 20
        assert found["state"] == "complete"
        await same_numbers(rest, found)
        log = await rest.rows("SELECT actor, action, details FROM audit_log ORDER BY id")
        assert [(line["actor"], line["action"]) for line in log] == [
            ("local", "score.disputed"),
            ("viva", "score.rejudged"),
        ]
        assert (log[1]["details"]["before"], log[1]["details"]["after"]) == (old, old - 20)
        assert (await rest.post(f"{ROOT}/s1/scores/dispute", body)).problem() == (409, "disputed_already")

    at_app(dsn, act)


def test_a_persons_value_outlives_a_second_judgement(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        with_reviews(after)
        await analysed(after)
        override = {"question_id": "q2", "dimension": "depth", "value": 88, "reason": "Deep enough."}
        await rest.post(f"{ROOT}/s1/scores/override", override)
        await rest.post(f"{ROOT}/s1/scores/dispute", {"question_id": "q2", "reason": "And the rest?"})
        await after.work_off()
        found = await card(rest)
        depth = question(found, "q2")["dimensions"][1]
        assert (depth["score"], question(found, "q2")["dimensions"][0]["rationale"]) == (88, "Less.")
        await same_numbers(rest, found)

    at_app(dsn, act)


def test_a_judge_who_cannot_be_reached_is_asked_again_and_nothing_is_judged_twice(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        second = Stricter(LlmUnavailable("fake", "late"))
        reviews = with_reviews(after, second)
        await analysed(after)
        got = await rest.post(
            f"{ROOT}/s1/scores/dispute", {"question_id": "q1", "reason": "Please look again."}
        )
        await after.work_off()
        found = question(await card(rest), "q1")
        assert found["dispute"]["state"] == "judged"
        assert len(second.cases) == 2
        job = Job(1, "rejudge-answer", {"call_id": "call1", "dispute_id": got.json["id"]}, 0, False)
        await reviews.rejudge(job)
        assert len(second.cases) == 2
        assert question(await card(rest), "q1") == found

    at_app(dsn, act)


def test_a_second_judge_draws_other_samples_than_the_first() -> None:
    judge = EvaluatorAgent(OfflineLLM(), RUBRICS)
    second = replace(judge, samples=5, first=judge.samples)
    numbers = [range(one.first, one.first + one.samples) for one in (judge, second)]
    assert set(numbers[0]).isdisjoint(numbers[1])


# --- answer again ------------------------------------------------------------------------------------


def test_another_answer_is_judged_beside_the_first_and_changes_no_total(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        with_reviews(after)
        await analysed(after)
        before = await card(rest)
        text = (
            "I asked both shifts for their wishes, drew up a rota, and complaints fell from twelve to five."
        )
        got = await rest.post(f"{ROOT}/s1/questions/q2/again", {"answer": text})
        assert (got.status, got.json["state"], got.json["answer"]) == (202, "scoring", text)
        assert question(await card(rest), "q2")["again"][0]["after"] is None
        await after.work_off()
        found = await card(rest)
        (again,) = question(found, "q2")["again"]
        assert (again["state"], again["before"]) == ("scored", question(before, "q2")["score"])
        assert again["after"]["score"] == 50 + len(text) % 40
        assert again["difference"] == again["after"]["score"] - again["before"]
        assert again["coachTips"] == ["Say the result first."]
        assert found["overall"] == before["overall"]
        assert question(found, "q2")["answer"] == SAID["q2"]
        await same_numbers(rest, found)
        (line,) = await rest.rows("SELECT action FROM audit_log")
        assert line["action"] == "answer.again"
        got = await rest.post(f"{ROOT}/s1/questions/q2/again", {"answer": "And a third try, shorter."})
        await after.work_off()
        assert len(question(await card(rest), "q2")["again"]) == 2

    at_app(dsn, act)


def test_what_another_answer_may_not_be(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await analysed(after)
        path = f"{ROOT}/s1/questions/q2/again"
        for wrong in ({}, {"answer": ""}, {"answer": " \n"}, {"answer": "a" * 12_001}, {"answer": 7}):
            assert (await rest.post(path, wrong)).problem() == (400, "invalid_body")
        got = await rest.post(f"{ROOT}/s1/questions/q99/again", {"answer": "Words."})
        assert got.problem() == (404, "question_not_found")
        assert (await rest.post(path, {"answer": "a\0b words"})).status == 202
        for _ in range(30):
            got = await rest.post(path, {"answer": "Once more."})
        assert got.problem() == (429, "too_many_requests")

    at_app(dsn, act)


def test_who_asks_the_judge_too_often_is_asked_to_wait(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "ANALYSES", 1)
    asks: tuple[tuple[str, dict[str, Any]], ...] = (
        (f"{ROOT}/s1/scores/dispute", {"question_id": "q1", "reason": "I named a number."}),
        (f"{ROOT}/s1/questions/q1/again", {"answer": "Once more, with a number."}),
        ("/api/generate-insights", {"session_id": "s1"}),
    )

    async def act(rest: Rest, after: After) -> None:
        await analysed(after)
        for path, body in asks:
            assert (await rest.post(path, body)).status in (200, 202), path
            got = await rest.post(path, body)
            assert got.problem() == (429, "too_many_requests"), path
            assert 1 <= int(got.headers["Retry-After"]) <= 60

    at_app(dsn, act)


def test_the_page_is_served_whatever_the_link_says(dsn: str) -> None:
    async def act(rest: Rest, _: After) -> None:
        got = await rest.get("/mock-interview/link1/scorecard")
        assert (got.status, got.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "default-src 'self'" in got.headers["Content-Security-Policy"]
        for path in ("scorecard.css", "main.js", "charts.js", "cards.js", "player.js", "desk.js"):
            assert (await rest.get(f"/web/scorecard/{path}")).status == 200

    at_app(dsn, act)

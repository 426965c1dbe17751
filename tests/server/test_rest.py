"""Interviews over HTTP, on the real app and a real database."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from tests.fakes.rest import PUBLIC, ROOT, Rest, serve


def test_the_interviewers_are_listed_with_their_sliders(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        got = await rest.get("/v1/interviewers")
        assert got.status == 200
        assert {"maya", "daniel", "amara", "panel"} <= {i["id"] for i in got.json}
        maya = next(i for i in got.json if i["id"] == "maya")
        assert (maya["exploration"], maya["voice"], maya["retellAgentId"]) == (9, "female_1", None)

    serve(dsn, act)


def test_an_interview_is_created_with_defaults_and_found_by_id_slug_and_link(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        made = await rest.post(ROOT, {"role": "Backend Developer"})
        assert made.status == 201
        assert made.json.keys() == {"callId", "callUrl", "readableSlug", "sessionId"}
        assert made.json["callUrl"] == f"{PUBLIC}/mock-interview/{made.json['callId']}"
        assert made.headers["Location"] == f"{ROOT}/{made.json['sessionId']}"
        assert made.headers["Cache-Control"] == "no-store"
        by_id = await rest.get(made.headers["Location"])
        assert by_id.status == 200
        assert by_id.json["status"] == "created"
        assert (by_id.json["duration"], by_id.json["scenario"], by_id.json["mode"]) == (30, "mixed", "exam")
        assert by_id.json["interviewerAgentId"] == "maya"
        assert by_id.json["responses"] == by_id.json["scores"] == by_id.json["feedback"] == []
        assert len(by_id.json["questions"]) == 15
        for key in (made.json["readableSlug"], made.json["callId"]):
            assert (await rest.get(f"{ROOT}/{key}")).json == by_id.json

    serve(dsn, act)


def test_keys_in_snake_case_and_camel_case_are_taken_alike(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        one = {"role": "Nurse", "interviewer_agent_id": "amara", "focus_areas": ["triage"], "duration": 10}
        two = {"role": "Nurse", "interviewerAgentId": "amara", "focusAreas": ["triage"], "duration": 10}
        for wishes in (one, two):
            shown = (await rest.get(f"{ROOT}/{await rest.create(**wishes)}")).json
            assert (shown["interviewerAgentId"], shown["focusAreas"]) == ("amara", ["triage"])
            assert len(shown["questions"]) == 5

    serve(dsn, act)


BAD: list[tuple[dict[str, Any], int, str, str]] = [
    ({"role": "x", "duration": 4}, 400, "bad_duration", "$.duration"),
    ({"role": "x", "duration": 121}, 400, "bad_duration", "$.duration"),
    ({"role": "x", "duration": "long"}, 400, "invalid_body", "$.duration"),
    ({"role": " "}, 400, "role_missing", "$.role"),
    ({}, 400, "invalid_body", "$.role"),
    ({"role": "x", "interviewerAgentId": 7}, 400, "invalid_body", "$.interviewerAgentId"),
    ({"role": "x", "interviewer_agent_id": 7}, 400, "invalid_body", "$.interviewer_agent_id"),
    ({"role": "x", "focusAreas": ["a", 1]}, 400, "invalid_body", "$.focusAreas[1]"),
    ({"role": "x", "scenario": "court"}, 400, "invalid_body", "$.scenario"),
    ({"role": "x", "blocks": []}, 400, "invalid_body", "$.blocks"),
    ({"role": "x", "questions": [{"type": "technical"}]}, 400, "invalid_body", "$.questions[0].question"),
    ({"role": "x", "questions": [{"question": "Hm?"}] * 14}, 400, "invalid_body", "$.questions"),
    (
        {"role": "x", "questions": [{"question": "Hm?", "type": "closing"}]},
        400,
        "question_type_unknown",
        "$.questions[0].type",
    ),
    ({"role": "x" * 201}, 400, "invalid_body", "$.role"),
    ({"role": "x", "interviewerAgentId": "nobody"}, 404, "interviewer_not_found", ""),
    ({"role": "x", "jobDescription": "y" * 20_001}, 413, "too_long", ""),
]


def test_wishes_that_cannot_be_met_are_refused_by_the_clients_own_names(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        for wishes, status, code, path in BAD:
            got = await rest.post(ROOT, wishes)
            assert got.problem() == (status, code), (wishes, got.text)
            assert got.json.get("path", "") == path, (wishes, got.text)
        assert await rest.rows("SELECT id FROM mock_interview_sessions") == []

    serve(dsn, act)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"role": "\\ud800"}'])
def test_a_body_that_is_no_json_is_refused(dsn: str, raw: bytes) -> None:
    async def act(rest: Rest) -> None:
        assert (await rest.post(ROOT, raw=raw)).problem() == (400, "invalid_json")

    serve(dsn, act)


def test_a_body_that_is_no_object_or_too_large_is_refused(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        assert (await rest.post(ROOT, raw=b"[1]")).problem() == (400, "invalid_body")
        assert (await rest.post(ROOT, raw=io.BytesIO(b" " * (2 * 1024 * 1024 + 1)))).problem()[0] == 413

    serve(dsn, act)


def test_text_with_odd_characters_is_kept(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        key = await rest.create(role="Zoë\u0000 🎤", goals="a\u0000b", name="\u0000")
        shown = (await rest.get(f"{ROOT}/{key}")).json
        assert shown["role"].startswith("Zoë")
        assert (await rest.get(f"{ROOT}/%00")).problem() == (404, "not_found")

    serve(dsn, act)


def test_an_unknown_role_gets_the_nearest_one_and_is_told_so(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        got = await rest.post(f"{ROOT}/questions/generate", {"role": "Lighthouse keeper"})
        assert "no role by this name" in got.json["description"]
        known = await rest.post(f"{ROOT}/questions/generate", {"role": "Backend Developer"})
        assert "no role by this name" not in known.json["description"]

    serve(dsn, act)


def test_an_idempotency_key_gives_the_same_interview(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        wishes = {"role": "Nurse"}
        first, second = await asyncio.gather(
            rest.post(ROOT, wishes, Idempotency_Key="k1"), rest.post(ROOT, wishes, Idempotency_Key="k1")
        )
        assert first.json == second.json
        assert (await rest.post(ROOT, wishes, Idempotency_Key="k2")).json != first.json
        assert len(await rest.rows("SELECT id FROM mock_interview_sessions")) == 2
        got = await rest.post(ROOT, wishes, Idempotency_Key="k" * 201)
        assert got.problem() == (400, "bad_idempotency_key")

    serve(dsn, act)


def test_own_questions_stand_word_for_word_between_opener_and_closing(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        own = [
            {"question": "Why nursing?", "type": "motivational"},
            {"question": " "},
            {"question": "How do you triage?", "type": "process", "block": "role_knowledge"},
        ]
        got = await rest.post(f"{ROOT}/questions/generate", {"role": "Nurse", "questions": own})
        asked = got.json["questions"]
        assert [q["type"] for q in asked] == ["opener", "motivational", "process", "closing"]
        assert [q["question"] for q in asked[1:3]] == ["Why nursing?", "How do you triage?"]
        assert [q["id"] for q in asked] == ["q1", "q2", "q3", "q4"]
        assert (asked[1]["persona"], asked[2]["persona"]) == ("hr", "tech_lead")

    serve(dsn, act)


@pytest.mark.parametrize(("minutes", "count"), [(5, 5), (10, 5), (24, 12), (120, 15)])
def test_generated_questions_are_counted_and_framed(dsn: str, minutes: int, count: int) -> None:
    async def act(rest: Rest) -> None:
        got = await rest.post(f"{ROOT}/questions/generate", {"role": "Nurse", "duration": minutes})
        assert got.status == 201
        assert got.json.keys() == {"mockInterviewSession", "questions", "description", "source"}
        assert got.json["source"] == "question bank"
        questions = got.json["questions"]
        assert len(questions) == count
        assert (questions[0]["type"], questions[-1]["type"]) == ("opener", "closing")
        assert [q["order"] for q in questions] == list(range(1, count + 1))
        for question in questions:
            assert {"question", "type", "persona", "order", "timeLimit", "context"} <= question.keys()
            assert "looksFor" not in question
        session = got.json["mockInterviewSession"]
        assert session["status"] == "created"
        shown = await rest.get(f"{ROOT}/{session['id']}")
        assert shown.json["questions"] == questions

    serve(dsn, act)


def test_the_list_is_paged_and_filtered_by_status(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        made = [await rest.create(name=f"n{n}") for n in range(5)]
        assert (await rest.post(f"{ROOT}/{made[0]}/cancel")).json["status"] == "cancelled"
        # Three of them at one instant: a page may end between them.
        await rest.viva.pool.execute(
            "UPDATE mock_interview_sessions SET created_at = '2026-01-01T00:00:00.000001Z'"
            " WHERE id = ANY($1)",
            made[1:4],
        )
        seen, cursor, pages = [], "", 0
        while True:
            got = await rest.get(f"{ROOT}?limit=2" + (f"&cursor={cursor}" if cursor else ""))
            assert "questions" not in got.json["items"][0]
            seen += [item["id"] for item in got.json["items"]]
            pages += 1
            cursor = got.json["nextCursor"]
            if cursor is None:
                break
        assert pages == 3
        assert sorted(seen) == sorted(made)
        assert seen == [made[4], made[0], *sorted(made[1:4])]
        cancelled = await rest.get(f"{ROOT}?status=cancelled")
        assert [item["id"] for item in cancelled.json["items"]] == [made[0]]
        for query, path in (
            ("limit=0", "$.limit"),
            ("limit=101", "$.limit"),
            ("limit=x", "$.limit"),
            ("status=lost", "$.status"),
        ):
            got = await rest.get(f"{ROOT}?{query}")
            assert got.problem() == (400, "invalid_query")
            assert got.json["path"] == path
        for cursor in ("x", "1", "9999999999999999-abc/", "99999999999999999-a"):
            assert (await rest.get(f"{ROOT}?cursor={cursor}")).problem() == (400, "bad_cursor")
        assert (await rest.get(f"{ROOT}?cursor=9999999999999999-abc")).status == 200

    serve(dsn, act)


def test_cancelling_ends_an_interview_once(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        key = await rest.create()
        got = await rest.post(f"{ROOT}/{key}/cancel")
        assert (got.status, got.json["status"]) == (200, "cancelled")
        assert (await rest.get(f"{ROOT}/{key}")).json["status"] == "cancelled"
        again = await rest.post(f"{ROOT}/{key}/cancel")
        assert again.problem() == (409, "illegal_transition")
        assert (await rest.post(f"{ROOT}/unknown/cancel")).problem() == (404, "not_found")
        done = await rest.create()
        await rest.viva.pool.execute(
            "UPDATE mock_interview_sessions SET status = 'completed' WHERE id = $1", done
        )
        assert (await rest.post(f"{ROOT}/{done}/cancel")).problem() == (409, "illegal_transition")

    serve(dsn, act)


def test_unknown_paths_ids_and_methods_are_problems(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        assert (await rest.get(f"{ROOT}/unknown")).problem() == (404, "not_found")
        assert (await rest.get("/nowhere")).problem() == (404, "not_found")
        got = await rest.ask("DELETE", ROOT)
        assert got.problem() == (405, "method_not_allowed")
        assert "POST" in got.headers["Allow"]

    serve(dsn, act)


def test_health_readiness_and_numbers(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        assert (await rest.get("/healthz")).json == {"status": "ok"}
        ready = await rest.get("/readyz")
        assert (ready.status, ready.json["status"]) == (200, "ready")
        assert (ready.json["database"], ready.json["llm"]) == ("ok", "offline:rules")
        numbers = await rest.get("/metrics")
        assert numbers.status == 200
        assert "viva_live_calls 0.0" in numbers.text
        await rest.viva.pool.close()
        away = await rest.get("/readyz")
        assert (away.status, away.json["status"], away.json["database"]) == (
            503,
            "unavailable",
            "unreachable",
        )

    serve(dsn, act)

"""``POST /api/register-call`` with the real SDK against a stand-in for Retell."""

from __future__ import annotations

from typing import Any

import pytest

from server import app
from server.retell_api import RetellApi
from server.settings import Settings
from tests.fakes.rest import KEY, PUBLIC, ROOT, Rest, serve

PATH = "/api/register-call"


def _who(session_id: str, **more: Any) -> dict[str, Any]:
    return {"session_id": session_id, "email": "Zoe@Example.org", "name": "Zoë Q"} | more


async def _responses(rest: Rest) -> list[dict[str, Any]]:
    return await rest.rows("SELECT * FROM mock_interview_responses")


def test_a_call_is_registered(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        session_id = await rest.create(role="Nurse", duration=10, goals="calm")
        link = (await rest.get(f"{ROOT}/{session_id}")).json["callId"]
        got = await rest.post(PATH, _who(link, dynamic_data={"cohort": 7, "name": "forged", "f": [True]}))
        assert got.status == 201
        assert got.headers["Cache-Control"] == "no-store"
        assert got.json["callId"] == "call_0001"
        assert got.json["accessToken"] == "token-of-the-call"
        assert got.json["callUrl"] == f"{PUBLIC}/mock-interview/{link}"
        assert got.json["transport"] == "gateway"
        assert got.json["expiresAt"] == 1_790_000_000_000
        assert got.json["iceServers"] == [{"urls": ["stun:stun.example.org:3478"]}]
        (row,) = await _responses(rest)
        assert (row["id"], row["call_id"], row["session_id"]) == (
            got.json["responseId"],
            "call_0001",
            session_id,
        )
        assert (row["email"], row["name"], row["is_ended"]) == ("Zoe@Example.org", "Zoë Q", False)
        (sent,) = rest.retell.bodies
        assert sent["agent_id"] == "agent_default"
        assert sent["metadata"] == {"session_id": session_id}
        variables = sent["retell_llm_dynamic_variables"]
        assert {type(value) for value in variables.values()} == {str}
        assert (variables["name"], variables["mins"], variables["objective"]) == ("Zoë Q", "10", "calm")
        assert (variables["cohort"], variables["f"]) == ("7", "[true]")
        assert variables["questions"].count(" | ") == 4
        shown = (await rest.get(f"{ROOT}/{session_id}")).json
        assert shown["responses"][0]["callId"] == "call_0001"
        assert shown["responses"][0]["is_ended"] is False

    serve(dsn, act)


def test_an_email_that_has_finished_is_told_so_before_a_call_is_made(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        session_id = await rest.create()
        assert (await rest.post(PATH, _who(session_id))).status == 201
        # A dropped call may be held again; a finished one may not.
        assert (await rest.post(PATH, _who(session_id))).status == 201
        await rest.viva.pool.execute(
            "UPDATE mock_interview_responses SET status = 'completed', is_ended = true"
            " WHERE call_id = 'call_0002'"
        )
        got = await rest.post(PATH, _who(session_id, email=" zoe@example.ORG "))
        assert got.problem() == (409, "already_responded")
        assert rest.retell.attempts == 2
        assert (await rest.post(PATH, _who(session_id, email="bea@example.org"))).status == 201
        other = await rest.create()
        assert (await rest.post(PATH, _who(other))).status == 201

    serve(dsn, act)


@pytest.mark.parametrize("status", ["cancelled", "completed"])
def test_an_interview_that_is_over_is_gone(dsn: str, status: str) -> None:
    async def act(rest: Rest) -> None:
        session_id = await rest.create()
        await rest.viva.pool.execute("UPDATE mock_interview_sessions SET status = $1", status)
        assert (await rest.post(PATH, _who(session_id))).problem() == (410, "interview_over")
        assert rest.retell.attempts == 0

    serve(dsn, act)


BAD: list[tuple[dict[str, Any], int, str, str]] = [
    ({"email": "nobody"}, 400, "email_invalid", "$.email"),
    ({"email": "a b@c"}, 400, "email_invalid", "$.email"),
    ({"email": f"a@{'b' * 300}"}, 400, "email_invalid", "$.email"),
    ({"name": "  "}, 400, "name_invalid", "$.name"),
    ({"name": "n" * 201}, 400, "name_invalid", "$.name"),
    ({"name": None}, 400, "invalid_body", "$.name"),
    ({"interviewer_id": "nobody"}, 404, "interviewer_not_found", ""),
    ({"session_id": "nothing"}, 404, "not_found", ""),
    ({"transport": "pigeon"}, 400, "transport_unknown", ""),
]


def test_a_call_that_cannot_be_is_refused_and_nobody_asked(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        session_id = await rest.create()
        for change, status, code, path in BAD:
            got = await rest.post(PATH, _who(session_id) | change)
            assert got.problem() == (status, code), (change, got.text)
            assert got.json.get("path", "") == path
        got = await rest.post(PATH, {"sessionId": session_id, "email": "a@b.c"})
        assert (got.problem(), got.json["path"]) == ((400, "invalid_body"), "$.name")
        assert rest.retell.attempts == 0
        assert await _responses(rest) == []

    serve(dsn, act)


def test_an_interviewer_needs_an_agent_and_a_server_a_key(dsn: str) -> None:
    async def no_agent(rest: Rest) -> None:
        session_id = await rest.create()
        assert (await rest.post(PATH, _who(session_id))).problem() == (409, "interviewer_without_agent")
        await rest.viva.pool.execute(
            "UPDATE agent_interviewers SET retell_agent_id = 'agent_own' WHERE id = 'daniel'"
        )
        assert (await rest.post(PATH, _who(session_id, interviewerId="daniel"))).status == 201
        assert rest.retell.bodies[0]["agent_id"] == "agent_own"

    async def no_key(rest: Rest) -> None:
        got = await rest.post(PATH, _who(await rest.create(), transport="retell"))
        assert got.problem() == (503, "retell_not_configured")

    serve(dsn, no_agent, retell_agent_id=None)
    serve(dsn, no_key, retell_api_key=None)


@pytest.mark.parametrize("step", [503, 500, 429, 402, 401, 404, "garbage", "hang"])
def test_a_failing_provider_leaves_nothing_behind(
    dsn: str, step: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(settings: Settings) -> RetellApi:
        return RetellApi(KEY, base_url=settings.retell_base_url, timeout=0.3)

    if step == "hang":
        monkeypatch.setattr(app, "build_retell", impatient)

    async def act(rest: Rest) -> None:
        session_id = await rest.create()
        rest.retell.script = [step]
        got = await rest.post(PATH, _who(session_id))
        assert got.problem() == (502, "voice_provider_failed")
        assert KEY not in got.text
        assert rest.retell.attempts == 1
        assert await _responses(rest) == []
        assert (await rest.get(f"{ROOT}/{session_id}")).json["status"] == "created"
        again = await rest.post(PATH, _who(session_id))
        assert again.status == 201, again.text

    serve(dsn, act)

"""Retell's webhook, cases 52 to 56, on the real app."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from server.webhook import PATH, is_signed, read_notice
from tests.fakes.rest import KEY, Answer, Rest, serve

pytestmark = pytest.mark.postgres

ACCENTS = 'Zoë said: "Größe, naïveté, 漢字"'


def signature(body: bytes, *, key: str = KEY, at_ms: int | None = None) -> str:
    stamp = str(round(time.time() * 1000) if at_ms is None else at_ms)
    return f"v={stamp},d={hmac.new(key.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()}"


async def send(rest: Rest, body: bytes, sign: str | None) -> Answer:
    headers = {"Content_Type": "application/json"} | (
        {"X_Retell_Signature": sign} if sign is not None else {}
    )
    return await rest.ask("POST", PATH, raw=body, **headers)


async def tell(rest: Rest, event: str, call_id: str = "call_0001", **call: Any) -> Answer:
    body = json.dumps({"event": event, "call": {"call_id": call_id} | call}, ensure_ascii=False).encode()
    return await send(rest, body, signature(body))


async def registered(rest: Rest) -> str:
    """The id of an interview with the call ``call_0001``."""
    session_id = await rest.create(duration=10)
    who = {"session_id": session_id, "email": "zoe@example.org", "name": "Zoë"}
    made = await rest.post("/api/register-call", who)
    assert made.json["callId"] == "call_0001"
    return session_id


async def the_run(rest: Rest) -> dict[str, Any]:
    (row,) = await rest.rows("SELECT * FROM mock_interview_responses")
    return row


async def keys(rest: Rest) -> list[str]:
    return [row["dedupe_key"] for row in await rest.rows("SELECT dedupe_key FROM pgqueuer ORDER BY id")]


# --- the signature -------------------------------------------------------------------------------


def test_a_signature_fits_its_bytes_for_five_minutes() -> None:
    body, now = b'{"a": 1}', 1_790_000_000_000
    for shift in (0, 299_000, -299_000, 300_000):
        assert is_signed(body, signature(body, at_ms=now - shift), KEY, now)
    for shift in (301_000, -301_000):
        assert not is_signed(body, signature(body, at_ms=now - shift), KEY, now)
    good = signature(body, at_ms=now)
    bad: list[str | None] = [
        None,
        "",
        "None",
        good.upper(),
        good.replace("d=", "d=A"),
        good.replace(",d", ", d"),
        good[:-1],
        f" {good}",
        f"{good}\n",
        good.replace("v=", "v=-"),
        good.replace("v=1", "v=٣"),
        signature(body, key="other", at_ms=now),
        signature(b'{"a": 2}', at_ms=now),
        "v=9999999999999999999999,d=" + "0" * 64,
    ]
    assert [sign for sign in bad if is_signed(body, sign, KEY, now)] == []
    assert is_signed(b"\xff\xfe", signature(b"\xff\xfe", at_ms=now), KEY, now)


def test_the_vendors_own_library_agrees() -> None:
    from retell.lib import webhook_auth

    verify: Any = webhook_auth.verify
    text = json.dumps({"event": "call_ended", "said": ACCENTS}, ensure_ascii=False)
    assert verify(text, KEY, signature(text.encode()))
    assert not verify(text, "other", signature(text.encode()))


def test_52_a_good_signature_over_odd_bytes(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        await registered(rest)
        call = {"call_id": "call_0001", "transcript": ACCENTS}
        body = f'{{"event" :\n "call_analyzed",\t"call":{json.dumps(call, ensure_ascii=False)}  }}\n'.encode()
        got = await send(rest, body, signature(body))
        assert (got.status, got.json) == (200, {"received": True, "status": "saved"})
        assert await keys(rest) == ["analyse:call_0001:call_analyzed"]

    serve(dsn, act)


def test_53_what_is_not_signed_well_is_refused_and_nothing_stored(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        await registered(rest)
        before = await the_run(rest)
        body = json.dumps({"event": "call_ended", "call": {"call_id": "call_0001"}}).encode()
        now = round(time.time() * 1000)
        good = signature(body)
        for sent, sign in [
            (body.replace(b"ended", b"endex"), good),
            (body, signature(body, key="key_other")),
            (body, signature(body, at_ms=now - 301_000)),
            (body, signature(body, at_ms=now + 301_000)),
            (body, good.replace("d=", "d=").upper()),
            (body, None),
            (body, "v=1"),
            (body, "junk \u00e9"),
            (b"\xff\xfe\x00 not UTF-8", "v=1,d=2"),
            (b"", good),
        ]:
            got = await send(rest, sent, sign)
            assert got.problem() == (401, "bad_signature"), (sent, sign)
        assert await the_run(rest) == before
        assert await keys(rest) == []
        assert await rest.rows("SELECT * FROM webhook_receipts") == []

    serve(dsn, act)


def test_signed_nonsense_is_refused_without_a_fuss(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        for body in (b"\xff\xfe\x00", b"{", b"[" * 100_000, b""):
            got = await send(rest, body, signature(body))
            assert got.problem() == (400, "invalid_json")
        for body in (b"[]", b'"call_ended"', b"null"):
            assert (await send(rest, body, signature(body))).problem() == (400, "invalid_body")

    serve(dsn, act)


def test_five_megabytes_are_too_many(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        body = b'{"event": "call_ended", "x": "' + b"a" * 5 * 1024 * 1024 + b'"}'
        got = await rest.ask("POST", PATH, raw=io.BytesIO(body), X_Retell_Signature=signature(body))
        assert got.status == 413

    serve(dsn, act)


def test_without_the_key_it_says_what_is_missing(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        got = await send(rest, b"{}", signature(b"{}"))
        assert got.problem() == (503, "webhook_not_configured")
        assert "RETELL_API_KEY" in got.json["detail"]

    serve(dsn, act, retell_api_key=None)


# --- bodies --------------------------------------------------------------------------------------


def test_nested_old_and_flat_bodies_are_read_alike() -> None:
    bodies: list[dict[str, Any]] = [
        {"event": "call_ended", "call": {"call_id": "c1"}},
        {"event": "call_ended", "data": {"call_id": "c1"}},
        {"event": "call_ended", "call_id": "c1"},
        {"event": "call_ended", "call_id": "c1", "call": None},
    ]
    for body in bodies:
        notice = read_notice(json.dumps(body).encode())
        assert notice is not None
        assert (notice.event, notice.call_id) == ("call_ended", "c1")
    for text in (
        '{"event": "chat_ended", "chat": {}}',
        '{"call_id": "c1"}',
        '{"event": 1, "call_id": "c"}',
        "{}",
    ):
        assert read_notice(text.encode()) is None
    assert read_notice(json.dumps({"event": "e", "call_id": "x" * 600}).encode()) is None


# --- what the events do --------------------------------------------------------------------------


def test_54_the_same_event_many_times_at_once_is_one(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        await registered(rest)
        got = await asyncio.gather(*(tell(rest, "call_analyzed", call_status="ended") for _ in range(4)))
        assert {answer.status for answer in got} == {200}
        assert sorted(answer.json["status"] for answer in got) == ["existing"] * 3 + ["saved"]
        assert await keys(rest) == ["analyse:call_0001:call_analyzed"]
        await rest.viva.pool.execute("DELETE FROM pgqueuer")  # it was done
        assert (await tell(rest, "call_analyzed")).json["status"] == "existing"
        assert await keys(rest) == []

    serve(dsn, act)


def test_55_events_in_any_order_lead_to_the_same(dsn: str) -> None:
    end: dict[str, Any] = {
        "call_status": "ended",
        "disconnection_reason": "agent_hangup",
        "end_timestamp": 1_790_000_000_000,
    }

    async def act(rest: Rest) -> None:
        session_id = await registered(rest)
        assert (await tell(rest, "call_analyzed", **end)).status == 200
        run = await the_run(rest)
        assert (run["status"], run["is_ended"], run["end_reason"]) == ("completed", True, "agent_hangup")
        assert run["ended_at"].timestamp() == 1_790_000_000
        assert (await tell(rest, "call_ended", **end | {"disconnection_reason": "user_hangup"})).status == 200
        assert (await tell(rest, "call_started")).status == 200
        assert await the_run(rest) == run
        (session,) = await rest.rows("SELECT status FROM mock_interview_sessions WHERE id = $1", session_id)
        assert session["status"] == "completed"

    serve(dsn, act)


def test_55_an_event_that_says_little_or_is_unknown_is_taken(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        await registered(rest)
        assert (await tell(rest, "transcript_updated")).json["status"] == "ignored"
        assert (await tell(rest, "call_dreamt")).json["status"] == "ignored"
        with capture_logs() as logs:
            got = await tell(rest, "call_ended", "call_of_nobody", transcript=ACCENTS)
        assert got.json["status"] == "unknown_call"
        (line,) = [line for line in logs if line["event"] == "webhook for an unknown call"]
        assert (line["call_id"], line["webhook"]) == ("call_of_nobody", "call_ended")
        assert ACCENTS not in str(logs)
        assert (await tell(rest, "call_started", "call\0\ud800"[:5])).json["status"] == "unknown_call"
        # A flat body does not say how it ended: the record is fetched at once.
        body = json.dumps({"event": "call_ended", "call_id": "call_0001"}).encode()
        assert (await send(rest, body, signature(body))).json["status"] == "saved"
        assert not (await the_run(rest))["is_ended"]
        (job,) = await rest.rows("SELECT dedupe_key, execute_after <= now() AS due FROM pgqueuer")
        assert job == {"dedupe_key": "analyse:call_0001:call_ended", "due": True}

    serve(dsn, act)


def test_the_start_of_a_call_starts_the_interview(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        session_id = await registered(rest)
        assert (await tell(rest, "call_started", call_status="ongoing")).json["status"] == "saved"
        assert (await the_run(rest))["status"] == "in_progress"
        (session,) = await rest.rows("SELECT status FROM mock_interview_sessions WHERE id = $1", session_id)
        assert session["status"] == "in_progress"

    serve(dsn, act)


ENDS = [
    ({"disconnection_reason": "user_hangup", "duration_ms": 29_999}, "interrupted"),
    ({"disconnection_reason": "user_hangup", "duration_ms": 30_000}, "completed"),
    ({"disconnection_reason": "max_duration_reached", "duration_ms": 1}, "completed"),
    ({"disconnection_reason": "error_user_not_joined", "call_status": "error"}, "abandoned"),
    ({"disconnection_reason": "dial_busy", "call_status": "not_connected"}, "abandoned"),
    ({"disconnection_reason": "error_llm_websocket_open", "call_status": "error"}, "interrupted"),
    ({"disconnection_reason": "inactivity"}, "interrupted"),
    ({"disconnection_reason": "a_reason_of_2027"}, "completed"),
    ({"call_status": "error"}, "interrupted"),
]


@pytest.mark.parametrize(("call", "status"), ENDS)
def test_the_reason_of_the_end_is_the_status(dsn: str, call: dict[str, Any], status: str) -> None:
    async def act(rest: Rest) -> None:
        session_id = await registered(rest)
        assert (await tell(rest, "call_ended", **{"call_status": "ended"} | call)).json["status"] == "saved"
        run = await the_run(rest)
        assert (run["status"], run["is_ended"]) == (status, True)
        (session,) = await rest.rows("SELECT status FROM mock_interview_sessions WHERE id = $1", session_id)
        assert session["status"] == status
        # Retell's own analysis comes next; only if it does not, we go on without.
        (job,) = await rest.rows("SELECT execute_after > now() AS waits FROM pgqueuer")
        assert job == {"waits": True}

    serve(dsn, act)


def test_who_said_goodbye_has_completed_whatever_the_reason(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        await registered(rest)
        await rest.viva.pool.execute('UPDATE mock_interview_responses SET progress = \'{"stage": "done"}\'')
        await tell(rest, "call_ended", call_status="error", disconnection_reason="error_unknown")
        assert (await the_run(rest))["status"] == "completed"

    serve(dsn, act)


def test_56_the_answer_does_not_wait_for_the_work(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        await registered(rest)
        rest.retell.script = ["hang"]
        attempts = rest.retell.attempts
        assert (await tell(rest, "call_analyzed", call_status="ended")).status == 200
        assert rest.retell.attempts == attempts  # nobody was asked anything
        assert not (await the_run(rest))["is_analysed"]

    serve(dsn, act)

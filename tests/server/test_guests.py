"""Guests under oidc: who came by a link and answered has the own scorecard to read and hear, and no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agents.llm_offline import OfflineLLM
from audio.pcm import EAR_RATE
from audio.recording import wav_header
from server.guests import Guests
from server.tokens import READ, CallTokens
from storage.guest_links import PostgresGuestLinks
from storage.objects import open_objects
from tests.fakes.aftermath import SAID, After, Coach, Judge
from tests.fakes.rest import PUBLIC, ROOT, Rest, serve
from tests.server.test_get_call import SECRET, token

pytestmark = pytest.mark.postgres

WITHDRAW = f"{ROOT}/s1/scorecard/links/withdraw"
AGREED = {"version": "1", "locale": "en", "granted": {"record_audio": True}}


def at_app(dsn: str, act: Callable[[Rest, After], Awaitable[None]], **more: Any) -> None:
    """The interview ``s1`` is user ada's."""

    async def inside(rest: Rest) -> None:
        await act(rest, After(rest.viva.pool, Judge(), Coach(), None, OfflineLLM(), owner="user:ada"))

    serve(dsn, inside, llm=OfflineLLM(), auth="oidc", jwt_secret=SECRET, secret="x" * 40, **more)


async def registered(rest: Rest, email: str) -> tuple[str, str]:
    """The call id of a new run through ``s1``, and the guest's bearer token, as the page takes it."""
    body = {"transport": "realtime", "session_id": "s1", "email": email, "name": "Gil"}
    got = await rest.post("/api/register-call", body | {"consent": {"version": "1", "record_audio": True}})
    assert got.status == 201, got.text
    return got.json["callId"], bearer(got.json)


def bearer(answer: dict[str, Any]) -> str:
    """What the page takes out of the link that came with a call."""
    url = urlsplit(answer["scorecardUrl"])
    assert f"{url.scheme}://{url.netloc}" == PUBLIC
    assert (url.path, parse_qs(url.query)) == (
        "/mock-interview/link1/scorecard",
        {"call_id": [answer["callId"]]},
    )
    name, _, access = url.fragment.partition("=")
    assert name == "access"
    return f"Bearer {access}"


async def held(after: After, call_id: str) -> None:
    await after.end(call_id, await after.answer(call_id, SAID))
    await after.work_off()


def test_a_guest_reads_and_hears_the_own_scorecard(dsn: str, tmp_path: Path) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.register("other", email="other@example.org")
        call_id, guest = await registered(rest, "gil@example.org")
        await held(after, call_id)
        path = f"{ROOT}/link1/scorecard"
        assert (await rest.get(path)).problem() == (401, "unauthorised")
        card = (await rest.get(path, Authorization=guest)).json
        assert (card["callId"], card["state"], card["canOverride"]) == (call_id, "complete", False)
        assert [one["callId"] for one in card["calls"]] == [call_id], "of other guests nothing is told"
        assert (await rest.rows("SELECT * FROM audit_log")) == []
        made = await rest.post("/api/generate-insights", {"session_id": "s1"}, Authorization=token("ada"))
        assert made.status == 200
        owned = (await rest.get(path, Authorization=token("ada"))).json
        assert (owned["across"]["version"], owned["canCompare"]) == (1, True)
        card = (await rest.get(path, Authorization=guest)).json
        assert (card["across"], card["canCompare"]) == (None, False), "nor of what they have in common"
        found = await rest.get(f"/api/get-call?call_id={call_id}", Authorization=guest)
        assert (found.status, found.json["callId"]) == (200, call_id)

        sound = bytes(10 * EAR_RATE * 4)
        objects = await asyncio.to_thread(open_objects, f"file:{tmp_path}")
        await objects.put(f"recordings/{call_id}/0000000000.wav", wav_header(len(sound)) + sound)
        quote = card["questions"][0]["dimensions"][0]["quotes"][0]
        heard = await rest.ask("HEAD", quote["url"])
        assert (heard.status, heard.headers["Content-Type"]) == (200, "audio/wav")
        longer = quote["url"].replace("&end=2.30", "&end=9.00")
        assert longer != quote["url"]
        assert (await rest.get(longer)).problem() == (403, "link_refused")
        unsigned = quote["url"].partition("&expires=")[0]
        assert (await rest.get(unsigned)).problem() == (401, "unauthorised")
        assert (await rest.get(unsigned, Authorization=guest)).problem() == (403, "not_for_guests")
        assert (await rest.ask("HEAD", unsigned, Authorization=token("ada"))).status == 200
        assert (await rest.get(unsigned, Authorization=token("bob"))).problem() == (404, "not_found")

    at_app(dsn, act, object_store=f"file:{tmp_path}")


def test_a_guest_may_dispute_and_answer_again(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.register("other")
        call_id, guest = await registered(rest, "gil@example.org")
        await held(after, call_id)
        body = {"question_id": "q2", "reason": "I named a number."}
        got = await rest.post(f"{ROOT}/link1/scores/dispute", body, Authorization=guest)
        assert (got.status, got.json["by"]) == (202, f"guest:{call_id}")
        again = {"answer": "Once more, with a number: complaints fell by half."}
        got = await rest.post(f"{ROOT}/link1/questions/q2/again", again, Authorization=guest)
        assert got.status == 202

    at_app(dsn, act)


def test_a_guest_finds_nothing_else(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.register("other")
        call_id, guest = await registered(rest, "gil@example.org")
        for path in (f"{ROOT}/link1/scorecard?call_id=other", "/api/get-call?call_id=other"):
            assert (await rest.get(path, Authorization=guest)).problem() == (404, "not_found")
        body = {"question_id": "q2", "reason": "No.", "call_id": "other"}
        got = await rest.post(f"{ROOT}/link1/scores/dispute", body, Authorization=guest)
        assert got.problem() == (404, "not_found")
        mine = await rest.post(ROOT, {"role": "Nurse"}, Authorization=token("gil"))
        other = f"{ROOT}/{mine.json['sessionId']}/scorecard"
        assert (await rest.get(other, Authorization=guest)).problem() == (404, "not_found")
        refused: list[tuple[str, str, Any]] = [
            ("GET", ROOT, None),
            ("POST", ROOT, {"role": "Nurse"}),
            ("GET", f"{ROOT}/link1", None),
            ("POST", f"{ROOT}/link1/cancel", {}),
            ("POST", f"{ROOT}/link1/scores/override", body),
            ("POST", "/api/generate-insights", {"session_id": "s1"}),
            ("POST", "/api/analyze-communication", {"transcript": "Me: hello"}),
            ("GET", f"/v1/calls/{call_id}/audio", None),
        ]
        for method, path, data in refused:
            got = await rest.ask(method, path, data, Authorization=guest)
            assert got.problem() == (403, "not_for_guests"), path

    at_app(dsn, act)


def test_only_tokens_that_were_made_for_reading_read(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.held("call1")
        path = f"{ROOT}/link1/scorecard"
        joining, _ = CallTokens("x" * 40, lambda: 0.0).issue("call1", 2**33)
        for wrong in ("v1.", "v1.e30.AAAA", joining):
            got = await rest.get(path, Authorization=f"Bearer {wrong}")
            assert got.problem() == (401, "unauthorised")

    at_app(dsn, act)


def test_a_link_that_was_withdrawn_opens_nothing_and_the_new_one_does(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.register("other")
        call_id, guest = await registered(rest, "gil@example.org")
        other_id, other = await registered(rest, "ida@example.org")
        paths = (f"{ROOT}/link1/scorecard", f"/api/get-call?call_id={call_id}")
        for path in paths:
            assert (await rest.get(path, Authorization=guest)).status in (200, 202)
        links = [guest]
        for who in (token("ada"), token("cleo", roles=["coach"])):
            got = await rest.post(WITHDRAW, {"callId": call_id}, Authorization=who)
            assert (got.status, got.json["callId"]) == (200, call_id)
            for path in paths:
                for link in links:
                    refused = await rest.get(path, Authorization=link)
                    assert refused.problem() == (401, "unauthorised")
                    assert "withdrawn" in refused.json["detail"]
                assert (await rest.get(path, Authorization=bearer(got.json))).status in (200, 202)
            links.append(bearer(got.json))
        run = await after.repo.response_by_call(call_id)
        at_the_end = Guests(CallTokens("x" * 40, time.time, READ), PostgresGuestLinks(rest.viva.pool))
        _, _, access = at_the_end.link("page", run).partition("#access=")
        assert (await rest.get(paths[0], Authorization=f"Bearer {access}")).status == 200
        seen = (await rest.get(paths[0], Authorization=other)).json
        assert seen["callId"] == other_id, "the links of other calls are as they were"
        log = await rest.rows("SELECT actor, action, subject, details FROM audit_log ORDER BY id")
        assert [(one["actor"], one["action"], one["subject"]) for one in log] == [
            ("user:ada", "links.withdrawn", call_id),
            ("user:cleo", "links.withdrawn", call_id),
        ]
        assert [one["details"] for one in log] == [
            {"role": "candidate", "number": 1},
            {"role": "coach", "number": 2},
        ]

    at_app(dsn, act)


def test_links_are_withdrawn_by_who_may_and_by_nobody_else(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.register("other")
        call_id, guest = await registered(rest, "gil@example.org")
        mine = await rest.post(ROOT, {"role": "Nurse"}, Authorization=token("gil"))
        elsewhere = f"{ROOT}/{mine.json['sessionId']}/scorecard/links/withdraw"
        tries: tuple[tuple[str, dict[str, str], str, tuple[int, str]], ...] = (
            (WITHDRAW, {"callId": call_id}, guest, (403, "not_for_guests")),
            (WITHDRAW, {"callId": call_id}, token("bob"), (404, "not_found")),
            (elsewhere, {"callId": call_id}, token("gil"), (404, "not_found")),
            (elsewhere, {"callId": call_id}, token("cleo", roles="coach"), (404, "not_found")),
            (WITHDRAW, {"callId": "unknown"}, token("ada"), (404, "not_found")),
            (WITHDRAW, {}, token("ada"), (400, "invalid_body")),
        )
        for path, body, who, problem in tries:
            assert (await rest.post(path, body, Authorization=who)).problem() == problem
        assert (await rest.get(f"{ROOT}/link1/scorecard", Authorization=guest)).status == 200

    at_app(dsn, act)


def test_a_link_to_a_call_that_was_deleted_opens_nothing(dsn: str) -> None:
    async def act(rest: Rest, after: After) -> None:
        await after.register("other")
        call_id, guest = await registered(rest, "gil@example.org")
        await rest.viva.pool.execute("DELETE FROM mock_interview_responses WHERE call_id = $1", call_id)
        got = await rest.get(f"{ROOT}/link1/scorecard", Authorization=guest)
        assert got.problem() == (404, "not_found")

    at_app(dsn, act)

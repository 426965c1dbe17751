"""The nine phases in order, over HTTP, from planning an interview to a scorecard whose every quote was said.

A real server with its embedded database and its own worker; Retell is played by the simulator (the talk), a
stand-in for its REST side (the record) and signed notices (the webhook).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop

from agents.llm_offline import OfflineLLM
from server.app import Viva, serving
from server.settings import Settings
from server.simulate.candidates import answer
from server.simulate.retell import RetellSimulator
from tests.fakes.retell_api import FakeRetellApi

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(240)]

GUARD_S = 200.0
ROOT = "/v1/candidates/mock-ai-interview"
KEY = "key_very_secret_0001"
MOST_TURNS = 60


@dataclass
class Visit:
    """A client of the server, with no more than HTTP and what Retell would do."""

    viva: Viva
    http: aiohttp.ClientSession
    retell: FakeRetellApi

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.viva.port}"

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        async with self.http.request(method, self.base + path, data=data, headers=headers) as got:
            return got.status, await got.json(content_type=None)

    async def get(self, path: str) -> tuple[int, Any]:
        return await self.ask("GET", path)

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        return await self.ask("POST", path, body)

    async def notify(self, event: str, call: dict[str, Any]) -> tuple[int, Any]:
        """A notice as Retell signs it."""
        body = json.dumps({"event": event, "call": call}).encode()
        stamp = str(round(time.time() * 1000))
        sign = hmac.new(KEY.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
        headers = {"X-Retell-Signature": f"v={stamp},d={sign}", "Content-Type": "application/json"}
        return await self.ask("POST", "/v1/mock-ai-interview/webhook/retell", body, **headers)

    async def until(self, path: str, met: Callable[[int, Any], bool]) -> Any:
        """Ask after each notice of the job queue, until what comes back is as wanted."""
        told = asyncio.Event()
        async with self.viva.pool.acquire() as connection:
            await connection.add_listener("ch_pgqueuer", wake := lambda *_: told.set())
            try:
                while True:
                    told.clear()
                    status, found = await self.get(path)
                    if met(status, found):
                        return found
                    await told.wait()
            finally:
                await connection.remove_listener("ch_pgqueuer", wake)


def visit(data_dir: Path, act: Callable[[Visit], Awaitable[None]]) -> None:
    async def work() -> None:
        async with asyncio.timeout(GUARD_S), FakeRetellApi(KEY) as retell, aiohttp.ClientSession() as http:
            settings = Settings(
                data_dir=data_dir,
                port=0,
                drain_s=0.0,
                retell_api_key=KEY,
                retell_base_url=retell.url,
                retell_agent_id="agent_default",
            )
            async with serving(settings, llm=OfflineLLM(), voice=_no_voice) as viva:
                await act(Visit(viva, http, retell))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


async def _no_voice(_: Any) -> Any:
    raise AssertionError("nobody comes over our own line in this test")


async def talk(
    there: Visit, call_id: str, metadata: dict[str, str], say: Callable[[str, int], str]
) -> RetellSimulator:
    async with RetellSimulator(
        f"{there.base}/llm-websocket", call_id, metadata=metadata, deadline=60.0
    ) as sim:
        reply = await sim.greeting()
        for turn in range(1, MOST_TURNS):
            if sim.end_reason is not None or reply.end_call:
                break
            reply = await sim.say(say(reply.text, turn))
        await sim.wait_end()
    return sim


def record_of(sim: RetellSimulator) -> dict[str, Any]:
    """What Retell's REST side knows after the call."""
    now = round(time.time() * 1000)
    length = round(sim.transcript.clock_s * 1000)
    return {
        "call_status": "ended",
        "disconnection_reason": "agent_hangup",
        "start_timestamp": now - length,
        "end_timestamp": now,
        "duration_ms": length,
        "transcript_object": sim.transcript.wire(),
        "call_analysis": {"call_summary": "A practice interview.", "user_sentiment": "Neutral"},
    }


def words_of(transcript: list[dict[str, Any]]) -> dict[int, str]:
    return {
        line["turn"]: "".join(part["text"] for part in line["segments"])
        for line in transcript
        if line["role"] == "user"
    }


def test_the_nine_phases_end_in_a_scorecard_whose_quotes_were_said(tmp_path: Path) -> None:
    async def act(there: Visit) -> None:
        # 1: an interview is made, and its link.
        wishes = {
            "role": "Backend engineer",
            "duration": 15,
            "scenario": "panel",
            "interviewerAgentId": "panel",
        }
        status, made = await there.post(ROOT, wishes)
        assert status == 201
        assert {"callId", "callUrl", "readableSlug"} <= made.keys()
        assert made["callUrl"].endswith(f"/mock-interview/{made['callId']}")

        # 2: questions, which may be left out; here they are made too.
        status, generated = await there.post(f"{ROOT}/questions/generate", wishes)
        assert status == 201
        assert {"mockInterviewSession", "questions", "description"} <= generated.keys()
        session_id = generated["mockInterviewSession"]["id"]
        assert len(generated["questions"]) >= 5

        # 3: the link is opened; the interview comes with its relations.
        link = generated["mockInterviewSession"]["callId"]
        async with there.http.get(f"{there.base}/mock-interview/{link}") as page:
            assert page.status == 200
        status, shown = await there.get(f"{ROOT}/{link}")
        assert (shown["id"], shown["status"]) == (session_id, "created")
        assert {"questions", "responses", "scores", "feedback"} <= shown.keys()

        # 4: the call is registered; the same address may not do it twice once it has finished.
        who = {"session_id": session_id, "email": "zoe@example.org", "name": "Zoe", "interviewer_id": "panel"}
        status, call = await there.post("/api/register-call", who)
        assert status == 201
        call_id = call["callId"]
        assert call["accessToken"]
        (asked_for,) = there.retell.bodies
        assert asked_for["metadata"] == {"session_id": session_id}
        assert (await there.get(f"/api/get-call?call_id={call_id}"))[0] == 202
        assert (await there.notify("call_started", {"call_id": call_id}))[1]["status"] == "saved"
        assert (await there.get(f"{ROOT}/{session_id}"))[1]["status"] == "in_progress"

        # 5 and 6: the conversation, until the interviewer ends it.
        sim = await talk(there, call_id, asked_for["metadata"], lambda asked, n: answer(asked, n, 3))
        assert sim.end_reason == "agent_hangup"
        assert sim.violations == []
        status, run = await there.post("/api/update-response", {"call_id": call_id, "is_ended": True})
        assert (status, run["is_ended"]) == (200, True)
        assert (await there.get(f"{ROOT}/{session_id}"))[1]["status"] == "completed"
        assert (await there.post("/api/register-call", who))[1]["code"] in (
            "already_responded",
            "interview_over",
        )

        # 7: the provider's notice, twice; one analysis.
        there.retell.calls[call_id] |= record_of(sim)
        detail = {"call_id": call_id} | record_of(sim)
        assert (await there.notify("call_ended", detail))[1] == {"received": True, "status": "saved"}
        assert (await there.notify("call_analyzed", detail))[1]["status"] == "saved"
        assert (await there.notify("call_analyzed", detail))[1]["status"] == "existing"
        first = await there.until(f"{ROOT}/{session_id}/scorecard", lambda _, c: c["state"] == "complete")

        def with_record(status: int, found: dict[str, Any]) -> bool:
            return status == 200 and found["callResponse"] is not None

        analysed = await there.until(f"/api/get-call?call_id={call_id}", with_record)
        assert analysed["is_analysed"] is True
        assert (await there.get(f"/api/get-call?call_id={call_id}"))[1] == analysed, "the stored copy"
        card = (await there.get(f"{ROOT}/{session_id}/scorecard"))[1]
        assert analysed["analytics"]["overallScore"] == card["overall"]["score"] is not None
        assert card["overall"] == first["overall"], "the record adds times; nothing is judged twice"

        # The scorecard: every quote is a stretch of what was said, and of what the far side heard.
        said = words_of(card["transcript"])
        heard = " ".join(item["content"] for item in sim.transcript.items if item["role"] == "user")
        cited = [quote for one in card["questions"] for part in one["dimensions"] for quote in part["quotes"]]
        assert len(cited) > 10
        for quote in cited:
            assert said[quote["turn"]][quote["start"] : quote["end"]] == quote["text"]
            assert quote["text"] in heard
        assert all(quote["startS"] < quote["endS"] for quote in cited), "the record's word times are used"
        stored = [
            e for score in (await there.get(f"{ROOT}/{session_id}"))[1]["scores"] for e in score["evidence"]
        ]
        assert sorted((e["text"], e["startS"]) for e in stored) == sorted(
            (q["text"], q["startS"]) for q in cited
        )
        for one in card["questions"]:
            assert one["status"] == "scored", [(q["id"], q["status"]) for q in card["questions"]]
            assert [part["dimension"] for part in one["dimensions"]] == [
                "content", "depth", "soft_skills", "language", "timing",
            ]  # fmt: skip
            for part in one["dimensions"]:
                assert (part["score"] is None) == bool(part["reason"])
                assert part["score"] is None or 0 <= part["score"] <= 100
        assert len({one["persona"] for one in card["questions"]}) >= 3, "a panel of three"
        assert card["method"]["offline"] is True

        # 8: insights, saved with the interview.
        status, insights = await there.post("/api/generate-insights", {"session_id": session_id})
        assert (status, insights["status"]) == (200, "generated")
        _, shown = await there.get(f"{ROOT}/{session_id}")
        assert shown["results"]["insights"]["strengths"] == insights["insights"]["strengths"]
        assert shown["results"]["overallScore"] == card["overall"]["score"]

        # 9: how a transcript communicates; nothing is stored.
        status, communication = await there.post("/api/analyze-communication", {"transcript": heard})
        assert (status, communication["assessed"]) == (200, True)
        for found in communication["supportingQuotes"]:
            assert found["quote"] in heard

        # And the card's own ways on: both are judged by the same worker.
        key = card["questions"][1]["id"]
        status, _ = await there.post(
            f"{ROOT}/{session_id}/scores/dispute", {"questionId": key, "reason": "I gave the result."}
        )
        assert status == 202
        status, _ = await there.post(
            f"{ROOT}/{session_id}/questions/{key}/again",
            {"answer": "I split the job into batches, measured each one, and the run fell to ten minutes."},
        )
        assert status == 202

        def both_done(_: int, found: dict[str, Any]) -> bool:
            one = found["questions"][1]
            return bool(one["dispute"]["state"] == "judged" and one["again"][0]["state"] == "scored")

        later = await there.until(f"{ROOT}/{session_id}/scorecard", both_done)
        dispute = later["questions"][1]["dispute"]
        assert dispute["agrees"] is True, "rules agree with themselves"
        for before, after in zip(
            dispute["first"]["dimensions"], dispute["second"]["dimensions"], strict=True
        ):
            # The record may have come between the two, and the time is measured then, not estimated.
            assert before["score"] == after["score"] or before["dimension"] == "timing"

    visit(tmp_path / "data", act)


def test_a_silent_candidate_gets_no_score(tmp_path: Path) -> None:
    async def act(there: Visit) -> None:
        _, made = await there.post(ROOT, {"role": "Nurse", "duration": 5, "scenario": "hr"})
        session_id = made["sessionId"]
        who = {"session_id": session_id, "email": "a@example.org", "name": "A"}
        _, call = await there.post("/api/register-call", who)
        call_id = call["callId"]
        metadata = {"session_id": session_id}
        async with RetellSimulator(
            f"{there.base}/llm-websocket", call_id, metadata=metadata, deadline=60.0
        ) as sim:
            await sim.greeting()
            await sim.remind()
        there.retell.calls[call_id] |= record_of(sim) | {"disconnection_reason": "inactivity"}
        await there.notify("call_analyzed", {"call_id": call_id} | record_of(sim))
        card = await there.until(f"{ROOT}/{session_id}/scorecard", lambda _, c: c["state"] == "complete")
        assert card["overall"]["score"] is None
        assert card["overall"]["reason"]
        assert {one["score"] for one in card["dimensions"]} == {None}
        assert {one["status"] for one in card["questions"]} <= {"not_answered", "not_asked"}

    visit(tmp_path / "data", act)

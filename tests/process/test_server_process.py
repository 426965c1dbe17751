"""Real server processes: an interview through all four blocks, with the server killed in the middle."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from interview.model import Block
from interview.reading import words_of
from server.simulate.candidates import answer
from server.simulate.retell import RetellSimulator
from tests.fakes.books import Books
from tests.fakes.own_server import OwnServer, own_server, run
from tests.fakes.retell_api import FakeRetellApi

pytestmark = pytest.mark.process


ANSWERS = "SELECT turn, question_id, text FROM mock_interview_answers ORDER BY turn"


async def create(server: OwnServer, **wishes: object) -> str:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{server.url}/v1/candidates/mock-ai-interview", json=wishes) as made,
    ):
        assert made.status == 201, await made.text()
        return str((await made.json())["sessionId"])


async def register(server: OwnServer, session_id: str) -> str:
    """The id of a call over Retell."""
    who = {"session_id": session_id, "email": "kim@example.org", "name": "Kim", "transport": "retell"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{server.url}/api/register-call", json=who) as got,
    ):
        assert got.status == 201, await got.text()
        return str((await got.json())["callId"])


class Talk:
    """What was asked and said, over both servers."""

    def __init__(self) -> None:
        self.turns: list[tuple[int, str, str]] = []
        self.asked = ""

    async def go_on(self, sim: RetellSimulator, turns: int) -> None:
        for _ in range(turns):
            if sim.end_reason is not None:
                return
            said = answer(self.asked, len(self.turns) + 1, 7)
            number = sim.next_id
            reply = await sim.say(said)
            self.turns.append((number, said, reply.text))
            self.asked = reply.text
            if reply.end_call:
                return


def test_an_interview_of_thirty_minutes_survives_the_death_of_its_server(data_dir: Path) -> None:
    talk = Talk()

    async def first_half() -> tuple[RetellSimulator, list[dict[str, Any]]]:
        async with own_server(data_dir) as server:
            session = await create(server, role="Backend Developer", duration=30, scenario="mixed")
            books = await Books.open(data_dir)
            details = {"session_id": session}
            sim = RetellSimulator(server.socket, "call_1", metadata=details, reconnects=False, deadline=30)
            async with sim:
                talk.asked = (await sim.greeting()).text
                assert "about 30 minutes" in talk.asked
                await talk.go_on(sim, 3)
                await sim.barge_in(4)
                await talk.go_on(sim, 2)
                sim.drop()
                await sim.reconnect()
                assert (await sim.greeting()).text == ""
                await talk.go_on(sim, 3)
                await books.until(talk.turns[-1][0], "interviewer")
                stored = await books.rows(ANSWERS)
                await books.close()
                await server.kill()
                sim.end_reason = "the server was killed"  # Retell dials again; see the second half
            assert sim.violations == []
            return sim, stored

    async def second_half(before: RetellSimulator, stored: list[dict[str, Any]]) -> None:
        async with own_server(data_dir) as server:
            books = await Books.open(data_dir)
            assert await books.rows(ANSWERS) == stored
            sim = RetellSimulator(server.socket, "call_1", deadline=30, transcript=before.transcript)
            sim.next_id = before.next_id
            async with sim:
                assert (await sim.greeting()).text == ""
                again = await sim.say("Could you repeat the question, please?")
                question = again.text.removeprefix("Of course. ")
                assert question in talk.asked, "it goes on at the same question"
                talk.asked = again.text
                await talk.go_on(sim, 200)
                assert await sim.wait_end() == "agent_hangup"
                assert sim.violations == []
            (run_of,) = await ended(books)
            assert run_of["status"] == "completed"
            await check_books(books)
            await books.close()
            assert await server.stop() == 0
        assert not (data_dir / "postgres" / "postmaster.pid").exists(), "PostgreSQL was stopped, too"

    async def ended(books: Books) -> list[dict[str, Any]]:
        async with asyncio.timeout(30):
            while not (
                found := await books.rows("SELECT status FROM mock_interview_responses WHERE is_ended")
            ):
                await books.rows("SELECT pg_sleep(0.01)")
        return found

    async def check_books(books: Books) -> None:
        answers = {row["turn"]: row["text"] for row in await books.rows(ANSWERS)}
        for number, said, _ in talk.turns:
            assert said in answers[number], f"the answer of turn {number} is whole"
        asked = await books.rows(
            "SELECT DISTINCT q.block FROM mock_interview_answers a JOIN mock_interview_questions q"
            " ON q.id = a.question_id WHERE q.block IS NOT NULL"
        )
        assert {row["block"] for row in asked} == set(Block)
        follow_ups = await books.rows(
            "SELECT DISTINCT ON (q.id) q.reason, q.text, u.text AS answer FROM mock_interview_questions q"
            " JOIN mock_interview_utterances i ON i.question_id = q.id AND i.speaker = 'interviewer'"
            " JOIN mock_interview_utterances u ON u.turn = i.turn AND u.speaker = 'candidate'"
            " WHERE q.parent_id IS NOT NULL ORDER BY q.id, i.turn"  # a question is repeated on request
        )
        assert len(follow_ups) >= 4
        for one in follow_ups:
            assert one["reason"] in one["answer"]
            named, heard = words_of(one["reason"]), words_of(one["text"])
            whole = any(heard[at : at + len(named)] == named for at in range(len(heard)))
            assert whole or len(heard) < len(named) + 7, "as far as it was heard"

    sim, stored = asyncio.run(first_half())
    assert len(stored) == len(talk.turns)
    asyncio.run(second_half(sim, stored))


def test_a_second_server_and_a_stop_with_a_live_call(data_dir: Path) -> None:
    async def act() -> None:
        async with own_server(data_dir, VIVA_DRAIN_S="0") as server:
            code, out, err = await run(data_dir, "serve")
            assert (code, out) == (1, "")
            assert err.startswith("viva: another Viva server is using ")
            assert "VIVA_DATA_DIR" in err
            assert err.count("\n") == 1
            async with RetellSimulator(server.socket, "call_1", reconnects=False) as sim:
                await sim.greeting()
                assert await server.stop() == 0
                assert sim.violations == [], "no close code but an abnormal end"
                sim.end_reason = "the server was stopped"

    asyncio.run(act())


def test_the_bundled_simulator_holds_a_whole_interview(data_dir: Path) -> None:
    async def act() -> None:
        async with own_server(data_dir) as server:
            words = ("simulate", "retell", "--url", server.socket, "--interrupt", "--drop", "--json")
            code, out, _ = await run(data_dir, *words)
            told = json.loads(out)
            assert told["violations"] == []
            assert (code, told["end_reason"], told["problem"]) == (0, "agent_hangup", None)
            assert told["sockets"] == 2
            assert told["turns"] > 10

    asyncio.run(act())


def test_a_server_that_dies_before_the_books_know_of_a_call_is_followed_by_another(data_dir: Path) -> None:
    """Nothing but the greeting was said: it is said again, and the interview begins."""

    async def act() -> None:
        async with FakeRetellApi() as retell:
            given = {"RETELL_API_KEY": retell.api_key, "RETELL_BASE_URL": retell.url}
            given["VIVA_RETELL_AGENT_ID"] = "agent"
            async with own_server(data_dir, **given) as server:
                session = await create(server, role="Nurse", duration=10)
                call_id = await register(server, session)
                books = await Books.open(data_dir)
                async with (
                    books.locked("mock_interview_responses"),
                    RetellSimulator(server.socket, call_id, reconnects=False) as sim,
                ):
                    assert "Hello Kim, I am" in (await sim.greeting()).text
                    (run_of,) = await books.rows("SELECT status, fence FROM mock_interview_responses")
                    assert run_of == {"status": "created", "fence": 0}
                    await server.kill()
                    sim.end_reason = "the server was killed"
                await books.close()
            async with own_server(data_dir, **given) as server:
                books = await Books.open(data_dir)
                async with RetellSimulator(server.socket, call_id) as sim:
                    assert "Hello Kim, I am" in (await sim.greeting()).text
                    assert (await sim.say(answer("", 1, 7))).text
                    await books.until(1, "interviewer")
                    assert sim.violations == []
                await books.close()

    asyncio.run(act())

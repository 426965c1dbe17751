"""The terminal face of the simulator: an interview held in text, live on the screen."""

from __future__ import annotations

import asyncio
import json
import secrets
import statistics
from dataclasses import dataclass, field
from typing import Final

from aiohttp import ClientError, WSServerHandshakeError

from server.simulate.candidates import answer
from server.simulate.retell import CallEnded, Reply, RetellSimulator, Unanswered

REPLY_DEADLINE_S: Final = 30.0
_TAIL_DEADLINE_S: Final = 5.0
_WORD_S: Final = 0.4
_OVERTIME: Final = 1.5
_MAX_TURNS_PER_MINUTE: Final = 6


@dataclass(slots=True)
class _Show:
    """Prints the dialogue, or nothing when a machine reads; waits out speech in real time when asked."""

    quiet: bool
    realtime: bool
    clock: RetellSimulator
    said: list[tuple[str, str]] = field(default_factory=list)

    async def line(self, speaker: str, text: str) -> None:
        self.said.append((speaker, text))
        if not self.quiet:
            minutes, seconds = divmod(int(self.clock.transcript.clock_s), 60)
            print(f"[{minutes:02d}:{seconds:02d}] {speaker}: {text}", flush=True)  # noqa: T201
        if self.realtime:
            await asyncio.sleep(len(text.split()) * _WORD_S)

    def note(self, text: str) -> None:
        if not self.quiet:
            print(f"        -- {text}", flush=True)  # noqa: T201


async def simulate_retell(
    url: str,
    *,
    minutes: float,
    interrupt: bool,
    drop: bool,
    interactive: bool,
    json_out: bool,
    realtime: bool = False,
    call_id: str | None = None,
    seed: int = 1,
    metadata: dict[str, str] | None = None,
) -> int:
    """Hold one interview with the server at ``url`` and print it; 0 if nothing was wrong, else 1.

    Time is virtual (150 words a minute, reported word by word) unless ``realtime``. ``interrupt`` breaks
    in on every third reply, ``drop`` cuts the connection once in the middle of a reply, ``interactive`` lets
    a human type the answers. The candidate hangs up at one and a half times ``minutes``.
    """
    sim = RetellSimulator(
        url, call_id or f"sim_{secrets.token_hex(8)}", deadline=REPLY_DEADLINE_S, metadata=metadata
    )
    show = _Show(json_out, realtime, sim)
    replies: list[Reply] = []
    problem = ""
    try:
        async with sim:
            try:
                await _hold(sim, show, replies, minutes, interrupt, drop, interactive, seed)
            except CallEnded as ended:
                if ended.reason != "agent_hangup":
                    problem = str(ended)
    except Unanswered:
        pass  # it is among the violations
    except WSServerHandshakeError as error:
        problem = f"{url} answered {error.status} and opened no socket: check its path, and the secret in it"
    except (ClientError, OSError, TimeoutError) as error:
        problem = f"cannot connect to {url}: {type(error).__name__}; is the server running there?"
    return _summary(sim, replies, problem, json_out)


async def _hold(
    sim: RetellSimulator,
    show: _Show,
    replies: list[Reply],
    minutes: float,
    interrupt: bool,
    drop: bool,
    interactive: bool,
    seed: int,
) -> None:
    reply = await sim.greeting()
    await show.line("Interviewer", reply.text or "(waits for the candidate)")
    limit_s, most_turns = minutes * 60 * _OVERTIME, int(minutes * _MAX_TURNS_PER_MINUTE * _OVERTIME) + 10
    for n in range(1, most_turns):
        if sim.end_reason is not None or reply.end_call or sim.transcript.clock_s > limit_s:
            return
        if interrupt and n % 3 == 0 and not interactive and reply.text:
            heard = await sim.barge_in(5)
            show.note(f"the candidate interrupts; of the last words only this was heard: {heard!r}")
            said = "Sorry to cut in, let me add one thing to that. " + answer(reply.text, n, seed)
        elif interactive:
            try:
                said = (await asyncio.to_thread(input, "You: ")).strip()
            except EOFError:
                show.note("the candidate hangs up")
                return
        else:
            said = answer(reply.text, n, seed)
        if said:
            turn = await sim.say_without_waiting(said)
            if not interactive:
                await show.line("Candidate", said)
            if drop and n == 3:
                reply = await _drop_in(sim, show, turn)
            else:
                reply = await sim.reply(turn)
        else:
            show.note("silence")
            reply = await sim.remind()
        replies.append(reply)
        await show.line("Interviewer", reply.text)
    show.note("the candidate hangs up: this interview does not end")


async def _drop_in(sim: RetellSimulator, show: _Show, turn: int) -> Reply:
    await sim.first_content(turn)
    show.note("the connection drops")
    sim.drop()
    await sim.reconnect()
    show.note("Retell is back with the same call id")
    try:
        async with asyncio.timeout(_TAIL_DEADLINE_S):
            return await sim.reply(turn)
    except TimeoutError:
        return await sim.say("Sorry, I lost you for a moment. Could you say that again?")


def _summary(sim: RetellSimulator, replies: list[Reply], problem: str, json_out: bool) -> int:
    waits = [reply.first_content_s for reply in replies if reply.first_content_s is not None]
    median_ms = round(statistics.median(waits) * 1000) if waits else None
    failed = bool(sim.violations or problem)
    if json_out:
        found = {
            "call_id": sim.call_id,
            "turns": len(replies),
            "first_content_median_ms": median_ms,
            "call_seconds": round(sim.transcript.clock_s, 1),
            "end_reason": sim.end_reason,
            "sockets": sim.sockets,
            "violations": sim.violations,
            "problem": problem or None,
            "transcript": [{"role": i["role"], "content": i["content"]} for i in sim.transcript.items],
        }
        print(json.dumps(found, ensure_ascii=False))  # noqa: T201
        return int(failed)
    first = "no words" if median_ms is None else f"first words after {median_ms} ms (median)"
    spoken = f"{sim.transcript.clock_s / 60:.1f} minutes of call"
    if sim.sockets:
        print(f"\n{len(replies)} turns, {spoken}, ended by {sim.end_reason}, {first}.")  # noqa: T201
    for text in (*sim.violations, *([problem] if problem else [])):
        print(f"WRONG: {text}")  # noqa: T201
    if not failed:
        print("No violations of the protocol.")  # noqa: T201
    return int(failed)

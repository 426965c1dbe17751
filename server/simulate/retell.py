"""`RetellSimulator`: Retell's side of the custom-LLM socket, in text.

It does what Retell does (asks with growing ids, keeps the transcript, cuts it on barge-in, pings, drops what
is stale, reconnects after an abnormal close) and, unlike Retell, says what was wrong: see ``violations``.
Every wait has a deadline and no wait is a sleep.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

from aiohttp import ClientSession

from server.simulate.far_side import RetellSide
from server.simulate.turns import CallEnded, Reply, Unanswered

__all__ = ["CallEnded", "Reply", "RetellSimulator", "Unanswered"]

REMINDER_S: Final = 10.0


class RetellSimulator(RetellSide):
    """One call. ``async with RetellSimulator(url, call_id) as sim``; leaving the block hangs up.

    Args:
        url: the configured ``llm_websocket_url`` (ws or http; a query string is kept).
        metadata: goes into ``call_details``; None leaves it out.
        call_details: False plays a Retell that never sends them though asked.
        ping_interval: seconds between pings, once ``auto_reconnect`` was asked for.
        deadline: the longest any method waits before `Unanswered`.
        reconnects: False leaves an abnormally closed call alone until `reconnect`.
        hang_up: False does not act on ``end_call``, as when the caller breaks in on the goodbye.
        transcript: a conversation held before, as after a restart of the server; ids go on from ``next_id``.
    """

    async def __aenter__(self) -> RetellSimulator:
        self._session = ClientSession()
        try:
            await self._connect()
        except BaseException:
            await self._session.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def greeting(self) -> Reply:
        """Wait until id 0 is complete on the current socket."""
        return await self.reply(0)

    async def say(self, text: str) -> Reply:
        """Say ``text``, give up the floor, wait for the whole reply."""
        return await self.reply(await self.say_without_waiting(text))

    async def say_without_waiting(self, text: str) -> int:
        """Say ``text`` and ask for a reply; returns its id for `reply`. An open turn is superseded."""
        await self.update("user_turn")
        self.transcript.speak("user", text)
        await self.update()
        return await self._ask("response_required")

    async def remind(self) -> Reply:
        """Stay silent for the reminder time and wait for the nudge."""
        self.transcript.wait(REMINDER_S)
        return await self.reply(await self._ask("reminder_required"))

    async def barge_in(self, words_heard: int = 3) -> str:
        """Take the floor after ``words_heard`` words of the newest reply; returns the agent text kept."""
        turn = self._turns[self._newest]
        if not turn.complete:
            await self.first_content(turn.id)
            if not turn.complete:
                self.transcript.speak("agent", turn.text)
        turn.cut = True
        heard = self.transcript.cut_agent(words_heard)
        await self.update("user_turn")
        return heard

    async def reply(self, turn_id: int) -> Reply:
        """Wait until ``turn_id`` is complete or superseded."""
        turn = self._turns[turn_id]
        await self._wait(turn.over, f"response {turn_id}: content_complete")
        if not (turn.complete or turn.superseded):
            raise CallEnded(self.end_reason or "")
        return turn.reply()

    async def first_content(self, turn_id: int) -> str:
        """Wait for the first words under ``turn_id``; returns the text so far."""
        turn = self._turns[turn_id]
        await self._wait(turn.begun, f"response {turn_id}: first words")
        if not (turn.text or turn.complete or turn.superseded):
            raise CallEnded(self.end_reason or "")
        return turn.text

    async def ping(self, timestamp: int | None = None) -> float:
        """Ping and wait for the echo of exactly that timestamp; returns the seconds it took."""
        if self.end_reason is not None:
            raise CallEnded(self.end_reason)
        stamp, came = await self._ping(timestamp)
        await self._wait(came, f"ping_pong: echo of {stamp}")
        if stamp in self._pings:
            raise CallEnded(self.end_reason or "")
        return self.ping_rtts[-1]

    async def wait_end(self) -> str:
        """Wait until the call is over; returns the reason."""
        await self._wait(self._ended, "the end of the call")
        return self.end_reason or ""

    async def hang_up(self) -> None:
        """The caller leaves; the socket is closed with 1000."""
        self._end("user_hangup")
        if self._ws is not None and not self._ws.closed:
            await self._ws.close(code=1000)

    async def reconnect(self) -> None:
        """A new socket with the same call id."""
        await self._connect()

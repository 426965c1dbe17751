"""The sound of a call, by the stretch: what a quote on the scorecard plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import web

from audio.recording import CANDIDATE as LEFT
from audio.recording import INTERVIEWER as RIGHT
from server.bodies import read_query
from server.interviews import MockInterviewService, ResponseService
from server.problems import Problem
from server.recordings import Recordings
from server.rest import CANDIDATE
from storage.ports import NotFound

_TRACKS: Final = {"candidate": LEFT, "interviewer": RIGHT, "both": None}
Seconds = Annotated[float, msgspec.Meta(ge=0, le=24 * 3600)]


class StretchDto(msgspec.Struct):
    """Query of ``GET /v1/calls/{call_id}/audio``; seconds on the call's audio clock."""

    start: Seconds = 0.0
    end: Seconds = 24 * 3600.0
    track: Literal["candidate", "interviewer", "both"] = "both"


@dataclass(slots=True)
class AudioRest:
    """Recordings over HTTP, for the interview's owner only."""

    interviews: MockInterviewService
    responses: ResponseService
    recordings: Recordings

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/calls/{call_id}/audio", self.stretch)]

    async def stretch(self, request: web.Request) -> web.Response:
        """A WAV of at most ten minutes, 16 kHz."""
        query = read_query(request, StretchDto)
        if query.end <= query.start:
            raise Problem(400, "bad_stretch", "Bad stretch", "Send an end after the start, in seconds.")
        call_id = request.match_info["call_id"]
        response = await self.responses.by_call(call_id)
        await self.interviews.get_session(response.session_id, request[CANDIDATE])
        try:
            wav = await self.recordings.stretch(
                call_id, int(query.start * 1000), int(query.end * 1000), _TRACKS[query.track]
            )
        except NotFound:
            raise Problem(
                404, "not_recorded", "Not recorded", "This part of the call was not recorded, or was deleted."
            ) from None
        return web.Response(
            body=wav, content_type="audio/wav", headers={"Cache-Control": "private, max-age=3600"}
        )

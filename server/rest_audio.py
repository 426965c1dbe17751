"""The sound of a call, by the stretch: what a quote on the scorecard plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import web

from audio.recording import CANDIDATE as LEFT
from audio.recording import INTERVIEWER as RIGHT
from server.audio_links import AudioLinks
from server.bodies import read_query
from server.interviews import MockInterviewService, ResponseService
from server.problems import Problem
from server.recordings import Recordings
from server.rest import CANDIDATE
from server.tokens import TokenRefused
from storage.ports import NotFound

_TRACKS: Final = {"candidate": LEFT, "interviewer": RIGHT, "both": None}
Seconds = Annotated[float, msgspec.Meta(ge=0, le=24 * 3600)]


class StretchDto(msgspec.Struct):
    """Query of ``GET /v1/calls/{call_id}/audio``; seconds on the call's audio clock."""

    start: Seconds = 0.0
    end: Seconds = 24 * 3600.0
    track: Literal["candidate", "interviewer", "both"] = "both"
    expires: Annotated[int, msgspec.Meta(ge=0)] | None = None
    signature: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    """Both are part of a link from the scorecard, which needs no token and is good for this stretch alone."""


@dataclass(slots=True)
class AudioRest:
    """Recordings over HTTP: for the interview's owner, and for who has a signed link."""

    interviews: MockInterviewService
    responses: ResponseService
    recordings: Recordings
    links: AudioLinks

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/calls/{call_id}/audio", self.stretch)]

    async def stretch(self, request: web.Request) -> web.Response:
        """A WAV of at most ten minutes, 16 kHz."""
        query = read_query(request, StretchDto)
        if query.end <= query.start:
            raise Problem(400, "bad_stretch", "Bad stretch", "Send an end after the start, in seconds.")
        call_id = request.match_info["call_id"]
        if query.signature is not None:
            self._check_link(call_id, query)
        else:
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

    def _check_link(self, call_id: str, query: StretchDto) -> None:
        try:
            self.links.check(
                call_id, query.start, query.end, query.track, query.expires or 0, query.signature or ""
            )
        except TokenRefused as refused:
            raise Problem(
                403,
                "link_refused",
                "The link does not play",
                f"{refused} Load the scorecard again for another.",
            ) from None

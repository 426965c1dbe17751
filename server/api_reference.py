"""Every REST operation: what goes in, what comes out, what can go wrong. The source of ``/openapi.json``.

A test holds this list against the routes of the running server, both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from server.interviewers import RegisterCallDto
from server.interviews import CreateMockInterviewDto, ListDto
from server.pages import InvitationView
from server.rest import ROOT
from server.rest_audio import StretchDto
from server.rest_calls import (
    CallDto,
    CallView,
    CommunicationDto,
    CommunicationView,
    InsightsDto,
    InsightsView,
    PendingView,
    UpdateResponseDto,
)
from server.rest_scorecard import (
    AgainDto,
    DisputeDto,
    OverriddenView,
    OverrideDto,
    ScorecardDto,
    WithdrawDto,
    WithdrawnView,
)
from server.scorecard_views import AgainView, DisputeView, ScorecardView
from server.views import (
    CreatedView,
    GeneratedView,
    InterviewerView,
    RegisteredCall,
    ResponseView,
    SessionDetails,
    SessionPage,
    SessionView,
)
from server.webhook import HEADER
from server.webhook import PATH as WEBHOOK

Problems = dict[int, tuple[str, ...]]
STORAGE: Final[Problems] = {503: ("storage_down",)}
BODY: Final[Problems] = {400: ("invalid_json", "invalid_body"), 413: ("request_entity_too_large",)}
QUERY: Final[Problems] = {400: ("invalid_query",)}
UNKNOWN: Final[Problems] = {404: ("not_found",)}
MODEL: Final[Problems] = {
    429: ("too_many_requests",),
    502: ("model_failed",),
    503: ("model_busy", "storage_down"),
}


@dataclass(frozen=True, slots=True)
class Free:
    """A JSON object or another content that no type describes: its schema, and its content type."""

    schema: dict[str, Any]
    content: str = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """``results``: (type or `Free`, what it means) by status. ``problems``: the codes by status.

    ``camel``: names in the body are written in camelCase; snake_case is taken too, and the other way round.
    """

    method: str
    path: str
    name: str
    summary: str
    tag: str
    results: dict[int, tuple[Any, str]]
    body: Any = None
    query: Any = None
    problems: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    example: Any = None
    about: str = ""
    owned: bool = False
    camel: bool = True


def _merged(*parts: Mapping[int, tuple[str, ...]]) -> Problems:
    found: Problems = {}
    for part in parts:
        for status, codes in part.items():
            found[status] = tuple(dict.fromkeys((*found.get(status, ()), *codes)))
    return found


_OBJECT: Final = Free({"type": "object"})
_WAV: Final = Free({"type": "string", "contentMediaType": "audio/wav"}, "audio/wav")
_HTML: Final = Free({"type": "string"}, "text/html")
_TEXT: Final = Free({"type": "string"}, "text/plain")
_ENGINES: Final = Free({"type": "object", "additionalProperties": {"type": "object", "required": ["name"]}})
_RECEIVED: Final = Free(
    {
        "type": "object",
        "required": ["received", "status"],
        "properties": {
            "received": {"const": True},
            "status": {"enum": ["saved", "existing", "ignored", "unknown_call"]},
        },
    }
)
_NOTICE: Final = Free(
    {
        "type": "object",
        "properties": {
            "event": {"type": "string"},
            "call": {"type": "object"},
            "call_id": {"type": "string"},
        },
    }
)
_IDEMPOTENT: Final = {"Idempotency-Key": "The same key again gives the same interview, not a second one."}

_INTERVIEWS: Final = (
    Operation(
        "post",
        ROOT,
        "createMockInterview",
        "Plan an interview",
        "Interviews",
        {201: (CreatedView, "The interview, and the link to hold it.")},
        body=CreateMockInterviewDto,
        problems=_merged(
            BODY,
            {400: ("bad_duration", "role_missing", "question_type_unknown", "bad_idempotency_key")},
            {404: ("interviewer_not_found",), 413: ("too_long",), 422: ("not_possible",)},
        ),
        headers=_IDEMPOTENT,
        example={
            "role": "Backend engineer",
            "duration": 30,
            "scenario": "mixed",
            "focusAreas": ["databases"],
        },
        about="Questions come from the bank at once; nothing else is needed to hold it. Minutes: 5 to 120.",
        owned=True,
    ),
    Operation(
        "post",
        f"{ROOT}/questions/generate",
        "generateMockInterviewQuestion",
        "Plan an interview with questions written for it",
        "Interviews",
        {201: (GeneratedView, "The interview with its questions.")},
        body=CreateMockInterviewDto,
        problems=_merged(
            BODY,
            {400: ("bad_duration", "role_missing", "question_type_unknown", "bad_idempotency_key")},
            {404: ("interviewer_not_found",), 413: ("too_long",), 422: ("not_possible",)},
            {502: ("llm_bad_json",)},
        ),
        headers=_IDEMPOTENT,
        example={"role": "Nurse", "duration": 20, "difficulty": "beginner"},
        about="The interview is saved first: when the model fails it is there, with questions from the bank.",
        owned=True,
    ),
    Operation(
        "get",
        ROOT,
        "listMockInterviews",
        "List your interviews, newest first",
        "Interviews",
        {200: (SessionPage, "One page.")},
        query=ListDto,
        problems=_merged(QUERY, {400: ("bad_cursor",)}),
        owned=True,
    ),
    Operation(
        "get",
        f"{ROOT}/{{id}}",
        "getSession",
        "One interview with questions, calls, scores and feedback",
        "Interviews",
        {200: (SessionDetails, "The interview. ``id`` may be its id, its slug or its link id.")},
        problems=UNKNOWN,
        owned=True,
    ),
    Operation(
        "post",
        f"{ROOT}/{{id}}/cancel",
        "cancelMockInterview",
        "Call an interview off",
        "Interviews",
        {200: (SessionView, "The cancelled interview; its link leads nowhere from now on.")},
        problems=_merged(UNKNOWN, {409: ("illegal_transition", "stale")}),
        owned=True,
    ),
    Operation(
        "get",
        "/v1/interviewers",
        "listInterviewers",
        "Who can be asked to hold an interview",
        "Interviews",
        {200: (list[InterviewerView], "All interviewers.")},
    ),
)

_SCORECARDS: Final = (
    Operation(
        "get",
        f"{ROOT}/{{id}}/scorecard",
        "getScorecard",
        "The scorecard of a call",
        "Scorecard",
        {200: (ScorecardView, "As far as it is known: look at ``state`` and ``counts``.")},
        query=ScorecardDto,
        problems=_merged(QUERY, UNKNOWN),
        about="Every quote is a stretch of the transcript. A score that is null has a reason.",
        owned=True,
    ),
    Operation(
        "post",
        f"{ROOT}/{{id}}/scorecard/links/withdraw",
        "withdrawScorecardLinks",
        "Withdraw the links that guests were given to a call",
        "Scorecard",
        {200: (WithdrawnView, "Withdrawn, with a new link in their place.")},
        body=WithdrawDto,
        problems=_merged(BODY, UNKNOWN),
        example={"callId": "call_0123"},
        about="For who planned the interview, and for coaches. Links to single quotes run out by themselves.",
        owned=True,
    ),
    Operation(
        "post",
        f"{ROOT}/{{id}}/scores/dispute",
        "disputeScore",
        "Have an answer judged again, once",
        "Scorecard",
        {202: (DisputeView, "Taken; a worker judges it with fresh samples.")},
        body=DisputeDto,
        problems=_merged(
            BODY,
            UNKNOWN,
            {404: ("question_not_found",), 409: ("disputed_already", "not_scored")},
            {429: ("too_many_requests",)},
        ),
        example={"questionId": "q2", "reason": "I did name the outcome: complaints fell by half."},
        about="What the second judgement finds counts, higher or lower. Both are kept.",
        owned=True,
    ),
    Operation(
        "post",
        f"{ROOT}/{{id}}/scores/override",
        "overrideScore",
        "Put a person's value in place of the judge's",
        "Scorecard",
        {201: (OverriddenView, "In force; the totals have followed.")},
        body=OverrideDto,
        problems=_merged(
            BODY,
            UNKNOWN,
            {403: ("not_a_coach",), 404: ("question_not_found",), 409: ("not_scored", "stale")},
        ),
        example={
            "questionId": "q2",
            "dimension": "content",
            "value": 70,
            "reason": "The result is given in the follow-up.",
        },
        about="For the roles coach and owner, not for one's own interview. The judge's value is kept.",
        owned=True,
    ),
    Operation(
        "post",
        f"{ROOT}/{{id}}/questions/{{question_id}}/again",
        "answerAgain",
        "Answer a question again and compare",
        "Scorecard",
        {202: (AgainView, "Taken; a worker judges it beside the first answer.")},
        body=AgainDto,
        problems=_merged(BODY, UNKNOWN, {404: ("question_not_found",), 429: ("too_many_requests",)}),
        example={"answer": "We disagreed about night shifts. I drew up a rota, and complaints fell by half."},
        owned=True,
    ),
    Operation(
        "get",
        "/v1/calls/{call_id}/audio",
        "getCallAudio",
        "A stretch of a call's recording",
        "Scorecard",
        {200: (_WAV, "Ten minutes at most, 16 kHz.")},
        query=StretchDto,
        problems=_merged(
            QUERY, {400: ("bad_stretch",), 403: ("link_refused",)}, UNKNOWN, {404: ("not_recorded",)}
        ),
        owned=True,
    ),
)

_CALLS: Final = (
    Operation(
        "post",
        "/api/register-call",
        "registerCall",
        "Begin a call",
        "Calls",
        {201: (RegisteredCall, "What a browser needs to join.")},
        body=RegisterCallDto,
        problems=_merged(
            BODY,
            UNKNOWN,
            {
                400: ("email_invalid", "name_invalid", "transport_unknown"),
                403: ("no_consent",),
                404: ("interviewer_not_found",),
                409: ("already_responded", "interviewer_without_agent"),
                410: ("interview_over",),
                502: ("voice_provider_failed",),
                503: ("retell_not_configured", "no_room", "storage_down"),
            },
        ),
        example={
            "session_id": "0123456789abcdef01234567",
            "email": "zoe@example.org",
            "name": "Zoe",
            "transport": "realtime",
            "consent": {"version": "1", "record_audio": True},
        },
        about="Whoever has the interview's link may begin a call. An address that has finished it gets 409.",
        camel=False,
    ),
    Operation(
        "get",
        "/api/get-call",
        "getCall",
        "A call and its analysis",
        "Calls",
        {200: (CallView, "It has been analysed."), 202: (PendingView, "Not yet; ask again soon.")},
        query=CallDto,
        problems=_merged(QUERY, {400: ("call_id_missing",)}, UNKNOWN),
        owned=True,
    ),
    Operation(
        "post",
        "/api/get-call",
        "getCallByBody",
        "The same, with the id in the body",
        "Calls",
        {200: (CallView, "It has been analysed."), 202: (PendingView, "Not yet; ask again soon.")},
        body=CallDto,
        problems=_merged(BODY, {400: ("call_id_missing",)}, UNKNOWN),
        example={"call_id": "call_0123"},
        owned=True,
        camel=False,
    ),
    Operation(
        "post",
        "/api/update-response",
        "updateResponse",
        "Say that a call is over",
        "Calls",
        {200: (ResponseView, "The run as it is now.")},
        body=UpdateResponseDto,
        problems=_merged(BODY, {400: ("cannot_reopen",), 409: ("cannot_reopen",)}, UNKNOWN),
        example={"call_id": "call_0123", "is_ended": True},
        camel=False,
    ),
    Operation(
        "post",
        WEBHOOK,
        "retellWebhook",
        "What Retell tells about a call",
        "Calls",
        {200: (_RECEIVED, "Taken; the work is done later.")},
        body=_NOTICE,
        problems=_merged(
            {400: ("invalid_json", "invalid_body"), 413: ("request_entity_too_large",)},
            {401: ("bad_signature",), 503: ("webhook_not_configured", "storage_down")},
        ),
        headers={HEADER: "v=UNIX_MS,d=HEX: HMAC-SHA256 of the raw body and the stamp, keyed by the API key."},
        camel=False,
    ),
)

_ANALYSES: Final = (
    Operation(
        "post",
        "/api/generate-insights",
        "generateInsights",
        "What all calls of an interview show together",
        "Analyses",
        {200: (InsightsView, "Saved as a new version."), 202: (InsightsView, "Queued.")},
        body=InsightsDto,
        problems=_merged(BODY, UNKNOWN, {409: ("nothing_analysed",)}, MODEL),
        headers={"Prefer": "respond-async: queue it and answer 202."},
        example={"sessionId": "0123456789abcdef01234567"},
        owned=True,
    ),
    Operation(
        "post",
        "/api/analyze-communication",
        "analyzeCommunication",
        "How a transcript communicates",
        "Analyses",
        {200: (CommunicationView, "Not stored. Null scores and a reason when there is too little to go by.")},
        body=CommunicationDto,
        problems=_merged(BODY, {400: ("transcript_missing",), 413: ("too_long",)}, MODEL),
        example={
            "transcript": "Interviewer: Why nursing?\nCandidate: Because a ward is a team, and I like that."
        },
        owned=True,
    ),
)

_SERVER: Final = (
    Operation(
        "get",
        "/mock-interview/{key}/invitation",
        "getInvitation",
        "What whoever has a link may know",
        "Server",
        {200: (InvitationView, "No question's words, nobody's name.")},
        problems=UNKNOWN,
    ),
    Operation(
        "get",
        "/v1/engines",
        "getEngines",
        "Who hears, speaks and thinks here",
        "Server",
        {200: (_ENGINES, "By part, by name.")},
    ),
    Operation("get", "/healthz", "isAlive", "Is it alive?", "Server", {200: (_OBJECT, "It is.")}),
    Operation(
        "get",
        "/readyz",
        "isReady",
        "May calls be sent here?",
        "Server",
        {200: (_OBJECT, "Yes."), 503: (_OBJECT, "No: draining, or the database cannot be reached.")},
    ),
    Operation(
        "get",
        "/metrics",
        "getMetrics",
        "Numbers for Prometheus",
        "Server",
        {200: (_TEXT, "In its text format.")},
    ),
    Operation(
        "get", "/openapi.json", "getOpenApi", "This description", "Server", {200: (_OBJECT, "OpenAPI 3.1.")}
    ),
    Operation("get", "/docs", "getDocs", "This description, for people", "Server", {200: (_HTML, "A page.")}),
)

OPERATIONS: Final = (*_INTERVIEWS, *_SCORECARDS, *_CALLS, *_ANALYSES, *_SERVER)

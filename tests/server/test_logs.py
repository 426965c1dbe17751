from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Awaitable, Callable, Iterator

import msgspec
import pytest
import structlog
from aiohttp import ClientSession, WSMsgType, web

from interview.errors import InvalidPlan
from server.logs import REDACTED, Redact, configure_logging, safe_call_id
from server.problems import Problem, problems
from server.settings import Settings
from storage.ports import Duplicate, NotFound, Stale, StorageDown


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    configure_logging(Settings(retell_api_key="key_0123456789", openai_api_key="a"), stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def _lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_json_lines_without_private_or_secret_values(out: io.StringIO) -> None:
    log = structlog.get_logger("viva.test")
    log.info(
        "call key_0123456789", call_id="c\n1", pii_name="Ada", inner={"pii_mail": 1, "access_token": "t"}
    )
    (line,) = _lines(out)
    assert line["event"] == f"call {REDACTED}"
    assert line["call_id"] == "c\\x0a1"
    assert line["inner"] == {"access_token": REDACTED}
    assert "Ada" not in out.getvalue()
    assert (line["level"], line["logger"]) == ("info", "viva.test")


def test_the_standard_library_and_tracebacks_pass_the_same_rules(out: io.StringIO) -> None:
    logging.getLogger("lib").warning("key is %s", "key_0123456789")
    try:
        raise ValueError("bad key_0123456789")
    except ValueError:
        structlog.get_logger("viva.test").exception("failed", urls=["x key_0123456789"])
    first, second = _lines(out)
    assert first["event"] == f"key is {REDACTED}"
    assert "ValueError" in str(second["exception"])
    assert "key_0123456789" not in out.getvalue()


def test_configuring_twice_does_not_double_the_lines(out: io.StringIO) -> None:
    configure_logging(Settings(), out)
    structlog.get_logger("viva.test").info("once")
    structlog.get_logger("viva.test").debug("never")
    assert len(_lines(out)) == 1


def test_a_terminal_gets_readable_lines(out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out, "isatty", lambda: True)
    configure_logging(Settings(), out)
    structlog.get_logger("viva.test").info("hello", pii_x="Ada")
    assert "hello" in out.getvalue()
    assert not out.getvalue().startswith("{")
    assert "Ada" not in out.getvalue()


def test_call_ids_are_cut_and_escaped() -> None:
    assert safe_call_id("call_1") == "call_1"
    assert safe_call_id("a\x1b[2J\u2028") == "a\\x1b[2J\\x2028"
    assert len(safe_call_id("x" * 300)) == 64
    assert len(safe_call_id("\n" * 300)) == 64


def test_counts_of_tokens_are_not_credentials() -> None:
    event = Redact()(None, "info", {"event": "e", "max_tokens_used": 5, "n": None, "error": ValueError("v")})
    assert event == {"event": "e", "max_tokens_used": 5, "n": None, "error": "v"}


# --- what clients get to see of a failure (server/problems.py) ------------------------------------


class _Body(msgspec.Struct):
    minutes: int


async def _fail(request: web.Request) -> web.StreamResponse:
    match request.match_info["how"]:
        case "body":
            msgspec.json.decode(await request.read(), type=_Body)
        case "json":
            await request.json()
        case "gone":
            raise Problem(410, "session_over", "Over", "It was held already.", session_id="s1")
        case "redirect":
            raise web.HTTPFound("/elsewhere")
        case "socket":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            raise RuntimeError("private words")
        case how:
            raise _ERRORS[how]
    return web.Response()


_ERRORS: dict[str, Exception] = {
    "not-found": NotFound("x"),
    "duplicate": Duplicate("x"),
    "stale": Stale("x"),
    "down": StorageDown("x"),
    "plan": InvalidPlan("too short"),
    "boom": RuntimeError("private words"),
}


def _ask(act: Callable[[ClientSession, str], Awaitable[None]]) -> None:
    async def body() -> None:
        app = web.Application(middlewares=[problems])
        app.router.add_route("*", "/{how}", _fail)
        app.router.add_get("/only/get", _fail)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            async with ClientSession() as client:
                await act(client, f"http://127.0.0.1:{runner.addresses[0][1]}")
        finally:
            await runner.cleanup()

    asyncio.run(body())


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("not-found", 404, "not_found"),
        ("duplicate", 409, "duplicate"),
        ("stale", 409, "stale"),
        ("down", 503, "storage_down"),
        ("plan", 422, "not_possible"),
        ("gone", 410, "session_over"),
        ("body", 400, "invalid_json"),
        ("json", 400, "invalid_json"),
        ("boom", 500, "internal"),
        ("no/such/route", 404, "not_found"),
        ("only/get", 405, "method_not_allowed"),
    ],
)
def test_a_failure_is_a_problem_document(out: io.StringIO, path: str, status: int, code: str) -> None:
    async def act(client: ClientSession, base: str) -> None:
        async with client.post(f"{base}/{path}", data=b"{") as answer:
            assert answer.status == status
            assert answer.content_type == "application/problem+json"
            found = json.loads(await answer.read())
        assert (found["status"], found["code"]) == (status, code)
        assert found["type"] == f"urn:viva:problem:{code}"
        assert "private" not in json.dumps(found)
        assert "Traceback" not in json.dumps(found)
        if path == "gone":
            assert found["session_id"] == "s1"

    _ask(act)
    assert len(_lines(out)) == (1 if status >= 500 else 0)


def test_a_wrong_field_is_named_and_redirects_pass(out: io.StringIO) -> None:
    async def act(client: ClientSession, base: str) -> None:
        async with client.post(f"{base}/body", data=b'{"minutes":"ten"}') as answer:
            found = json.loads(await answer.read())
            assert (answer.status, found["code"], found["path"]) == (400, "invalid_body", "$.minutes")
        async with client.get(f"{base}/redirect", allow_redirects=False) as answer:
            assert answer.status == 302

    _ask(act)


def test_a_failure_on_an_open_socket_drops_it_without_a_close_frame(out: io.StringIO) -> None:
    async def act(client: ClientSession, base: str) -> None:
        async with client.ws_connect(f"{base}/socket", autoclose=False) as socket:
            message = await socket.receive(timeout=5)
            assert message.type is not WSMsgType.CLOSE
            assert message.type is not WSMsgType.TEXT

    _ask(act)
    assert len(_lines(out)) == 1

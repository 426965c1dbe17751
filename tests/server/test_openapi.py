"""The description of the REST paths: whole, true to the code, and true to what the server answers."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans

from agents.llm_offline import OfflineLLM
from server.api_reference import OPERATIONS
from server.app import Viva, open_viva, serving
from server.bodies import camel
from server.openapi import docs_page, document
from server.settings import Settings
from server.webhook import PATH as WEBHOOK
from tests.fakes.aftermath import After, afterwards
from tests.fakes.rest import Rest as Client
from tests.fakes.rest import serve

pytestmark = pytest.mark.postgres

SERVER = Path(__file__).parents[2] / "server"
PAGES = {"/", "/mock-interview/{key}", "/mock-interview/{key}/scorecard", "/web/{path}"}
SOCKETS = ("/v1/realtime", "/llm-websocket")
CODE = re.compile(r'Problem\(\s*(?:\d{3}|409 if run\.is_ended else 400),\s*"([a-z_]+)"')
GENERAL = {
    "not_found", "duplicate", "stale", "storage_down", "conflict", "illegal_transition", "not_possible",
    "invalid_body", "invalid_json", "internal",
}  # fmt: skip
"""Codes of failures that any path may have; those of a path are listed with it where they can be met."""


def test_every_route_is_described_and_nothing_else(dsn: str) -> None:
    async def act() -> set[tuple[str, str]]:
        async with open_viva(Settings(database_url=dsn)) as viva:
            return {
                (route.method.lower(), route.resource.canonical)
                for route in viva.app.router.routes()
                if route.resource is not None and route.method != "HEAD"
            }

    served = {
        (method, path)
        for method, path in asyncio.run(act())
        if path not in PAGES and not path.startswith(SOCKETS)
    }
    assert served == {(operation.method, operation.path) for operation in OPERATIONS}
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


def test_the_codes_are_those_of_the_code() -> None:
    raised = {
        code
        for file in SERVER.glob("*.py")
        for code in CODE.findall(file.read_text())
        if file.name not in ("realtime_ws.py", "retell_ws.py")
    }
    described = {
        code for operation in OPERATIONS for codes in operation.problems.values() for code in codes
    } | {"unauthorised", "not_for_guests", "sign_in_unavailable"}
    assert raised - described - GENERAL == set()
    assert described - raised - GENERAL == {"request_entity_too_large", "invalid_query"}


def test_the_document_holds_together() -> None:
    described = document(OPERATIONS, "1")
    assert described["openapi"] == "3.1.0"
    schemas = described["components"]["schemas"]
    wanted = set(re.findall(r"#/components/schemas/([\w.]+)", str(described)))
    assert wanted <= schemas.keys()
    assert "." not in "".join(schemas)
    body = schemas["CreateMockInterviewDto"]
    assert {"role", "focusAreas", "jobDescription"} <= body["properties"].keys()
    assert body["required"] == ["role"]
    assert {"session_id", "email", "name"} == set(schemas["RegisterCallDto"]["required"])
    for operation in OPERATIONS:
        if operation.body is not None and operation.tag != "Calls":
            assert operation.example is not None, operation.name
    page = docs_page(described)
    for operation in OPERATIONS:
        assert f'<article id="{operation.name}">' in page
    for name in re.findall(r'href="#([\w-]+)"', page):
        assert f'id="{name}"' in page or f"id={name}>" in page, name
    assert "<script" not in page
    assert "://" not in page, "everything comes from this server"


def test_both_are_served(dsn: str) -> None:
    async def act(rest: Client) -> None:
        got = await rest.get("/openapi.json")
        assert got.status == 200
        assert got.json["paths"].keys() == {operation.path for operation in OPERATIONS}
        assert re.fullmatch(r"\d+\.\d+\.\d+", got.json["info"]["version"])
        page = await rest.get("/docs")
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        assert "getScorecard" in page.text

    serve(dsn, act)


# --- true to what the server answers -----------------------------------------------------------------

EXAMPLES = 8


@contextmanager
def running(dsn: str) -> Iterator[Viva]:
    """The real server on a thread of its own, for a client that blocks."""
    ready: Future[tuple[Viva, Callable[[], object]]] = Future()

    async def main() -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        settings = Settings(database_url=dsn, port=0, drain_s=0.0, retell_api_key="key_fake")
        async with serving(settings, llm=OfflineLLM(), voice=_no_voice) as viva:
            ready.set_result((viva, lambda: loop.call_soon_threadsafe(done.set)))
            await done.wait()

    def work() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=work, name="server")
    thread.start()
    viva, stop = ready.result(30)
    try:
        yield viva
    finally:
        stop()
        thread.join(30)


async def _no_voice(_: Any) -> Any:
    raise AssertionError("nobody talks in this test")


KNOWN = {"session_id": "s1", "call_id": "call1", "question_id": "q2", "id": "s1", "key": "s1"}


def pointed_at_what_exists(case: Any) -> None:
    """Put ids that exist into an example, so that it gets past "not found"."""
    for name, value in KNOWN.items():
        for given_in in (case.path_parameters, case.query, case.body):
            if not isinstance(given_in, dict):
                continue
            for spelt in (name, camel(name)):
                if isinstance(given_in.get(spelt), str):
                    given_in[spelt] = value


@pytest.mark.timeout(240)
def test_what_is_answered_is_what_is_described(dsn: str) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    honest = [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
        checks.unsupported_method,
    ]

    async def held(after: After) -> None:
        await after.held()
        await after.work_off()

    afterwards(dsn, held, owner="local")
    seen: dict[str, set[int]] = {}
    with running(dsn) as viva:
        base = f"http://127.0.0.1:{viva.port}"
        schema = schemathesis.openapi.from_dict(document(OPERATIONS, "1"))
        for found in schema.get_all_operations():
            operation = found.ok()

            @settings(
                max_examples=EXAMPLES,
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(), there=booleans())
            def ask(case: Any, there: bool) -> None:
                more = [checks.negative_data_rejection]
                if there:
                    pointed_at_what_exists(case)
                    more = []  # the example is another one now
                answer = case.call_and_validate(base_url=base, checks=[*honest, *more])
                seen.setdefault(case.operation.label, set()).add(answer.status_code)

            ask()
    assert len(seen) == len(OPERATIONS)
    never = {label for label, statuses in seen.items() if not statuses & {200, 201, 202}}
    # A signature cannot be guessed; nothing was recorded; an interview that is over cannot be called off.
    assert never <= {
        f"POST {WEBHOOK}",
        "GET /v1/calls/{call_id}/audio",
        "POST /v1/candidates/mock-ai-interview/{id}/cancel",
        "POST /api/register-call",
    }, seen

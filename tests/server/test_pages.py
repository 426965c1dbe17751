"""The pages: what is served, under which policy, and what a guest may know."""

from __future__ import annotations

import re

from server.pages import read_pages
from tests.fakes.rest import ROOT, Rest, serve

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
LINK = re.compile(r'(?:src|href)="(/web/[^"]+)"')


def test_every_asset_a_page_names_is_served(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        for page in ("/", "/mock-interview/any-key"):
            shown = await rest.get(page)
            assert shown.status == 200
            named = LINK.findall(shown.text)
            assert named, page
            for asset in named:
                async with rest.client.get(asset) as got:
                    assert got.status == 200, asset
                    assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert (await rest.get("/web/nothing.js")).problem()[0] == 404
        assert (await rest.get("/web/../pages.py")).status == 404
        assert (await rest.get("/web/%2e%2e/pages.py")).status == 404

    serve(dsn, act)


def test_pages_hold_no_inline_script_and_no_foreign_address(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        policy = (await rest.get("/")).headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy

    serve(dsn, act)
    pages = read_pages()
    for name, (content, kind) in pages.items():
        if kind == "font/woff2" or name.endswith("OFL.txt"):
            continue
        text = content.decode()
        assert not re.search(r"(?:src|href|from|import|url\()\s*[=(]?\s*[\"']?(?:https?:)?//", text), name
        if kind == "text/html":
            assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=|<style", text), name


def test_modules_import_what_exists() -> None:
    pages = read_pages()
    seen = 0
    for name, (content, kind) in pages.items():
        if kind != "text/javascript":
            continue
        folder = name.split("/")[:-1]
        for path in re.findall(r'from "(\.[^"]+)"', content.decode()):
            at = list(folder)
            for part in path.split("/"):
                if part == "..":
                    at.pop()
                elif part != ".":
                    at.append(part)
            assert "/".join(at) in pages, f"{name} imports {path}"
            seen += 1
    assert seen > 10


def test_a_guest_learns_what_awaits_and_nothing_more(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        session_id = await rest.create(role="Backend Developer", scenario="panel", duration=15)
        whole = (await rest.get(f"{ROOT}/{session_id}")).json
        await rest.post("/api/register-call", {"session_id": session_id, "email": "z@a.org", "name": "Zoë"})
        for key in (session_id, whole["callId"], whole["readableSlug"]):
            got = await rest.get(f"/mock-interview/{key}/invitation")
            assert got.status == 200
            assert got.headers["Cache-Control"] == "no-store"
            assert got.json["sessionId"] == session_id
            assert (got.json["duration"], got.json["status"]) == (15, "created")
            assert got.json["personas"][0]["name"] == "Ingrid"
            assert len(got.json["questions"]) == len(whole["questions"])
            assert "z@a.org" not in got.text
            assert "Zoë" not in got.text
            assert not any(question["question"] in got.text for question in whole["questions"])
        missing = await rest.get("/mock-interview/nothing-here/invitation")
        assert missing.problem()[0] == 404

    serve(dsn, act)


def test_a_guest_needs_no_token_where_owners_do(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        assert (await rest.get(ROOT)).status == 401
        assert (await rest.get("/mock-interview/nothing-here/invitation")).status == 404
        assert (await rest.get("/mock-interview/nothing-here")).status == 200

    serve(dsn, act, auth="oidc", jwt_secret="s" * 32)


def test_a_called_off_interview_says_so(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        session_id = await rest.create()
        await rest.post(f"{ROOT}/{session_id}/cancel")
        assert (await rest.get(f"/mock-interview/{session_id}/invitation")).json["status"] == "cancelled"

    serve(dsn, act)


def test_an_address_that_is_none_is_a_page_for_people_and_a_problem_for_programs(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        shown = await rest.get("/nowhere", **BROWSER)
        assert shown.status == 404
        assert "<h1>There is nothing at this address</h1>" in shown.text
        assert (await rest.get("/nowhere")).problem() == (404, "not_found")
        assert (await rest.get("/v1/candidates/mock-ai-interview/none", **BROWSER)).problem()[0] == 404

    serve(dsn, act)

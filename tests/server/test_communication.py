"""``POST /api/analyze-communication``: both shapes of its answer at once, and nothing stored."""

from __future__ import annotations

import io
from typing import Any

import pytest

from server import app
from tests.fakes.rest import Rest, serve

pytestmark = pytest.mark.postgres

PATH = "/api/analyze-communication"
STORY = (
    "At Acme our deploys failed every week. First I asked the team what hurt most. Then I wrote a checklist "
    "because nobody knew the order of the steps. In the end failures fell by 60 percent in two months."
)
SCORES = ("clarity", "structure", "pacing", "tone", "overall")


def test_a_transcript_gets_scores_quotes_and_advice(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        text = f"Agent: Tell me about a success.\nUser: {STORY}"
        items = [{"role": "agent", "content": "A success?"}, {"role": "user", "content": STORY}]
        got = await rest.post(PATH, {"transcript": text})
        assert got.status == 200
        assert got.json["assessed"] is True
        assert all(0 <= got.json[name] <= 100 for name in SCORES)
        assert got.json["communicationScore"] == round(got.json["overall"] / 10)
        assert got.json["supportingQuotes"]
        assert all(quote["quote"] in STORY for quote in got.json["supportingQuotes"])
        assert got.json["strengths"]
        assert got.json["recommendations"]
        assert isinstance(got.json["improvementAreas"], list)
        assert got.json["source"]["model"] == "offline:rules"
        assert got.json["analysis"].items() <= got.json.items()
        assert (await rest.post(PATH, {"transcript": items})).json == got.json
        for table in ("responses", "scores", "feedback", "insights"):
            assert await rest.rows(f"SELECT 1 FROM mock_interview_{table}") == []

    serve(dsn, act)


BAD: list[tuple[Any, int, str]] = [
    ({}, 400, "transcript_missing"),
    ({"transcript": None}, 400, "transcript_missing"),
    ({"transcript": " \n"}, 400, "transcript_missing"),
    ({"transcript": []}, 400, "transcript_missing"),
    ({"transcript": 7}, 400, "invalid_body"),
    ({"transcript": [{"role": "user"}]}, 400, "invalid_body"),
    ({"transcript": "a " * 60_000}, 413, "too_long"),
]


def test_what_cannot_be_looked_at_is_refused(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        for body, status, code in BAD:
            assert (await rest.post(PATH, body)).problem() == (status, code), code
        assert (await rest.post(PATH, raw=io.BytesIO(b"{" + b"x" * 3_000_000))).status == 413

    serve(dsn, act)


def test_a_few_words_are_not_assessed(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        got = await rest.post(PATH, {"transcript": f"Agent: {STORY}\nUser: Yes, I agree."})
        assert (got.status, got.json["assessed"]) == (200, False)
        assert [got.json[name] for name in (*SCORES, "communicationScore")] == [None] * 6
        assert got.json["reason"]

    serve(dsn, act)


def test_the_database_is_not_needed(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        await rest.viva.pool.close()
        assert (await rest.post(PATH, {"transcript": STORY})).json["assessed"] is True

    serve(dsn, act)


def test_who_asks_too_often_is_asked_to_wait(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "ANALYSES", 2)

    async def act(rest: Rest) -> None:
        for _ in range(2):
            assert (await rest.post(PATH, {"transcript": STORY})).status == 200
        got = await rest.post(PATH, {"transcript": STORY})
        assert got.problem() == (429, "too_many_requests")
        assert 1 <= int(got.headers["Retry-After"]) <= 60
        # What is wrong costs nothing.
        assert (await rest.post(PATH, {})).status == 400

    serve(dsn, act)


@pytest.mark.redis
def test_servers_that_share_a_redis_count_together(
    dsn: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "ANALYSES", 1)

    async def here(rest: Rest) -> None:
        assert (await rest.post(PATH, {"transcript": STORY})).status == 200

    async def there(rest: Rest) -> None:
        assert (await rest.post(PATH, {"transcript": STORY})).problem() == (429, "too_many_requests")

    serve(dsn, here, redis_url=redis_url)
    serve(dsn, there, redis_url=redis_url)


def test_a_redis_that_is_away_refuses_nobody(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        assert (await rest.post(PATH, {"transcript": STORY})).status == 200

    serve(dsn, act, redis_url="redis://127.0.0.1:1")

"""Links to stretches of sound: who has one hears that stretch, for a while, and nothing else."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from server.audio_links import LINK_S, AudioLinks
from server.tokens import TokenRefused

SECRET = "s" * 40


def parts(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def check(links: AudioLinks, call_id: str, found: dict[str, str]) -> None:
    links.check(
        call_id,
        float(found["start"]),
        float(found["end"]),
        found["track"],
        int(found["expires"]),
        found["signature"],
    )


def test_a_link_is_good_for_its_stretch_for_a_while() -> None:
    now = [10.0 * LINK_S + 5]
    links = AudioLinks(SECRET, lambda: now[0])
    url = links.url("call/1 ü", 0.8, 2.304)
    assert url.startswith("/v1/calls/call%2F1%20%C3%BC/audio?start=0.80&end=2.30&track=candidate&expires=")
    found = parts(url)
    check(AudioLinks(SECRET, lambda: now[0]), "call/1 ü", found)
    now[0] = 12.0 * LINK_S - 1
    check(links, "call/1 ü", found)
    now[0] = 12.0 * LINK_S
    with pytest.raises(TokenRefused, match="run out"):
        check(links, "call/1 ü", found)


def test_links_of_one_hour_are_the_same() -> None:
    now = [10.0 * LINK_S]
    links = AudioLinks(SECRET, lambda: now[0])
    first = links.url("c", 1, 2)
    now[0] += LINK_S - 1
    assert links.url("c", 1, 2) == first
    now[0] += 1
    assert links.url("c", 1, 2) != first


@pytest.mark.parametrize(
    "change",
    [
        {"start": "0.00"},
        {"end": "99.00"},
        {"track": "both"},
        {"expires": "99999999999"},
        {"signature": "0" * 64},
        {"signature": "é"},
        {"signature": ""},
    ],
)
def test_no_changed_link_plays(change: dict[str, str]) -> None:
    links = AudioLinks(SECRET, lambda: 0.0)
    found = parts(links.url("c", 1, 2))
    check(links, "c", found)
    with pytest.raises(TokenRefused, match="changed"):
        check(links, "c", found | change)
    with pytest.raises(TokenRefused, match="changed"):
        check(links, "another", found)
    with pytest.raises(TokenRefused, match="changed"):
        check(AudioLinks("t" * 40, lambda: 0.0), "c", found)

"""Any cut of the same bytes gives the same events, and the same fault."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.sse import SseError, SseEvent, SseParser


def parse(chunks: Iterable[bytes], limit: int = 64) -> tuple[list[SseEvent], str | None]:
    parser, events = SseParser(limit), list[SseEvent]()
    try:
        for chunk in chunks:
            for event in parser.feed(chunk):
                events.append(event)
    except SseError as error:
        return events, str(error)
    return events, None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"data: a\n\n", [SseEvent("a")]),
        (b"data:a\r\rdata: b\r\n\r\n", [SseEvent("a"), SseEvent("b")]),
        (b"\xef\xbb\xbfdata: a\ndata:  b\n\n", [SseEvent("a\n b")]),
        (b": ping\n\nevent: x\nid: 1\nretry: 5\ndata\n\n", [SseEvent("", "x")]),
        (b"event: lost\n\ndata: a\n\n", [SseEvent("a")]),
        ("data: wörld: ü\n\n".encode(), [SseEvent("wörld: ü")]),
        (b"data: not finished\n", []),
    ],
)
def test_reads_the_standard(raw: bytes, expected: list[SseEvent]) -> None:
    assert parse([raw]) == (expected, None)
    assert parse(raw[i : i + 1] for i in range(len(raw))) == (expected, None)


@pytest.mark.parametrize(
    "raw",
    [b"data: ok\n\ndata: " + b"x" * 65, b"data: ok\n\n" + b"data: 0123456789\n" * 5, b"data: ok\n\n\xff\n"],
)
def test_bounds_and_bad_bytes_raise_after_the_events_in_front(raw: bytes) -> None:
    events, fault = parse([raw])
    assert events == [SseEvent("ok")]
    assert fault is not None


def test_a_failed_parser_stays_failed() -> None:
    parser = SseParser(4)
    for _ in range(2):
        with pytest.raises(SseError):
            list(parser.feed(b"data: too long"))


_bits = st.sampled_from(
    [b"data:", b"data: ", b"event: e", b"x", "ü".encode(), b"\xff", b"\r", b"\n", b"\r\n", b"y" * 30]
)


@given(st.lists(_bits, max_size=25).map(b"".join), st.data())
def test_any_cut_gives_the_same(raw: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    edges = [0, *cuts, len(raw)]
    pieces = [raw[a:b] for a, b in pairwise(edges)]
    assert parse(pieces) == parse([raw])

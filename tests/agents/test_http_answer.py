"""Any cut of the same bytes gives the same head, the same body and the same fault."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.http_answer import MAX_HEAD, MAX_INTERIM, MAX_SIZE_LINE, HttpAnswer, HttpFault

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

Read = tuple[int | None, bytes, bool, str | None]
"""(status, body, reusable, fault)"""


def read(parts: Iterable[bytes], *, closed: bool = True) -> Read:
    answer, status, body = HttpAnswer(), None, bytearray()
    try:
        for part in [*parts, None]:
            if part is not None:
                answer.feed(part)
            elif closed:
                answer.close()
            if status is None and (head := answer.head()) is not None:
                status = head.status
            if status is not None:
                while piece := answer.read():
                    body += piece
    except HttpFault as fault:
        return status, bytes(body), False, str(fault)
    return status, bytes(body), answer.reusable, None


def headers(*fields: bytes) -> dict[str, str]:
    answer = HttpAnswer()
    answer.feed(OK + b"".join(field + b"\r\n" for field in fields) + b"\r\n")
    head = answer.head()
    assert head is not None
    return dict(head.headers)


@pytest.mark.parametrize(
    ("raw", "status", "body", "reusable"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello", True),
        (OK + b"Content-Length: 5, 5\r\n\r\nhello", 200, b"hello", True),
        (OK + b"content-length:0\r\n\r\n", 200, b"", True),
        (OK + b"Content-Length: 5\r\nConnection: close\r\n\r\nhello", 200, b"hello", False),
        (OK + b"Connection: x, Close\r\nContent-Length: 1\r\n\r\nh", 200, b"h", False),
        (OK + b"Content-Length: 5\r\n\r\nhello and more", 200, b"hello", False),
        (CHUNKED + b'5\r\nhello\r\n1;x="y"\r\n!\r\n0\r\n\r\n', 200, b"hello!", True),
        (CHUNKED + b"00A \r\n0123456789\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", 200, b"0123456789", True),
        (CHUNKED + b"0\r\n\r\n", 200, b"", True),
        (
            OK + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\na\r\n0\r\n\r\n",
            200,
            b"a",
            False,
        ),
        (b"HTTP/1.1 204 \r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304\r\nContent-Length: 9\r\n\r\n", 304, b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\n!", 200, b"!", True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 2 + CHUNKED + b"0\r\n\r\n", 200, b"", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n!", 200, b"!", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n!", 200, b"!", True),
        (b"HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\n\r\n{}", 429, b"{}", True),
    ],
)
def test_reads_the_standard_and_needs_no_end(raw: bytes, status: int, body: bytes, reusable: bool) -> None:
    assert read([raw], closed=False) == (status, body, reusable, None)
    assert read([raw[i : i + 1] for i in range(len(raw))], closed=False)[:2] == (status, body)


@pytest.mark.parametrize("raw", [OK + b"\r\nhello", b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nhello"])
def test_a_body_without_a_length_ends_with_the_connection(raw: bytes) -> None:
    assert read([raw], closed=False) == (200, b"hello", False, None)
    answer = HttpAnswer()
    answer.feed(raw)
    assert answer.head() is not None
    assert answer.read() == b"hello"
    assert (answer.ended, answer.reusable) == (False, False)
    answer.close()
    assert answer.read() == b""
    assert (answer.ended, answer.reusable) == (True, False)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200",
        OK + b"Content-Length: 5\r\n",
        OK + b"Content-Length: 5\r\n\r\nhell",
        CHUNKED,
        CHUNKED + b"5\r\nhel",
        CHUNKED + b"5\r\nhello",
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\n",
        CHUNKED + b"0\r\nTrailer: x\r\n",
    ],
)
def test_what_is_cut_off_is_a_fault_and_not_an_end(raw: bytes) -> None:
    assert read([raw])[3] is not None
    assert read([raw], closed=False)[3] is None


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"PRIVATE\r\n\r\n",
        b"HTTP/1.1 099 No\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * (MAX_INTERIM + 1),
        OK + b"PRIVATE no colon\r\n\r\n",
        OK + b"Name : x\r\n\r\n",
        OK + b"A: b\r\n folded\r\n\r\n",
        OK + b"A: b\nB: c\r\n\r\n",
        OK + b"A: b\0c\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        OK + b"Content-Length: -5\r\n\r\n",
        OK + b"Content-Length: 5_0\r\n\r\n",
        OK + b"Content-Length: \xb2\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        CHUNKED + b"PRIVATE\r\n",
        CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nhello!!",
        CHUNKED + b"5\r\nhello" + b"0\r\n\r\n",
        OK + b"A: " + b"x" * MAX_HEAD,
        CHUNKED + b"5;" + b"x" * (MAX_SIZE_LINE + 1),
        CHUNKED + b"0\r\n" + b"A: b\r\n" * MAX_HEAD,
    ],
)
def test_what_could_be_read_in_two_ways_is_a_fault_that_quotes_nothing(raw: bytes) -> None:
    fault = read([raw], closed=False)[3]
    assert fault is not None
    assert "PRIVATE" not in fault


def test_headers_are_found_by_their_lower_case_name() -> None:
    assert headers(b"Retry-After:7", b"X-A: \t b c \t", b"x-a: d", b"Empty:") == {
        "retry-after": "7",
        "x-a": "b c, d",
        "empty": "",
    }


def test_a_piece_comes_before_what_follows_it_is_looked_at() -> None:
    answer = HttpAnswer()
    answer.feed(CHUNKED + b"5\r\nhello\r\nno size\r\n")
    assert answer.head() is not None
    assert answer.read() == b"hello"
    with pytest.raises(HttpFault):
        answer.read()


def test_a_great_body_is_handed_on_as_it_comes() -> None:
    answer = HttpAnswer()
    answer.feed(CHUNKED + b"%x\r\n" % (1 << 30) + b"part")
    assert answer.head() is not None
    assert answer.read() == b"part"
    assert answer.held == 0


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


_bodies = st.lists(st.binary(min_size=1, max_size=40), max_size=5)
_framed = st.one_of(
    _bodies.map(lambda parts: CHUNKED + b"".join(map(_chunk, parts)) + b"0\r\n\r\n"),
    _bodies.map(lambda parts: OK + b"Content-Length: %d\r\n\r\n" % sum(map(len, parts)) + b"".join(parts)),
    _bodies.map(lambda parts: OK + b"\r\n" + b"".join(parts)),
)
_bits = st.sampled_from(
    [
        OK,
        CHUNKED,
        b"HTTP/1.1 100 C\r\n\r\n",
        b"Content-Length: 3\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"3\r\nabc",
        b"0",
    ]
)
_any_bytes = st.one_of(_framed, st.lists(_bits, max_size=8).map(b"".join), st.binary(max_size=60))


@st.composite
def _cut(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    raw = draw(_any_bytes)
    places = sorted(draw(st.sets(st.integers(0, len(raw)), max_size=12)))
    edges = [0, *places, len(raw)]
    return raw, [raw[a:b] for a, b in pairwise(edges)]


@given(_cut())
@example(
    (CHUNKED + b"1\r\na\r\n0\r\n\r\n", [CHUNKED[:-1], CHUNKED[-1:], b"1\r", b"\na\r", b"\n0\r\n\r", b"\n"])
)
def test_cuts_change_nothing(case: tuple[bytes, list[bytes]]) -> None:
    raw, parts = case
    assert read(parts)[:2] == read([raw])[:2]
    assert (read(parts)[3] is None) == (read([raw])[3] is None)


@given(_bodies)
def test_a_chunked_body_is_what_its_chunks_held(parts: list[bytes]) -> None:
    raw = CHUNKED + b"".join(map(_chunk, parts)) + b"0\r\n\r\n"
    assert read([raw], closed=False) == (200, b"".join(parts), True, None)

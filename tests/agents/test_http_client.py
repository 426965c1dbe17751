"""The live path's client against servers that send bytes by script."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import aiohttp
import pytest

from agents.http_answer import HttpFault
from agents.http_client import HttpClient, Limits, place_of
from agents.http_connection import HIGH_WATER, Connection
from agents.llm import LlmError, LlmMalformed, LlmRefused, LlmUnavailable
from agents.llm_http import DEFAULT_TIMEOUT, Post, Wire
from agents.llm_openai import OpenAiLLM
from tests.fakes.raw_http import Peer, RawServer, certificate
from tests.fakes.vendor_cases import PROMPT, drain
from tests.fakes.vendors import FakeOpenAi, Say, run

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LIMITS = Limits()


async def post(client: HttpClient, url: str, limits: Limits = LIMITS) -> bytes:
    body = b""
    async with client.post(place_of(url), {"X-Test": "1"}, b"{}", limits) as reading:
        while piece := await reading.read():
            body += piece
    return body


async def again_and_again(peer: Peer) -> None:
    while True:
        await peer.request()
        peer.send(HELLO)


async def silent(peer: Peer) -> None:
    await peer.request()
    await peer.gone()


def test_what_is_sent() -> None:
    seen: list[tuple[str, dict[str, str], bytes]] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        peer.send(HELLO)

    async def go() -> None:
        client = HttpClient()
        async with RawServer(script).serve() as url:
            assert await post(client, f"{url}/v1/x:y?alt=sse") == b"hello"
            port = url.rpartition(":")[2]
            assert seen[0][0] == "POST /v1/x:y?alt=sse HTTP/1.1"
            assert seen[0][1]["host"] == f"127.0.0.1:{port}"
            assert seen[0][1]["x-test"] == "1"
            assert seen[0][1]["accept-encoding"] == "identity"
            assert seen[0][2] == b"{}"
        await client.aclose()

    run(go())


def test_a_connection_is_used_again() -> None:
    async def go() -> int:
        server, client = RawServer(again_and_again), HttpClient()
        async with server.serve() as url:
            for _ in range(5):
                assert await post(client, url) == b"hello"
            await client.aclose()
        return server.accepted

    assert run(go()) == 1


def test_requests_at_the_same_time_have_a_connection_each() -> None:
    async def go() -> int:
        server, client = RawServer(again_and_again), HttpClient()
        async with server.serve() as url:
            assert await asyncio.gather(*(post(client, url) for _ in range(3))) == [b"hello"] * 3
            await client.aclose()
        return server.accepted

    assert run(go()) == 3


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("asked", [False, True], ids=["while idle", "when asked again"])
def test_an_idle_connection_that_died_is_replaced(reset: bool, asked: bool) -> None:
    async def dies(peer: Peer) -> None:
        await peer.request()
        peer.send(HELLO)
        await peer.drained()
        if asked:
            await peer.request()
        (peer.reset if reset else peer.close)()

    async def go() -> int:
        server, client = RawServer(dies, again_and_again), HttpClient()
        async with server.serve() as url:
            assert await post(client, url) == b"hello"
            assert await post(client, url) == b"hello"
            await client.aclose()
        return server.accepted

    assert run(go()) == 2


def test_nothing_is_sent_twice_once_an_answer_has_begun() -> None:
    async def begins(peer: Peer) -> None:
        await peer.request()
        peer.send(HELLO)
        await peer.request()
        peer.send(b"HTTP/1.1 2")
        await peer.drained()

    async def go() -> int:
        server, client = RawServer(begins), HttpClient()
        async with server.serve() as url:
            assert await post(client, url) == b"hello"
            with pytest.raises(HttpFault):
                await post(client, url)
            await client.aclose()
        return server.accepted

    assert run(go()) == 1


def test_a_first_request_is_never_sent_twice() -> None:
    async def dies(peer: Peer) -> None:
        await peer.request()

    async def go() -> int:
        server, client = RawServer(dies), HttpClient()
        async with server.serve() as url:
            with pytest.raises((HttpFault, ConnectionError)):
                await post(client, url)
            await client.aclose()
        return server.accepted

    assert run(go()) == 1


def test_a_connection_with_bytes_nobody_asked_for_is_not_used_again() -> None:
    async def talks(peer: Peer) -> None:
        await peer.request()
        peer.send(HELLO, b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await peer.gone()

    async def go() -> int:
        server, client = RawServer(talks, again_and_again), HttpClient()
        async with server.serve() as url:
            for _ in range(2):
                assert await post(client, url) == b"hello"
            await client.aclose()
        return server.accepted

    assert run(go()) == 2


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\n", CHUNKED, CHUNKED + b"2\r\nhe\r\n"])
@pytest.mark.parametrize("limits", [Limits(read=0.01), Limits(read=None, total=0.01)], ids=["read", "total"])
def test_a_far_side_that_stalls_runs_into_a_limit(part: bytes, limits: Limits) -> None:
    gone = asyncio.Event()

    async def stalls(peer: Peer) -> None:
        await peer.request()
        peer.send(part)
        await peer.gone()
        gone.set()

    async def go() -> None:
        client = HttpClient()
        async with RawServer(stalls).serve() as url:
            with pytest.raises(TimeoutError):
                await post(client, url, limits)
            if limits.read:  # the whole limit may pass before there is a connection
                await gone.wait()
        await client.aclose()

    run(go())


def test_a_handshake_that_stalls_runs_into_the_limit_to_connect(tmp_path: Path) -> None:
    async def stalls(peer: Peer) -> None:
        await peer.gone()

    async def go() -> None:
        client = HttpClient(certificate(tmp_path)[1])
        async with RawServer(stalls).serve() as url:
            with pytest.raises(TimeoutError):
                await post(client, url.replace("http:", "https:"), Limits(connect=0.05))
        await client.aclose()

    run(go())


@pytest.mark.parametrize("part", [b"", CHUNKED + b"2\r\nhe\r\n"], ids=["before the head", "in the body"])
def test_a_cancel_cuts_the_connection(part: bytes) -> None:
    async def go() -> None:
        asked, gone = asyncio.Event(), asyncio.Event()

        async def waits(peer: Peer) -> None:
            await peer.request()
            peer.send(part)
            asked.set()
            await peer.gone()
            gone.set()

        client = HttpClient()
        async with RawServer(waits).serve() as url:
            task = asyncio.create_task(post(client, url))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await gone.wait()
        await client.aclose()

    run(go())


class Watched(HttpClient):
    def __init__(self) -> None:
        super().__init__()
        self.back = asyncio.Event()

    def put_back(self, connection: Connection) -> None:
        super().put_back(connection)
        self.back.set()


def test_an_answer_left_early_without_trouble_keeps_its_connection() -> None:
    async def go() -> int:
        left = asyncio.Event()

        async def late_end(peer: Peer) -> None:
            await peer.request()
            peer.send(CHUNKED + b"2\r\nhe\r\n")
            await left.wait()
            peer.send(b"3\r\nllo\r\n0\r\n\r\n")
            await again_and_again(peer)

        server, client = RawServer(late_end), Watched()
        async with server.serve() as url:
            async with client.post(place_of(url), {}, b"{}", LIMITS) as reading:
                assert await reading.read() == b"he"
            left.set()
            await client.back.wait()
            assert await post(client, url) == b"hello"
            await client.aclose()
        return server.accepted

    assert run(go()) == 1


def test_a_far_side_that_pours_has_to_wait() -> None:
    async def pours(peer: Peer) -> None:
        await peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (32 << 20))
        await peer.drained()

    async def go() -> int:
        client = HttpClient()
        async with RawServer(pours).serve() as url:
            async with client.post(place_of(url), {}, b"{}", LIMITS) as reading:
                size = len(await reading.read())
                most = 0
                while piece := await reading.read():
                    size, most = size + len(piece), max(most, len(piece))
                    for _ in range(20):  # what could pile up would do so now
                        await asyncio.sleep(0)
            assert size == 32 << 20
        await client.aclose()
        return most

    assert run(go()) < 4 * HIGH_WATER


def test_tls_is_checked(tmp_path: Path) -> None:
    server_tls, client_tls = certificate(tmp_path)

    async def go() -> None:
        server = RawServer(again_and_again)
        knows, stranger = HttpClient(client_tls), HttpClient()
        async with server.serve(server_tls) as url:
            for _ in range(2):
                assert await post(knows, url) == b"hello"
            assert server.accepted == 1
            with pytest.raises(ssl.SSLCertVerificationError):
                await post(stranger, url)
            with pytest.raises(ssl.SSLCertVerificationError):  # not the host that the certificate names
                await post(HttpClient(client_tls), url.replace("127.0.0.1", "localhost"))
            await knows.aclose()
            await stranger.aclose()

    run(go())


@pytest.mark.parametrize(
    "headers", [{"A": "b\r\nX: y"}, {"A": "b\n"}, {"A\r": "b"}, {"A": "é"}, {"A": "b\0"}], ids=str
)
def test_what_cannot_be_sent_is_not_sent(headers: dict[str, str]) -> None:
    async def go() -> int:
        server, client = RawServer(again_and_again), HttpClient()
        async with server.serve() as url:
            with pytest.raises(ValueError, match="cannot be sent"):
                async with client.post(place_of(url), headers, b"", LIMITS):
                    pass
        return server.accepted

    assert run(go()) == 0


@pytest.mark.parametrize("url", ["ftp://h/x", "h/x", "http:///x", "http://u:p@h/x", "http://h:port/x"])
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|[Pp]ort"):
        place_of(url)


def test_addresses() -> None:
    assert place_of("https://[::1]:8/v1") == place_of("https://[::1]:8/v1")
    place = place_of("https://[::1]/")
    assert (place.host, place.name, place.port, place.secure) == ("::1", "[::1]", 443, True)
    assert place_of("http://bücher.example/x").name == "xn--bcher-kva.example"


# --- as the adapters use it -----------------------------------------------------------------------


def through(script: bytes) -> LlmError | None:
    async def sends(peer: Peer) -> None:
        await peer.request()
        peer.send(script)

    async def go() -> LlmError | None:
        async with RawServer(sends).serve() as url, aiohttp.ClientSession() as session:
            llm = OpenAiLLM(session, model="m", base=url)
            error = (await drain(llm))[1]
            await llm.aclose()
            return error

    return run(go())


def test_faults_on_the_wire_become_errors_of_the_port() -> None:
    assert isinstance(through(b"SSH-2.0-PRIVATE\r\n\r\n"), LlmUnavailable)
    zipped = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"
    assert isinstance(through(zipped), LlmMalformed)
    moved = b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    assert isinstance(through(moved), LlmRefused)


def test_the_connection_outlives_a_stream_that_says_it_is_done() -> None:
    """The mark of the end and the end of the body come apart from real servers."""
    event = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\n'

    async def go() -> int:
        heard, ended = asyncio.Event(), asyncio.Event()

        async def apart(peer: Peer) -> None:
            while True:
                await peer.request()
                peer.send(CHUNKED + b"%x\r\n%s\r\n" % (len(event), event))
                await heard.wait()
                peer.send(b"0\r\n\r\n")
                await peer.drained()
                ended.set()

        server = RawServer(apart)
        async with server.serve() as url, aiohttp.ClientSession() as session:
            llm = OpenAiLLM(session, model="m", base=url)
            assert await drain(llm) == (["hi"], None)
            heard.set()
            await ended.wait()
            for _ in range(2):
                assert await drain(llm) == (["hi"], None)
            await llm.aclose()
        return server.accepted

    # The second request may overtake the end of the first answer; the third finds a connection.
    assert run(go()) <= 2


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        vendor = FakeOpenAi((Say(),))
        async with vendor.serve() as proxy, aiohttp.ClientSession() as session:
            monkeypatch.setenv("http_proxy", proxy)
            monkeypatch.setenv("no_proxy", "inside.invalid")
            llm = OpenAiLLM(session, model="m", api_key="SECRET", base="http://model.invalid/v1")
            assert await drain(llm) == (["Hel", "lo ", "wörld"], None)
            assert (await llm.complete(PROMPT)).text == "Hello wörld"
            assert {seen.headers["Host"] for seen in vendor.seen} == {"model.invalid"}
            await llm.aclose()

    run(go())


def test_loopback_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        vendor = FakeOpenAi((Say(),))
        async with vendor.serve() as base, aiohttp.ClientSession() as session:
            monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
            llm = OpenAiLLM(session, model="m", api_key="SECRET", base=f"{base}/v1")
            assert (await drain(llm))[1] is None
            await llm.aclose()

    run(go())


def test_a_password_in_the_address_is_sent_as_such() -> None:
    seen: list[dict[str, str]] = []

    async def script(peer: Peer) -> None:
        seen.append((await peer.request())[1])
        peer.send(HELLO)

    async def go() -> bytes:
        async with RawServer(script).serve() as url, aiohttp.ClientSession() as session:
            wire = Wire(session, "x", DEFAULT_TIMEOUT)
            body = await wire.json(Post(url.replace("//", "//u:p@"), {}, b"{}"))
            await wire.aclose()
            return body

    assert run(go()) == b"hello"
    assert seen[0]["authorization"] == "Basic dTpw"

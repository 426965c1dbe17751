"""A model hub on loopback that speaks the Hugging Face hub's API: revisions, listings, files by range.

Large files are kept in LFS and answered by a redirect, as the real one does. ``troubles`` are what goes wrong
with one request for a large file each, in order: ``die:N`` ends the connection after N bytes of the answer.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Serves ``files`` as the repository ``repo``."""

    repo: str
    files: dict[str, bytes]
    large: frozenset[str] = frozenset({"model.bin"})
    troubles: list[str] = field(default_factory=list)
    knows_ranges: bool = True
    damaged: bool = False
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    stalled: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Listen on a free port; yields the base address."""
        self._release = asyncio.Event()
        app = web.Application()
        app.router.add_get("/api/models/{owner}/{name}/revision/{revision}", self._revision)
        app.router.add_get("/api/models/{owner}/{name}/tree/{revision}", self._tree)
        app.router.add_get("/{owner}/{name}/resolve/{revision}/{path}", self._resolve)
        app.router.add_get("/cdn/{path}", self._large)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        for _ in range(2):  # large files come from another host, so that a client must go there
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            here, self._cdn = (f"http://127.0.0.1:{address[1]}" for address in runner.addresses)
            yield here
        finally:
            self._release.set()
            await runner.cleanup()

    def _check(self, request: web.Request) -> None:
        info = request.match_info
        if f"{info['owner']}/{info['name']}" != self.repo or info["revision"] not in ("main", REVISION):
            raise web.HTTPNotFound(text='{"error":"Repository not found"}', headers={"X-Error-Code": "Repo"})

    async def _revision(self, request: web.Request) -> web.Response:
        self._check(request)
        return web.json_response({"id": self.repo, "modelId": self.repo, "sha": REVISION, "siblings": []})

    async def _tree(self, request: web.Request) -> web.Response:
        self._check(request)
        entries: list[dict[str, Any]] = [{"type": "directory", "oid": "d" * 40, "size": 0, "path": "onnx"}]
        entries += [self._entry(path, data) for path, data in self.files.items()]
        return web.json_response(entries)

    def _entry(self, path: str, data: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "oid": git_id(data), "size": len(data), "path": path}
        if path in self.large:
            pointer = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            entry |= {"lfs": pointer, "xetHash": "e" * 64}
        return entry

    async def _resolve(self, request: web.Request) -> web.StreamResponse:
        self._check(request)
        path = request.match_info["path"]
        if path not in self.files:
            raise web.HTTPNotFound(headers={"X-Error-Code": "EntryNotFound"})
        data = self.files[path]
        headers = {"X-Repo-Commit": REVISION}
        if path in self.large:
            headers |= {
                "Location": f"{self._cdn}/cdn/{path}",
                "X-Linked-Size": str(len(data)),
                "X-Linked-ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            }
            return web.Response(status=302, headers=headers)
        return web.Response(body=data, headers=headers | {"ETag": f'"{git_id(data)}"'})

    async def _large(self, request: web.Request) -> web.StreamResponse:
        wanted = request.headers.get("Range")
        self.asked.append((request.match_info["path"], wanted))
        data = self.files[request.match_info["path"]]
        if self.damaged:
            data = bytes(255 - byte for byte in data)
        begin, status, headers = 0, 200, {}
        if wanted and self.knows_ranges:
            begin, status = int(wanted.removeprefix("bytes=").split("-")[0]), 206
            headers = {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"}
        trouble, _, number = (self.troubles.pop(0) if self.troubles else "").partition(":")
        if trouble == "status":
            return web.Response(status=int(number))
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = len(data) - begin
        await response.prepare(request)
        if not trouble:
            await response.write(data[begin:])
            return response
        await response.write(data[begin : begin + int(number)])
        if trouble == "stall":
            self.stalled.set()
            await self._release.wait()
        elif request.transport is not None:
            request.transport.close()
        return response


@asynccontextmanager
async def silent_hub() -> AsyncIterator[str]:
    """Accepts connections and never answers."""
    release = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        release.set()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)


def git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()

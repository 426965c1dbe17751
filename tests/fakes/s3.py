"""A bucket in S3's wire format: PUT, ranged GET, HEAD, DELETE, ListObjectsV2, multi-object delete."""

from __future__ import annotations

import hashlib
import re
from xml.sax.saxutils import escape

from aiohttp import web


class FakeS3:
    """Objects of any bucket by path. ``broken``: every request is answered with 500."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.broken = False

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{bucket}", self._bucket)
        app.router.add_route("*", "/{bucket}/{key:.*}", self._object)
        return app

    async def _bucket(self, request: web.Request) -> web.Response:
        if self.broken:
            return web.Response(status=500)
        if request.method == "POST" and "delete" in request.query:
            keys = re.findall(r"<Key>(.*?)</Key>", await request.text())
            for key in keys:
                self.objects.pop(key, None)
            gone = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
            return _xml(f"<DeleteResult>{gone}</DeleteResult>")
        prefix = request.query.get("prefix", "")
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f'<ETag>"{_etag(body)}"</ETag><Size>{len(body)}</Size></Contents>'
            for key, body in sorted(self.objects.items())
            if key.startswith(prefix)
        )
        return _xml(f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>")

    async def _object(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if self.broken:
            return web.Response(status=500)
        if not key:
            return await self._bucket(request)
        if request.method == "PUT":
            self.objects[key] = await request.read()
            return web.Response(headers={"ETag": f'"{_etag(self.objects[key])}"'})
        body = self.objects.get(key)
        if body is None:
            return _xml("<Error><Code>NoSuchKey</Code><Message>none</Message></Error>", 404)
        if request.method == "DELETE":
            del self.objects[key]
            return web.Response(status=204)
        headers = {"ETag": f'"{_etag(body)}"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        if found := re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", "")):
            start, last = int(found[1]), min(int(found[2]), len(body) - 1)
            headers["Content-Range"] = f"bytes {start}-{last}/{len(body)}"
            return web.Response(status=206, body=body[start : last + 1], headers=headers)
        if request.method == "HEAD":
            return web.Response(headers=headers | {"Content-Length": str(len(body))})
        return web.Response(body=body, headers=headers)


def _etag(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _xml(text: str, status: int = 200) -> web.Response:
    return web.Response(text=f'<?xml version="1.0"?>{text}', status=status, content_type="application/xml")

"""Pages and their assets, read once from the package and served with a strict content policy."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from aiohttp import web

_TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def read_pages() -> dict[str, tuple[bytes, str]]:
    """File name -> (content, content type). Blocks; call it off the event loop."""
    found: dict[str, tuple[bytes, str]] = {}
    for entry in files("server").joinpath("web").iterdir():
        kind = _TYPES.get(f".{entry.name.rpartition('.')[2]}")
        if kind is not None:
            found[entry.name] = (entry.read_bytes(), kind)
    return found


def page_routes(pages: dict[str, tuple[bytes, str]]) -> list[web.RouteDef]:
    """``/`` and ``/web/{name}``."""

    async def asset(request: web.Request) -> web.Response:
        name = request.match_info.get("name", "index.html")
        if name not in pages:
            raise web.HTTPNotFound
        content, kind = pages[name]
        return web.Response(body=content, content_type=kind, charset="utf-8", headers=_HEADERS)

    return [web.get("/", asset), web.get("/web/{name}", asset)]

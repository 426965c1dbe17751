"""``/openapi.json`` and ``/docs``: the REST paths described, out of the types that parse and answer them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

import msgspec
from aiohttp import web

from server.api_reference import STORAGE, Free, Operation
from server.bodies import camel
from server.pages import PAGE_HEADERS
from server.problems import CONTENT_TYPE
from server.rest import answer

REF: Final = "#/components/schemas/{name}"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457. ``code`` is stable and meant for programs.",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:viva:problem:"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "path": {"type": "string"},
    },
}
_ABOUT: Final = (
    "Practice interviews by voice, and what comes of them. Failures are problem documents "
    f"({CONTENT_TYPE}) with a stable code. Bodies and queries take snake_case and camelCase alike. "
    "The voice lines are WebSockets: /v1/realtime and /llm-websocket."
)


def document(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """OpenAPI 3.1 of ``operations``."""
    listed = list(operations)
    types = [t for operation in listed for t in _types(operation)]
    (schemas, components) = msgspec.json.schema_components(types, ref_template=REF)
    known = {repr(kind): schema for kind, schema in zip(types, schemas, strict=True)}
    for operation in listed:
        if operation.camel and not (operation.body is None or isinstance(operation.body, Free)):
            name = known[repr(operation.body)]["$ref"].rpartition("/")[2]
            components[name] = _camel(components[name])
    paths: dict[str, dict[str, Any]] = {}
    for operation in listed:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, known, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Viva",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in listed)],
        "paths": paths,
        "components": {
            "schemas": components | {"Problem": _PROBLEM},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Not asked for by a server that serves one local user.",
                }
            },
        },
    }


def _types(operation: Operation) -> list[Any]:
    found = [kind for kind, _ in operation.results.values()]
    found += [operation.body, operation.query]
    return [kind for kind in found if kind is not None and not isinstance(kind, Free)]


def _camel(schema: dict[str, Any]) -> dict[str, Any]:
    """The same object with its own names in camelCase."""
    named = {camel(name): value for name, value in schema.get("properties", {}).items()}
    return schema | {"properties": named, "required": [camel(name) for name in schema.get("required", ())]}


def _operation(
    operation: Operation, known: dict[str, dict[str, Any]], components: dict[str, Any]
) -> dict[str, Any]:
    problems = dict(operation.problems)
    if operation.tag != "Server":
        problems[503] = tuple(dict.fromkeys((*problems.get(503, ()), *STORAGE[503])))
    if operation.owned:
        problems[401] = (*problems.get(401, ()), "unauthorised")
        problems[403] = (*problems.get(403, ()), "not_for_guests")
        problems[503] = (*problems.get(503, ()), "sign_in_unavailable")
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": _parameters(operation, known, components),
        "responses": {
            str(status): {"description": text, "content": _content(kind, known)}
            for status, (kind, text) in operation.results.items()
        }
        | {
            str(status): {
                "description": "One of: " + ", ".join(codes) + ".",
                "content": {CONTENT_TYPE: {"schema": {"$ref": REF.format(name="Problem")}}},
            }
            for status, codes in sorted(problems.items())
        },
    }
    if operation.about:
        made["description"] = operation.about
    if operation.owned:
        made["security"] = [{"bearer": []}, {}]
    if operation.body is not None:
        content = _content(operation.body, known)
        if operation.example is not None:
            content["application/json"]["example"] = operation.example
        made["requestBody"] = {"required": True, "content": content}
    return made


def _content(kind: Any, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if isinstance(kind, Free):
        return {kind.content: {"schema": kind.schema}}
    return {"application/json": {"schema": known[repr(kind)]}}


def _parameters(
    operation: Operation, known: dict[str, dict[str, Any]], components: dict[str, Any]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PARAMETER.findall(operation.path)
    ]
    if operation.query is not None:
        schema = components[known[repr(operation.query)]["$ref"].rpartition("/")[2]]
        required = schema.get("required", ())
        for name, one in schema["properties"].items():
            found.append({"name": name, "in": "query", "required": name in required, "schema": _given(one)})
    for name, text in operation.headers.items():
        found.append({"name": name, "in": "header", "description": text, "schema": {"type": "string"}})
    return found


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter's schema: what may be left out cannot be sent as null."""
    options = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if not options:
        return schema
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return rest | (options[0] if len(options) == 1 else {"anyOf": options})


# --- for people --------------------------------------------------------------------------------------


def docs_page(described: dict[str, Any]) -> str:
    """The description as one page, without scripts."""
    tags = [tag["name"] for tag in described["tags"]]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>API · Viva</title>',
        '<link rel="icon" href="/web/icon.svg" type="image/svg+xml">',
        '<link rel="stylesheet" href="/web/viva.css"><link rel="stylesheet" href="/web/docs.css"></head>',
        "<body>",
        '<a class="skip" href="#main">Skip to content</a>',
        '<header><p class="mark"><a href="/"><span>Viva</span></a></p><p class="hint">',
        f"Version {escape(described['info']['version'])}</p></header><main id=main><h1>The API</h1>",
        f'<p class="lead">{escape(described["info"]["description"])}</p>',
        '<nav aria-label="Contents"><ul>',
        *(f'<li><a href="#{tag.lower()}">{tag}</a></li>' for tag in tags),
        '<li><a href="#types">Types</a></li><li><a href="/openapi.json">openapi.json</a></li></ul></nav>',
    ]
    for tag in tags:
        parts.append(f'<section id="{tag.lower()}"><h2>{tag}</h2>')
        for path, methods in described["paths"].items():
            for method, operation in methods.items():
                if operation["tags"] == [tag]:
                    parts += _operation_html(path, method, operation)
        parts.append("</section>")
    parts.append('<section id="types"><h2>Types</h2>')
    for name, schema in sorted(described["components"]["schemas"].items()):
        parts += _type_html(name, schema)
    parts.append("</section></main></body></html>")
    return "".join(parts)


def _operation_html(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    name = operation["operationId"]
    parts = [
        f'<article id="{name}"><h3><b class="{method}">{method.upper()}</b> <code>{escape(path)}</code></h3>',
        f"<p><strong>{escape(operation['summary'])}.</strong> {escape(operation.get('description', ''))}</p>",
    ]
    if operation["parameters"]:
        parts.append("<dl>")
        for one in operation["parameters"]:
            where = f"{one['in']}{', required' if one.get('required') else ''}"
            text = escape(one.get("description", ""))
            parts.append(f"<dt><code>{escape(one['name'])}</code> <small>{where}</small></dt>")
            parts.append(f"<dd>{text} <small>{_schema_html(one['schema'])}</small></dd>")
        parts.append("</dl>")
    for media in operation.get("requestBody", {}).get("content", {}).values():
        parts.append(f"<p>Body: {_schema_html(media['schema'])}</p>")
        if "example" in media:
            shown = msgspec.json.format(msgspec.json.encode(media["example"]), indent=2).decode()
            parts.append(f"<pre tabindex=0>{escape(shown)}</pre>")
    parts.append("<table><caption class=hidden>Answers</caption><thead><tr><th scope=col>Status</th>")
    parts.append("<th scope=col>What comes</th><th scope=col>When</th></tr></thead><tbody>")
    for status, result in operation["responses"].items():
        kinds = ", ".join(_schema_html(media["schema"]) for media in result["content"].values())
        told = escape(result["description"].replace("``", ""))
        parts.append(f"<tr><th scope=row>{status}</th><td>{kinds}</td><td>{told}</td></tr>")
    parts.append("</tbody></table></article>")
    return parts


def _type_html(name: str, schema: dict[str, Any]) -> list[str]:
    about = escape(schema.get("description", "").replace("``", ""))
    parts = [f'<details id="type-{name}"><summary><code>{name}</code></summary><p>{about}</p>']
    if "enum" in schema:
        parts.append(f"<p>{_schema_html(schema)}</p>")
    required = schema.get("required", ())
    if schema.get("properties"):
        parts.append("<dl>")
        for key, one in schema["properties"].items():
            needed = " <small>required</small>" if key in required else ""
            parts.append(f"<dt><code>{escape(key)}</code>{needed}</dt><dd>{_schema_html(one)}</dd>")
        parts.append("</dl>")
    parts.append("</details>")
    return parts


def _schema_html(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#type-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_schema_html(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if schema.get("type") == "array":
        return f"list of {_schema_html(schema.get('items', {}))}"
    limits = [
        f"{word} {schema[key]}"
        for key, word in (
            ("minimum", "from"),
            ("maximum", "to"),
            ("minLength", "at least"),
            ("maxLength", "at most"),
        )
        if key in schema
    ]
    kind = schema.get("format", schema.get("type", "anything"))
    return escape(" ".join([str(kind), *limits]))


def openapi_routes(operations: Sequence[Operation], version: str) -> list[web.RouteDef]:
    """Both paths; what they show is made once, here."""
    described = document(operations, version)
    page = docs_page(described).encode()

    async def as_json(_: web.Request) -> web.Response:
        return answer(described)

    async def as_page(_: web.Request) -> web.Response:
        return web.Response(body=page, content_type="text/html", charset="utf-8", headers=PAGE_HEADERS)

    return [web.get("/openapi.json", as_json), web.get("/docs", as_page)]

"""JSON of a known type from a model: schema out, decoded value in, one repair."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from agents.llm import LLM, LlmMalformed, Message, Prompt

T = TypeVar("T")

_FENCE = re.compile(r"```[\w-]*[ \t]*\r?\n(.*?)(?:\r?\n[ \t]*```|\Z)", re.DOTALL)
_PATH = re.compile(r" - at `(\$[^`]*)`\Z")
_REPAIR = (
    "Your last answer could not be used: {fault}. "
    "Answer again, with nothing but one JSON value that matches the schema."
)


async def structured(llm: LLM, prompt: Prompt, type_: type[T]) -> tuple[T, str]:
    """Ask for a ``type_``; returns it and the model that gave it.

    Without ``prompt.schema`` the schema is made from ``type_``. An answer that does not fit is asked for
    once more, with the fault told to the model but not its text. Raises ``LlmMalformed`` when that does
    not fit either, and whatever ``llm.complete`` raises.
    """
    if prompt.schema is None:
        prompt = replace(prompt, schema=schema_of(type_))
    answer = await llm.complete(prompt)
    try:
        return _decode(answer.text, type_), answer.model
    except msgspec.MsgspecError as error:
        fault = str(error)
    answer = await llm.complete(_with_fault(prompt, fault))
    try:
        return _decode(answer.text, type_), answer.model
    except msgspec.MsgspecError as error:
        # Only the path: msgspec's texts may quote a value of the answer.
        found = _PATH.search(str(error))
        where = f" at {found[1]}" if found else ""
    raise LlmMalformed(answer.model, f"not the JSON asked for, twice{where}")


def schema_of(type_: Any) -> dict[str, Any]:
    """JSON Schema of ``type_`` without references and with closed objects.

    Providers refuse a reference at the root, and their strict modes want ``additionalProperties`` false.
    Raises ``ValueError`` for a type that contains itself.
    """
    schema = msgspec.json.schema(type_)
    schema.pop("$schema", None)
    inlined = _inline(schema, schema.pop("$defs", {}), ())
    assert isinstance(inlined, dict)
    return inlined


def _inline(node: Any, defs: Mapping[str, Any], inside: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_inline(child, defs, inside) for child in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name in inside:
            raise ValueError(f"{name} contains itself, which providers' schemas cannot say")
        siblings = {key: value for key, value in node.items() if key != "$ref"}
        return _inline(defs[name] | siblings, defs, (*inside, name))
    result = {key: _inline(value, defs, inside) for key, value in node.items()}
    if result.get("type") == "object" and isinstance(result.get("properties"), dict):
        result.setdefault("additionalProperties", False)
    return result


def _decode(text: str, type_: type[T]) -> T:
    text = text.strip()
    if fenced := _FENCE.search(text) if not text.startswith(("{", "[")) else None:
        text = fenced[1]
    try:
        return msgspec.json.decode(text, type=type_)
    except (UnicodeError, RecursionError) as error:
        raise msgspec.DecodeError(f"JSON is unreadable ({type(error).__name__})") from None


def _with_fault(prompt: Prompt, fault: str) -> Prompt:
    note = _REPAIR.format(fault=fault)
    *before, last = prompt.messages or (Message("user", ""),)
    if last.role == "user":  # two messages of one role in a row are refused by some providers
        last = Message("user", f"{last.text}\n\n{note}".strip())
        return replace(prompt, messages=(*before, last))
    return replace(prompt, messages=(*prompt.messages, Message("user", note)))

"""Whether plain values, as read from JSON or TOML, are what they are about to be used as: `verdicts.schema.json` says what."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

SCHEMA = "verdicts.schema.json"
_KINDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
}
_ROOT = "verdict file"


def flaw(value: Any, definition: str = _ROOT) -> str | None:
    """The first place where a value is not what a definition of the schema says, in a sentence; None if there is no such place.

    Args:
        definition: one of the schema's `$defs`; without it, a whole verdict file.
    """
    found = next(validator(definition).iter_errors(value), None)
    return None if found is None else _sentence(found)


def lacking(value: dict[str, Any], definition: str) -> list[str]:
    """The names that a definition requires and an object lacks, in the order of the alphabet."""
    parts = [_definitions()[definition], *_definitions()[definition].get("allOf", ())]
    return sorted({name for part in parts for name in part.get("required", ())} - value.keys())


def _sentence(error: ValidationError) -> str:
    path = ".".join(map(str, error.absolute_path))
    if error.validator in ("required", "dependentRequired"):
        names = error.validator_value
        names = names if isinstance(names, list) else [name for needed in names.values() for name in needed]
        missing = next(name for name in names if name not in error.instance)
        return f"{path}.{missing} is missing" if path else f"{missing} is missing"
    found = repr(error.instance)
    shown = found if len(found) <= 60 else f"{found[:59]}…"
    return f"{path or 'it'} is {shown}, but expected {_expected(error.schema)}"


def _expected(schema: Any) -> str:
    """What a definition asks for, in words."""
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        words = [word for word in schema["enum"] if word is not None]
        return " or ".join(map(repr, words)) if len(words) == 2 else f"one of {', '.join(words)}"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return str(schema["description"]) if kinds == ["array"] and "description" in schema else _KINDS[kinds[0]]


def _is_whole(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker: Any, value: Any) -> bool:
    return isinstance(value, float) or (_is_whole(checker, value) and abs(value) < 2**1023)  # more is no float


# JSON Schema takes 1.0 for a whole number, and numbers may be as large as they like.
_STRICT = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_whole, "number": _is_number}),
)


@cache
def validator(definition: str = _ROOT) -> Validator:
    """What checks values against one of the schema's `$defs`."""
    return _STRICT(_definitions()[definition])


@cache
def _definitions() -> dict[str, Any]:
    """The schema's `$defs` and the whole, with each reference replaced by what it refers to: to follow one takes long."""
    schema = json.loads(files("recint.record").joinpath(SCHEMA).read_text(encoding="utf-8"))

    def resolved(part: Any) -> Any:
        if isinstance(part, list):
            return [resolved(inner) for inner in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return resolved(schema["$defs"][part["$ref"].removeprefix("#/$defs/")])
        return {key: resolved(inner) for key, inner in part.items() if key != "$defs"}

    return {_ROOT: resolved(schema)} | {name: resolved(part) for name, part in schema["$defs"].items()}

"""Check values that were read from JSON or TOML against the JSON Schema `verdicts.schema.json`."""

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
    """The first error of a value, in a sentence; None if the value satisfies a definition of the schema.

    Args:
        definition: one of the schema's `$defs`; without it, a whole verdict file.
    """
    error = next(validator(definition).iter_errors(value), None)
    return None if error is None else _sentence(error)


def required(definition: str) -> list[str]:
    """The keys that a definition requires."""
    return list(_definitions()[definition]["required"])


def lacking(value: dict[str, Any], definition: str) -> list[str]:
    """The keys that a definition requires and an object lacks, in alphabetical order."""
    parts = [_definitions()[definition], *_definitions()[definition].get("allOf", ())]
    return sorted({name for part in parts for name in part.get("required", ())} - value.keys())


def _sentence(error: ValidationError) -> str:
    path = ".".join(map(str, error.absolute_path))
    if error.validator in ("required", "dependentRequired"):
        names = error.validator_value
        names = names if isinstance(names, list) else [name for needed in names.values() for name in needed]
        missing = next(name for name in names if name not in error.instance)
        return f"{path}.{missing} is missing" if path else f"{missing} is missing"
    instance = repr(error.instance)
    shown = instance if len(instance) <= 60 else f"{instance[:59]}…"
    return f"{path or 'it'} is {shown}, but expected {_expected(error.schema)}"


def _expected(schema: Any) -> str:
    """What a definition expects, in words."""
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
    return isinstance(value, float) or (
        _is_whole(checker, value) and abs(value) < 2**1023
    )  # a larger one is not a float


# JSON Schema itself accepts 1.0 as a whole number, and numbers of any size.
_STRICT = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_whole, "number": _is_number}),
)


@cache
def validator(definition: str = _ROOT) -> Validator:
    """A validator for one of the schema's `$defs`."""
    return _STRICT(_definitions()[definition])


@cache
def text() -> str:
    """The schema as it is written."""
    return files("recint.record").joinpath(SCHEMA).read_text(encoding="utf-8")


@cache
def _definitions() -> dict[str, Any]:
    """The schema's `$defs` and the whole schema. Each reference is replaced by its target, since following references is slow."""
    schema = json.loads(text())

    def resolved(part: Any) -> Any:
        if isinstance(part, list):
            return [resolved(inner) for inner in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return resolved(schema["$defs"][part["$ref"].removeprefix("#/$defs/")])
        return {key: resolved(inner) for key, inner in part.items() if key != "$defs"}

    return {_ROOT: resolved(schema)} | {name: resolved(part) for name, part in schema["$defs"].items()}

"""JSON that matches a JSON schema, made of the words and numbers of a prompt; deterministic.

Understands types, required properties, enum, const, references, the three combinators, bounds of numbers, strings and
arrays, and the common string formats. It does not try to satisfy `pattern`, `not` or `if`.
"""

import re
from typing import Any

from headgate.sandbox.prompt import Json

_DEPTH = 5  # below it, only what is required
_DEEPEST = 64
_MOST_VALUES = 10_000
_FORMATS = {
    "date": "2026-01-02",
    "date-time": "2026-01-02T03:04:05Z",
    "time": "03:04:05Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}
_NAMED = re.compile(r"\b(?:in|at|of|for|to|about|from|on|named|called)\s+([A-Z][\w'-]*(?:[ ,]+[A-Z][\w'-]*)*)")
_QUOTED = re.compile(r"[\"“‘`]([^\"”’`]{1,200})[\"”’`]")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")


def fill(schema: Json, words: str) -> Any:
    """A value that matches the schema, built from the words of the prompt."""
    return _Filler(schema, words).value(schema, 0)


class _Filler:
    """Hands out the prompt's phrases and numbers in order, the last one again when they run out."""

    def __init__(self, root: Json, words: str) -> None:
        self._root = root
        self._words = words.strip()
        self._phrases = _QUOTED.findall(words) or [name.rstrip(" ,") for name in _NAMED.findall(words)] or [self._words]
        self._numbers = [float(number) for number in _NUMBER.findall(words)] or [1.0]
        self._phrase_at = self._number_at = 0
        self._left = _MOST_VALUES

    def value(self, written: Any, depth: int) -> Any:
        """A value for one place of the schema; null where a schema that contains itself never ends."""
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            return None
        schema = self._resolved(written, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._chosen(schema["enum"])
        match _type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                wanted = max(int(schema.get("minItems", 0)), 0 if depth >= _DEPTH else 1)
                wanted = min(wanted, int(schema.get("maxItems", wanted)))
                return [self.value(schema.get("items", {}), depth + 1) for _ in range(wanted)]
            case "integer":
                return int(self._number(schema, whole=True))
            case "number":
                return self._number(schema, whole=False)
            case "boolean":
                return not re.search(r"\b(no|not|false|off|without)\b", self._words, re.IGNORECASE)
            case "null":
                return None
            case _:
                return self._string(schema)

    def _resolved(self, written: Any, depth: int) -> Json:
        """The schema with references and combinators replaced by one plain alternative."""
        schema: Json = written if isinstance(written, dict) else {}
        for _ in range(16):
            if isinstance(schema.get("$ref"), str):
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = {**self._target(schema["$ref"]), **rest}
            elif schema.get("anyOf") or schema.get("oneOf"):
                schema = {**_without(schema), **self._alternative(schema.get("anyOf") or schema["oneOf"], depth)}
            elif schema.get("allOf"):
                schema = self._merged(_without(schema), schema["allOf"])
            else:
                break
        return schema

    def _target(self, reference: str) -> Json:
        at: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            if step:
                at = at.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(at, dict) else {}
        return at if isinstance(at, dict) else {}

    def _alternative(self, options: list[Any], depth: int) -> Json:
        """The first option that is not null; where the schema recurses too deep, null if it is allowed."""
        plain = [option for option in options if isinstance(option, dict)]
        nulls = [option for option in plain if option.get("type") == "null"]
        if depth >= _DEPTH and nulls:
            return nulls[0]
        return next((option for option in plain if option not in nulls), plain[0] if plain else {})

    def _merged(self, schema: Json, parts: list[Any]) -> Json:
        for raw in parts:
            part = self._resolved(raw, 0)
            both = {**schema.get("properties", {}), **part.get("properties", {})}
            needed = [*schema.get("required", []), *part.get("required", [])]
            schema = (
                {**schema, **part} | ({"properties": both} if both else {}) | ({"required": needed} if needed else {})
            )
        return schema

    def _object(self, schema: Json, depth: int) -> Json:
        properties: Json = schema.get("properties") or {}
        required = [name for name in schema.get("required") or [] if isinstance(name, str)]
        wanted = required or (list(properties) if depth < _DEPTH else [])
        return {name: self.value(properties.get(name, {}), depth + 1) for name in wanted}

    def _chosen(self, options: list[Any]) -> Any:
        said = self._words.lower()
        return next((o for o in options if isinstance(o, str) and o and o.lower() in said), options[0])

    def _string(self, schema: Json) -> str:
        form = schema.get("format")
        if isinstance(form, str) and form in _FORMATS:
            return _FORMATS[form]
        phrase: str = self._phrases[min(self._phrase_at, len(self._phrases) - 1)]
        self._phrase_at += 1
        phrase = phrase.ljust(int(schema.get("minLength") or 0), ".")
        return phrase[: int(schema["maxLength"])] if schema.get("maxLength") is not None else phrase

    def _number(self, schema: Json, *, whole: bool) -> float:
        number = self._numbers[min(self._number_at, len(self._numbers) - 1)]
        self._number_at += 1
        step = float(schema.get("multipleOf") or (1 if whole else 0))
        low, high = _bound(schema, "inimum", step or 1), _bound(schema, "aximum", -(step or 1))
        number = max(number, low) if low is not None else number
        number = min(number, high) if high is not None else number
        return number // step * step if step else number


def _without(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key not in {"anyOf", "oneOf", "allOf"}}


def _type(schema: Json) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((option for option in kind if option != "null"), "null")
    if isinstance(kind, str):
        return kind.lower()  # Google writes its type names in capitals
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _bound(schema: Json, which: str, inward: float) -> float | None:
    """A bound of a number ("inimum" or "aximum"); an exclusive one is moved inward by a step."""
    exclusive = schema.get(f"exclusiveM{which}")
    plain = schema.get(f"m{which}")
    if isinstance(exclusive, int | float) and not isinstance(exclusive, bool):
        return float(exclusive) + inward
    return float(plain) if isinstance(plain, int | float) else None

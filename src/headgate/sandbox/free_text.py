"""Tools that take plain text instead of JSON (`custom` at OpenAI). The model sees them as functions with one string."""

from typing import Any

import orjson

from headgate.sandbox.prompt import Json

SCHEMA: Json = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}


def plain_input(arguments: str) -> str:
    """The text of a call; what was cut off stands as it is."""
    try:
        value: Any = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    return str(value.get("input", ""))

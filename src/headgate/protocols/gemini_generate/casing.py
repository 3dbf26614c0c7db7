"""Google's two spellings of a field, and the data that is not ours to spell.

Proto3 JSON is written in camelCase and read in camelCase or snake_case alike. What we read is brought to camelCase
first, except what belongs to the caller: arguments, tool results, JSON schemas, the names of properties.
"""

import re
from collections.abc import Mapping

from headgate.canonical.parts import Json

_SNAKE = re.compile(r"(?<=[a-z0-9])_([a-z0-9])")

# Values that are the caller's own JSON, whatever surrounds them. `response` is a tool's result everywhere but in a
# function's declaration, where it is a schema.
_OWN = frozenset(
    {
        "args",
        "parametersJsonSchema",
        "responseJsonSchema",
        "_responseJsonSchema",
        "labels",
        "partMetadata",
        "customMetadata",
        "default",
        "example",
    }
)


_DECLARING = frozenset({"description", "parameters", "parametersJsonSchema", "parameters_json_schema", "behavior"})


def camel(name: str) -> str:
    """`max_output_tokens` to `maxOutputTokens`; a name that is camelCase already stays as it is."""
    return _SNAKE.sub(lambda match: match[1].upper(), name) if "_" in name else name


def camel_keys(value: Json) -> Json:
    """A request or a part of one, its field names in camelCase, the caller's own data untouched. Where a field comes
    in both spellings the later one counts."""
    if isinstance(value, dict):
        return {camel(name): _field(camel(name), item, value) for name, item in value.items()}
    if isinstance(value, list):
        return [camel_keys(item) for item in value]
    return value


def _field(name: str, value: Json, owner: Mapping[str, Json]) -> Json:
    if name in _OWN:
        return value
    if name == "response" and not _DECLARING & owner.keys():
        return value
    if name == "properties" and isinstance(value, dict):
        return {own: camel_keys(schema) for own, schema in value.items()}
    return camel_keys(value)

"""Google's `Schema`, a dialect of OpenAPI 3.0, read as JSON Schema.

Only reading is needed: a JSON schema from elsewhere is sent as `parametersJsonSchema` or `responseJsonSchema`, which
take it as it is (generativelanguage v1beta, content.proto and generative_service.proto, 2026-09-13).
"""

from headgate.canonical.parts import Json

_NUMBERS = {
    "maxItems",
    "minItems",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
}
_TYPES = ("", "string", "number", "integer", "boolean", "array", "object", "null")


def json_schema(schema: Json) -> dict[str, Json]:
    """The JSON schema that a `Schema` (camelCase keys) stands for. Unknown keywords are kept: they mean to Google what
    they mean in JSON Schema."""
    if not isinstance(schema, dict):
        return {}
    out: dict[str, Json] = {}
    for name, value in schema.items():
        if value is None:
            continue
        if name == "type":
            out["type"] = _type(value)
        elif name == "properties" and isinstance(value, dict):
            out["properties"] = {own: json_schema(item) for own, item in value.items()}
        elif name == "items":
            out["items"] = json_schema(value)
        elif name in {"anyOf", "oneOf", "allOf"} and isinstance(value, list):
            out[name] = [json_schema(item) for item in value]
        elif name == "example":
            out["examples"] = [value]
        elif name in _NUMBERS:
            out[name] = _number(value)
        elif name not in {"nullable", "propertyOrdering"}:
            out[name] = value
    out = {name: value for name, value in out.items() if not (name == "type" and value is None)}
    return _nullable(out) if schema.get("nullable") is True else out


def _type(value: Json) -> Json:
    if isinstance(value, str):
        return None if value == "TYPE_UNSPECIFIED" else value.lower()
    if isinstance(value, int) and 0 < value < len(_TYPES):
        return _TYPES[value]
    return [_type(item) for item in value] if isinstance(value, list) else None


def _number(value: Json) -> Json:
    """Proto3 JSON writes 64-bit integers as strings."""
    if isinstance(value, str) and value.lstrip("-").isdecimal():
        return int(value)
    return value


def _nullable(schema: dict[str, Json]) -> dict[str, Json]:
    kind = schema.get("type")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*_list(schema["anyOf"]), {"type": "null"}]
    choices = schema.get("enum")
    if isinstance(choices, list) and None not in choices:
        schema["enum"] = [*choices, None]
    return schema


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []

"""Google's OpenAPI dialect as JSON Schema."""

from headgate.canonical.parts import Json
from headgate.protocols.gemini_generate.schema import json_schema


def test_types_and_bounds_become_json_schemas_own() -> None:
    """Upper-case types, 64-bit numbers as strings, nullable, example."""
    schema: Json = {
        "type": "OBJECT",
        "properties": {
            "tags": {"type": "ARRAY", "items": {"type": "STRING"}, "maxItems": "5"},
            "size": {"type": 3, "nullable": True, "example": 7},
            "kind": {"type": "STRING", "enum": ["a"], "nullable": True},
        },
        "required": ["tags"],
        "propertyOrdering": ["tags", "size"],
    }
    assert json_schema(schema) == {
        "type": "object",
        "properties": {
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
            "size": {"type": ["integer", "null"], "examples": [7]},
            "kind": {"type": ["string", "null"], "enum": ["a", None]},
        },
        "required": ["tags"],
    }


def test_alternatives_may_be_null() -> None:
    """`nullable` beside `anyOf` is one more alternative."""
    assert json_schema({"anyOf": [{"type": "STRING"}], "nullable": True}) == {
        "anyOf": [{"type": "string"}, {"type": "null"}]
    }


def test_an_unspecified_type_says_nothing() -> None:
    """Proto's zero value is no type."""
    assert json_schema({"type": "TYPE_UNSPECIFIED", "description": "d"}) == {"description": "d"}
    assert json_schema(None) == {}

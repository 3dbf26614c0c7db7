"""JSON that matches a schema."""

import pytest

from headgate.sandbox.prompt import Json
from headgate.sandbox.schemas import fill


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "Paris"),
        ({"type": "STRING"}, "Paris"),
        ({"type": "integer"}, 3),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "exclusiveMaximum": 3}, 2),
        ({"type": "number", "multipleOf": 0.5, "maximum": 2}, 2.0),
        ({"type": "boolean"}, True),
        ({"type": ["null", "string"]}, "Paris"),
        ({"enum": ["celsius", "days"]}, "days"),
        ({"const": 7}, 7),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [3, 3]),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 3),
        ({"type": "string", "maxLength": 3}, "Par"),
        ({"type": "string", "format": "date"}, "2026-01-02"),
        ({"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"type": "object"}]}, {"a": 3}),
        ({"properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"]}, {"a": 3}),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, 3),
    ],
)
def test_values_match_their_schema(schema: Json, value: object) -> None:
    """Made of the words and numbers of the prompt."""
    assert fill(schema, "3 days in Paris please") == value


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 3},
        {"$ref": "#/nowhere"},
    ],
)
def test_a_schema_without_an_end_gets_a_value_all_the_same(schema: Json) -> None:
    """A caller's schema can not make the sandbox run for ever."""
    fill(schema, "Hello")

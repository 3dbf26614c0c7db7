"""Both spellings of a field are one; the caller's own data is never re-spelt."""

from headgate.canonical.parts import Json
from headgate.protocols.gemini_generate.casing import camel, camel_keys


def test_snake_case_becomes_camel_case() -> None:
    """Google's JSON mapping reads both."""
    assert camel("max_output_tokens") == "maxOutputTokens"
    assert camel("maxOutputTokens") == "maxOutputTokens"
    assert camel("_responseJsonSchema") == "_responseJsonSchema"


def test_arguments_and_results_keep_their_keys() -> None:
    """What a function takes and returns is the caller's own JSON."""
    part: Json = {"function_call": {"name": "f", "args": {"user_name": {"first_name": 1}}}}
    assert camel_keys(part) == {"functionCall": {"name": "f", "args": {"user_name": {"first_name": 1}}}}
    result: Json = {"function_response": {"name": "f", "response": {"row_count": 1}}}
    assert camel_keys(result) == {"functionResponse": {"name": "f", "response": {"row_count": 1}}}


def test_property_names_stay_but_schema_keywords_turn() -> None:
    """In a schema the keywords are Google's, the property names the caller's."""
    schema: Json = {
        "parameters": {"properties": {"zip_code": {"any_of": [{"min_length": 1}]}}, "property_ordering": ["zip_code"]}
    }
    assert camel_keys(schema) == {
        "parameters": {"properties": {"zip_code": {"anyOf": [{"minLength": 1}]}}, "propertyOrdering": ["zip_code"]}
    }


def test_json_schemas_are_untouched() -> None:
    """A JSON schema is not Google's message at all."""
    declared: Json = {"name": "f", "parameters_json_schema": {"properties": {"a_b": {}}, "x_vendor": 1}}
    assert camel_keys(declared) == {"name": "f", "parametersJsonSchema": {"properties": {"a_b": {}}, "x_vendor": 1}}


def test_a_declarations_response_is_a_schema() -> None:
    """`response` is data in a result and a schema in a declaration."""
    declared: Json = {"name": "f", "description": "d", "response": {"max_items": 1}}
    assert camel_keys(declared) == {"name": "f", "description": "d", "response": {"maxItems": 1}}

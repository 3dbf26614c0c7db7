"""Values that know where they stand."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from headgate.config.document import ConfigError, Value, read_document


def only(text: str) -> Value:
    return read_document(f"x: {text}", "f.yaml").entries()["x"]


def complaint(attempt: Callable[[], object]) -> str:
    with pytest.raises(ConfigError) as refused:
        attempt()
    return str(refused.value)


def test_scalars_stay_as_written() -> None:
    """No float, no octal, no sexagesimal, no date: only what the reader asks for."""
    assert only("0.1").decimal() == Decimal("0.1")
    assert only("1e-3").decimal() == Decimal("0.001")
    assert only("1_000").integer(0) == 1000
    assert only("0123456789012345678").text() == "0123456789012345678"
    assert only("12:30:45").text() == "12:30:45"
    assert only("'quoted'").text() == "quoted"


@pytest.mark.parametrize(
    ("text", "read", "message"),
    [
        ("[1]", Value.text, "x must be text"),
        ("", Value.text, "x must be text"),
        ("''", Value.text, "x must be text"),
        ("many", lambda value: value.integer(0), "x must be a whole number"),
        ("1.5", lambda value: value.integer(0), "x must be a whole number"),
        ("-1", lambda value: value.integer(0), "x must be between 0 and"),
        (".inf", Value.decimal, "x must be a number"),
        (".nan", Value.decimal, "x must be a number"),
        ("1e999", Value.decimal, "x must be between"),
        ("0", Value.seconds, "x must be more than 0"),
        ("'true'", Value.boolean, "x must be true or false"),
        ("2", Value.boolean, "x must be true or false"),
        ("text", Value.items, "x must be a list"),
        ("text", Value.entries, "x must be fields with values"),
        ("31.12.2027", Value.moment_ms, "x must be a date"),
        ("reed", lambda value: value.one_of(("red", "blue")), "x cannot be 'reed'; did you mean 'red'?"),
    ],
)
def test_a_wrong_value_is_named(text: str, read: Callable[[Value], object], message: str) -> None:
    """With the file and the line."""
    assert complaint(lambda: read(only(text))).startswith(f"f.yaml:1: {message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.yaml: the file is empty"),
        ("a: 1\nb: [", "f.yaml:2: not valid YAML"),
        ("a: 1\n---\nb: 2", "f.yaml:2: not valid YAML"),
        ("a: !!python/object:os.system {}", "f.yaml:1: the file has no field 'a'"),
        ("a: \x01", "f.yaml: not valid YAML"),
    ],
)
def test_what_is_no_document_is_refused(text: str, message: str) -> None:
    """In the same form; tags construct nothing."""
    assert complaint(lambda: read_document(text, "f.yaml").fields(("x",))).startswith(message)


def test_unknown_and_repeated_and_missing_names() -> None:
    """Each is found, with the line of the name itself."""
    document = read_document("name: a\ncolour: b\nname: c", "f.yaml")
    assert complaint(document.entries) == "f.yaml:3: 'name' is given twice in the file (first in line 1)"
    document = read_document("name: a\ncolor: b", "f.yaml")
    wrong = complaint(lambda: document.fields(("name", "colour")))
    assert wrong == "f.yaml:2: the file has no field 'color'; did you mean 'colour'?"
    missing = complaint(lambda: read_document("a: 1", "f.yaml").fields(("a", "b"), required=("b",)))
    assert missing == "f.yaml:1: the file needs the field 'b'"


def test_moments() -> None:
    """A date is midnight UTC; a time may have an offset."""
    assert only("1970-01-02").moment_ms() == 86_400_000
    assert only("1970-01-01T02:00:00+01:00").moment_ms() == 3_600_000
    assert only("1970-01-01T00:00:01Z").moment_ms() == 1000


def test_plain_values_keep_their_text() -> None:
    """For somebody else to understand; an endless document ends."""
    assert only("{a: [1.50, yes, ~], b: {c: d}}").plain() == {"a": ["1.50", True, None], "b": {"c": "d"}}
    assert "nested too deeply" in complaint(lambda: only("&a [*a]").plain())


def test_secrets_come_from_the_environment() -> None:
    """Or stand there themselves; a missing variable is named with its line."""
    assert only("env:A").secret({"A": "s"}) == "s"
    assert only("s").secret({}) == "s"
    assert complaint(lambda: only("env:A").secret({"A": ""})) == "f.yaml:1: the environment variable A is not set"

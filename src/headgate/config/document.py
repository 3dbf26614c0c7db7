"""A YAML document that remembers where everything stands, so that every complaint names its line.

Scalars are kept as they were written: an amount of money never becomes a float, a key that looks like a number stays
text.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Number = TypeVar("Number", int, Decimal)

_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_TRUE = ("true", "yes", "on")
_INTEGER = re.compile(r"[-+]?\d+")
_DECIMAL = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d{1,3})?")

_LARGEST = Decimal(1_000_000_000)

# Deeper than anything that a configuration means; anchors can make a document endless.
_DEEPEST = 10


class ConfigError(Exception):
    """The configuration file cannot be used. `line` counts from 1; 0 where the file as a whole is meant."""

    def __init__(self, message: str, path: str, line: int = 0) -> None:
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")
        self.message = message
        self.path = path
        self.line = line


class Value:
    """One value in the document, to be read as what it should be. Every method raises `ConfigError` if it is not."""

    def __init__(self, node: Node, path: str, label: str) -> None:
        self._node = node
        self._path = path
        self.label = label
        """How messages call it."""
        self.line = node.start_mark.line + 1

    def error(self, message: str) -> ConfigError:
        """A complaint about this value."""
        return ConfigError(message, self._path, self.line)

    @property
    def absent(self) -> bool:
        """Nothing is written here, as in `key:`."""
        return self._node.tag == _NULL

    def text(self) -> str:
        """Any scalar as it was written, without quotes; not empty."""
        if not isinstance(self._node, ScalarNode) or self.absent or not self._node.value:
            raise self._expected("text")
        return str(self._node.value)

    def one_of(self, allowed: Collection[str]) -> str:
        """One of these words."""
        text = self.text()
        if text not in allowed:
            raise self.error(f"{self.label} cannot be '{text}'{suggest(text, allowed)}")
        return text

    def integer(self, lowest: int, highest: int = 2**31 - 1) -> int:
        text = self._plain()
        if not _INTEGER.fullmatch(text):
            raise self._expected("a whole number")
        return self._within(int(text), lowest, highest)

    def decimal(self, lowest: int = 0) -> Decimal:
        text = self._plain()
        if not _DECIMAL.fullmatch(text):
            raise self._expected("a number")
        return self._within(Decimal(text), Decimal(lowest), _LARGEST)

    def seconds(self) -> float:
        """A time above zero."""
        seconds = float(self.decimal())
        if not seconds:
            raise self.error(f"{self.label} must be more than 0")
        return seconds

    def boolean(self) -> bool:
        if not isinstance(self._node, ScalarNode) or self._node.tag != _BOOL:
            raise self._expected("true or false")
        return self._node.value.lower() in _TRUE

    def moment_ms(self) -> int:
        """A date, or a date and time, as milliseconds since the epoch; UTC unless it says otherwise."""
        try:
            moment = datetime.fromisoformat(self.text())
        except ValueError:
            raise self._expected("a date such as 2027-01-31 or 2027-01-31T12:00:00Z") from None
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)

    def items(self) -> list["Value"]:
        """The values of a list; nothing written is an empty list."""
        if self.absent:
            return []
        if not isinstance(self._node, SequenceNode):
            raise self._expected("a list")
        return [Value(node, self._path, self.label) for node in self._node.value]

    def entries(self) -> dict[str, "Value"]:
        """The values of a mapping by name; nothing written is an empty mapping."""
        if self.absent:
            return {}
        if not isinstance(self._node, MappingNode):
            raise self._expected("fields with values")
        found: dict[str, Value] = {}
        for key_node, value_node in self._node.value:
            key = Value(key_node, self._path, f"a name in {self.label}")
            name = key.text()
            if name in found:
                raise key.error(f"'{name}' is given twice in {self.label} (first in line {found[name].line})")
            found[name] = Value(value_node, self._path, name)
            # What is wrong with a value is looked for beside its name.
            found[name].line = key.line
        return found

    def fields(self, allowed: Collection[str], required: Collection[str] = ()) -> dict[str, "Value"]:
        """The values of a mapping whose names are known. Those without a value are left out."""
        found = self.entries()
        for name, value in found.items():
            if name not in allowed:
                raise value.error(f"{self.label} has no field '{name}'{suggest(name, allowed)}")
        given = {name: value for name, value in found.items() if not value.absent}
        for name in required:
            if name not in given:
                raise self.error(f"{self.label} needs the field '{name}'")
        return given

    def plain(self, depth: int = 0) -> Any:
        """The whole value as dicts, lists, booleans, None and text, for somebody else to understand."""
        if depth > _DEEPEST:
            raise self.error(f"{self.label} is nested too deeply")
        if self.absent:
            return None
        match self._node:
            case MappingNode():
                return {name: value.plain(depth + 1) for name, value in self.entries().items()}
            case SequenceNode():
                return [value.plain(depth + 1) for value in self.items()]
            case _:
                return self.boolean() if self._node.tag == _BOOL else str(self._node.value)

    def secret(self, environ: Mapping[str, str]) -> str:
        """Text, or the environment variable that `env:NAME` names."""
        text = self.text()
        if not text.startswith("env:"):
            return text
        name = text.removeprefix("env:")
        if not environ.get(name):
            raise self.error(f"the environment variable {name} is not set")
        return environ[name]

    def _plain(self) -> str:
        return self._node.value.replace("_", "") if isinstance(self._node, ScalarNode) else ""

    def _within(self, number: Number, lowest: Number, highest: Number) -> Number:
        if not lowest <= number <= highest:
            raise self.error(f"{self.label} must be between {lowest} and {highest:,}")
        return number

    def _expected(self, what: str) -> ConfigError:
        return self.error(f"{self.label} must be {what}")


def suggest(name: str, allowed: Collection[str]) -> str:
    """What a mistyped name was probably meant to be, or else what there is to choose from."""
    close = get_close_matches(name, allowed, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; possible are {', '.join(sorted(allowed))}" if len(allowed) <= 20 else ""


def read_document(text: str, path: str) -> Value:
    """Parse YAML.

    Raises:
        ConfigError: it is no YAML, or more than one document.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(
            f"not valid YAML: {error.problem or error.context}", path, mark.line + 1 if mark else 0
        ) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"not valid YAML: {error}", path) from None
    if node is None:
        raise ConfigError("the file is empty", path)
    return Value(node, path, "the file")

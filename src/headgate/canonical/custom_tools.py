"""A custom tool, which takes free text, offered to a model whose protocol knows only tools that take a JSON object.

The agreed form is a function with one string, `input`. The model's arguments are unwrapped again before the caller
sees them, whole (`unwrap`) or as they stream (`Unwrapper`). Whoever answers the caller unwraps, for only there the
request is at hand that says which tools are custom.
"""

import re

import msgspec
from msgspec.structs import replace

from headgate.canonical.parts import Json
from headgate.canonical.request import Tool

PARAMETERS: dict[str, Json] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}

_OPENING = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_TOKEN = re.compile(
    r'[^"\\]+'  # plain text
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a surrogate pair
    r"|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
    r'|\\["\\/bfnrt]'
    r'|"'  # the end
)
_LONGEST_ESCAPE = 12


def as_function(tool: Tool) -> Tool:
    """The function tool that stands for a custom tool. A grammar is told to the model in the description, since
    nothing else can hold it to one."""
    description = tool.description or ""
    grammar = tool.grammar or {}
    definition = grammar.get("definition")
    if isinstance(definition, str):
        syntax = grammar.get("syntax")
        rule = f"The input must match this {syntax if isinstance(syntax, str) else ''} grammar:\n{definition}"
        description = f"{description}\n\n{rule}" if description else rule
    return replace(
        tool, description=description or None, parameters=PARAMETERS, custom=False, grammar=None, strict=None
    )


def wrap(text: str) -> str:
    """Free text as the arguments of the function that stands for the tool."""
    return msgspec.json.encode({"input": text}).decode()


def unwrap(arguments: str) -> str:
    """The free text in a model's arguments. Arguments of another shape are the text themselves."""
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return arguments
    if isinstance(value, dict) and isinstance(value.get("input"), str):
        return str(value["input"])
    return value if isinstance(value, str) else arguments


class Unwrapper:
    """`unwrap` for arguments that come in pieces: `feed` returns the text that is certain so far, `close` the rest."""

    def __init__(self) -> None:
        self._pending = ""
        self._inside = False
        self._done = False

    def feed(self, piece: str) -> str:
        """Take a piece of JSON text in any cut; return the free text it brings."""
        if self._done:
            return ""
        self._pending += piece
        if not self._inside:
            opening = _OPENING.match(self._pending)
            if opening is None:
                return ""
            self._inside = True
            self._pending = self._pending[opening.end() :]
        return self._read()

    def close(self) -> str:
        """No more will come. Where the arguments never had the agreed form, everything is returned here."""
        if self._inside or self._done:
            return ""
        self._done = True
        return unwrap(self._pending)

    def _read(self) -> str:
        text: list[str] = []
        position, pending = 0, self._pending
        while position < len(pending):
            token = _TOKEN.match(pending, position)
            if token is None:
                if len(pending) - position < _LONGEST_ESCAPE:
                    break
                # No escape that JSON knows, such as half of a surrogate pair: what it stands for is lost.
                text.append("\ufffd")
                position += 6 if pending.startswith("\\u", position) else 2
                continue
            position = token.end()
            if token[0] == '"':
                self._done = True
                break
            text.append(msgspec.json.decode(f'"{token[0]}"', type=str) if token[0][0] == "\\" else token[0])
        self._pending = pending[position:]
        return "".join(text)

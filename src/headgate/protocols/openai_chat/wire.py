"""What Chat Completions look like on the wire: the typed parts that metering reads, and strict reading of bodies.

The only place of this protocol where JSON is untyped: `JsonObject` is a decoded object whose fields are checked one by
one, by the `take_*` functions, so that a wrong type is a clear refusal and never a crash.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from headgate.canonical.failure import Blame, Failure, Kind, Refused, refuse
from headgate.canonical.parts import Json, ProtocolName, ProviderData

JsonObject = dict[str, Any]
T = TypeVar("T")

UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""Everything that reading JSON can raise: malformed, wrong types, too deep, not UTF-8."""

_PATH = re.compile(r"\s*- at `\$?\.?(?P<path>[^`]*)`$")
_NULL = Raw(b"null")
ABSENT = Raw()
"""What a member that was not there is read as."""


class Function(Struct, gc=False):
    arguments: str | None = None
    name: str | None = None


class Custom(Struct, gc=False):
    input: str | None = None
    name: str | None = None


class ToolCallDelta(Struct):
    function: Function | None = None
    custom: Custom | None = None


class Thought(Struct, gc=False):
    """Mistral: what a content item of type `thinking` holds."""

    text: str | None = None


class ContentItem(Struct):
    """Mistral sends `content` as a list of typed items where it thinks or cites (recorded: mistral/stream-thinking)."""

    text: str | None = None
    thinking: str | list[Thought] | None = None


class AudioDelta(Struct, gc=False):
    transcript: str | None = None
    data: str | None = None


class Delta(Struct):
    """The growing half of a choice, and a whole message alike."""

    content: str | list[ContentItem] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    function_call: Function | None = None
    audio: AudioDelta | None = None
    images: list[Raw] | None = None


class Choice(Struct):
    delta: Delta | None = None
    message: Delta | None = None
    text: str | None = None
    finish_reason: str | None = None


class XGroq(Struct):
    """Groq puts usage and failures of a stream here (recorded: groq/stream-basic, groq/error-in-stream)."""

    usage: JsonObject | None = None
    error: Any = None


class Chunk(Struct):
    """One chunk of a stream, and a whole answer alike, as far as metering reads it."""

    choices: list[Choice] | None = None
    usage: JsonObject | None = None
    id: str | None = None
    model: str | None = None
    error: Any = None
    x_groq: XGroq | None = None


class LooseChunk(Struct):
    """A chunk whose insides are not what they should be: still metered, still passed on."""

    choices: Raw = ABSENT
    usage: Any = None
    error: Any = None


read_chunk = msgspec.json.Decoder(Chunk).decode
read_loose_chunk = msgspec.json.Decoder(LooseChunk).decode
read_object = msgspec.json.Decoder(JsonObject).decode
read_members = msgspec.json.Decoder(dict[str, Raw]).decode


def present(raw: Raw) -> bool:
    """Whether a member was there and not null. One that was not there is the very object `ABSENT`."""
    return raw is not ABSENT and raw != _NULL


def refusal_of(error: Exception) -> Refused:
    """What to answer to a request body that could not be read: malformed, too deep, or of the wrong type."""
    if isinstance(error, RecursionError):
        return refuse("The request body is nested too deeply.", code="invalid_request")
    if isinstance(error, msgspec.ValidationError):
        text = str(error)
        match = _PATH.search(text)
        if match is None:
            return refuse(f"The request body must be a JSON object: {_lower(text)}.", code="invalid_request")
        param = re.split(r"[.\[]", match["path"])[0] or None
        message = f"Invalid value for '{match['path']}': {_lower(text[: match.start()])}."
        return refuse(message, param=param, code="invalid_request")
    if isinstance(error, UnicodeDecodeError):
        return refuse("The request body is not valid UTF-8.", code="invalid_request")
    return refuse(f"The request body is not valid JSON: {_lower(str(error))}.", code="invalid_request")


def _lower(text: str) -> str:
    return text if text.startswith("JSON") else text[:1].lower() + text[1:]


def unreadable_answer() -> Refused:
    """What to raise for an upstream's answer that is not the JSON object it should be."""
    message = "the upstream's answer could not be read"
    return Refused(Failure(kind=Kind.UPSTREAM, message=message, blame=Blame.UPSTREAM))


NAME: ProtocolName = "openai_chat"


def optional(wire: JsonObject, name: str, kind: type[T], where: str) -> T | None:
    """A member of a request of the wanted type, or None where it is absent or null.

    Raises:
        Refused: it is of another type.
    """
    value = wire.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        path = f"{where}.{name}" if where else name
        raise wrong(path, f"expected {_KIND_NAMES[kind]}, got {_kind_name(value)}")
    return value


def required(wire: JsonObject, name: str, kind: type[T], where: str) -> T:
    """The same for a member that must be there."""
    value = optional(wire, name, kind, where)
    if value is None:
        path = f"{where}.{name}" if where else name
        raise refuse(f"'{path}' is required.", param=_param(path), code="invalid_request")
    return value


def number(wire: JsonObject, name: str) -> float | None:
    """A top-level number."""
    value = wire.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return optional(wire, name, float, "")


def objects(value: list[Any], where: str) -> list[JsonObject]:
    """A list that must hold objects only."""
    for place, item in enumerate(value):
        if not isinstance(item, dict):
            raise wrong(f"{where}[{place}]", f"expected an object, got {_kind_name(item)}")
    return value


def wrong(path: str, complaint: str) -> Refused:
    """The refusal of one value of a request."""
    return refuse(f"Invalid value for '{path}': {complaint}.", param=_param(path), code="invalid_request")


def _param(path: str) -> str:
    return re.split(r"[.\[]", path)[0]


_KIND_NAMES: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "an object",
}


def _kind_name(value: object) -> str:
    return _KIND_NAMES.get(type(value), "null")


def rest(wire: JsonObject, *known: str) -> JsonObject:
    """The members that nobody has read."""
    return {name: value for name, value in wire.items() if name not in known}


def bag(members: JsonObject) -> ProviderData:
    """Members for nobody but this protocol."""
    return {NAME: members} if members else {}


def own(data: ProviderData) -> Mapping[str, Json]:
    """What this protocol had put aside."""
    return data.get(NAME, {})


dump = msgspec.json.Encoder().encode

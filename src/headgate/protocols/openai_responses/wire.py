"""What the Responses API looks like on the wire: strict reading of bodies, names, ids, and our own bag in the canonical
parts.

The only place of this protocol where JSON is untyped: an `Object` is a decoded object whose fields are checked one by
one by the `take_*` functions, so that a wrong type is a clear refusal and never a crash.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from headgate.canonical.failure import Blame, Failure, Kind, Refused, refuse
from headgate.canonical.parts import Json, ProtocolName, ProviderData

OWN: ProtocolName = "openai_responses"
Object = dict[str, Json]

UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""Everything that reading JSON can raise: malformed, wrong types, too deep, not UTF-8."""

FOREIGN_MARK = "hg1"
"""Opaque state that another protocol's upstream issued begins so (`canonical.signature`, `items.py`), and the ids of
items that we made for it have it after their prefix."""

read_object = msgspec.json.Decoder(dict[str, Any]).decode  # msgspec reads no recursive type
_read_value = msgspec.json.Decoder().decode
read_members = msgspec.json.Decoder(dict[str, Raw]).decode
encode = msgspec.json.Encoder().encode

_PATH = re.compile(r"\s*- at `\$?\.?(?P<path>[^`]*)`$")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_STEM = 40  # OpenAI's ids have at most 64 characters


def read_request(body: bytes) -> Object:
    """A caller's body.

    Raises:
        Refused: it is not a JSON object.
    """
    try:
        return read_object(body)
    except UNREADABLE as error:
        raise refusal_of(error) from error


def read_answer(body: bytes) -> Object:
    """An upstream's body.

    Raises:
        Refused: it is not a JSON object (blame: upstream).
    """
    try:
        return read_object(body)
    except UNREADABLE as error:
        raise unreadable_answer() from error


def read_json(text: str) -> Json:
    """The value of JSON text that a model wrote, or None where it is none."""
    try:
        value: Json = _read_value(text)
    except UNREADABLE:
        return None
    return value


def write_json(value: Json) -> str:
    return encode(value).decode()


def refusal_of(error: Exception) -> Refused:
    """What to answer to a body that could not be read: malformed, too deep, or of the wrong type."""
    if isinstance(error, RecursionError):
        return bad("the request body is nested too deeply")
    if isinstance(error, UnicodeDecodeError):
        return bad("the request body is not valid UTF-8")
    text = str(error)
    match = _PATH.search(text)
    if match is not None and isinstance(error, msgspec.ValidationError):
        param = re.split(r"[.\[]", match["path"])[0] or None
        return bad(f"invalid value for '{match['path']}': {_lower(text[: match.start()])}", param)
    if isinstance(error, msgspec.ValidationError):
        return bad(f"the request body must be a JSON object: {_lower(text)}")
    return bad(f"the request body is not valid JSON: {_lower(text)}")


def bad(message: str, param: str | None = None) -> Refused:
    return refuse(message, param=param, code="invalid_request")


def unreadable_answer(why: str = "could not be read") -> Refused:
    """What to raise for an upstream's answer that is not what it should be."""
    return Refused(Failure(kind=Kind.UPSTREAM, message=f"the upstream's answer {why}", blame=Blame.UPSTREAM))


def take_str(fields: Mapping[str, Json], name: str, where: str = "") -> str | None:
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise _wrong(name, where, "a string")


def need_str(fields: Mapping[str, Json], name: str, where: str = "") -> str:
    value = take_str(fields, name, where)
    if value is None:
        raise bad(f"'{_path(name, where)}' is required", _path(name, where))
    return value


def take_bool(fields: Mapping[str, Json], name: str, where: str = "") -> bool | None:
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise _wrong(name, where, "true or false")


def take_int(fields: Mapping[str, Json], name: str, where: str = "") -> int | None:
    value = fields.get(name)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise _wrong(name, where, "a whole number")


def take_number(fields: Mapping[str, Json], name: str, where: str = "") -> float | None:
    value = fields.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise _wrong(name, where, "a number")


def take_object(fields: Mapping[str, Json], name: str, where: str = "") -> Object | None:
    value = fields.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise _wrong(name, where, "an object")


def take_list(fields: Mapping[str, Json], name: str, where: str = "") -> list[Json]:
    value = fields.get(name)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise _wrong(name, where, "an array")


def take_objects(fields: Mapping[str, Json], name: str, where: str = "") -> list[Object]:
    found: list[Object] = []
    for index, value in enumerate(take_list(fields, name, where)):
        if not isinstance(value, dict):
            raise _wrong(f"{name}[{index}]", where, "an object")
        found.append(value)
    return found


def take_strings(fields: Mapping[str, Json], name: str, where: str = "") -> list[str]:
    found: list[str] = []
    for index, value in enumerate(take_list(fields, name, where)):
        if not isinstance(value, str):
            raise _wrong(f"{name}[{index}]", where, "a string")
        found.append(value)
    return found


def rest(fields: Mapping[str, Json], *known: str) -> Object:
    """The fields that nobody has taken, without nulls."""
    return {name: value for name, value in fields.items() if name not in known and value is not None}


def bag(**own: Json) -> ProviderData:
    """What only this protocol gets back. Empty where there is nothing to keep."""
    kept = {name: value for name, value in own.items() if value is not None}
    return {OWN: kept} if kept else {}


def own(data: ProviderData) -> Mapping[str, Json]:
    return data.get(OWN, {})


def own_object(data: ProviderData, name: str) -> Object | None:
    value = own(data).get(name)
    return value if isinstance(value, dict) else None


def made_id(prefix: str, stem: str, number: int) -> str:
    """The id of an item that another protocol's upstream answered with."""
    return f"{prefix}_{FOREIGN_MARK}_{stem}_{number}"


def is_made(item_id: Json) -> bool:
    """Whether no upstream of this protocol knows the id."""
    return isinstance(item_id, str) and f"_{FOREIGN_MARK}_" in item_id


def given(fields: Object) -> Object:
    """An item's members without an id that we made."""
    return {name: value for name, value in fields.items() if name != "id"} if is_made(fields.get("id")) else fields


def stem(response_id: str) -> str:
    """What all ids of one answer have in common, from whatever the upstream called it."""
    return _UNSAFE.sub("", response_id.removeprefix("resp_"))[:_LONGEST_STEM] or "0"


def response_id(upstream_id: str) -> str:
    """An answer's id, the same in every event: the upstream's own where it has this API's form."""
    safe = upstream_id.startswith("resp_") and len(upstream_id) > len("resp_")
    return upstream_id if safe else f"resp_{stem(upstream_id)}"


def _wrong(name: str, where: str, wanted: str) -> Refused:
    path = _path(name, where)
    return bad(f"'{path}' must be {wanted}", path)


def _path(name: str, where: str) -> str:
    return f"{where}.{name}" if where else name


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]

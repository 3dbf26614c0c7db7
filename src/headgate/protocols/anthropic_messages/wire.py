"""Reading and writing the JSON of the Messages API: the only place here where a value may be of any type.

Requests that do not fit raise `Refused` (400, with the field's path); answers that do not fit raise it with the
upstream to blame.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from headgate.canonical.failure import Blame, Failure, Kind, Refused, refuse
from headgate.canonical.parts import CacheHint, Json, ProtocolName, ProviderData

ORIGIN: ProtocolName = "anthropic_messages"

Obj = dict[str, Any]

T = TypeVar("T")

_ARTICLE: dict[type, str] = {str: "a string", int: "an integer", bool: "a boolean", dict: "an object", list: "an array"}
_PLACE = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")


def load(body: bytes) -> Obj:
    """A request's JSON object."""
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise refuse("the body is nested too deeply") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise refuse(f"the body is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise refuse("the body must be a JSON object")
    return value


def load_answer(body: bytes) -> Obj:
    """An upstream's JSON object."""
    try:
        return load(body)
    except Refused as refused:
        raise unreadable(refused) from None


def unreadable(refused: Refused) -> Refused:
    """The same complaint, about an upstream's answer instead of a caller's request."""
    message = f"the upstream's answer cannot be read: {refused.failure.message}"
    return Refused(replace(refused.failure, kind=Kind.UPSTREAM, blame=Blame.UPSTREAM, message=message, param=None))


def dump(value: object) -> bytes:
    """JSON text of anything that `load` can have given."""
    try:
        return msgspec.json.encode(value)
    except RecursionError:
        raise refuse("the content is nested too deeply") from None
    except UnicodeEncodeError:
        raise refuse("the content holds half of a surrogate pair") from None


def dump_text(value: object) -> str:
    return dump(value).decode()


def complaint(error: msgspec.ValidationError) -> Refused:
    """A typed parse's error, in words a caller can act on: which field, and what is wrong with it."""
    text = str(error)
    place = _PLACE.search(text)
    path = re.sub(r"\[(\d+|\.\.\.)\]", r".\1", place["path"]).lstrip(".") if place else ""
    missing = _MISSING.match(text)
    if missing:
        param = f"{path}.{missing['name']}" if path else missing["name"]
        return refuse(f"field {param} is required", param=param)
    what = text[: place.start()] if place else text
    return refuse(f"{path or 'body'}: {what[:1].lower()}{what[1:]}", param=path or None)


def field(obj: Mapping[str, Any], key: str, kind: type[T], where: str) -> T:
    """A field that must be there."""
    value = optional(obj, key, kind, where)
    if value is None:
        raise refuse(f"field {_path(where, key)} is required", param=_path(where, key))
    return value


def optional(obj: Mapping[str, Any], key: str, kind: type[T], where: str) -> T | None:
    """A field that may be absent or null."""
    value = obj.get(key)
    if value is None:
        return None
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    path = _path(where, key)
    raise refuse(f"{path}: must be {_ARTICLE.get(kind, kind.__name__)}", param=path)


def number(obj: Mapping[str, Any], key: str, where: str) -> float | None:
    """A number, whole or not, that may be absent or null."""
    value = obj.get(key)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise refuse(f"{_path(where, key)}: must be a number", param=_path(where, key))


def objects(obj: Mapping[str, Any], key: str, where: str) -> list[Obj]:
    """A list of objects that may be absent or null."""
    items = optional(obj, key, list, where) or []
    for position, item in enumerate(items):
        if not isinstance(item, dict):
            path = f"{_path(where, key)}.{position}"
            raise refuse(f"{path}: must be an object", param=path)
    return items


def strings(obj: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """A list of strings that may be absent or null."""
    items = optional(obj, key, list, where) or []
    for position, item in enumerate(items):
        if not isinstance(item, str):
            path = f"{_path(where, key)}.{position}"
            raise refuse(f"{path}: must be a string", param=path)
    return tuple(items)


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def rest(obj: Obj, *known: str) -> Obj:
    """The fields that the canonical model has no place for."""
    return {key: value for key, value in obj.items() if key not in known}


def bag(extra: Obj) -> ProviderData:
    """An opaque bag that comes back to this protocol only."""
    return {ORIGIN: extra} if extra else {}


def own(provider_data: ProviderData) -> Mapping[str, Json]:
    """What this protocol put into a bag."""
    return provider_data.get(ORIGIN, {})


def cache_hint(obj: Obj, where: str) -> CacheHint | None:
    control = optional(obj, "cache_control", dict, where)
    if control is None:
        return None
    return CacheHint(ttl="1h" if control.get("ttl") == "1h" else "5m")


def odd_cache(obj: Obj) -> Obj:
    """A cache marker that says more than a `CacheHint` can hold, whole; nothing for the usual ones."""
    control = obj.get("cache_control")
    if not isinstance(control, dict) or (control.keys() <= {"type", "ttl"} and control.get("type") == "ephemeral"):
        return {}
    return {"cache_control": control}


def cache_control(hint: CacheHint | None) -> Obj:
    """The field to put into a block, a tool or the body; nothing without a hint. Five minutes are the API's default."""
    if hint is None:
        return {}
    return {"cache_control": {"type": "ephemeral", "ttl": "1h"} if hint.ttl == "1h" else {"type": "ephemeral"}}


def upstream_failure(message: str, kind: Kind = Kind.UPSTREAM) -> Failure:
    return Failure(kind=kind, message=message, blame=Blame.UPSTREAM)

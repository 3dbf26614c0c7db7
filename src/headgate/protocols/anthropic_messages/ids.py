"""Tool-call ids that any protocol may have made, in the characters the Messages API accepts.

The API wants `^[a-zA-Z0-9_-]+$` for the id of a tool call and of its result. An id that fits is used as it is;
another is written in base64, the same way each time, and restored when it comes back. Towards a client such an id may
also carry another vendor's signature of the call, since a `tool_use` block has no field for one.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

from headgate.canonical.parts import ProtocolName, Signature

_PREFIX = "hgid_"
_ACCEPTED = re.compile(r"[a-zA-Z0-9_-]+")


class _Wrapped(msgspec.Struct, array_like=True):
    id: str
    origin: ProtocolName | None = None
    signature: str | None = None


def pack(text: bytes) -> str:
    """Bytes in characters that ids and signatures accept."""
    return urlsafe_b64encode(text).decode().rstrip("=")


def unpack(text: str) -> bytes:
    """The inverse of `pack`; raises ValueError for anything else."""
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


def wire_id(call_id: str, signature: Signature | None = None) -> str:
    """The id to put on the wire."""
    if signature is None and _ACCEPTED.fullmatch(call_id) and not is_wrapped(call_id):
        return call_id
    return wrap(call_id, signature)


def wrap(call_id: str, signature: Signature | None = None) -> str:
    """An id that tells on its way back that another vendor made it, and what came with it."""
    wrapped = _Wrapped(call_id, signature.origin, signature.value) if signature else _Wrapped(call_id)
    return _PREFIX + pack(msgspec.json.encode(wrapped))


def is_wrapped(text: str) -> bool:
    return text.startswith(_PREFIX)


def read_id(text: str) -> tuple[str, Signature | None]:
    """The id, and the signature it carries, behind an id of the wire."""
    if not is_wrapped(text):
        return text, None
    try:
        wrapped = msgspec.json.decode(unpack(text.removeprefix(_PREFIX)), type=_Wrapped)
    except (ValueError, msgspec.DecodeError):
        return text, None
    if wrapped.origin is None or wrapped.signature is None:
        return wrapped.id, None
    return wrapped.id, Signature(origin=wrapped.origin, value=wrapped.signature)

"""Tool-call ids that carry what their protocol has no other room for, in characters that every id accepts.

A call that a model signed (Gemini) must come back with its signature, but Messages and Responses have no field for one
beside a call. The id comes back from every client, on the call and on its result, so the signature travels in it; so
does an id whose characters a protocol does not take.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

from headgate.canonical.parts import ProtocolName, Signature

_PREFIX = "hgid_"


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


def wrap(call_id: str, signature: Signature | None = None) -> str:
    """An id that tells on its way back that another vendor made it, and what came with it."""
    wrapped = _Wrapped(call_id, signature.origin, signature.value) if signature else _Wrapped(call_id)
    return _PREFIX + pack(msgspec.json.encode(wrapped))


def is_wrapped(text: str) -> bool:
    """Whether an id is one of `wrap`'s."""
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

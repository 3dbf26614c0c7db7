"""Tool-call ids that any protocol may have made, in the characters the Messages API accepts.

The API wants `^[a-zA-Z0-9_-]+$` for the id of a tool call and of its result. An id that fits is used as it is;
another is written in base64, the same way each time, and restored when it comes back. Towards a client such an id may
also carry another vendor's signature of the call, since a `tool_use` block has no field for one.
"""

import re

from headgate.canonical.call_ids import is_wrapped, pack, read_id, unpack, wrap
from headgate.canonical.parts import Signature

__all__ = ["is_wrapped", "pack", "read_id", "unpack", "wire_id", "wrap"]

_ACCEPTED = re.compile(r"[a-zA-Z0-9_-]+")


def wire_id(call_id: str, signature: Signature | None = None) -> str:
    """The id to put on the wire."""
    if signature is None and _ACCEPTED.fullmatch(call_id) and not is_wrapped(call_id):
        return call_id
    return wrap(call_id, signature)

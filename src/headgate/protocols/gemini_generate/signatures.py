"""Thought signatures on Google's wire.

`thoughtSignature` is a `bytes` field: a client's library decodes it and writes it back in either base64 alphabet.
Google's own signatures are passed on as they are; a foreign one is wrapped so that the wrapping is base64 too, together
with what a part has no other room for here (whether the thought was encrypted, and its id).
"""

import base64
import binascii
from typing import Final

import msgspec
from msgspec import Struct

from headgate.canonical.parts import Reasoning, Signature
from headgate.canonical.signature import carry, uncarry

NAME: Final = "gemini_generate"

# Gemini 3 answers 400 where the first function call of a step comes back without its signature; this says that
# the call was never its own (https://docs.cloud.google.com/vertex-ai/generative-ai/docs/thought-signatures, 2026-11).
NOT_OURS = "skip_thought_signature_validator"

_MARK = b'["hg1.'
_MARK_TEXT = base64.b64encode(_MARK).decode()  # six bytes are eight characters: no padding, a fixed beginning


class Carried(Struct, frozen=True, array_like=True):
    """A foreign signature inside the field: the text of `canonical.signature`, and what belongs to its thought."""

    text: str
    redacted: bool = False
    id: str | None = None


_read = msgspec.json.Decoder(Carried)


def pack(signature: Signature) -> str:
    """What to write into `thoughtSignature`."""
    if signature.origin == NAME:
        return signature.value
    return _pack(Carried(carry(signature, NAME)))


def pack_thought(thought: Reasoning) -> str | None:
    """The signature of a thought shown to a caller, or None where it has none."""
    signature = thought.redacted or thought.signature
    if signature is None:
        return None
    if signature.origin == NAME:
        return signature.value
    return _pack(Carried(carry(signature, NAME), thought.redacted is not None, thought.id))


def unpack(text: str) -> Signature:
    """What `thoughtSignature` holds."""
    carried = _carried(text)
    return uncarry(carried.text, NAME) if carried else Signature(NAME, text)


def unpack_thought(text: str, signature: str) -> Reasoning:
    """The thought that a part with `thought: true` holds."""
    carried = _carried(signature)
    if carried is None:
        return Reasoning(text=text, signature=Signature(NAME, signature))
    value = uncarry(carried.text, NAME)
    if carried.redacted:
        return Reasoning(text=text, redacted=value, id=carried.id)
    return Reasoning(text=text, signature=value, id=carried.id)


def _pack(carried: Carried) -> str:
    return base64.b64encode(msgspec.json.encode(carried)).decode()


def _carried(text: str) -> Carried | None:
    if not text.startswith(_MARK_TEXT):
        return None
    try:
        standard = text.replace("-", "+").replace("_", "/")
        return _read.decode(base64.b64decode(standard + "=" * (-len(standard) % 4)))
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        return None

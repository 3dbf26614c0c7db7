"""How a signature travels through a protocol that did not issue it.

A thought signed by one vendor may be shown to a client of another's protocol, come back in the next turn's history,
and must then reach its own vendor unchanged, and no other. So a foreign signature is wrapped with its origin's name,
in characters that every carrier field accepts.
"""

from headgate.canonical.parts import ProtocolName, Signature

_PREFIX = "hg1."
_SHORT: dict[ProtocolName, str] = {
    "openai_chat": "oc",
    "openai_responses": "or",
    "anthropic_messages": "am",
    "gemini_generate": "gg",
}
_LONG: dict[str, ProtocolName] = {short: name for name, short in _SHORT.items()}

FOREIGN_MARKS = (b"hg1", b"hgid_", b"hgr1.", b"aGcx", b"WyJoZzEu")
"""What a body holds that carries another protocol's state, wrapped by us: our prefixes, and how they begin in base64
(of `hg1` and of `["hg1.`). A body without any of them can go as it came to an upstream of its own protocol."""


def may_carry_foreign(body: bytes) -> bool:
    """Whether a request may hold wrapped state of another protocol; cheap, and sometimes wrongly true."""
    return any(mark in body for mark in FOREIGN_MARKS)


def carry(signature: Signature, carrier: ProtocolName) -> str:
    """The text to put into a field of protocol `carrier`."""
    if signature.origin == carrier:
        return signature.value
    return f"{_PREFIX}{_SHORT[signature.origin]}.{signature.value}"


def uncarry(text: str, carrier: ProtocolName) -> Signature:
    """What a field of protocol `carrier` holds: a wrapped foreign signature, or its own."""
    if text.startswith(_PREFIX):
        short, _, value = text[len(_PREFIX) :].partition(".")
        if short in _LONG and value:
            return Signature(origin=_LONG[short], value=value)
    return Signature(origin=carrier, value=text)

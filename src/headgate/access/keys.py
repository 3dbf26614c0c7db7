"""API keys: how one is made, written and recognised. Only a key's hash is ever stored."""

import hashlib
import secrets
import string

from msgspec import Struct

PREFIX = "sk-"
SHORTEST = 16
LONGEST = 256

_ALPHABET = string.ascii_letters + string.digits
_RANDOM_CHARACTERS = 48  # 285 bits


class NewKey(Struct, frozen=True):
    """A key's text, which is shown once, with what is kept of it."""

    text: str
    hash: bytes
    hint: str

    def __repr__(self) -> str:
        """Without the key."""
        return f"NewKey({self.hint!r})"


def make_key() -> NewKey:
    """A random key. No dash follows the prefix, because compatible gateways read one as the beginning of a suffix."""
    return describe_key(PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS)))


def check_key(text: str) -> NewKey:
    """A key of somebody's own choice, kept exactly as written.

    Raises:
        ValueError: too short, too long, with characters that do not travel in a header, or with a dash though it does
            not begin with `sk-`. The message does not repeat the key.
    """
    if not SHORTEST <= len(text) <= LONGEST:
        raise ValueError(f"an API key has {SHORTEST} to {LONGEST} characters, this one has {len(text)}")
    if not all("!" <= character <= "~" for character in text):
        raise ValueError("an API key consists of visible ASCII characters, without spaces")
    if "-" in text and not text.startswith(PREFIX):
        raise ValueError("an API key that contains a dash must begin with sk-")
    return describe_key(text)


def describe_key(text: str) -> NewKey:
    """The hash and the hint of a key."""
    return NewKey(text=text, hash=hash_key(text.encode()), hint=_hint(text))


def hash_key(presented: bytes) -> bytes:
    """SHA-256 of the whole key. The `sk-` prefix may be left out by whoever presents it, so it always counts."""
    return hashlib.sha256(presented if presented.startswith(b"sk-") else b"sk-" + presented).digest()


def _hint(text: str) -> str:
    shown = (5, 4) if len(text) >= 2 * SHORTEST else (4, 2)
    return f"{text[: shown[0]]}…{text[-shown[1] :]}"

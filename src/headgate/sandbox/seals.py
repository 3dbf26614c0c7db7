"""Opaque blocks that a client must send back unaltered: signatures of thoughts, and encrypted reasoning.

A seal is a keyed digest of what it was given for, so that the sandbox notices when either was altered on the way.
"""

import base64
import hmac
from hashlib import sha256

_KEY = b"headgate sandbox"
_MARK = b"headgate-sandbox:"


def seal(kind: str, content: str) -> str:
    """The signature of this content."""
    digest = hmac.digest(_KEY, f"{kind}\0{content}".encode(), sha256)
    return base64.b64encode(_MARK + digest).decode()


def holds(signature: object, kind: str, content: str) -> bool:
    """Whether the signature is the one of this content."""
    return isinstance(signature, str) and hmac.compare_digest(signature.encode(), seal(kind, content).encode())


def enclose(kind: str, content: str) -> str:
    """The content itself in an opaque, sealed envelope."""
    digest = hmac.digest(_KEY, f"{kind}\0{content}".encode(), sha256)
    return base64.b64encode(_MARK + digest + content.encode()).decode()


def opened(envelope: object, kind: str) -> str | None:
    """The content of an envelope, or None if it was altered or is none of ours."""
    if not isinstance(envelope, str):
        return None
    try:
        data = base64.b64decode(envelope, validate=True)
        content = data[len(_MARK) + 32 :].decode()
    except ValueError:
        return None
    return content if hmac.compare_digest(envelope, enclose(kind, content)) else None

"""The relay lane's route table: which request lines are calls. Every other path belongs to the ASGI application."""

from headgate.relay.asked import Asked

CHAT = Asked(protocol="openai_chat")

_POST: dict[bytes, Asked] = {
    b"/v1/chat/completions": CHAT,
    b"/chat/completions": CHAT,
}


def find(method: bytes, path: bytes) -> Asked | None:
    """The call that a request line asks for, or None where it is not one."""
    if method == b"POST":
        return _POST.get(path)
    return None


def methods(path: bytes) -> tuple[str, ...]:
    """The methods with which the path is a call: for telling 405 from 404."""
    return ("POST",) if path in _POST else ()

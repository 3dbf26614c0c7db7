"""The calling side of one call, for tests of the pipeline's parts: it keeps what it is answered."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from headgate.canonical.codec import ErrorAnswer


class FakeClient:
    """Implements `relay.client.Client`. `status` is 0 and `sent` empty until something is answered."""

    path = b"/"
    address = "127.0.0.1"
    gone = False

    def __init__(
        self, body: bytes = b"", *, query: bytes = b"", headers: list[tuple[bytes, bytes]] | None = None
    ) -> None:
        self._body = body
        self.query = query
        self.headers = headers or []
        self.status = 0
        self.answered: dict[str, str] = {}
        self.sent = b""
        self.done = False
        self.on_flow: Callable[[bool], None] | None = None

    def body(self) -> bytes:
        return self._body

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.begin(status, headers, body)
        self.done = True

    def begin(self, status: int, headers: Mapping[str, str], first: bytes) -> None:
        self.status, self.answered, self.sent = status, dict(headers), first

    def write(self, data: bytes) -> None:
        self.sent += data

    def finish(self, last: bytes = b"") -> None:
        self.sent += last
        self.done = True

    def refuse(self, answer: ErrorAnswer) -> None:
        self.answer(answer.status, dict(answer.headers), answer.body)

    def abort(self, answer: ErrorAnswer) -> None:
        self.refuse(answer)

    def named(self, call_id: str) -> None:
        pass

    def json(self) -> Any:
        """What was answered, as JSON."""
        return msgspec.json.decode(self.sent)

"""The calling side of a call, as the pipeline sees it. The listening server implements it; so do tests."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol as Interface

from headgate.canonical.codec import ErrorAnswer

Headers = Sequence[tuple[bytes, bytes]]


class Client(Interface):
    """One request that has been read whole, and the way to answer it.

    Attributes:
        path: the request's path, without the query.
        query: the raw query string.
        headers: in order, names in lower case.
        address: the peer's address, as text.
        gone: the peer has closed the connection; nothing more can be sent. Whoever serves the call is cancelled then.
        on_flow: set by the pipeline while it streams: called with True when the peer no longer keeps up and with False
            when it does again.
    """

    @property
    def path(self) -> bytes: ...
    @property
    def query(self) -> bytes: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def address(self) -> str: ...
    @property
    def gone(self) -> bool: ...

    on_flow: Callable[[bool], None] | None

    def body(self) -> bytes:
        """The whole request body, content-decoded.

        Raises:
            Refused: when it does not decode or grows beyond the limit.
        """
        ...

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send a whole answer. The request id and CORS headers are added."""
        ...

    def begin(self, status: int, headers: Mapping[str, str], first: bytes) -> None:
        """Send the head of a streamed answer and its first bytes."""
        ...

    def write(self, data: bytes) -> None:
        """Send more of a streamed answer."""
        ...

    def finish(self, last: bytes = b"") -> None:
        """Send the last bytes of a streamed answer and its end."""
        ...

    def refuse(self, answer: ErrorAnswer) -> None:
        """Send an error answer."""
        ...

    def abort(self, answer: ErrorAnswer) -> None:
        """Send an error answer if nothing was sent yet; otherwise close the connection, so that the half answer is not
        taken for a whole one."""
        ...

    def named(self, call_id: str) -> None:
        """Tell the id that every answer carries as `x-request-id`."""
        ...

"""What can go wrong on the way to an upstream and back: a shallow tree, by kind. The docstring is the message."""


class UpstreamError(Exception):
    """The upstream gave no usable answer."""

    def __init__(self, detail: str = "", *, received: bool = False) -> None:
        """`detail` is for the operator's eyes. `received`: at least one byte of the answer had arrived, so the upstream
        may have done the work."""
        message = type(self).__doc__ or type(self).__name__
        super().__init__(f"{message} {detail}" if detail else message)
        self.detail = detail
        self.received = received


class ConnectFailed(UpstreamError):
    """No connection to the upstream could be made."""


class AddressRefused(ConnectFailed):
    """The upstream's address is not allowed."""


class ConnectTimedOut(UpstreamError):
    """No connection to the upstream was made in time."""


class TlsFailed(UpstreamError):
    """The TLS handshake with the upstream failed."""


class ProxyFailed(UpstreamError):
    """The proxy did not connect us with the upstream."""


class FirstByteTimedOut(UpstreamError):
    """The upstream did not begin to answer in time."""


class IdleTimedOut(UpstreamError):
    """The upstream fell silent in the middle of its answer."""


class Broken(UpstreamError):
    """The connection to the upstream was lost before its answer was complete."""


class ProtocolError(UpstreamError):
    """The upstream's answer is not valid HTTP."""


class TooLarge(UpstreamError):
    """The upstream's answer is larger than allowed."""

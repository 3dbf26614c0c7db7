"""The HTTP/1.1 client of the relay path: small, fast, and knowing nothing of what it carries.

    Client  --send-->  Pool (of one Origin)  --take-->  Connection  --head parsed-->  Answer  --read, pipe-->  reader
                         ^    Dialer opens                   |
                         +---------- freed, lost ------------+

`origin` says where and how long; `dial` looks up, connects, goes through proxies and puts TLS on top; `connection` is
the asyncio protocol that writes a request and parses its answer; `answer` hands the body on; `decoding` undoes content
codings; `pool` keeps what is free; `client` ties them and watches time; `errors` is all that can go wrong.

Not here: redirects, cookies, retries of answers, HTTP/2. What may be asked again elsewhere is the relay's to decide.
"""

from headgate.upstream.answer import Answer
from headgate.upstream.client import Client, Stats
from headgate.upstream.dial import Dialer
from headgate.upstream.errors import (
    AddressRefused,
    Broken,
    ConnectFailed,
    ConnectTimedOut,
    FirstByteTimedOut,
    IdleTimedOut,
    ProtocolError,
    ProxyFailed,
    TlsFailed,
    TooLarge,
    UpstreamError,
)
from headgate.upstream.origin import Origin, Timeouts

__all__ = [
    "AddressRefused",
    "Answer",
    "Broken",
    "Client",
    "ConnectFailed",
    "ConnectTimedOut",
    "Dialer",
    "FirstByteTimedOut",
    "IdleTimedOut",
    "Origin",
    "ProtocolError",
    "ProxyFailed",
    "Stats",
    "Timeouts",
    "TlsFailed",
    "TooLarge",
    "UpstreamError",
]

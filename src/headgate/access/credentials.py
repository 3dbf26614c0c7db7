"""Where a caller's API key is in a request. Every form is accepted on every route (contract.md 3.2).

Clients disagree about where a key goes, and some send several, of which one is a placeholder or meant for somebody
else. All of them are found, in order of preference; the first that is known counts.
"""

from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

# midjourney-proxy clients send this word instead of a key and put the key into mj-api-secret.
_PLACEHOLDER = b"midjourney-proxy"
_WEBSOCKET_PREFIX = b"openai-insecure-api-key."

_ORDER = (b"x-api-key", b"x-goog-api-key", b"authorization", b"mj-api-secret", b"?key", b"sec-websocket-protocol")
_HEADERS = frozenset(_ORDER)


def presented_keys(headers: Iterable[tuple[bytes, bytes]], query: bytes = b"") -> tuple[bytes, ...]:
    """The keys that a request presents, best first, each once; empty when it presents none.

    Args:
        headers: names in lower case.
        query: what follows the question mark, as sent.
    """
    found = {name: key for name, value in headers if name in _HEADERS and (key := _key(name, value))}
    if b"key=" in query and (key := _query_key(query)):
        found[b"?key"] = key
    if len(found) <= 1:
        return tuple(found.values())
    return tuple(dict.fromkeys(found[name] for name in _ORDER if name in found))


def _key(name: bytes, value: bytes) -> bytes:
    if name == b"sec-websocket-protocol":
        offers = (offer.strip() for offer in value.split(b","))
        return next((offer[len(_WEBSOCKET_PREFIX) :] for offer in offers if offer.startswith(_WEBSOCKET_PREFIX)), b"")
    key = value.strip()
    if name == b"authorization":
        scheme, _, rest = key.partition(b" ")
        if rest:
            return rest.strip() if scheme.lower() == b"bearer" else b""
        return b"" if key == _PLACEHOLDER or key.lower() == b"bearer" else key
    return key


def _query_key(query: bytes) -> bytes:
    for field in query.split(b"&"):
        name, _, value = field.partition(b"=")
        if name == b"key":
            return unquote_to_bytes(value).strip()
    return b""

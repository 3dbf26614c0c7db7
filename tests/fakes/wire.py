"""Recorded provider traffic: where it is, what it holds.

The recordings are not part of this repository. `HEADGATE_WIRE` names their directory; by default it is looked for
beside the project.
"""

import base64
import os
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

_DEFAULT = Path(__file__).parents[2] / ".." / "shared" / "wire"
_ABSENT = "recorded exchanges not found; set HEADGATE_WIRE"


class Entry(Struct, frozen=True):
    """One line of the index: what a recording shows, without reading it."""

    file: str
    provider: str
    endpoint: str
    feature: str
    tags: tuple[str, ...]
    stream: bool
    status: int | None
    model: str | None


class WireRequest(Struct, frozen=True):
    method: str
    url: str
    headers: dict[str, str | list[str]] = {}
    body: str | None = None
    body_base64: str | None = None

    @property
    def content(self) -> bytes:
        """The body's bytes; empty where only the answer was recorded."""
        return _content(self.body, self.body_base64)


class WireResponse(Struct, frozen=True):
    status: int
    headers: dict[str, str | list[str]] = {}
    body: str | None = None
    body_base64: str | None = None

    @property
    def content(self) -> bytes:
        """The body's bytes, as they came after transfer and content decoding."""
        return _content(self.body, self.body_base64)


class Exchange(Struct, frozen=True):
    """One recorded request and its answer; `frames` are the messages of a WebSocket."""

    entry: Entry
    request: WireRequest
    response: WireResponse
    frames: tuple[dict[str, Any], ...] = ()

    def __str__(self) -> str:
        return self.entry.file


class _Index(Struct):
    entries: list[Entry]


class _Socket(Struct):
    frames: tuple[dict[str, Any], ...] = ()


class _File(Struct):
    request: WireRequest
    response: WireResponse
    websocket: _Socket | None = None


def wire_root() -> Path | None:
    """The directory of the recordings; None where there are none."""
    root = Path(os.environ.get("HEADGATE_WIRE") or _DEFAULT)
    return root.resolve() if (root / "index.json").is_file() else None


def entries(
    *,
    provider: str | None = None,
    endpoint: str | None = None,
    feature_prefix: str = "",
    stream: bool | None = None,
    tag: str | None = None,
) -> list[Entry]:
    """The recordings that fit, in the index's order; none where there are no recordings. Fit for parametrizing:
    reads the index alone. `feature_prefix` is a prefix of the feature's name, `tag` one of its tags."""
    return [
        entry
        for entry in _index(wire_root())
        if (provider is None or entry.provider == provider)
        and (endpoint is None or entry.endpoint == endpoint)
        and entry.feature.startswith(feature_prefix)
        and (stream is None or entry.stream == stream)
        and (tag is None or tag in entry.tags)
    ]


def read(entry: Entry) -> Exchange:
    """The recording itself."""
    return _read(_required_root() / entry.file, entry)


def exchanges(
    *,
    provider: str | None = None,
    endpoint: str | None = None,
    feature_prefix: str = "",
    stream: bool | None = None,
    tag: str | None = None,
) -> list[Exchange]:
    """The recordings that fit, read. Called inside a test, skips it where there are no recordings."""
    root = _required_root()
    fitting = entries(provider=provider, endpoint=endpoint, feature_prefix=feature_prefix, stream=stream, tag=tag)
    return [_read(root / entry.file, entry) for entry in fitting]


def wire_params(found: list[Entry]) -> list[Any]:
    """`found` for `pytest.mark.parametrize`, named after their files; one skipped case where there are no
    recordings at all, so that their absence is seen."""
    if wire_root() is None:
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=_ABSENT))]
    return [pytest.param(entry, id=entry.file.removesuffix(".json")) for entry in found]


def _required_root() -> Path:
    root = wire_root()
    if root is None:
        pytest.skip(_ABSENT)
    return root


@cache
def _index(root: Path | None) -> list[Entry]:
    return [] if root is None else msgspec.json.decode((root / "index.json").read_bytes(), type=_Index).entries


def _read(path: Path, entry: Entry) -> Exchange:
    file = msgspec.json.decode(path.read_bytes(), type=_File)
    frames = file.websocket.frames if file.websocket else ()
    return Exchange(entry=entry, request=file.request, response=file.response, frames=frames)


def _content(body: str | None, body_base64: str | None) -> bytes:
    return base64.b64decode(body_base64) if body_base64 is not None else (body or "").encode()

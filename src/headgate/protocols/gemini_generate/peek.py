"""What routing and pricing must know of a request, and the few changes made to one that is passed through."""

import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec
from msgspec import Raw

from headgate.canonical.codec import Patch, Peek
from headgate.canonical.failure import refuse
from headgate.canonical.parts import Json
from headgate.protocols.gemini_generate.casing import camel
from headgate.protocols.gemini_generate.wire import (
    PeekBlob,
    PeekConfig,
    PeekContent,
    PeekPart,
    PeekRequest,
    PeekResponse,
    PeekTool,
    bad_json,
    invalid,
)

_request = msgspec.json.Decoder(PeekRequest)
_tools = msgspec.json.Decoder(list[PeekTool] | PeekTool | None)
_fields = msgspec.json.Decoder(dict[str, Raw])
_MODEL = re.compile(rb'"model"\s*:')
_NOTHING = b"null"
_T = TypeVar("_T", PeekContent, PeekPart, PeekTool)


def peek(body: bytes, path_model: str | None) -> Peek:
    """One cheap reading; inline media and free JSON stay unread. The path names the model, and whether it is a stream.

    Raises:
        Refused: where it is no JSON, or lacks `contents`.
    """
    try:
        found = _request.decode(body)
        tools = _list(_tools.decode(found.tools)) if found.tools else []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_json(error) from error
    inner = found.counted or found.counted_snake
    if inner is not None:
        found = inner
    model = path_model or found.model
    if not model:
        raise refuse("model is required", param="model")
    contents = _list(found.contents)
    if not contents:
        raise refuse("contents is required", param="contents")
    count = _Count()
    for content in contents:
        count.parts(content.parts)
    count.system(found.system or found.system_snake)
    config = found.config or found.config_snake or PeekConfig()
    return Peek(
        model=model.removeprefix("models/"),
        wants_usage=True,
        max_output_tokens=_limit(config.limit or config.limit_snake, "maxOutputTokens"),
        n=_limit(config.count or config.count_snake, "candidateCount") or 1,
        text_bytes=count.text + len(found.tools) + _schema_bytes(config),
        images=count.media["image"],
        audios=count.media["audio"],
        documents=count.media["document"],
        tools=any(_given(tool.functions, tool.functions_snake) for tool in tools),
        web_search=any(_searches(tool) for tool in tools),
    )


class _Count:
    """Adds up what becomes prompt tokens."""

    def __init__(self) -> None:
        self.text = 0
        self.media = {"image": 0, "audio": 0, "document": 0}

    def parts(self, parts: list[PeekPart] | PeekPart | None) -> None:
        for part in _list(parts):
            if part.text is not None:
                self.text += _bytes(part.text)
                continue
            self._media(part.inline or part.inline_snake or part.file or part.file_snake)
            self._result(part.result or part.result_snake)
            for raw in (part.call, part.call_snake, part.code, part.code_snake, part.output, part.output_snake):
                self.text += len(raw)

    def system(self, system: PeekContent | str | None) -> None:
        if isinstance(system, str):
            self.text += _bytes(system)
        elif system is not None:
            self.parts(system.parts)

    def _media(self, blob: PeekBlob | None) -> None:
        if blob is not None:
            self.media[blob.kind if blob.kind in {"image", "audio"} else "document"] += 1

    def _result(self, result: PeekResponse | None) -> None:
        if result is not None:
            self.text += len(result.response)
            self.parts(result.parts)


def _list(value: list[_T] | _T | None) -> list[_T]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _bytes(written: str) -> int:
    return len(written) if written.isascii() else len(written.encode("utf-8", "surrogatepass"))


def _limit(value: int | str | None, name: str) -> int | None:
    """A count, which proto3 JSON reads from a string as well; zero is none."""
    if isinstance(value, str):
        if not value.isdecimal() or len(value) > 18:
            raise invalid(f"generationConfig.{name}", "a whole number is expected")
        value = int(value)
    if value is not None and value < 0:
        raise invalid(f"generationConfig.{name}", "it must be positive")
    return value or None


def _schema_bytes(config: PeekConfig) -> int:
    return sum(len(raw) for raw in (config.schema, config.schema_snake, config.json_schema, config.json_schema_snake))


def _searches(tool: PeekTool) -> bool:
    return _given(
        tool.search, tool.search_snake, tool.retrieval, tool.retrieval_snake, tool.enterprise, tool.enterprise_snake
    )


def _given(*values: Raw) -> bool:
    return any(bool(value) and bytes(value) != _NOTHING for value in values)


def patch(body: bytes, change: Patch) -> bytes:
    """The body with the changes; the very same object where there are none. What is not changed stays byte for byte.
    The model stands in the path: a body that names one all the same is brought in line.

    Raises:
        Refused: where the body is no JSON object.
    """
    names_model = change.model is not None and _MODEL.search(body) is not None
    if not names_model and change.max_output_tokens is None and not change.set_fields:
        return body
    try:
        fields = _fields.decode(body)
        if names_model and "model" in fields:
            fields["model"] = _raw(f"models/{change.model}")
        elif change.max_output_tokens is None and not change.set_fields:
            return body
        if change.max_output_tokens is not None:
            key = _key(fields, "generationConfig")
            _put(fields, key, _limited(fields.get(key), change.max_output_tokens))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_json(error) from error
    for name, value in change.set_fields.items():
        _put(fields, _key(fields, name), _raw(value))
    return msgspec.json.encode(fields)


def _key(fields: Iterable[str], name: str) -> str:
    """The spelling in which a field is present, else the name itself."""
    return next((field for field in fields if camel(field) == camel(name)), name)


def _put(fields: dict[str, Raw], key: str, value: Raw) -> None:
    fields[key] = value


def _limited(config: Raw | None, limit: int) -> Raw:
    given = bytes(config) if config is not None else b"{}"
    inner = {} if given == _NOTHING else _fields.decode(given)
    inner[_key(inner, "maxOutputTokens")] = _raw(limit)
    return Raw(msgspec.json.encode(inner))


def _raw(value: object) -> Raw:
    return Raw(msgspec.json.encode(value))


def encode_count(tokens: int) -> bytes:
    """The answer of `countTokens`."""
    answer: dict[str, Json] = {"totalTokens": tokens}
    return msgspec.json.encode(answer)

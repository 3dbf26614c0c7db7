"""Canonical messages to `systemInstruction` and `contents`.

Google knows two roles, user and model, which take turns; tool results are the user's. So neighbours of one role are
joined, the instructions that open a conversation are hoisted, later ones stay in their place as the user's words, and
nothing is made up to fill a gap.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from headgate.canonical.failure import refuse
from headgate.canonical.parts import (
    Audio,
    CacheHint,
    File,
    Image,
    Json,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headgate.canonical.quirks import Target
from headgate.canonical.request import Message, Request
from headgate.protocols.gemini_generate.grounding import is_grounding
from headgate.protocols.gemini_generate.media import encode_media, split_images
from headgate.protocols.gemini_generate.parts import dump, encode_code, encode_part
from headgate.protocols.gemini_generate.signatures import NAME, NOT_OURS

# What may stand inside a function's answer (https://ai.google.dev/gemini-api/docs/function-calling, 2026-11).
_ANSWER_MEDIA = ("image/", "application/pdf", "text/plain")


class Turns(Struct, frozen=True):
    """What `encode_messages` makes. `dropped` names what could not be carried."""

    system: list[Json]
    contents: list[Json]
    dropped: list[str]


def encode_messages(request: Request, target: Target) -> Turns:
    """A conversation on the wire.

    Raises:
        Refused: for content Google has no form for.
    """
    return _Writer(request, target).write()


class _Content(Struct):
    role: str
    parts: list[dict[str, Json]]


class _Writer:
    def __init__(self, request: Request, target: Target) -> None:
        self._request = request
        self._target = target
        self._native = request.origin == NAME
        self._contents: list[_Content] = []
        self._dropped: dict[str, None] = {}
        self._names: dict[str, str] = {}

    def write(self) -> Turns:
        system: list[Json] = []
        for message in self._request.messages:
            if message.name:
                self._drop("messages.name")
            if message.role in {"system", "developer"} and not self._contents:
                system += [*self._plain(message.parts)]
            elif message.role == "assistant":
                self._assistant(message)
            else:
                self._user(message)
        if not self._contents and system:
            # Nothing but instructions: said as the user they are answered, hoisted they would be a 400.
            self._contents.append(_Content("user", [part for part in system if isinstance(part, dict)]))
            system = []
        if not self._contents:
            raise refuse("contents is required", param="contents")
        if self._target.quirks.thinking == "level":
            self._excuse_foreign_calls()
        contents: list[Json] = [{"role": content.role, "parts": list(content.parts)} for content in self._contents]
        return Turns(system, contents, list(self._dropped))

    def _drop(self, name: str) -> None:
        self._dropped[name] = None

    def _add(self, role: str, parts: Iterable[dict[str, Json]]) -> None:
        """Append to the turn of that role. Answers to calls come before whatever else the user says in that turn."""
        new = list(parts)
        if not new:
            return
        if not self._contents or self._contents[-1].role != role:
            self._contents.append(_Content(role, []))
        present = self._contents[-1].parts
        answers = [part for part in new if "functionResponse" in part]
        place = sum("functionResponse" in part for part in present)
        present[place:place] = answers
        present += [part for part in new if "functionResponse" not in part]

    def _sign(self, signature: Signature) -> str | None:
        return signature.value if signature.origin == NAME else None

    def _plain(self, parts: Iterable[Part]) -> list[dict[str, Json]]:
        out = []
        for part in parts:
            self._note(part)
            if isinstance(part, Text) and not part.text and part.signature is None and not self._native:
                continue
            encoded = encode_part(part, self._sign)
            if encoded is None:
                raise refuse(f"A {type(part).__name__} part cannot stand in a user's message.")
            out.append(encoded)
        return out

    def _note(self, part: Part) -> None:
        """Name the wishes that a part carries and Google cannot hear."""
        hint: CacheHint | None = getattr(part, "cache", None)
        if hint is not None:
            self._drop("cache_control")
        if isinstance(part, Image) and part.detail not in {None, "auto"}:
            self._drop("image.detail")
        if isinstance(part, File) and NAME not in part.provider_data:
            if part.filename:
                self._drop("file.filename")
            if part.citations_enabled:
                self._drop("file.citations")

    # --- the user's side ---------------------------------------------------------------------------------------

    def _user(self, message: Message) -> None:
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._note(part)
                self._add("user", self._answer(part))
            elif isinstance(part, File) and part.context:
                self._add("user", [{"text": part.context}, *self._plain([part])])
            else:
                self._add("user", self._plain([part]))

    def _answer(self, result: ToolResult) -> list[dict[str, Json]]:
        """A tool's result: its words as JSON, its pictures inside where the model takes them there, else after it."""
        name = result.name or self._names.get(result.call_id)
        if not name:
            raise refuse(f"The tool result for '{result.call_id[:80]}' answers no call in this conversation.")
        own = result.provider_data.get(NAME, {}) if self._native else {}
        media = [part for part in result.content if not isinstance(part, Text | Refusal)]
        response: dict[str, Json] = {"id": result.call_id, "name": name, "response": self._said(result, own, media)}
        response.update({key: value for key, value in own.items() if key != "response"})
        inside: list[Json] = []
        after: list[dict[str, Json]] = []
        for part in media:
            self._note(part)
            if not isinstance(part, Image | Audio | Video | File):
                raise refuse(f"A {type(part).__name__} part cannot stand in a tool's result.")
            (inside if self._fits_inside(part) else after).append(encode_media(part))
        if inside:
            response["parts"] = inside
        return [{"functionResponse": response}, *after]

    def _fits_inside(self, part: Image | Audio | Video | File) -> bool:
        if self._native:
            return True
        kind = part.source.media_type or ("image/" if isinstance(part, Image) else "")
        return self._target.quirks.thinking == "level" and kind.startswith(_ANSWER_MEDIA)

    def _said(self, result: ToolResult, own: Mapping[str, Json], media: Sequence[Part]) -> Json:
        if "response" in own:
            return own["response"]
        words = [part.text for part in result.content if isinstance(part, Text | Refusal)]
        if not words and media:
            return {}
        written = "\n".join(words)
        if result.is_error:
            return {"error": written}
        try:
            found: Json = msgspec.json.decode(written)
        except (msgspec.DecodeError, RecursionError):
            found = None
        return found if isinstance(found, dict) else {"output": written}

    # --- the model's side --------------------------------------------------------------------------------------

    def _assistant(self, message: Message) -> None:
        results = {part.call_id: part for part in message.parts if isinstance(part, ServerToolResult)}
        for part in message.parts:
            self._note(part)
            match part:
                case Reasoning():
                    self._add("model", self._thought(part))
                case ServerToolCall() | ServerToolResult() if NAME not in part.provider_data:
                    self._foreign_tool(part, results)
                case Text() if not self._native:
                    self._add("model", self._written(part))
                case ToolResult():
                    raise refuse("A tool result cannot stand in an assistant's message.")
                case _:
                    if isinstance(part, ToolCall):
                        self._names[part.id] = part.name
                    encoded = encode_part(part, self._sign)
                    self._add("model", [encoded] if encoded is not None else [])

    def _thought(self, part: Reasoning) -> list[dict[str, Json]]:
        own = part.provider_data.get(NAME)
        signature = self._sign(part.signature) if part.signature else None
        if part.redacted is not None:
            self._drop("reasoning.foreign")
        if not part.text and not signature and not own:
            return []
        out: dict[str, Json] = {**own} if own else {"text": part.text}
        out["thought"] = True
        return [{**out, "thoughtSignature": signature} if signature else out]

    def _written(self, part: Text) -> list[dict[str, Json]]:
        signature = self._sign(part.signature) if part.signature else None
        if part.citations:
            self._drop("citations.foreign")
        pieces = split_images(part.text) if "](data:image/" in part.text else [part.text]
        out: list[dict[str, Json]] = []
        for piece in pieces:
            if isinstance(piece, Image):
                out.append(encode_media(piece))
            elif piece or signature:
                out.append({"text": piece})
        if signature and out:
            out[-1]["thoughtSignature"] = signature
        return out

    def _foreign_tool(self, part: ServerToolCall | ServerToolResult, results: Mapping[str, ServerToolResult]) -> None:
        """A tool that another vendor ran by itself: code as Google's own; the rest as a function called and answered,
        which says the same. What we made of Google's own grounding is not wanted back."""
        call_id = part.id if isinstance(part, ServerToolCall) else part.call_id
        if is_grounding(call_id):
            return
        code = encode_code(part)
        if code is not None:
            self._add("model", [code])
            return
        if isinstance(part, ServerToolResult):
            return
        result = results.get(part.id)
        if result is None:
            self._drop("server_tools.foreign")
            return
        call = ToolCall(id=part.id, name=part.name, arguments=part.input)
        encoded = encode_part(call, self._sign)
        self._add("model", [encoded] if encoded else [])
        answer: dict[str, Json] = {"id": part.id, "name": part.name, "response": _found(result)}
        self._add("user", [{"functionResponse": answer}])

    def _excuse_foreign_calls(self) -> None:
        for content in self._contents:
            if content.role == "model":
                first = next((part for part in content.parts if "functionCall" in part), None)
                if first is not None and "thoughtSignature" not in first:
                    first["thoughtSignature"] = NOT_OURS


def _found(result: ServerToolResult) -> dict[str, Json]:
    if result.error:
        return {"error": result.error}
    out: dict[str, Json] = {}
    if result.results:
        rows = ({"url": row.url, "title": row.title, "snippet": row.snippet} for row in result.results)
        out["results"] = [{name: value for name, value in row.items() if value is not None} for row in rows]
    if result.output is not None:
        out["output"] = result.output
    return out


def schema_instruction(request: Request, target: Target) -> str | None:
    """What to tell a model that cannot be held to a schema; None where none is wished or needed."""
    wish = request.response_format
    if wish is None or wish.mode != "json_schema" or wish.schema is None or target.quirks.json_schema:
        return None
    return f"Answer only with JSON that conforms to this JSON schema:\n{dump(dict(wish.schema))}"

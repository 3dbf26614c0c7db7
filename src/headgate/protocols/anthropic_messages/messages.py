"""Canonical messages to `system` and `messages`.

The API knows two roles that alternate; neighbours of one role are one turn. So tool results join the user's turn, in
front; texts without any visible character, which the API refuses, are left out, and no word is ever added.

System and developer messages in front become `system`, one block each. A later one stays where it is, as a message of
role system, where the model takes one (after its user turn, the only place allowed); elsewhere it joins `system`, as
Anthropic's own OpenAI-compatible endpoint does, and the lost position is named.
(platform.claude.com, "Mid-conversation system messages" and "OpenAI SDK compatibility", read 2026-11-23.)
"""

from collections.abc import Callable, Iterable
from typing import Literal, assert_never

from msgspec import Struct

from headgate.canonical.failure import Refused, refuse
from headgate.canonical.parts import (
    Audio,
    File,
    Image,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Message, Request
from headgate.protocols.anthropic_messages.blocks import kept_block, redacted_block, server_use_block, tool_input
from headgate.protocols.anthropic_messages.citations import return_citation
from headgate.protocols.anthropic_messages.ids import wire_id
from headgate.protocols.anthropic_messages.media import encode_file, encode_image
from headgate.protocols.anthropic_messages.wire import ORIGIN, Obj, cache_control, own
from headgate.protocols.losses import Losses

WireRole = Literal["user", "assistant", "system"]


class Turn(Struct):
    """One wire message while it is being put together."""

    role: WireRole
    blocks: list[Obj]


class Conversation(Struct, frozen=True):
    system: list[Obj]
    messages: list[Obj]

    def answers_tools_without_thought(self) -> bool:
        """Whether the last assistant turn called tools, got its results, and does not begin with a thought. Models
        with a thinking budget refuse to think on from there."""
        if len(self.messages) < 2 or self.messages[-1]["role"] != "user":
            return False
        if not any(block["type"] == "tool_result" for block in self.messages[-1]["content"]):
            return False
        before = self.messages[-2]["content"]
        return before[0]["type"] not in {"thinking", "redacted_thinking"}


def encode_messages(request: Request, quirks: Quirks, losses: Losses) -> Conversation:
    """The conversation on the wire.

    Raises:
        Refused: for content the API cannot express, and where nothing is left to answer.
    """
    writer = _Writer(request, quirks, losses)
    native = request.origin == ORIGIN
    system: list[Obj] = []
    turns: list[Turn] = []
    for number, message in enumerate(request.messages):
        if message.name:
            losses.drop("messages.name")
        blocks = list(writer.blocks(message, f"messages.{number}"))
        if message.role not in {"system", "developer"}:
            turns.append(Turn("assistant" if message.role == "assistant" else "user", blocks))
        elif turns and quirks.system_messages:
            turns.append(Turn("system", blocks))
        else:
            system += blocks
            if turns:
                losses.drop("system_position")
    turns = _merged(turn for turn in turns if turn.blocks)
    if not native:
        turns, homeless = _placed(turns)
        if homeless:
            system += homeless
            losses.drop("system_position")
    _trim_prefill(turns)
    if not any(turn.role != "system" for turn in turns):
        raise refuse("messages: at least one message must have content", param="messages")
    return Conversation(system, [{"role": turn.role, "content": _results_first(turn)} for turn in turns])


def _merged(turns: Iterable[Turn]) -> list[Turn]:
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role:
            merged[-1].blocks += turn.blocks
        else:
            merged.append(Turn(turn.role, list(turn.blocks)))
    return merged


def _placed(turns: list[Turn]) -> tuple[list[Turn], list[Obj]]:
    """Every system turn behind the user turn it stands in or before; and the blocks that no user turn follows."""
    placed: list[Turn] = []
    waiting: list[Obj] = []
    for turn in turns:
        if turn.role == "system":
            waiting += turn.blocks
            continue
        if turn.role == "assistant" and waiting and placed and placed[-1].role == "user":
            placed.append(Turn("system", waiting))
            waiting = []
        placed.append(turn)
        placed = _merged(placed)
    if waiting and placed and placed[-1].role == "user":
        placed.append(Turn("system", waiting))
        waiting = []
    return placed, waiting


def _trim_prefill(turns: list[Turn]) -> None:
    """A final assistant text may not end in white space."""
    if not turns or turns[-1].role != "assistant":
        return
    last = turns[-1].blocks[-1]
    if last["type"] == "text":
        last["text"] = last["text"].rstrip()


def _results_first(turn: Turn) -> list[Obj]:
    if turn.role != "user":
        return turn.blocks
    return sorted(turn.blocks, key=lambda block: block["type"] != "tool_result")


class _Writer:
    """Parts to blocks, for one request."""

    def __init__(self, request: Request, quirks: Quirks, losses: Losses) -> None:
        self._request = request
        self._quirks = quirks
        self._losses = losses

    def blocks(self, message: Message, where: str) -> Iterable[Obj]:
        write: Callable[[Part, str], Obj | None]
        match message.role:
            case "system" | "developer":
                write = self._system
            case "assistant":
                write = self._assistant
            case "user" | "tool":
                write = self._user
            case _:
                assert_never(message.role)
        for part in message.parts:
            block = write(part, where)
            if block is not None:
                yield block

    def _system(self, part: Part, where: str) -> Obj | None:
        match part:
            case Text():
                return self._text(part)
            case ServerToolResult() if own(part.provider_data):
                return kept_block(part)
            case _:
                raise _misplaced(part, "system", where)

    def _user(self, part: Part, where: str) -> Obj | None:
        match part:
            case Text():
                return self._text(part)
            case Image():
                return encode_image(part, self._request, self._quirks, self._losses)
            case File():
                return encode_file(part, self._request, self._quirks)
            case ToolResult():
                return self._tool_result(part, where)
            case ServerToolCall() | ServerToolResult():
                return self._server(part)
            case Audio() | Video():
                raise _unheard(part)
            case _:
                raise _misplaced(part, "user", where)

    def _assistant(self, part: Part, where: str) -> Obj | None:
        match part:
            case Text():
                return self._text(part)
            case Refusal():
                return self._text(Text(text=part.text))
            case Reasoning():
                return self._reasoning(part)
            case ToolCall():
                return self._tool_call(part)
            case ServerToolCall() | ServerToolResult():
                return self._server(part)
            case Audio() if part.transcript:
                return self._text(Text(text=part.transcript, cache=part.cache))
            case File() if own(part.provider_data).get("type") in {"container_upload", "search_result"}:
                return kept_block(part)
            case Audio() | Video():
                raise _unheard(part)
            case _:
                raise _misplaced(part, "assistant", where)

    def _text(self, part: Text) -> Obj | None:
        if not part.text.strip():
            return None
        block: Obj = {"type": "text", "text": part.text}
        if part.citations:
            cited = [one for one in map(return_citation, part.citations) if one is not None]
            if len(cited) < len(part.citations):
                self._losses.drop("citations.foreign")
            if cited:
                block["citations"] = cited
        return {**block, **cache_control(part.cache), **own(part.provider_data)}

    def _reasoning(self, part: Reasoning) -> Obj | None:
        """Only what Anthropic has signed may be returned to it."""
        if part.redacted and part.redacted.origin == ORIGIN:
            return redacted_block(part.redacted)
        if part.signature and part.signature.origin == ORIGIN:
            return {"type": "thinking", "thinking": part.text, "signature": part.signature.value}
        self._losses.drop("reasoning.foreign")
        return None

    def _tool_call(self, part: ToolCall) -> Obj:
        block: Obj = {"type": "tool_use", "id": wire_id(part.id), "name": part.name, "input": tool_input(part)}
        return {**block, **cache_control(part.cache), **own(part.provider_data)}

    def _tool_result(self, part: ToolResult, where: str) -> Obj:
        block: Obj = {"type": "tool_result", "tool_use_id": wire_id(part.call_id)}
        content = [block for block in (self._user(inner, where) for inner in part.content) if block is not None]
        if content:
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return {**block, **cache_control(part.cache), **own(part.provider_data)}

    def _server(self, part: ServerToolCall | ServerToolResult) -> Obj | None:
        if not own(part.provider_data):
            self._losses.drop("server_tools.foreign")
            return None
        return server_use_block(part) if isinstance(part, ServerToolCall) else kept_block(part)


def _unheard(part: Audio | Video) -> Refused:
    return refuse(f"this model takes no {'audio' if isinstance(part, Audio) else 'video'}", param="messages")


def _misplaced(part: Part, role: str, where: str) -> Refused:
    names = {
        Image: "an image",
        File: "a file",
        Reasoning: "a thought",
        Refusal: "a refusal",
        ToolCall: "a tool call",
        ToolResult: "a tool result",
        Audio: "audio",
        Video: "video",
    }
    what = names.get(type(part), "this content")
    return refuse(f"{where}: this model takes no {what.split(' ')[-1]} in a message of role {role}", param=where)

"""What the vendors' own clients make of what we write: they take it, and put a stream together to one answer."""

import json
from typing import Any

import httpx2
from anthropic.lib.streaming._beta_messages import accumulate_event
from anthropic.types.beta import BetaMessage, BetaRawMessageStreamEvent
from google.genai import types as google
from openai._models import construct_type
from openai._types import omit
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from headgate.canonical.parts import ProtocolName
from headgate.protocols.framing import SseFramer

Json = dict[str, Any]
_ANTHROPIC_EVENT: TypeAdapter[Any] = TypeAdapter(BetaRawMessageStreamEvent)
_RESPONSES_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def take_whole(protocol: ProtocolName, body: bytes) -> Json:
    """The answer as the SDK reads it, as plain JSON. Raises ValidationError where the SDK's types do not fit."""
    match protocol:
        case "openai_chat":
            ChatCompletion.model_validate_json(body)
        case "openai_responses":
            Response.model_validate_json(body)
        case "anthropic_messages":
            BetaMessage.model_validate_json(body)
        case "gemini_generate":
            google.GenerateContentResponse._from_response(response=json.loads(body), kwargs={})
    found: Json = json.loads(body)
    return found


def events_of(body: bytes) -> list[Json]:
    """The JSON of a stream's events."""
    framer = SseFramer()
    frames = [*framer.feed(body), *framer.close()]
    return [json.loads(frame.data) for frame in frames if frame.data and frame.data != b"[DONE]"]


def take_stream(protocol: ProtocolName, body: bytes) -> Json:
    """The answer that the SDK puts together of a stream, in the form of a whole answer."""
    found = events_of(body)
    match protocol:
        case "openai_chat":
            state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
            for event in found:
                state.handle_chunk(ChatCompletionChunk.model_validate(event))
            return dict(json.loads(state.current_completion_snapshot.to_json(warnings=False)))
        case "openai_responses":
            responses: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
            for event in found:
                _RESPONSES_EVENT.validate_python(event)
                built: Any = construct_type(type_=ResponseStreamEvent, value=event)
                responses.handle_event(built)
            return dict(found[-1]["response"])
        case "anthropic_messages":
            message: Any = None
            bufs: dict[int, bytes] = {}
            for event in found:
                read = _ANTHROPIC_EVENT.validate_python(event)
                message = accumulate_event(
                    event=read, current_snapshot=message, json_bufs=bufs, request_headers=httpx2.Headers()
                )
            return dict(json.loads(message.to_json(warnings=False)))
        case "gemini_generate":
            for event in found:
                google.GenerateContentResponse._from_response(response=json.loads(json.dumps(event)), kwargs={})
            return _joined(found)


def _joined(chunks: list[Json]) -> Json:
    """What an application that gathers the parts of a chat has at the end."""
    parts = [part for chunk in chunks for one in chunk.get("candidates", [])[:1] for part in _parts(one)]
    return {**chunks[-1], "candidates": [{"content": {"role": "model", "parts": parts}}]}


def next_turn(protocol: ProtocolName, answer: Json) -> bytes:
    """The request of a client that sends the answer back as it got it, with what its tools returned."""
    asked: Json
    match protocol:
        case "openai_chat":
            message = answer["choices"][0]["message"]
            calls = message.get("tool_calls") or []
            results = [{"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in calls]
            asked = {"messages": [{"role": "user", "content": "x"}, message, *results]}
        case "openai_responses":
            kinds = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
            outputs = [
                {"type": kinds[item["type"]], "call_id": item["call_id"], "output": "done"}
                for item in answer["output"]
                if item["type"] in kinds
            ]
            asked = {"input": [{"role": "user", "content": "x"}, *answer["output"], *outputs]}
        case "anthropic_messages":
            used = [block["id"] for block in answer["content"] if block["type"] == "tool_use"]
            blocks = [{"type": "tool_result", "tool_use_id": name, "content": "done"} for name in used]
            turns = [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": [*blocks, TEXT]}]
            asked = {"max_tokens": 9000, "messages": [{"role": "user", "content": "x"}, *turns]}
        case "gemini_generate":
            content = answer["candidates"][0]["content"]
            asked = {"contents": [{"role": "user", "parts": [{"text": "x"}]}, content, _answered(content)]}
    return json.dumps({"model": "m", **asked}).encode()


TEXT = {"type": "text", "text": "go on"}


def _answered(content: Json) -> Json:
    calls = [part["functionCall"] for part in content.get("parts") or [] if "functionCall" in part]
    answers = [
        {"functionResponse": {"id": call.get("id"), "name": call["name"], "response": {"output": "done"}}}
        for call in calls
    ]
    return {"role": "user", "parts": [*answers, {"text": "go on"}]}


def _parts(candidate: Json) -> list[Json]:
    return list((candidate.get("content") or {}).get("parts") or [])

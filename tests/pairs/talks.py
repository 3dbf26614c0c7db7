"""A conversation held with a vendor's own client, so that one story can be told through all of them."""

import json
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Literal

import anthropic
import openai
from google import genai
from google.genai import types as google
from msgspec import Struct
from openai.lib.streaming.chat import ChatCompletionStreamState

from headgate.canonical.parts import ProtocolName

Json = dict[str, Any]
KEY = "sk-dev-0123456789abcdef0123456789abcdef"


class Call(Struct, frozen=True):
    id: str
    name: str
    arguments: Json


class Answer(Struct, frozen=True, kw_only=True):
    """What the client's user sees. `finish` is in the vendor's own words."""

    text: str
    thoughts: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = ""
    tokens: tuple[int, int] = (0, 0)
    sources: tuple[str, ...] = ()


class Wishes(Struct, frozen=True, kw_only=True):
    stream: bool = False
    tools: tuple[str, ...] = ()
    thinking: bool = False
    schema: Json | None = None
    max_tokens: int = 4000
    stop: str | None = None
    search: bool = False


def parameters(name: str) -> Json:
    """The schema of every tool in these stories."""
    return {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Talk:
    """Keeps the history as the vendor's users do."""

    def __init__(self, url: str, model: str) -> None:
        self.url = url
        self.model = model
        self.history: list[Any] = []

    def user(self, text: str, *, png: str | None = None, pdf: str | None = None) -> None:
        raise NotImplementedError

    def returned(self, results: Sequence[tuple[Call, str]]) -> None:
        raise NotImplementedError

    async def send(self, wishes: Wishes) -> Answer:
        raise NotImplementedError

    async def leave(self) -> None:
        """Ask for a stream, and go after its first words."""
        raise NotImplementedError


class Chat(Talk):
    def user(self, text: str, *, png: str | None = None, pdf: str | None = None) -> None:
        content: list[Json] = [{"type": "text", "text": text}]
        if png:
            content.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}})
        if pdf:
            data = f"data:application/pdf;base64,{pdf}"
            content.append({"type": "file", "file": {"filename": "a.pdf", "file_data": data}})
        self.history.append({"role": "user", "content": content if png or pdf else text})

    def returned(self, results: Sequence[tuple[Call, str]]) -> None:
        self.history += [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in results]

    def _body(self, wishes: Wishes) -> Json:
        body: Json = {"model": self.model, "messages": self.history, "max_completion_tokens": wishes.max_tokens}
        if wishes.tools:
            functions = [{"name": name, "parameters": parameters(name)} for name in wishes.tools]
            body["tools"] = [{"type": "function", "function": one} for one in functions]
        if wishes.thinking:
            body["reasoning_effort"] = "low"
        if wishes.schema:
            named = {"name": "answer", "schema": wishes.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        if wishes.stop:
            body["stop"] = [wishes.stop]
        if wishes.search:
            body["web_search_options"] = {}
        return body

    async def send(self, wishes: Wishes) -> Answer:
        async with openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=KEY, max_retries=0) as sdk:
            if wishes.stream:
                state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
                options: Any = {"include_usage": True}
                chunks = await sdk.chat.completions.create(**self._body(wishes), stream=True, stream_options=options)
                async for chunk in chunks:
                    state.handle_chunk(chunk)
                found: Any = state.current_completion_snapshot
            else:
                found = await sdk.chat.completions.create(**self._body(wishes))
        message = found.choices[0].message
        self.history.append(json.loads(message.to_json(warnings=False)))
        return Answer(
            text=message.content or "",
            thoughts=(message.model_extra or {}).get("reasoning_content") or "",
            calls=tuple(
                Call(one.id, one.function.name, json.loads(one.function.arguments)) for one in message.tool_calls or ()
            ),
            finish=found.choices[0].finish_reason,
            tokens=(found.usage.prompt_tokens, found.usage.completion_tokens),
            sources=tuple(_url(one) for one in message.annotations or ()),
        )

    async def leave(self) -> None:
        async with openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=KEY, max_retries=0) as sdk:
            stream = await sdk.chat.completions.create(**self._body(Wishes()), stream=True)
            async for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    break
            await stream.close()


def _url(annotation: Any) -> str:
    cited = annotation["url_citation"] if isinstance(annotation, dict) else annotation.url_citation
    return str(cited["url"] if isinstance(cited, dict) else cited.url)


class Responses(Talk):
    def user(self, text: str, *, png: str | None = None, pdf: str | None = None) -> None:
        content: list[Json] = [{"type": "input_text", "text": text}]
        if png:
            content.append({"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{png}"})
        if pdf:
            data = f"data:application/pdf;base64,{pdf}"
            content.append({"type": "input_file", "filename": "a.pdf", "file_data": data})
        self.history.append({"role": "user", "content": content})

    def returned(self, results: Sequence[tuple[Call, str]]) -> None:
        self.history += [{"type": "function_call_output", "call_id": call.id, "output": text} for call, text in results]

    def _body(self, wishes: Wishes) -> Json:
        body: Json = {"model": self.model, "input": self.history, "max_output_tokens": wishes.max_tokens}
        body |= {"store": False, "include": ["reasoning.encrypted_content"] if wishes.thinking else []}
        tools: list[Json] = [
            {"type": "function", "name": name, "parameters": parameters(name), "strict": False} for name in wishes.tools
        ]
        tools += [{"type": "web_search"}] if wishes.search else []
        if tools:
            body["tools"] = tools
        if wishes.thinking:
            body["reasoning"] = {"effort": "low", "summary": "auto"}
        if wishes.schema:
            form = {"type": "json_schema", "name": "answer", "schema": wishes.schema, "strict": True}
            body["text"] = {"format": form}
        return body

    async def send(self, wishes: Wishes) -> Answer:
        async with openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=KEY, max_retries=0) as sdk:
            if wishes.stream:
                # The SDK's own helper gives up on an answer that was cut at its limit.
                events: list[Any] = [
                    event async for event in await sdk.responses.create(**self._body(wishes), stream=True)
                ]
                found: Any = events[-1].response
            else:
                found = await sdk.responses.create(**self._body(wishes))
        items = [item.to_dict() for item in found.output]
        for item in items:
            item.pop("parsed_arguments", None)
        self.history += items
        texts = [part for item in items if item["type"] == "message" for part in item["content"]]
        return Answer(
            text=found.output_text,
            thoughts="".join(
                part["text"] for item in items if item["type"] == "reasoning" for part in item.get("summary", ())
            ),
            calls=tuple(
                Call(item["call_id"], item["name"], json.loads(item["arguments"]))
                for item in items
                if item["type"] == "function_call"
            ),
            finish=found.incomplete_details.reason if found.incomplete_details else found.status,
            tokens=(found.usage.input_tokens, found.usage.output_tokens),
            sources=tuple(note["url"] for part in texts for note in part.get("annotations") or ()),
        )

    async def leave(self) -> None:
        async with openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=KEY, max_retries=0) as sdk:
            stream = await sdk.responses.create(**self._body(Wishes()), stream=True)
            async for event in stream:
                if event.type == "response.output_text.delta":
                    break
            await stream.close()


class Messages(Talk):
    def user(self, text: str, *, png: str | None = None, pdf: str | None = None) -> None:
        content: list[Json] = [{"type": "text", "text": text}]
        for kind, media_type, data in (("image", "image/png", png), ("document", "application/pdf", pdf)):
            if data:
                content.append({"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}})
        self.history.append({"role": "user", "content": content})

    def returned(self, results: Sequence[tuple[Call, str]]) -> None:
        blocks = [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in results]
        self.history.append({"role": "user", "content": blocks})

    def _body(self, wishes: Wishes) -> Json:
        body: Json = {"model": self.model, "messages": self.history, "max_tokens": wishes.max_tokens}
        tools: list[Json] = [{"name": name, "input_schema": parameters(name)} for name in wishes.tools]
        tools += [{"type": "web_search_20250305", "name": "web_search"}] if wishes.search else []
        if tools:
            body["tools"] = tools
        if wishes.thinking:
            body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        if wishes.schema:
            body["output_config"] = {"format": {"type": "json_schema", "schema": wishes.schema}}
        if wishes.stop:
            body["stop_sequences"] = [wishes.stop]
        return body

    async def send(self, wishes: Wishes) -> Answer:
        async with anthropic.AsyncAnthropic(base_url=self.url, api_key=KEY, max_retries=0) as sdk:
            if wishes.stream:
                async with sdk.messages.stream(**self._body(wishes)) as stream:
                    found: Any = await stream.get_final_message()
            else:
                found = await sdk.messages.create(**self._body(wishes))
        blocks = [json.loads(block.to_json(warnings=False)) for block in found.content]
        for block in blocks:
            block.pop("parsed_output", None)
        self.history.append({"role": "assistant", "content": blocks})
        texts = [block for block in blocks if block["type"] == "text"]
        return Answer(
            text="".join(block["text"] for block in texts),
            thoughts="".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
            calls=tuple(
                Call(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"
            ),
            finish=found.stop_reason,
            tokens=(found.usage.input_tokens, found.usage.output_tokens),
            sources=tuple(note["url"] for block in texts for note in block.get("citations") or () if "url" in note),
        )

    async def leave(self) -> None:
        async with (
            anthropic.AsyncAnthropic(base_url=self.url, api_key=KEY, max_retries=0) as sdk,
            sdk.messages.stream(**self._body(Wishes())) as stream,
        ):
            async for _ in stream.text_stream:
                break


class Gemini(Talk):
    def user(self, text: str, *, png: str | None = None, pdf: str | None = None) -> None:
        parts: list[Json] = [{"text": text}]
        for media_type, data in (("image/png", png), ("application/pdf", pdf)):
            if data:
                parts.append({"inline_data": {"mime_type": media_type, "data": data}})
        self.history.append({"role": "user", "parts": parts})

    def returned(self, results: Sequence[tuple[Call, str]]) -> None:
        parts = [
            {"function_response": {"id": call.id, "name": call.name, "response": {"output": text}}}
            for call, text in results
        ]
        self.history.append({"role": "user", "parts": parts})

    def _config(self, wishes: Wishes) -> Any:
        config: Json = {"max_output_tokens": wishes.max_tokens}
        config["automatic_function_calling"] = {"disable": True}
        tools: list[Json] = []
        if wishes.tools:
            declared = [{"name": name, "parameters_json_schema": parameters(name)} for name in wishes.tools]
            tools.append({"function_declarations": declared})
        if wishes.search:
            tools.append({"google_search": {}})
        if tools:
            config["tools"] = tools
        if wishes.thinking:
            config["thinking_config"] = {"thinking_budget": 1024, "include_thoughts": True}
        if wishes.schema:
            config |= {"response_mime_type": "application/json", "response_json_schema": wishes.schema}
        if wishes.stop:
            config["stop_sequences"] = [wishes.stop]
        return google.GenerateContentConfig.model_validate(config)

    def client(self) -> genai.Client:
        options = google.HttpOptions(base_url=self.url)
        return genai.Client(api_key=KEY, http_options=options)

    async def send(self, wishes: Wishes) -> Answer:
        ask: Json = {"model": self.model, "contents": self.history, "config": self._config(wishes)}
        async with aclosing(self.client().aio) as sdk:
            if wishes.stream:
                chunks = [chunk async for chunk in await sdk.models.generate_content_stream(**ask)]
            else:
                chunks = [await sdk.models.generate_content(**ask)]
        candidates = [one for chunk in chunks for one in (chunk.candidates or [])[:1]]
        parts = [part for one in candidates if one.content for part in one.content.parts or []]
        self.history.append({"role": "model", "parts": [part.model_dump(exclude_none=True) for part in parts]})
        grounding = [one.grounding_metadata for one in candidates if one.grounding_metadata]
        usage: Any = next(chunk.usage_metadata for chunk in reversed(chunks) if chunk.usage_metadata)
        finish: Any = candidates[-1].finish_reason
        return Answer(
            text="".join(part.text or "" for part in parts if not part.thought),
            thoughts="".join(part.text or "" for part in parts if part.thought),
            calls=tuple(
                Call(part.function_call.id or "", part.function_call.name or "", part.function_call.args or {})
                for part in parts
                if part.function_call
            ),
            finish=finish.name,
            tokens=(
                usage.prompt_token_count or 0,
                (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
            ),
            sources=tuple(
                chunk.web.uri or "" for one in grounding for chunk in one.grounding_chunks or [] if chunk.web
            ),
        )

    async def leave(self) -> None:
        ask: Json = {"model": self.model, "contents": self.history, "config": self._config(Wishes())}
        async with aclosing(self.client().aio) as sdk:
            stream: Any = await sdk.models.generate_content_stream(**ask)
            async with aclosing(stream):
                async for chunk in stream:
                    if chunk.text:
                        break


TALKS: dict[ProtocolName, type[Talk]] = {
    "openai_chat": Chat,
    "openai_responses": Responses,
    "anthropic_messages": Messages,
    "gemini_generate": Gemini,
}
Ending = Literal["done", "length", "stopped", "calls"]
FINISHES: dict[ProtocolName, dict[Ending, str]] = {
    "openai_chat": {"done": "stop", "length": "length", "stopped": "stop", "calls": "tool_calls"},
    "openai_responses": {
        "done": "completed",
        "length": "max_output_tokens",
        "stopped": "completed",
        "calls": "completed",
    },
    "anthropic_messages": {
        "done": "end_turn",
        "length": "max_tokens",
        "stopped": "stop_sequence",
        "calls": "tool_use",
    },
    "gemini_generate": {"done": "STOP", "length": "MAX_TOKENS", "stopped": "STOP", "calls": "STOP"},
}

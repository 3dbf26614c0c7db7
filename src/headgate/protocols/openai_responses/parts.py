"""Parts to items: the reverse of `items`, towards an upstream (a request's history) and towards a caller (an answer).

Towards a caller everything is shown: an item that came from elsewhere gets an id of this API's form, foreign opaque
state travels wrapped. Towards an upstream only what it can use is sent: ids that it gave, state that this protocol's
upstreams issued; what is left out is named in `dropped`.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from headgate.canonical.call_ids import wrap
from headgate.canonical.custom_tools import unwrap
from headgate.canonical.parts import (
    Audio,
    File,
    Image,
    Json,
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
from headgate.canonical.request import Request, Tool
from headgate.canonical.signature import carry
from headgate.protocols.openai_responses.content import encode_input, encode_output_text
from headgate.protocols.openai_responses.items import REDACTED_MARK
from headgate.protocols.openai_responses.native_tools import BY_TYPE, NativeTool, write_item
from headgate.protocols.openai_responses.wire import (
    OWN,
    Object,
    bad,
    given,
    is_made,
    made_id,
    own,
    own_object,
    read_json,
    write_json,
)


class Voice(Struct, frozen=True, kw_only=True):
    """Who speaks to whom. `stem` makes the ids of an answer and is None towards an upstream; `own` tells that the
    request came in this protocol, so that its ids and files are of this API."""

    declared: Mapping[str, Tool]
    stem: str | None = None
    own: bool = True

    def id(self, prefix: str, number: int) -> str:
        return made_id(prefix, self.stem or "", number)


def declared_tools(request: Request) -> dict[str, Tool]:
    return {tool.name: tool for tool in request.tools if isinstance(tool, Tool)}


def encode_parts(
    parts: Sequence[Part], voice: Voice, dropped: list[str], logprobs: Sequence[Json] = ()
) -> list[Object]:
    """The items that say an assistant's parts, in order.

    Raises:
        Refused: towards an upstream, a part for which the API has no form.
    """
    items: list[Object] = []
    contents: list[Json] | None = None
    pending = list(logprobs)
    results = {part.call_id: part for part in parts if isinstance(part, ServerToolResult)}
    calls = {part.id for part in parts if isinstance(part, ServerToolCall)}
    for part in parts:
        said = _as_said(part)
        if said is not None and voice.stem is None:
            said = _cited(said, dropped)
        if said is not None:
            fields = own_object(said.provider_data, "item")
            if contents is None or fields is not None:
                contents = []
                items.append(message_item(fields or {}, contents, voice, len(items)))
            contents.append(encode_said(said, pending if isinstance(said, Text) else []))
            pending = [] if isinstance(said, Text) else pending
            continue
        if isinstance(part, ServerToolResult) and (part.call_id in calls or own(part.provider_data).get("of_item")):
            continue
        contents = None
        item = _encode_other(part, results, voice, dropped, len(items))
        if item is not None:
            items.append(item)
    return items


def _as_said(part: Part) -> Text | Refusal | None:
    """A part that is said in a message. Of speech and links this API's messages can hold only the words."""
    match part:
        case Text() | Refusal():
            return part
        case Audio() if part.transcript:
            return Text(text=part.transcript)
        case _:
            return None


def _cited(said: Text | Refusal, dropped: list[str]) -> Text | Refusal:
    """A text with the sources that this API knows: addresses, and files of its own."""
    if isinstance(said, Refusal) or not said.citations:
        return said
    known = tuple(one for one in said.citations if one.url is not None or own(one.provider_data))
    if len(known) < len(said.citations):
        dropped.append("citations.foreign")
    return replace(said, citations=known)


def encode_said(part: Text | Refusal, logprobs: list[Json]) -> Object:
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return encode_output_text(part, logprobs)


def message_item(fields: Object, contents: list[Json], voice: Voice, number: int) -> Object:
    item: Object = {"type": "message", "role": "assistant", "content": contents}
    if voice.stem is not None:
        return {"id": voice.id("msg", number), "status": "completed", **item, **fields}
    kept = given(fields) if voice.own else {name: fields[name] for name in ("phase",) if name in fields}
    return {**item, **kept}


def _encode_other(
    part: Part, results: Mapping[str, ServerToolResult], voice: Voice, dropped: list[str], number: int
) -> Object | None:
    match part:
        case Reasoning():
            return reasoning_item(part, voice, dropped, number)
        case ToolCall():
            return call_item(part, voice, number)
        case ServerToolCall() | ServerToolResult():
            kept = own_object(part.provider_data, "item")
            if kept is not None and (voice.stem is not None or not is_made(kept.get("id"))):
                return kept
            if voice.stem is None:
                dropped.append("server_tools.foreign")
                return None
            if isinstance(part, ServerToolCall):
                return server_item(part, results.get(part.id), voice, number)
            return server_item(ServerToolCall(id=part.call_id, name=part.name), part, voice, number)
        case Image():
            return image_item(part, voice, dropped, number)
        case _ if voice.stem is not None:
            dropped.append(f"output.{type(part).__name__.lower()}")
            return None
        case Audio() | Video() | File():
            raise bad("an assistant message towards this model's API can hold text and tool calls only", "messages")
        case _:
            raise bad(f"an assistant message cannot hold a {type(part).__name__}", "messages")


def reasoning_item(part: Reasoning, voice: Voice, dropped: list[str], number: int) -> Object | None:
    """A thought. Towards an upstream only with state that an upstream of this protocol issued, or, as it came, from a
    caller of this protocol."""
    signature = part.signature or part.redacted
    kept = own_object(part.provider_data, "item")
    as_it_came = voice.own and kept is not None and not is_made(part.id)
    if voice.stem is None and not (signature.origin == OWN if signature else as_it_came):
        dropped.append("reasoning.foreign")
        return None
    item: Object = {"type": "reasoning", "summary": []}
    if part.text and kept is None:
        item["summary"] = [{"type": "summary_text", "text": part.text}]
    if voice.stem is not None:
        item = {"id": part.id if kept is not None and part.id else voice.id("rs", number), **item}
    elif part.id and as_it_came:
        item = {"id": part.id, **item}
    if signature is not None:
        item["encrypted_content"] = seal(part)
    return {**item, **(kept or {})}


def seal(part: Reasoning) -> str:
    """A thought's opaque state as `encrypted_content`, wrapped where it is not this protocol's own."""
    if part.redacted is not None:
        carried = carry(part.redacted, OWN)
        return carried if part.redacted.origin == OWN else f"{REDACTED_MARK}{carried}"
    return carry(part.signature, OWN) if part.signature is not None else ""


def native_of(part: ToolCall, voice: Voice) -> NativeTool | None:
    """The tool of this API's own form that a call is of, if the caller declared it so."""
    tool = voice.declared.get(part.name)
    if tool is None or own_object(tool.provider_data, "tool") is None:
        return None
    return BY_TYPE.get(part.name)


def is_custom(part: ToolCall, voice: Voice) -> bool:
    """Whether a call is told as free text: it is, or the caller declared the tool so."""
    tool = voice.declared.get(part.name)
    return part.custom or (tool is not None and tool.custom)


def call_item(part: ToolCall, voice: Voice, number: int) -> Object:
    """A call of the caller's tool, in the form in which the caller declared the tool."""
    whole = own_object(part.provider_data, "whole")
    if whole is not None:
        return whole if voice.stem is not None else given(whole)
    native = native_of(part, voice)
    if native is not None:
        item = write_item(native, part.arguments, _call_id(part, voice))
        if item is not None:
            return item if voice.stem is None else {"id": voice.id(native.id_prefix, number), **item}
    if is_custom(part, voice):
        return {**call_head(part, voice, number), "input": part.arguments if part.custom else unwrap(part.arguments)}
    return {**call_head(part, voice, number), "arguments": part.arguments or "{}"}


def call_head(part: ToolCall, voice: Voice, number: int) -> Object:
    """A function's or custom tool's call without what the model wrote."""
    custom = is_custom(part, voice)
    extra = own_object(part.provider_data, "item") or {}
    item: Object = {
        "type": "custom_tool_call" if custom else "function_call",
        "call_id": _call_id(part, voice),
        **_named(part, voice),
    }
    if voice.stem is not None:
        first: Object = {"id": voice.id("ctc" if custom else "fc", number)}
        return {**first, **item, **({} if custom else {"status": "completed"}), **extra}
    return {**item, **given(extra)} if voice.own else item


def _call_id(part: ToolCall, voice: Voice) -> str:
    """The call's id; towards a caller with the signature that another vendor wants back with the call."""
    return wrap(part.id, part.signature) if voice.stem is not None and part.signature is not None else part.id


def _named(part: ToolCall, voice: Voice) -> Object:
    """The name, with its namespace where the tool was declared in one or the call came with one."""
    for data in (part.provider_data, voice.declared[part.name].provider_data if part.name in voice.declared else {}):
        kept = own(data)
        space = kept.get("namespace")
        if isinstance(space, dict):
            space = space.get("name")
        if isinstance(space, str) and isinstance(kept.get("name"), str):
            return {"name": kept["name"], "namespace": space}
    return {"name": part.name}


def server_item(call: ServerToolCall, result: ServerToolResult | None, voice: Voice, number: int) -> Object:
    """What another protocol's upstream did by itself, as the nearest thing that this API's upstreams do."""
    asked = read_json(call.input)
    fields = asked if isinstance(asked, dict) else {}
    failed = result is not None and result.error is not None
    status = "failed" if failed else "completed"
    match call.name:
        case "web_search" | "web_fetch":
            action = _search_action(call.name, fields, result)
            head: Object = {"id": voice.id("ws", number), "type": "web_search_call"}
            return {**head, "status": status, "action": action}
        case "code_execution":
            code = fields.get("code") or fields.get("command")
            logs: Json = [{"type": "logs", "logs": result.output}] if result and result.output else []
            head = {"id": voice.id("ci", number), "type": "code_interpreter_call", "status": status}
            return {**head, "container_id": "", "code": code if isinstance(code, str) else call.input, "outputs": logs}
        case _:
            said: Json = result.error if result else None
            return {
                "id": voice.id("mcp", number),
                "type": "mcp_call",
                "server_label": "upstream",
                "name": call.name,
                "arguments": call.input or "{}",
                "output": _result_text(result),
                "error": {"type": "mcp_tool_execution_error", "content": said} if said else None,
                "status": status,
            }


def _search_action(name: str, fields: Object, result: ServerToolResult | None) -> Object:
    if name == "web_fetch":
        url = fields.get("url")
        return {"type": "open_page", "url": url if isinstance(url, str) else None}
    query, queries = fields.get("query"), fields.get("queries")
    several = [one for one in queries if isinstance(one, str)] if isinstance(queries, list) else []
    first = query if isinstance(query, str) else several[0] if several else ""
    action: Object = {"type": "search", "query": first, "queries": [*(several or [first])]}
    if result is not None and result.results:
        action["sources"] = [{"type": "url", "url": found.url} for found in result.results]
    return action


def _result_text(result: ServerToolResult | None) -> Json:
    if result is None:
        return None
    if result.output is not None or not result.results:
        return result.output
    return write_json([{"url": found.url, "title": found.title, "snippet": found.snippet} for found in result.results])


def image_item(part: Image, voice: Voice, dropped: list[str], number: int) -> Object | None:
    """A picture that the model made."""
    kept = own_object(part.provider_data, "item")
    if kept is not None and voice.stem is None and is_made(kept.get("id")):
        dropped.append("server_tools.foreign")
        return None
    if kept is not None:
        return {**kept, "result": part.source.data}
    if voice.stem is None:
        raise bad("an assistant message towards this model's API cannot hold images", "messages")
    form = (part.source.media_type or "image/png").rpartition("/")[2].partition("+")[0]
    return {
        "id": voice.id("ig", number),
        "type": "image_generation_call",
        "status": "completed",
        "output_format": form,
        "result": part.source.data or part.source.url,
    }


def output_item(part: ToolResult, voice: Voice, dropped: list[str]) -> Object:
    """What the caller's tool returned. The API has no field for a failed tool, so the model is told in words.

    Raises:
        Refused: content for which the API has no form.
    """
    whole = own_object(part.provider_data, "whole")
    if whole is not None:
        return whole
    kind = "custom_tool_call_output" if part.custom else "function_call_output"
    extra = own_object(part.provider_data, "item") or {}
    if part.cache is not None:
        dropped.append("cache_control")
    content = [encode_input(one, dropped, own_files=voice.own) for one in part.content]
    if part.is_error:
        content = _told_as_error(content)
    texts = [one["text"] for one in content if one["type"] == "input_text" and set(one) == {"type", "text"}]
    output: Json = [*content]
    if len(texts) == len(content) <= 1:
        output = texts[0] if texts else ""
    return {"type": kind, "call_id": part.call_id, "output": output, **(extra if voice.own else {})}


def _told_as_error(content: list[Object]) -> list[Object]:
    first = content[0] if content else {}
    text = first.get("text")
    if isinstance(text, str):
        if text.lower().startswith("error"):
            return content
        return [{**first, "text": f"Error: {text}"}, *content[1:]]
    return [{"type": "input_text", "text": "Error: the tool failed."}, *content]

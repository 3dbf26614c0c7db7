"""Reading a Gemini generateContent request. Names are taken in camelCase and in snake_case, as Google does."""

import re
from typing import Any

import orjson

from headgate.sandbox import seals
from headgate.sandbox.attachments import decoded
from headgate.sandbox.prompt import Document, Item, Json, Picture, Prompt, Tool, ToolCall, ToolResult, Turn
from headgate.sandbox.reply import Call, Refused

_KNOWN = frozenset(
    [
        "contents",
        "systemInstruction",
        "tools",
        "toolConfig",
        "generationConfig",
        "safetySettings",
        "cachedContent",
        "labels",
        "model",
        "store",
        "serviceTier",
        "generateContentRequest",
    ]
)
# The documented stand-ins for a signature that the model did not make itself:
# https://ai.google.dev/gemini-api/docs/thought-signatures
_STAND_INS = frozenset(["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"])
_CALL, _TEXT = "gemini call", "gemini text"


def read(call: Call) -> Prompt:
    """The prompt of a request. Raises Refused."""
    body = call.body
    for name in body:
        if _camel(name) not in _KNOWN:
            raise Refused(400, f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
    contents = get(body, "contents")
    if not contents:
        raise Refused(400, "* GenerateContentRequest.contents: contents is not specified\n")
    contents = contents if isinstance(contents, list) else [contents]
    _check_calls(contents, demand_signatures="thinking" in call.model)
    config = get(body, "generationConfig") or {}
    system = get(body, "systemInstruction")
    turns = [_turn("system", system, "system_instruction")] if system else []
    turns += [_turn(_role(content), content, f"contents[{i}]") for i, content in enumerate(contents)]
    tools = list(get(body, "tools") or ())
    calling = get(get(body, "toolConfig") or {}, "functionCallingConfig") or {}
    allowed = get(calling, "allowedFunctionNames") or ()
    declared = tuple(_tool(one) for tool in tools for one in get(tool, "functionDeclarations") or ())
    return Prompt(
        model=call.model,
        turns=tuple(turns),
        tools=tuple(tool for tool in declared if not allowed or tool.name in allowed),
        choice={"ANY": "required", "NONE": "none"}.get(str(calling.get("mode", "AUTO")).upper(), "auto"),
        schema=_schema(config),
        reasoning=_thinks(call.model, config),
        web_search=any(get(tool, "googleSearch") is not None for tool in tools),
        max_tokens=get(config, "maxOutputTokens"),
        stops=tuple(get(config, "stopSequences") or ()),
    )


def get(mapping: Json, name: str) -> Any:
    """A field by its camelCase name, or by the same in snake_case."""
    return mapping.get(name, mapping.get(re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), name)))


def signature_of_call(name: str, arguments: Any) -> str:
    """The thought signature of a function call; the order of its arguments does not matter."""
    return seals.seal(_CALL, _canonical(name, arguments))


def signature_of_text() -> str:
    """The thought signature of a text, whatever it says."""
    return seals.seal(_TEXT, "")


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _canonical(name: str, arguments: Any) -> str:
    return name + orjson.dumps(arguments or {}, option=orjson.OPT_SORT_KEYS).decode()


def _thinks(model: str, config: Json) -> bool:
    thinking = get(config, "thinkingConfig") or {}
    wanted = bool(get(thinking, "includeThoughts") or get(thinking, "thinkingLevel") or get(thinking, "thinkingBudget"))
    return wanted or ("thinking" in model and get(thinking, "thinkingBudget") != 0)


def _role(content: Json) -> str:
    role = str(content.get("role") or "user")
    if role not in {"user", "model", "function"}:
        raise Refused(400, "Please use a valid role: user, model.")
    return "assistant" if role == "model" else "user"


def _turn(role: str, content: Any, where: str) -> Turn:
    if isinstance(content, str):
        return Turn("system", (content,))
    parts = content.get("parts") or []
    items = [_item(part, where) for part in (parts if isinstance(parts, list) else [parts])]
    return Turn(role, tuple(item for item in items if item is not None))  # type: ignore[arg-type]


def _item(part: Json, where: str) -> Item | None:
    if part.get("thought"):
        return None
    if called := get(part, "functionCall"):
        _check_signature(part, _CALL, _canonical(called["name"], called.get("args")))
        return ToolCall(
            str(called.get("id") or called["name"]), called["name"], orjson.dumps(called.get("args")).decode()
        )
    if answered := get(part, "functionResponse"):
        return ToolResult(str(answered.get("id") or answered["name"]), _result_text(answered.get("response")))
    if inline := get(part, "inlineData"):
        return _file(str(get(inline, "mimeType") or ""), decoded(_standard(inline["data"]), where))
    if linked := get(part, "fileData"):
        media_type, address = str(get(linked, "mimeType") or ""), str(get(linked, "fileUri"))
        return Picture(url=address) if media_type.startswith("image/") else Document(b"", media_type, address)
    if "text" in part:
        _check_signature(part, _TEXT, "")
        return str(part["text"])
    return None


def _standard(data: str) -> str:
    """Google takes both alphabets of base64, padded or not."""
    data = data.replace("-", "+").replace("_", "/").rstrip("=")
    return data + "=" * (-len(data) % 4)


def _file(media_type: str, data: bytes) -> Item:
    if not media_type:
        raise Refused(400, "Unsupported MIME type: ")
    return Picture(data) if media_type.startswith("image/") else Document(data, media_type)


def _result_text(response: Any) -> str:
    """What a function answered: its `output` or `result` where it has one, else all of it as JSON."""
    if isinstance(response, dict):
        for name in ("output", "result", "error"):
            if isinstance(response.get(name), str):
                return str(response[name])
    return orjson.dumps(response).decode()


def _check_signature(part: Json, kind: str, content: str) -> None:
    signature = get(part, "thoughtSignature")
    if signature is None or signature in _STAND_INS:
        return
    standard = _standard(signature) if isinstance(signature, str) else signature
    if not seals.holds(standard, kind, content) and not seals.holds(standard, _TEXT, ""):
        raise Refused(400, "Corrupted thought signature.")


def _check_calls(contents: list[Json], *, demand_signatures: bool) -> None:
    """Every turn of function calls is followed by as many responses; a thinking model wants its signatures back.

    Only the first call of each step of the current turn needs one, as the vendor documents.
    """
    questions = [i for i, one in enumerate(contents) if _role(one) == "user" and not _parts(one, "functionResponse")]
    for i, content in enumerate(contents):
        calls = _parts(content, "functionCall") if _role(content) == "assistant" else []
        if not calls:
            continue
        answered = _parts(contents[i + 1], "functionResponse") if i + 1 < len(contents) else []
        if len(calls) != len(answered):
            text = (
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )
            raise Refused(400, text)
        current = i > max(questions, default=-1)
        if demand_signatures and current and get(calls[0], "thoughtSignature") is None:
            name = get(calls[0], "functionCall")["name"]
            text = (
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                "work correctly, and missing thought_signature may lead to degraded model performance. Additional "
                f"data, function call `default_api:{name}` , position {i + 1}."
            )
            raise Refused(400, text)


def _parts(content: Json, kind: str) -> list[Json]:
    parts = content.get("parts") or []
    return [part for part in (parts if isinstance(parts, list) else [parts]) if get(part, kind)]


def _tool(declared: Json) -> Tool:
    name = str(declared.get("name") or "")
    if not re.fullmatch(r"[A-Za-z_][\w.:-]{0,127}", name):
        text = (
            "* GenerateContentRequest.tools[0].function_declarations[0].name: [FIELD_INVALID] Invalid function name. "
            "Must start with a letter or an underscore.\n"
        )
        raise Refused(400, text)
    schema = get(declared, "parametersJsonSchema") or declared.get("parameters") or {}
    return Tool(name, str(declared.get("description") or ""), schema)


def _schema(config: Json) -> Json | None:
    schema = get(config, "responseJsonSchema") or get(config, "responseSchema") or {}
    return schema if schema or get(config, "responseMimeType") == "application/json" else None

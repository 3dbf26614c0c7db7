"""What other gateways lose in translation, each line a conversation of ours that keeps it: from a body of the caller's
protocol to the body that the upstream gets."""

from typing import Any

import msgspec
import pytest

from headgate.canonical.failure import Refused
from headgate.canonical.parts import ProtocolName
from headgate.canonical.quirks import Quirks, Target
from headgate.relay.codecs import CODECS
from pairs.features import PNG, SCHEMA

Json = dict[str, Any]
THINKS = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
USED = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": "x"}}
RETURNED = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "r"}


def translated(source: ProtocolName, target: ProtocolName, body: Json, **quirks: Any) -> tuple[Json, tuple[str, ...]]:
    """What the upstream gets for a caller's body, and what is named as lost."""
    codec = CODECS[source]
    request = codec.decode_request(msgspec.json.encode(body), "m", False)
    if codec.check_portable is not None:
        codec.check_portable(request)
    encoded = CODECS[target].encode_request(request, Target(model="m", quirks=Quirks(**quirks)))
    return msgspec.json.decode(encoded.body), encoded.dropped


def claude(*messages: Json, **fields: Any) -> Json:
    return {"model": "m", "max_tokens": 4000, "messages": list(messages), **fields}


def chat(*messages: Json, **fields: Any) -> Json:
    return {"model": "m", "messages": list(messages), **fields}


def user(*blocks: Json | str) -> Json:
    content = [{"type": "text", "text": block} if isinstance(block, str) else block for block in blocks]
    return {"role": "user", "content": content}


def claude_to_chat(*messages: Json, **fields: Any) -> tuple[Json, tuple[str, ...]]:
    return translated("anthropic_messages", "openai_chat", claude(*messages, **fields))


def chat_to_claude(*messages: Json, **fields: Any) -> tuple[Json, tuple[str, ...]]:
    return translated("openai_chat", "anthropic_messages", chat(*messages, **fields))


# --- Claude to Chat ---


def test_thoughts_of_a_claude_caller_reach_a_chat_model() -> None:
    """Thinking blocks dropped; `reasoning_content is missing in assistant tool call message` (#4577)."""
    body, _ = claude_to_chat(user("x"), {"role": "assistant", "content": [THINKS, USED]}, user(RETURNED))
    assert body["messages"][1]["reasoning_content"] == "hm"
    assert body["messages"][1]["tool_calls"][0]["id"] == "toolu_1"


def test_a_claude_callers_document_reaches_a_chat_model() -> None:
    """Document blocks dropped."""
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}
    body, _ = claude_to_chat(user("x", {"type": "document", "source": source}))
    assert body["messages"][0]["content"][1]["file"]["file_data"] == "data:application/pdf;base64,JVBERi0xLjQK"


def test_an_image_by_address_keeps_its_address_and_an_empty_detail_is_not_sent() -> None:
    """`source.type=url` becomes a broken `data:;base64,`; `detail` sent as empty string (#3255)."""
    url = "https://images.example/a.png"
    body, _ = claude_to_chat(user("x", {"type": "image", "source": {"type": "url", "url": url}}))
    assert body["messages"][0]["content"][1]["image_url"] == {"url": url}


def test_text_beside_a_tool_call_stays() -> None:
    """Text next to `tool_use` in one assistant message dropped."""
    said = {"role": "assistant", "content": [{"type": "text", "text": "let me see"}, USED]}
    body, _ = claude_to_chat(user("x"), said, user(RETURNED))
    assert body["messages"][1]["content"] == "let me see"
    assert body["messages"][1]["tool_calls"]


def test_a_claude_callers_tool_choice_user_and_tier_are_heard() -> None:
    """`tool_choice`, `metadata.user_id`, `service_tier` dropped."""
    body, dropped = claude_to_chat(
        user("x"),
        tools=[{"name": "f", "input_schema": SCHEMA}],
        tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        metadata={"user_id": "u1"},
        service_tier="auto",
    )
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body["parallel_tool_calls"] is False
    assert body["user"] == "u1"
    assert body["service_tier"] == "auto"
    assert dropped == ()


def test_that_a_tool_failed_is_told() -> None:
    """`is_error` dropped."""
    failed = {**RETURNED, "content": "no such city", "is_error": True}
    body, _ = claude_to_chat(user("x"), {"role": "assistant", "content": [USED]}, user(failed))
    assert "rror" in str(body["messages"][2]["content"])
    assert "no such city" in str(body["messages"][2]["content"])


def test_a_thinking_budget_reaches_the_upstream() -> None:
    """Thinking budget only reaches upstream as a "-thinking" model suffix; #1490, #1112: effort and budget."""
    wish = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    assert claude_to_chat(user("x"), **wish)[0]["reasoning_effort"] in ("low", "medium")
    gemini, _ = translated("anthropic_messages", "gemini_generate", claude(user("x"), **wish))
    assert gemini["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 2000
    responses, _ = translated("anthropic_messages", "openai_responses", claude(user("x"), **wish))
    assert responses["reasoning"]["effort"] in ("low", "medium")


def test_a_server_tool_does_not_become_a_function_without_a_schema() -> None:
    """Server tools (web_search...) become functions without schema."""
    body, _ = claude_to_chat(user("x"), tools=[{"type": "web_search_20250305", "name": "web_search"}])
    assert "web_search_options" in body
    assert "tools" not in body


def test_an_image_in_a_tools_result_is_an_image() -> None:
    """Images in `tool_result` become a JSON string."""
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    result = {**RETURNED, "content": [{"type": "text", "text": "see"}, picture]}
    body, _ = claude_to_chat(user("x"), {"role": "assistant", "content": [USED]}, user(result))
    images = [part for message in body["messages"] for part in message["content"] or () if isinstance(part, dict)]
    assert {"url": f"data:image/png;base64,{PNG}"} in [part.get("image_url") for part in images]


def test_system_blocks_do_not_run_into_each_other() -> None:
    """System blocks joined without separator."""
    blocks = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
    body, _ = claude_to_chat(user("x"), system=blocks)
    assert "Be brief.Be kind." not in str(body["messages"][0]["content"])


# --- Chat to Claude ---


def test_developer_messages_are_instructions() -> None:
    """Only role `system` is hoisted."""
    body, _ = chat_to_claude({"role": "developer", "content": "be"}, {"role": "user", "content": "x"})
    assert body["system"][0]["text"] == "be"
    assert [message["role"] for message in body["messages"]] == ["user"]


def test_a_schema_is_held_and_what_is_lost_is_named() -> None:
    """`response_format`/json_schema, `seed`, `logprobs`, `n`, penalties, `user` dropped without a word."""
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
    body, dropped = chat_to_claude(
        {"role": "user", "content": "x"},
        response_format=form,
        seed=1,
        logprobs=True,
        presence_penalty=0.5,
        frequency_penalty=0.5,
        user="u",
    )
    assert body["output_config"]["format"]["schema"] == SCHEMA
    assert body["metadata"] == {"user_id": "u"}
    assert set(dropped) == {"seed", "logprobs", "presence_penalty", "frequency_penalty"}
    with pytest.raises(Refused):
        chat_to_claude({"role": "user", "content": "x"}, n=2)


def test_a_budget_made_of_an_effort_fits_the_output_limit() -> None:
    """`reasoning_effort` → fixed budgets without checking `max_tokens`."""
    for effort in ("low", "medium", "high"):
        body, _ = chat_to_claude({"role": "user", "content": "x"}, reasoning_effort=effort, max_tokens=1500)
        assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"]


def test_a_signed_thought_comes_back_on_turn_two() -> None:
    """Assistant `reasoning_content` and signature dropped, so thinking + tools fails on turn two (#6998)."""
    answer = CODECS["anthropic_messages"].decode_response(
        msgspec.json.encode(
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "m",
                "content": [THINKS, USED],
                "stop_reason": "tool_use",
                "usage": {"input_tokens": 1, "output_tokens": 1},
            }
        )
    )
    asked = chat({"role": "user", "content": "x"})
    request = CODECS["openai_chat"].decode_request(msgspec.json.encode(asked), None, False)
    told = msgspec.json.decode(CODECS["openai_chat"].encode_response(answer, request))["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "r"}
    body, dropped = chat_to_claude({"role": "user", "content": "x"}, told, result, reasoning_effort="low")
    assert body["messages"][1]["content"] == [THINKS, USED]
    assert body["thinking"]["type"] == "enabled"
    assert dropped == ()


def test_nothing_is_made_up() -> None:
    """Empty messages replaced by `...`; a fake first user message added; same-role strings merged with a blank."""
    body, _ = chat_to_claude(
        {"role": "user", "content": "a"},
        {"role": "user", "content": ""},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "c"},
    )
    texts = [block["text"] for message in body["messages"] for block in message["content"]]
    assert texts == ["a", "b", "c"]


def test_cache_marks_on_parts_stay() -> None:
    """`cache_control` on parts lost."""
    mark = {"cache_control": {"type": "ephemeral"}}
    body, _ = chat_to_claude({"role": "user", "content": [{"type": "text", "text": "long", **mark}]})
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}


# --- Gemini to Chat ---


def gemini_to_chat(*contents: Json, **fields: Any) -> tuple[Json, tuple[str, ...]]:
    return translated("gemini_generate", "openai_chat", {"contents": list(contents), **fields})


def test_ids_of_calls_without_ids_match_their_answers() -> None:
    """Tool call ids restart at `call_1` in every content and the answer gets `call_0`, so ids never match."""
    call = {"role": "model", "parts": [{"text": "see"}, {"functionCall": {"name": "f", "args": {"a": "x"}}}]}
    answer = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "r"}}}]}
    body, _ = gemini_to_chat({"role": "user", "parts": [{"text": "x"}]}, call, answer, call, answer)
    called = [one["id"] for message in body["messages"] for one in message.get("tool_calls", ())]
    answered = [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"]
    assert called == answered
    assert len(set(called)) == 2
    assert body["messages"][1]["content"] == "see"  # text lost when the message has functionCalls


def test_a_gemini_callers_wishes_are_heard() -> None:
    """`toolConfig`, `responseSchema`, `thinkingConfig`, `safetySettings`, `parametersJsonSchema` ignored."""
    body, dropped = gemini_to_chat(
        {"role": "user", "parts": [{"text": "x"}]},
        tools=[{"functionDeclarations": [{"name": "f", "parametersJsonSchema": SCHEMA}]}],
        toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        generationConfig={
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA,
            "thinkingConfig": {"thinkingLevel": "low"},
        },
    )
    assert body["tools"][0]["function"]["parameters"] == SCHEMA
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert body["reasoning_effort"] == "low"
    assert dropped == ("safetySettings",)


def test_each_kind_of_media_is_what_it_is() -> None:
    """Every inlineData/fileData is sent as an image (audio, pdf broken)."""
    kinds = (("image/png", PNG), ("audio/wav", "UklGRiQAAABXQVZF"), ("application/pdf", "JVBERi0xLjQK"))
    parts = [{"inlineData": {"mimeType": kind, "data": data}} for kind, data in kinds]
    body, _ = gemini_to_chat({"role": "user", "parts": parts})
    assert [part["type"] for part in body["messages"][0]["content"]] == ["image_url", "input_audio", "file"]


# --- Chat to Gemini ---


def test_a_signature_is_carried_and_only_a_foreign_call_is_excused() -> None:
    """Dummy `thoughtSignature` to bypass the check (#5528 shows it missing)."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    own = {**call, "extra_content": {"google": {"thought_signature": "hg1.gg.c2ln"}}}
    result = {"role": "tool", "tool_call_id": "c1", "content": "r"}
    for one, expected in ((own, "c2ln"), (call, "skip_thought_signature_validator")):
        messages = ({"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [one]}, result)
        body, _ = translated("openai_chat", "gemini_generate", chat(*messages), thinking="level")
        assert body["contents"][1]["parts"][0]["thoughtSignature"] == expected


def test_a_chat_callers_tuning_reaches_gemini() -> None:
    """`top_k`, penalties, `n`, logprobs dropped; at most 5 stops."""
    wishes = {"top_k": 5, "presence_penalty": 0.5, "frequency_penalty": 0.5, "n": 2, "logprobs": True}
    stops = ["a", "b", "c", "d"]
    body, dropped = translated(
        "openai_chat", "gemini_generate", chat({"role": "user", "content": "x"}, **wishes, stop=stops)
    )
    config = body["generationConfig"]
    assert (config["topK"], config["presencePenalty"], config["frequencyPenalty"]) == (5, 0.5, 0.5)
    assert (config["candidateCount"], config["responseLogprobs"], config["stopSequences"]) == (2, True, stops)
    assert dropped == ()


def test_a_tool_by_a_telling_name_is_the_callers_own() -> None:
    """Magic tool names (googleSearch, codeExecution, urlContext)."""
    tool = {"type": "function", "function": {"name": "googleSearch", "parameters": SCHEMA}}
    body, _ = translated("openai_chat", "gemini_generate", chat({"role": "user", "content": "x"}, tools=[tool]))
    assert body["tools"] == [{"functionDeclarations": [{"name": "googleSearch", "parametersJsonSchema": SCHEMA}]}]


# --- Responses to Chat ---


def responses_to_chat(*items: Json, **fields: Any) -> tuple[Json, tuple[str, ...]]:
    return translated("openai_responses", "openai_chat", {"model": "m", "input": list(items), **fields})


@pytest.mark.parametrize("field", ["conversation", "previous_response_id", "prompt"])
def test_what_only_its_vendor_keeps_is_refused_in_words(field: str) -> None:
    """`conversation`, `previous_response_id`, `prompt` → 400: so here, and it says what to do instead."""
    value: Any = {"id": "p"} if field == "prompt" else "x_1"
    with pytest.raises(Refused) as refused:
        responses_to_chat({"role": "user", "content": "x"}, **{field: value})
    assert refused.value.failure.param == field
    assert field in refused.value.failure.message


def test_context_management_is_dropped_and_named() -> None:
    """`context_management` → 400 elsewhere: it tunes, and the answer does not depend on it."""
    wish = [{"type": "compaction", "compact_threshold": 1000}]
    _, dropped = responses_to_chat({"role": "user", "content": "x"}, context_management=wish)
    assert dropped == ("context_management",)


def test_no_item_becomes_an_empty_user_message() -> None:
    """`reasoning`, `web_search_call` items become an **empty user message** (#6396); custom-tool output the same."""
    items = (
        {"role": "user", "content": "x"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "custom_tool_call", "call_id": "c1", "name": "shell", "input": "ls"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "a.txt"},
    )
    body, dropped = responses_to_chat(*items)
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "tool"]
    assert body["messages"][1]["tool_calls"][0]["custom"] == {"name": "shell", "input": "ls"}
    assert body["messages"][1]["reasoning_content"] == "hm"
    assert body["messages"][2]["content"] == "a.txt"
    assert dropped == ("server_tools.foreign",)


def test_a_responses_callers_wishes_are_carried_or_named() -> None:
    """verbosity, include, truncation, max_tool_calls dropped without a word."""
    body, dropped = responses_to_chat(
        {"role": "user", "content": "x"},
        text={"verbosity": "low"},
        truncation="auto",
        max_tool_calls=3,
        include=["file_search_call.results"],
    )
    assert body["verbosity"] == "low"
    assert set(dropped) == {"truncation", "max_tool_calls", "include"}

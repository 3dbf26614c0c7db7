"""Requests of the Responses API, decoded, and encoded for upstreams that speak it."""

import json
from typing import Any

import pytest

from headgate.canonical.failure import Refused
from headgate.canonical.parts import (
    Audio,
    CacheHint,
    File,
    Image,
    Reasoning,
    ServerToolCall,
    Signature,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headgate.canonical.quirks import Encoded, Quirks, Target
from headgate.canonical.request import (
    Message,
    ReasoningControl,
    Request,
    ResponseFormat,
    Tool,
    ToolChoice,
    WebSearch,
)
from headgate.protocols.openai_responses import CODEC

Json = dict[str, Any]


def decode(**fields: object) -> Request:
    body = {"model": "m", "input": "x", **fields}
    return CODEC.decode_request(json.dumps(body).encode(), None, False)


def encode(request: Request, quirks: Quirks | None = None) -> tuple[Json, tuple[str, ...]]:
    encoded: Encoded = CODEC.encode_request(request, Target(model="up", quirks=quirks or Quirks()))
    return json.loads(encoded.body), encoded.dropped


def chat(*messages: Message, **wishes: Any) -> Request:
    """A request as the Chat protocol decodes one."""
    said = messages or (Message(role="user", parts=(Text(text="hi"),)),)
    return Request(origin="openai_chat", model="m", messages=said, **wishes)


def refused(body: bytes) -> str:
    with pytest.raises(Refused) as caught:
        CODEC.decode_request(body, None, False)
    assert caught.value.failure.http_status == 400
    return caught.value.failure.message


def again(request: Request) -> Request:
    body, dropped = encode(request)
    assert dropped == ()
    return CODEC.decode_request(json.dumps({**body, "model": request.model}).encode(), None, False)


AGENT_HISTORY: list[Json] = [
    {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "be brief"}]},
    {"role": "user", "content": "list files"},
    {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "look"}],
        "encrypted_content": "E",
    },
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "phase": "commentary",
        "content": [{"type": "output_text", "text": "looking", "annotations": []}],
    },
    {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "exec", "arguments": '{"cmd":"ls"}'},
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "apply_patch", "input": "*** Begin"},
    {"type": "function_call_output", "call_id": "c1", "output": "a.txt"},
    {"type": "custom_tool_call_output", "call_id": "c2", "output": "Done"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "one"}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "two"}]},
    {"role": "user", "content": [{"type": "input_text", "text": "thanks"}]},
]


def test_what_the_model_did_between_two_inputs_is_one_message() -> None:
    """Thought, words and calls keep their order inside one assistant message; outputs are one tool message."""
    request = decode(input=AGENT_HISTORY)
    assert [message.role for message in request.messages] == [
        "developer",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    kinds = [type(part) for part in request.messages[2].parts]
    assert kinds == [Reasoning, Text, ToolCall, ToolCall]
    thought, _, call, patch = request.messages[2].parts
    assert isinstance(thought, Reasoning)
    assert thought.signature == Signature("openai_responses", "E")
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.arguments, call.custom) == ("c1", "exec", '{"cmd":"ls"}', False)
    assert isinstance(patch, ToolCall)
    assert patch.custom


def test_an_agents_history_comes_back_item_by_item() -> None:
    """Message borders, ids and phases are kept for upstreams of this protocol."""
    body, dropped = encode(decode(input=AGENT_HISTORY))
    assert dropped == ()
    assert [item["type"] for item in body["input"]] == [item.get("type", "message") for item in AGENT_HISTORY]
    assert body["input"][2] == AGENT_HISTORY[2]
    assert body["input"][3]["id"] == "msg_1"
    assert body["input"][3]["phase"] == "commentary"
    assert body["input"][5] == AGENT_HISTORY[5]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["q"], "results": None},
        {
            "type": "code_interpreter_call",
            "id": "ci_1",
            "status": "completed",
            "code": "1",
            "container_id": "c",
            "outputs": None,
        },
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "aGk="},
        {"type": "mcp_call", "id": "mcp_1", "name": "n", "server_label": "l", "arguments": "{}", "output": "o"},
        {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "l", "tools": []},
        {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
        {
            "type": "computer_call",
            "id": "cu_1",
            "call_id": "c",
            "action": {"type": "click"},
            "pending_safety_checks": [],
        },
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "E"},
        {"type": "item_reference", "id": "msg_9"},
        {
            "type": "local_shell_call",
            "id": "l",
            "call_id": "c",
            "status": "completed",
            "action": {"type": "exec", "command": ["ls"], "env": {}},
        },
        {"type": "local_shell_call_output", "id": "c", "output": "a"},
        {
            "type": "apply_patch_call",
            "id": "a",
            "call_id": "c",
            "status": "completed",
            "operation": {"type": "delete_file", "path": "p"},
        },
        {"type": "apply_patch_call_output", "call_id": "c", "status": "failed"},
        {
            "type": "shell_call_output",
            "call_id": "c",
            "output": [{"stdout": "s", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
        },
        {"type": "something_new", "id": "x_1", "payload": [1]},
    ],
    ids=lambda item: str(item["type"]),
)
def test_no_item_becomes_an_empty_user_message(item: Json) -> None:
    """Every kind of item comes back whole (new-api #6396 made of many an empty user message)."""
    request = decode(input=[item])
    assert [message.role for message in request.messages] != ["user"]
    assert encode(request)[0]["input"] == [item]


def test_a_tools_answer_may_hold_images_and_files() -> None:
    """Outputs that are lists keep their parts."""
    output = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"},
        {"type": "input_file", "file_url": "https://example.test/a.pdf"},
    ]
    request = decode(input=[{"type": "function_call_output", "call_id": "c", "output": output}])
    result = request.messages[0].parts[0]
    assert isinstance(result, ToolResult)
    assert [type(part) for part in result.content] == [Text, Image, File]
    assert encode(request)[0]["input"][0]["output"] == output


def test_a_failed_tool_is_said_in_words() -> None:
    """The API has no field for it."""
    result = ToolResult(call_id="c", content=(Text(text="no such file"),), is_error=True)
    body, dropped = encode(chat(Message(role="tool", parts=(result,))))
    assert body["input"] == [{"type": "function_call_output", "call_id": "c", "output": "Error: no such file"}]
    assert dropped == ()


def test_instructions_are_the_first_system_message() -> None:
    """They go back where they came from, and a chat's single system text goes there too."""
    assert decode(instructions="be kind").messages[0].role == "system"
    assert encode(decode(instructions="be kind"))[0]["instructions"] == "be kind"
    system = Message(role="system", parts=(Text(text="be kind"),))
    body, _ = encode(chat(system, Message(role="user", parts=(Text(text="hi"),))))
    assert body["instructions"] == "be kind"
    assert [item["role"] for item in body["input"]] == ["user"]


def test_system_blocks_stay_apart() -> None:
    """Several blocks are not glued into one string."""
    system = Message(role="system", parts=(Text(text="a", cache=CacheHint()), Text(text="b")))
    body, dropped = encode(chat(system, Message(role="user", parts=(Text(text="hi"),))))
    assert [part["text"] for part in body["input"][0]["content"]] == ["a", "b"]
    assert dropped == ("cache_control",)


def test_media_are_read_in_all_their_forms() -> None:
    """Addresses, data URLs and file ids; an absent detail stays absent."""
    content = [
        {"type": "input_image", "image_url": "https://example.test/a.png"},
        {"type": "input_image", "image_url": "data:image/webp;base64,aGk=", "detail": "high"},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="},
        {"type": "input_file", "file_id": "file-2"},
    ]
    request = decode(input=[{"type": "message", "role": "user", "content": content}])
    sources = [getattr(part, "source", None) for part in request.messages[0].parts]
    assert sources == [
        Source(url="https://example.test/a.png"),
        Source(data="aGk=", media_type="image/webp"),
        Source(file_id="file-1"),
        Source(data="aGk=", media_type="application/pdf"),
        Source(file_id="file-2"),
    ]
    assert encode(request)[0]["input"][0]["content"] == content


@pytest.mark.parametrize(
    "part", [Audio(source=Source(data="a")), Video(source=Source(url="u"))], ids=["audio", "video"]
)
def test_sound_and_film_are_refused(part: Audio | Video) -> None:
    """A content part that cannot be expressed is a clear 400."""
    with pytest.raises(Refused, match="cannot be sent to this model"):
        encode(chat(Message(role="user", parts=(part,))))


def test_a_foreign_file_id_is_refused() -> None:
    """Only the API that issued it knows it."""
    with pytest.raises(Refused, match="file id"):
        encode(chat(Message(role="user", parts=(Image(source=Source(file_id="f")),))))


def test_plain_text_documents_are_sent_as_text() -> None:
    """Every upstream understands them so."""
    document = File(source=Source(), text="body", filename="a.txt")
    body, _ = encode(chat(Message(role="user", parts=(document,))))
    assert body["input"][0]["content"] == [{"type": "input_text", "text": "a.txt\n\nbody"}]


TOOLS: list[Json] = [
    {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True, "defer_loading": True},
    {
        "type": "custom",
        "name": "apply_patch",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"},
    },
    {"type": "web_search_2025_08_26", "filters": {"allowed_domains": ["a.test"]}, "search_context_size": "low"},
    {"type": "web_search_preview", "user_location": {"type": "approximate", "city": "Bonn"}},
    {"type": "code_interpreter", "container": {"type": "auto"}},
    {"type": "mcp", "server_label": "wiki", "server_url": "https://example.test"},
    {"type": "local_shell"},
    {"type": "apply_patch"},
    {"type": "shell", "environment": {"type": "container_auto"}},
    {
        "type": "namespace",
        "name": "crm",
        "description": "d",
        "tools": [{"type": "function", "name": "find", "parameters": {}}],
    },
]


def test_tools_of_all_kinds_come_back_as_declared() -> None:
    """Same protocol: nothing of a declaration is lost."""
    body, dropped = encode(decode(tools=TOOLS))
    assert dropped == ()
    assert body["tools"] == TOOLS


def test_other_protocols_see_tools_they_can_offer() -> None:
    """Agents' own tools are functions, search is search, hosted ones are named."""
    tools = decode(tools=TOOLS).tools
    functions = {tool.name: tool for tool in tools if isinstance(tool, Tool)}
    assert set(functions) == {"f", "apply_patch", "local_shell", "crm__find"}
    assert functions["local_shell"].parameters is not None
    grammars = [tool.grammar for tool in tools if isinstance(tool, Tool) and tool.custom]
    assert grammars == [{"syntax": "lark", "definition": "start: x"}]
    searches = [tool for tool in tools if isinstance(tool, WebSearch)]
    assert searches[0].allowed_domains == ("a.test",)
    assert searches[0].context == "low"
    assert searches[1].user_location == {"type": "approximate", "city": "Bonn"}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ({"type": "function", "name": "f"}, ToolChoice(mode="tool", names=("f",))),
        ({"type": "custom", "name": "apply_patch"}, ToolChoice(mode="tool", names=("apply_patch",))),
        ({"type": "web_search_preview"}, ToolChoice(mode="tool", names=("web_search",))),
        ({"type": "code_interpreter"}, ToolChoice(mode="tool", names=("code_execution",))),
        ({"type": "mcp", "server_label": "wiki", "name": "ask"}, ToolChoice(mode="tool", names=("mcp:wiki:ask",))),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            ToolChoice(mode="required", names=("f",)),
        ),
    ],
)
def test_tool_choice_in_all_its_forms(choice: object, expected: ToolChoice) -> None:
    """Each is understood, and comes back as it was."""
    request = decode(tools=TOOLS, tool_choice=choice)
    assert request.tool_choice == expected
    assert encode(request)[0]["tool_choice"] == choice


def test_a_chats_choices_are_told_in_this_apis_words() -> None:
    """By name, among several, and of a tool that is not there."""
    tools = (Tool(name="a"), Tool(name="b", custom=True))
    body, _ = encode(chat(tools=tools, tool_choice=ToolChoice(mode="tool", names=("b",))))
    assert body["tool_choice"] == {"type": "custom", "name": "b"}
    body, _ = encode(chat(tools=tools, tool_choice=ToolChoice(mode="required", names=("a", "b"))))
    assert body["tool_choice"]["type"] == "allowed_tools"
    body, dropped = encode(chat(tools=tools, tool_choice=ToolChoice(mode="tool", names=("c",))))
    assert "tool_choice" not in body
    assert dropped == ("tool_choice",)


def test_functions_of_other_protocols_are_not_made_strict() -> None:
    """The API takes a function that does not say so as strict; Chat the opposite."""
    body, _ = encode(chat(tools=(Tool(name="f", parameters={"type": "object"}),)))
    assert body["tools"] == [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}]


def test_wishes_without_a_field_are_named() -> None:
    """Tuning knobs are dropped and declared."""
    body, dropped = encode(
        chat(
            stop=("END",),
            seed=1,
            top_k=3,
            frequency_penalty=0.5,
            presence_penalty=0.5,
            logit_bias={"1": 1},
            cache=CacheHint(),
            store=True,
            service_tier="standard_only",
            extensions={"group": "x"},
        )
    )
    assert set(dropped) == {
        "stop",
        "seed",
        "top_k",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "cache_control",
        "store",
        "service_tier",
        "group",
    }
    assert body["store"] is False


def test_several_answers_are_refused() -> None:
    """`n` is content: one answer instead of two would be a silent loss."""
    with pytest.raises(Refused) as caught:
        encode(chat(n=2))
    assert caught.value.failure.param == "n"


def test_spoken_answers_are_refused() -> None:
    """The API has none."""
    with pytest.raises(Refused, match="spoken"):
        encode(chat(modalities=("text", "audio"), audio={"voice": "ash"}))


def test_shape_and_verbosity() -> None:
    """Schema output, JSON objects, verbosity, in both directions."""
    form = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True, "description": "d"}
    request = decode(text={"format": form, "verbosity": "low"})
    assert request.response_format == ResponseFormat(
        mode="json_schema", name="n", schema={"type": "object"}, strict=True, description="d"
    )
    assert encode(request)[0]["text"] == {"format": form, "verbosity": "low"}
    unnamed = ResponseFormat(mode="json_schema", schema={"type": "object"})
    assert encode(chat(response_format=unnamed))[0]["text"]["format"]["name"] == "response"
    body, _ = encode(chat(response_format=unnamed), Quirks(json_schema=False))
    assert body["text"]["format"] == {"type": "json_object"}
    assert "JSON schema" in body["input"][-1]["content"][0]["text"]


@pytest.mark.parametrize(
    ("control", "wire"),
    [
        (ReasoningControl(effort="high"), {"effort": "high"}),
        (ReasoningControl(enabled=False), {"effort": "none"}),
        (ReasoningControl(budget_tokens=2000, enabled=True), {"effort": "low"}),
        (ReasoningControl(budget_tokens=60000, visible=True), {"effort": "high", "summary": "auto"}),
        (ReasoningControl(summary="detailed"), {"summary": "detailed"}),
    ],
)
def test_how_hard_to_think(control: ReasoningControl, wire: Json) -> None:
    """Effort as it is, a budget as the nearest effort, visible thoughts as a summary."""
    body, _ = encode(chat(reasoning=control))
    assert body["reasoning"] == wire
    assert ("reasoning.encrypted_content" in body.get("include", [])) == (control.enabled is not False)


def test_an_effort_the_model_does_not_know_is_told_as_the_nearest() -> None:
    """A model that cannot but think is asked for the least, and that is named."""
    quirks = Quirks(efforts=("low", "medium", "high"))
    body, dropped = encode(chat(reasoning=ReasoningControl(enabled=False)), quirks)
    assert (body["reasoning"], dropped) == ({"effort": "low"}, ("reasoning.enabled",))
    body, dropped = encode(chat(reasoning=ReasoningControl(effort="max")), quirks)
    assert (body["reasoning"], dropped) == ({"effort": "high"}, ())


def test_thoughts_survive_without_the_upstream_storing_them() -> None:
    """Own opaque state goes back; foreign thoughts are dropped and named."""
    own = Reasoning(text="t", signature=Signature("openai_responses", "E"))
    foreign = Reasoning(text="t", signature=Signature("anthropic_messages", "S"))
    body, dropped = encode(chat(Message(role="assistant", parts=(own, foreign, Text(text="a")))))
    assert body["input"][0] == {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "t"}],
        "encrypted_content": "E",
    }
    assert body["include"] == ["reasoning.encrypted_content"]
    assert dropped == ("reasoning.foreign",)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"background": True}, "background"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input"),
        ({"input": [{"id": "msg_1"}]}, "input"),
        ({"input": [{"type": "compaction", "id": "c", "encrypted_content": "E"}]}, "input"),
        ({"input": [{"type": "computer_call_output", "call_id": "c", "output": {}}]}, "input"),
    ],
)
def test_what_only_its_upstream_keeps_cannot_go_elsewhere(fields: Json, param: str) -> None:
    """A clear 400 that names the parameter; for upstreams of this protocol nothing is lost."""
    request = decode(**fields)
    assert again(request) == request
    assert CODEC.check_portable is not None
    with pytest.raises(Refused) as caught:
        CODEC.check_portable(request)
    assert caught.value.failure.param == param
    assert caught.value.failure.http_status == 400


def test_an_agents_request_may_go_anywhere() -> None:
    """What Codex sends leans on nothing."""
    assert CODEC.check_portable is not None
    CODEC.check_portable(decode(input=AGENT_HISTORY, tools=TOOLS, store=False, include=["reasoning.encrypted_content"]))


def test_what_is_honoured_is_not_reported_as_lost() -> None:
    """`include` of opaque thoughts and log probabilities has a meaning everywhere."""
    request = decode(include=["reasoning.encrypted_content", "message.output_text.logprobs"], top_logprobs=2)
    assert request.extensions == {}
    assert request.logprobs is True
    assert set(encode(request)[0]["include"]) == {"reasoning.encrypted_content", "message.output_text.logprobs"}


def test_unknown_members_survive_towards_the_same_protocol() -> None:
    """Also unknown members of known objects."""
    fields: Json = {
        "truncation": "auto",
        "max_tool_calls": 3,
        "context_management": [{"type": "compaction"}],
        "brand_new": {"a": 1},
        "reasoning": {"effort": "colossal", "mode": "pro"},
        "text": {"format": {"type": "grammar", "definition": "x"}},
        "stream_options": {"include_obfuscation": False},
    }
    body, dropped = encode(decode(**fields))
    assert dropped == ()
    assert {name: body[name] for name in fields} == fields


def test_storing_is_left_to_a_caller_of_this_protocol() -> None:
    """And never happens on behalf of others."""
    assert "store" not in encode(decode())[0]
    assert encode(decode(store=True))[0]["store"] is True
    assert encode(chat())[0]["store"] is False


def test_quirks_are_respected() -> None:
    """What an upstream refuses is dropped and named; what its operator sets is set."""
    quirks = Quirks(refused_parameters=frozenset({"temperature"}), extra_body={"provider": {"only": ["x"]}})
    body, dropped = encode(chat(temperature=0.5), quirks)
    assert "temperature" not in body
    assert dropped == ("temperature",)
    assert body["provider"] == {"only": ["x"]}
    body, dropped = encode(chat(tools=(WebSearch(),)), Quirks(web_search="none"))
    assert "tools" not in body
    assert dropped == ("tools.web_search",)


def test_limits_of_the_api_are_met() -> None:
    """Sixteen tokens at least, users of sixty-four characters at most."""
    body, dropped = encode(chat(max_output_tokens=1, user="u" * 100))
    assert body["max_output_tokens"] == 16
    assert dropped == ("max_output_tokens",)
    assert len(body["user"]) == 64


def test_foreign_server_tools_in_a_history_are_named() -> None:
    """What Anthropic's own search found cannot be shown to this API."""
    call = ServerToolCall(id="s", name="web_search", input="{}")
    body, dropped = encode(chat(Message(role="assistant", parts=(call, Text(text="found")))))
    assert [item["type"] for item in body["input"]] == ["message"]
    assert dropped == ("server_tools.foreign",)


def test_results_of_custom_tools_are_told_as_such() -> None:
    """Also where the caller's protocol did not mark the result."""
    call = ToolCall(id="c", name="apply_patch", arguments="*** Begin", custom=True)
    result = ToolResult(call_id="c", content=(Text(text="ok"),))
    body, _ = encode(chat(Message(role="assistant", parts=(call,)), Message(role="tool", parts=(result,))))
    assert [item["type"] for item in body["input"]] == ["custom_tool_call", "custom_tool_call_output"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "JSON object"),
        (b'{"model": "m", "input": ' + b"[" * 100_000, "nested"),
        (b'{"input": "x"}', "'model' is required"),
        (b'{"model": 1, "input": "x"}', "'model' must be a string"),
        (b'{"model": "m", "input": 3}', "'input' must be"),
        (b'{"model": "m", "input": [3]}', "input[0]"),
        (b'{"model": "m", "input": [{"role": "robot", "content": "x"}]}', "role"),
        (b'{"model": "m", "input": [{"role": "user"}]}', "content' is required"),
        (b'{"model": "m", "input": [{"role": "user", "content": [{"type": "telepathy"}]}]}', "telepathy"),
        (b'{"model": "m", "input": [{"type": "function_call", "name": "f"}]}', "call_id"),
        (b'{"model": "m", "input": [{"type": "function_call_output", "output": "x"}]}', "call_id"),
        (b'{"model": "m", "input": "x", "tools": [{"type": "function"}]}', "tools[0].name"),
        (b'{"model": "m", "input": "x", "tool_choice": "perhaps"}', "tool_choice"),
        (b'{"model": "m", "input": "x", "temperature": "hot"}', "temperature"),
        (b'{"model": "m", "input": [{"role": "user", "content": [{"type": "input_image"}]}]}', "image_url"),
    ],
)
def test_bad_requests_are_told_what_is_bad(body: bytes, words: str) -> None:
    """A 400 in words that help."""
    assert words in refused(body)

"""Parts that both requests and answers hold."""

import msgspec

from fakes.google import decoded, encoded
from headgate.canonical.parts import Audio, Json, Reasoning, ServerToolCall, ServerToolResult, ToolResult

CODE: list[Json] = [
    {"executableCode": {"language": "PYTHON", "code": "1", "id": "c"}, "thoughtSignature": "UQ=="},
    {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "boom", "id": "c"}},
]


def test_code_and_its_result_are_server_tools_and_go_back_exactly() -> None:
    """Signature included (wire gemini/code-execution)."""
    contents = [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": CODE}]
    request = decoded(contents=contents)
    call, result = request.messages[1].parts
    assert isinstance(call, ServerToolCall)
    assert isinstance(result, ServerToolResult)
    assert (call.name, call.input, result.output, result.error) == (
        "code_execution",
        '{"code":"1"}',
        "boom",
        "OUTCOME_FAILED",
    )
    assert result.call_id == call.id == "c"
    assert encoded(request)[0]["contents"] == contents


def test_server_side_invocations_go_back_exactly() -> None:
    """toolCall and toolResponse of Gemini 3, in either spelling (wire gemini/stream-web-search, file-search)."""
    parts = [
        {
            "toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["x"]}, "id": "a"},
            "thoughtSignature": "UQ==",
        },
        {"toolResponse": {"tool_type": "FILE_SEARCH", "response": {"result": [{"custom_metadata": 1}]}, "id": "b"}},
    ]
    request = decoded(contents=[{"parts": [{"text": "Hi"}]}, {"role": "model", "parts": parts}])
    call, result = request.messages[1].parts
    assert isinstance(call, ServerToolCall)
    assert isinstance(result, ServerToolResult)
    assert (call.name, result.name) == ("web_search", "file_search")
    sent = encoded(request)[0]["contents"][1]["parts"]
    assert sent[0] == parts[0]
    assert sent[1]["toolResponse"]["response"] == {"result": [{"custom_metadata": 1}]}


def test_results_hold_media_and_go_back_exactly() -> None:
    """functionResponse.parts of Gemini 3."""
    response = {
        "id": "1",
        "name": "f",
        "response": {"row_count": 2, "b": [1.5]},
        "willContinue": True,
        "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}],
    }
    request = decoded(contents=[{"parts": [{"functionResponse": response}]}])
    result = request.messages[0].parts[0]
    assert isinstance(result, ToolResult)
    assert len(result.content) == 2
    assert encoded(request)[0]["contents"][0]["parts"] == [{"functionResponse": response}]


def test_a_thought_picture_is_a_thought() -> None:
    """Drafts of image models are not shown as answers to other clients."""
    part = {"thought": True, "inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    request = decoded(contents=[{"parts": [{"text": "Hi"}]}, {"role": "model", "parts": [part]}])
    assert isinstance(request.messages[1].parts[0], Reasoning)
    assert encoded(request)[0]["contents"][1]["parts"] == [part]


def test_arguments_survive_big_numbers() -> None:
    """They are JSON, not floats."""
    part = {"functionCall": {"name": "f", "args": {"n": 12345678901234567890}}}
    request = decoded(contents=[{"role": "model", "parts": [part]}])
    sent = encoded(request)[0]["contents"][0]["parts"][0]["functionCall"]["args"]
    assert sent == {"n": 12345678901234567890}
    assert msgspec.json.encode(sent) == b'{"n":12345678901234567890}'


def test_words_of_speech_may_stand_alone() -> None:
    """A stream tells them in a part of their own, and a client sends that part back."""
    (found,) = decoded(contents=[{"parts": [{"audioTranscription": {"text": "hello"}}]}]).messages[0].parts
    assert isinstance(found, Audio)
    assert found.transcript == "hello"

"""Tools that the user tells the sandbox to call."""

import orjson
import pytest

from headgate.sandbox.brain import think
from headgate.sandbox.prompt import Prompt, Tool, ToolCall, ToolResult, Turn
from headgate.sandbox.script import next_call

TOOLS = (Tool("Write"), Tool("Read"), Tool("Weather"))
SCRIPT = 'Please. sandbox-tool: Write {"path": "a", "text": "{x}"}\nThen the weather.\nsandbox-tool: Read {"path": "a"}'


def called(*turns: Turn, choice: str = "auto") -> list[tuple[str, object]]:
    answer = think(Prompt(model="sandbox", turns=turns, tools=TOOLS, choice=choice))
    return [(name, orjson.loads("".join(arguments))) for name, arguments in answer.calls]


def user(text: str) -> Turn:
    return Turn("user", (text,))


def round_of(name: str, result: str) -> tuple[Turn, Turn]:
    return Turn("assistant", (ToolCall("c", name, "{}"),)), Turn("tool", (ToolResult("c", result),))


def test_it_calls_the_scripted_tools_one_after_the_other_and_then_quotes_the_last() -> None:
    """Whatever else the prompt says, and though the agent adds words of its own beside a result."""
    first, second = round_of("Write", "written"), round_of("Read", "hello")
    assert called(user(SCRIPT)) == [("Write", {"path": "a", "text": "{x}"})]
    assert called(user(SCRIPT), *first, user("Reminder: be brief")) == [("Read", {"path": "a"})]
    answer = think(Prompt(model="sandbox", turns=(user(SCRIPT), *first, *second), tools=TOOLS))
    assert (answer.calls, "".join(answer.text)) == ((), "The tool answered: hello")


def test_a_script_ends_with_the_answer_to_it() -> None:
    """The next question is a question again."""
    earlier = (user(SCRIPT), *round_of("Write", "written"), *round_of("Read", "hello"), Turn("assistant", ("Done",)))
    assert called(*earlier, user("Good morning")) == []
    assert called(*earlier, user('sandbox-tool: Read {"path": "b"}')) == [("Read", {"path": "b"})]


@pytest.mark.parametrize("line", ['Delete {"path": "a"}', "Read {path}", "Read", 'Read ["a"]'])
def test_a_line_that_names_no_tool_or_has_no_object_does_not_count(line: str) -> None:
    """The prompt is answered as if it were not there."""
    prompt = Prompt(model="sandbox", turns=(user(f"sandbox-tool: {line}"),), tools=TOOLS)
    assert next_call(prompt) is None


def test_a_script_is_not_followed_where_tools_are_forbidden() -> None:
    """The tool choice stands above it."""
    assert called(user(SCRIPT), choice="none") == []

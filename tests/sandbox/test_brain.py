"""The one model: what it answers to what."""

import orjson
import pytest

from headgate.sandbox.brain import inflate, think
from headgate.sandbox.prompt import Answer, Document, Picture, Prompt, Tool, ToolCall, ToolResult, Turn

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = (Tool("get_weather", "", CITY), Tool("get_time", "", CITY))


def asked(text: str, **wishes: object) -> Prompt:
    wishes.setdefault("model", "sandbox")
    return Prompt(turns=(Turn("user", (text,)),), **wishes)  # type: ignore[arg-type]


def said(answer: Answer) -> str:
    return "".join(answer.text)


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("What is 12 + 12?", "12 + 12 = 24."),
        ("7 * 6", "7 * 6 = 42."),
        ("1 / 0", "1 cannot be divided by zero."),
        ("Reply with exactly: cobalt", "cobalt"),
        ("Write 3 words", "word1 word2 word3"),
        ("Good morning", "You said: Good morning"),
        ("", "You said nothing."),
    ],
)
def test_it_answers_plain_questions(question: str, reply: str) -> None:
    """The same question always gets the same sensible answer."""
    assert said(think(asked(question))) == reply == said(think(asked(question)))


def test_under_a_foreign_name_it_says_that_it_is_the_sandbox() -> None:
    """No text could be taken for the real model's."""
    assert said(think(asked("Hi", model="gpt-4o"))) == "[sandbox] You said: Hi"


def test_it_calls_the_tool_that_the_user_hints_at() -> None:
    """A word of the tool's name is enough, and the arguments come from the question."""
    answer = think(asked("What is the weather in Paris?", tools=TOOLS))
    assert [(name, orjson.loads("".join(arguments))) for name, arguments in answer.calls] == [
        ("get_weather", {"city": "Paris"})
    ]
    assert answer.finish == "tool"


def test_it_calls_every_tool_that_is_named_in_the_order_named() -> None:
    """Parallel calls, unless they are forbidden."""
    question = "Call get_time and get_weather for Oslo"
    assert [name for name, _ in think(asked(question, tools=TOOLS)).calls] == ["get_time", "get_weather"]
    assert [name for name, _ in think(asked(question, tools=TOOLS, parallel=False)).calls] == ["get_time"]


@pytest.mark.parametrize(("choice", "names"), [("none", []), ("required", ["get_weather"]), ("get_time", ["get_time"])])
def test_a_choice_of_tools_is_obeyed(choice: str, names: list[str]) -> None:
    """Forbidden, demanded, or one demanded by name."""
    assert [name for name, _ in think(asked("Hello", tools=TOOLS, choice=choice)).calls] == names


def test_after_a_result_it_quotes_what_the_tool_answered() -> None:
    """The conversation goes on to a plain answer instead of the same call again."""
    turns = (
        Turn("user", ("What is the weather in Paris?",)),
        Turn("assistant", (ToolCall("1", "get_weather", '{"city":"Paris"}'),)),
        Turn("tool", (ToolResult("1", "sunny, 21 degrees"),)),
    )
    assert said(think(Prompt("sandbox", turns, TOOLS))) == "The tool answered: sunny, 21 degrees"


def test_it_answers_in_json_when_a_schema_is_given() -> None:
    """With a schema, by the schema; with none, any object."""
    assert orjson.loads(said(think(asked("Weather in Rome", schema=CITY)))) == {"city": "Rome"}
    assert orjson.loads(said(think(asked("Hello", schema={})))) == {"said": "Hello"}


def test_it_describes_what_it_was_shown(red_png: bytes) -> None:
    """A picture by size and colour, a document by pages or words."""
    files = (Picture(red_png), Document(b"one two three", "text/plain", "notes.txt"))
    answer = think(Prompt("sandbox", (Turn("user", ("What is this?", *files)),)))
    assert said(answer) == (
        "I see a PNG picture of 20x10 pixels, mostly red. "
        "I received a text named notes.txt of 3 words that begins: one two three"
    )


def test_a_stop_sequence_ends_the_text_before_it() -> None:
    """The first one that occurs, and it is named."""
    answer = think(asked("Write 9 words", stops=("word7", "word4")))
    assert (said(answer), answer.finish, answer.stopped_by) == ("word1 word2 word3 ", "stop_sequence", "word4")


@pytest.mark.parametrize("limit", range(1, 30))
def test_no_answer_is_longer_than_its_limit(limit: int) -> None:
    """Reasoning counts too, and an answer that was cut says so."""
    whole = think(asked("Write 5 words", reasoning=True))
    cut = think(asked("Write 5 words", reasoning=True, max_tokens=limit))
    tokens = len(cut.reasoning) + cut.output_tokens
    assert tokens == min(limit, len(whole.reasoning) + whole.output_tokens)
    assert (cut.finish == "length") == (cut != whole)


def test_searched_answers_cite_pages_that_cannot_exist() -> None:
    """Every citation marks exactly its words, on a reserved domain."""
    answer = think(asked("What is new?", web_search=True))
    assert answer.query == "What is new?"
    assert [said(answer)[source.start : source.end] for source in answer.sources] == [
        source.quote for source in answer.sources
    ]
    assert all(source.url.startswith("https://www.example.com/") for source in answer.sources)


def test_an_inflated_answer_is_as_long_as_wished() -> None:
    """For answers that test a gateway's memory."""
    assert len(said(inflate(Answer(), 5000))) >= 5000

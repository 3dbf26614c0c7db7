"""Sources: Google's bytes to our characters, and back."""

from fakes.google import answer, asking, events_of, frames_of, read, sse, written
from headgate.canonical.parts import Citation, SearchResult, ServerToolCall, ServerToolResult, Text
from headgate.canonical.stream import Candidate, Response, assemble, disassemble
from headgate.protocols.gemini_generate import CODEC
from headgate.protocols.gemini_generate.grounding import Grounding, is_grounding

TEXT = "Grüße: 69°F heute. Mehr."
SAID = "69°F heute."
START = len("Grüße: ".encode())
GROUNDING = {
    "webSearchQueries": ["wetter"],
    "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}, {"web": {"uri": "https://b"}}],
    "groundingSupports": [
        {
            "segment": {"startIndex": START, "endIndex": START + len(SAID.encode()), "text": SAID},
            "groundingChunkIndices": [0, 1, 9],
        }
    ],
}


def test_stretches_are_counted_in_characters() -> None:
    """Google counts bytes of UTF-8."""
    response = read(answer({"text": TEXT}, groundingMetadata=GROUNDING))
    text, call, result = response.candidates[0].parts
    assert isinstance(text, Text)
    start = TEXT.index(SAID)
    assert text.citations == (
        Citation(url="https://a", title="A", cited_text=SAID, start=start, end=start + len(SAID)),
        Citation(url="https://b", cited_text=SAID, start=start, end=start + len(SAID)),
    )
    assert isinstance(call, ServerToolCall)
    assert (call.name, call.input) == ("web_search", '{"query":"wetter"}')
    assert is_grounding(call.id)
    assert isinstance(result, ServerToolResult)
    assert result.results == (SearchResult(url="https://a", title="A"), SearchResult(url="https://b"))


def test_googles_grounding_goes_back_exactly() -> None:
    """Same protocol, same words."""
    response = read(answer({"text": TEXT}, groundingMetadata=GROUNDING))
    candidate = written(response)["candidates"][0]
    assert candidate["groundingMetadata"] == GROUNDING
    assert candidate["content"]["parts"] == [{"text": TEXT}]


def test_foreign_citations_become_grounding() -> None:
    """In bytes again, each source once."""
    start = TEXT.index(SAID)
    cited = Text(
        text=TEXT,
        citations=(
            Citation(url="https://a", title="A", start=start, end=start + len(SAID)),
            Citation(url="https://b", start=start, end=start + len(SAID)),
        ),
    )
    parts = (
        ServerToolCall(id="s", name="web_search", input='{"query":"wetter"}'),
        ServerToolResult(call_id="s", name="web_search", results=(SearchResult(url="https://a", title="A"),)),
        cited,
    )
    response = Response(id="x", model="m", candidates=(Candidate(parts=parts),))
    grounding = written(response)["candidates"][0]["groundingMetadata"]
    assert grounding["groundingSupports"][0]["segment"] == GROUNDING["groundingSupports"][0]["segment"]  # type: ignore[index]
    assert grounding["groundingSupports"][0]["groundingChunkIndices"] == [0, 1]
    assert grounding["webSearchQueries"] == ["wetter"]
    streamed = frames_of(list(disassemble(response)))[-1]["candidates"][0]
    assert streamed["groundingMetadata"] == grounding


def test_citations_reach_a_stream() -> None:
    """They come with the last frame, and refer to the text so far."""
    last = answer({"text": " heute. Mehr."}, groundingMetadata=GROUNDING)
    events = events_of(sse(answer({"text": "Grüße: 69°F"}, finish=None), last))
    text = assemble(events).candidates[0].parts[0]
    assert isinstance(text, Text)
    assert [(found.url, TEXT[found.start : found.end]) for found in text.citations] == [
        ("https://a", SAID),
        ("https://b", SAID),
    ]


def test_a_stretch_elsewhere_is_looked_for() -> None:
    """Offsets that do not fit are not believed; words that are not there have no place."""
    support = {"segment": {"startIndex": 0, "endIndex": 3, "text": SAID}, "groundingChunkIndices": [0]}
    lost = {"segment": {"endIndex": 999, "text": "nowhere"}, "groundingChunkIndices": [1]}
    grounding = {**GROUNDING, "groundingSupports": [support, lost]}
    text = read(answer({"text": TEXT}, groundingMetadata=grounding)).candidates[0].parts[0]
    assert isinstance(text, Text)
    assert [(found.start, found.cited_text) for found in text.citations] == [
        (TEXT.index(SAID), SAID),
        (None, "nowhere"),
    ]


def test_sources_of_recitation_and_of_read_pages() -> None:
    """citationMetadata cites; urlContextMetadata tells of pages read, and of those that could not be."""
    metadata = {"citationSources": [{"startIndex": 0, "endIndex": 7, "uri": "https://c"}]}
    pages = {
        "urlMetadata": [
            {"retrievedUrl": "https://d", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"},
            {"retrievedUrl": "https://e", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_ERROR"},
        ]
    }
    body = answer({"text": TEXT}, citationMetadata=metadata, urlContextMetadata=pages)
    text, *tools = read(body).candidates[0].parts
    assert isinstance(text, Text)
    assert (text.citations[0].url, text.citations[0].start, text.citations[0].end) == ("https://c", 0, 5)
    results = [part for part in tools if isinstance(part, ServerToolResult)]
    assert [(part.name, part.error) for part in results] == [
        ("web_fetch", None),
        ("web_fetch", "URL_RETRIEVAL_STATUS_ERROR"),
    ]


def test_empty_and_malformed_grounding_says_nothing() -> None:
    """`groundingMetadata: {}` is common."""
    for metadata in ({}, {"groundingSupports": [5, {}], "groundingChunks": [{}], "retrievalMetadata": 7}):
        response = read(answer({"text": TEXT}, groundingMetadata=metadata))
        assert response.candidates[0].parts == (Text(text=TEXT),)
    assert CODEC.encode_response(response, asking())


def test_a_source_is_titled_by_whoever_knows_its_title() -> None:
    """A search of OpenAI's names addresses; the citation that follows has the title."""
    told = Grounding()
    told.tool(ServerToolResult(call_id="s", name="web_search", results=(SearchResult(url="https://a.test"),)))
    told.text("x", [Citation(url="https://a.test", title="A")])
    metadata = told.metadata()["groundingMetadata"]
    assert isinstance(metadata, dict)
    assert metadata["groundingChunks"] == [{"web": {"uri": "https://a.test", "title": "A"}}]

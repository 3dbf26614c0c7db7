"""Citations."""

from typing import Any

import pytest

from headgate.canonical.parts import Citation
from headgate.protocols.anthropic_messages.citations import decode_citation, encode_citation, return_citation

WEB: dict[str, Any] = {
    "type": "web_search_result_location",
    "url": "https://a",
    "title": "A",
    "cited_text": "said",
    "encrypted_index": "E",
}
PAGE: dict[str, Any] = {
    "type": "page_location",
    "document_index": 0,
    "document_title": "D",
    "cited_text": "said",
    "start_page_number": 1,
    "end_page_number": 2,
}


@pytest.mark.parametrize(("wire", "url", "title"), [(WEB, "https://a", "A"), (PAGE, None, "D")])
def test_a_citation_is_readable_and_comes_back_whole(wire: dict[str, Any], url: str | None, title: str) -> None:
    """To the client and to Anthropic."""
    citation = decode_citation(wire, "x")
    assert (citation.url, citation.title, citation.cited_text) == (url, title, "said")
    assert encode_citation(citation) == wire
    assert return_citation(citation) == wire


def test_another_vendors_source_is_shown_but_not_returned() -> None:
    """It has no encrypted index, which Anthropic would demand."""
    citation = Citation(url="https://a", title=None, start=1, end=4)
    shown = encode_citation(citation)
    assert shown == {**WEB, "title": None, "cited_text": "", "encrypted_index": ""}
    assert return_citation(decode_citation(shown, "x")) is None
    assert encode_citation(Citation(title="no address")) is None

"""Images and documents."""

from typing import Any

import pytest

from fakes.messages import asking, block_of, decoded, encoded, said
from headgate.canonical.failure import Refused
from headgate.canonical.parts import CacheHint, File, Image, Part, Source
from headgate.canonical.quirks import Quirks

PNG = "iVBORw0KGgo="


def first(block: dict[str, Any]) -> Part:
    return decoded(messages=[{"role": "user", "content": [block]}]).messages[0].parts[0]


def back(block: dict[str, Any]) -> dict[str, Any]:
    """The block after a round trip."""
    body, dropped = encoded(decoded(messages=[{"role": "user", "content": [block]}]))
    assert dropped == ()
    again: dict[str, Any] = body["messages"][0]["content"][0]
    return again


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        (
            {"type": "base64", "media_type": "image/png", "data": PNG},
            Source(data=PNG, media_type="image/png"),
        ),
        ({"type": "url", "url": "https://a.example/p.png"}, Source(url="https://a.example/p.png")),
        ({"type": "file", "file_id": "file_1"}, Source(file_id="file_1")),
    ],
)
def test_an_image_of_every_source_is_read_and_written(source: dict[str, Any], kept: Source) -> None:
    """Peers turn an address into a broken data URL."""
    block = {"type": "image", "source": source, "cache_control": {"type": "ephemeral"}, "transformations": {}}
    part = first(block)
    assert isinstance(part, Image)
    assert (part.source, part.cache) == (kept, CacheHint())
    assert back(block) == block


def test_an_images_type_is_found_or_refused() -> None:
    """From the caller's word, else from its first bytes."""
    assert block_of(Image(source=Source(data=PNG)))["source"]["media_type"] == "image/png"
    assert block_of(Image(source=Source(data="/9j/", media_type="image/jpg")))["source"]["media_type"] == "image/jpeg"
    for source in (Source(data="AAAA"), Source(data=PNG, media_type="image/tiff")):
        with pytest.raises(Refused, match="cannot be read by this model"):
            block_of(Image(source=source))


def test_an_images_detail_is_named_unless_automatic() -> None:
    """Claude has one way of looking; an empty detail is no wish (peers #3255)."""
    for detail, lost in (("high", ("image.detail",)), ("auto", ()), ("", ()), (None, ())):
        _, dropped = encoded(asking(said("user", Image(source=Source(data=PNG), detail=detail))))
        assert dropped == lost


def test_a_foreign_file_id_is_refused() -> None:
    """One vendor's file is not another's."""
    for part in (Image(source=Source(file_id="file-1")), File(source=Source(file_id="file-1"))):
        with pytest.raises(Refused, match="file id that this upstream does not know"):
            block_of(part)


def test_an_address_is_refused_where_the_host_takes_none() -> None:
    """The gateway fetches it first; if it comes this far, it says so."""
    part = Image(source=Source(url="https://a.example/p.png"))
    with pytest.raises(Refused, match="by address"):
        encoded(asking(said("user", part)), Quirks(image_urls=False))


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
        {"type": "document", "source": {"type": "url", "url": "https://a.example/d.pdf"}, "title": "T"},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}, "context": "C"},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "plain"},
            "citations": {"enabled": True},
        },
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
        {"type": "document", "source": {"type": "content", "content": "a"}},
        {"type": "search_result", "source": "s", "title": "T", "content": [{"type": "text", "text": "a"}]},
        {"type": "container_upload", "file_id": "file_1"},
    ],
)
def test_a_document_of_every_kind_survives(block: dict[str, Any]) -> None:
    """Peers drop document blocks."""
    assert isinstance(first(block), File)
    assert back(block) == block


def test_other_protocols_see_a_documents_text_name_and_context() -> None:
    """What a search result or a document of blocks says is not locked in its bag."""
    found = first({"type": "search_result", "source": "s", "title": "T", "content": [{"type": "text", "text": "a"}]})
    assert isinstance(found, File)
    assert (found.text, found.filename, found.context) == ("a", "T", "s")
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    part = first({"type": "document", "source": {"type": "content", "content": blocks}})
    assert isinstance(part, File)
    assert part.text == "a\nb"


@pytest.mark.parametrize(
    ("source", "written"),
    [
        (Source(data="aGk=", media_type="text/markdown; charset=utf-8"), {"type": "text", "data": "hi"}),
        (Source(data="e30=", media_type="application/json"), {"type": "text", "data": "{}"}),
        (Source(data="JVBERi0="), {"type": "base64", "data": "JVBERi0="}),
    ],
)
def test_a_file_is_written_as_pdf_or_text(source: Source, written: dict[str, str]) -> None:
    """The two kinds Claude reads."""
    block = block_of(File(source=source, filename="n"))
    assert written.items() <= block["source"].items()
    assert block["title"] == "n"


@pytest.mark.parametrize(
    "source",
    [
        Source(data="AAAA", media_type="application/msword"),
        Source(data="AAAA"),
        Source(data="!!", media_type="text/plain"),
        Source(data="/w==", media_type="text/plain"),
        Source(),
    ],
)
def test_another_kind_of_file_is_refused(source: Source) -> None:
    """Also text that is no base64, or no UTF-8."""
    with pytest.raises(Refused):
        block_of(File(source=source))


@pytest.mark.parametrize("source", [{"type": "odd"}, {}, {"type": "url"}, {"type": "base64", "data": 1}])
def test_a_wrong_source_is_refused(source: dict[str, Any]) -> None:
    """By its path."""
    with pytest.raises(Refused, match=r"messages\.0\.content\.0\.source"):
        first({"type": "image", "source": source})

"""Media in both directions."""

import base64
import json

import pytest

from fakes.google import again, asking, decoded, encoded, said
from headgate.canonical.failure import Refused
from headgate.canonical.parts import Audio, File, Image, Part, Source, Video
from headgate.protocols.gemini_generate.media import encode_media, media_type_of, sniff, split_images, standard_base64

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n\xfb\xff").decode()


def part_of(**part: object) -> Part:
    request = decoded(contents=[{"parts": [part]}])
    assert again(request) == request
    return request.messages[0].parts[0]


def test_each_kind_of_inline_data_is_its_own_part() -> None:
    """peers.md 1: elsewhere everything is sent as an image."""
    for kind, cls in (("image/png", Image), ("audio/wav", Audio), ("video/mp4", Video), ("application/pdf", File)):
        found = part_of(inlineData={"mimeType": kind, "data": "AAAA"})
        assert found == cls(source=Source(data="AAAA", media_type=kind))


def test_url_safe_base64_is_made_standard() -> None:
    """google-genai writes URL-safe base64 and snake_case."""
    loose = PNG.replace("+", "-").replace("/", "_").rstrip("=")
    part = part_of(inline_data={"mime_type": "image/png", "data": loose})
    assert isinstance(part, Image)
    assert part.source.data == PNG
    with pytest.raises(Refused, match="base64"):
        standard_base64("AA!A", "x")


def test_plain_text_is_read() -> None:
    """A text document is words, not bytes."""
    part = part_of(inlineData={"mimeType": "text/plain", "data": base64.b64encode("grün".encode()).decode()})
    assert isinstance(part, File)
    assert part.text == "grün"


def test_addresses() -> None:
    """A web address is everyone's, Google's own file is not, YouTube is a video."""
    image = part_of(fileData={"fileUri": "https://a.com/b.png"})
    assert isinstance(image, Image)
    assert image.source.url == "https://a.com/b.png"
    stored = part_of(file_data={"file_uri": "gs://b/c.pdf", "mime_type": "application/pdf"})
    assert isinstance(stored, File)
    assert stored.source.file_id == "gs://b/c.pdf"
    video = part_of(fileData={"fileUri": "https://youtu.be/x"}, videoMetadata={"fps": 0.2})
    assert isinstance(video, Video)
    assert video.provider_data["gemini_generate"] == {"videoMetadata": {"fps": 0.2}}


def test_a_foreign_file_id_is_refused() -> None:
    """It cannot be fetched from here."""
    with pytest.raises(Refused, match="file-123"):
        encoded(asking(said("user", File(source=Source(file_id="file-123")))))


def test_a_foreign_document_is_inlined_and_its_name_named() -> None:
    """There is no field for a name on the Gemini API."""
    body, dropped = encoded(
        asking(said("user", File(source=Source(data="JVBERi0="), filename="a.pdf", context="Mine")))
    )
    parts = body["contents"][0]["parts"]
    assert parts == [{"text": "Mine"}, {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}}]
    assert dropped == ("file.filename",)


def test_image_detail_is_named() -> None:
    """A wish without a field."""
    image = Image(source=Source(url="https://a.com/x"), detail="low")
    body, dropped = encoded(asking(said("user", image)))
    assert body["contents"][0]["parts"] == [{"fileData": {"fileUri": "https://a.com/x"}}]
    assert dropped == ("image.detail",)


def test_markdown_pictures_in_history_can_be_edited_again() -> None:
    """Contract 9.4: a picture shown to a chat client as a data URI comes back as a picture."""
    text = f"Here:\n![image](data:image/png;base64,{PNG})\nand more"
    body, _ = encoded(asking(said("user", "draw"), said("assistant", text), said("user", "bluer")))
    assert body["contents"][1]["parts"] == [
        {"text": "Here:\n"},
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {"text": "\nand more"},
    ]
    assert split_images("no picture") == ["no picture"]


def test_media_types_are_told_from_beginnings_and_endings() -> None:
    """Where the caller named none."""
    assert sniff(PNG) == "image/png"
    assert sniff("AAAA") is None
    assert media_type_of("https://a.com/b.JPG?x=1.pdf") == "image/jpeg"
    assert media_type_of("https://[bad") is None


def test_speech_without_a_type_is_known_by_its_beginning() -> None:
    """OpenAI's spoken answers name no type: a WAV file is no picture, and bare samples are what its streams hold."""
    told = [json.dumps(encode_media(Audio(source=Source(data=data)))) for data in ("UklGRiQAAABXQVZF", "AAAAAAAA")]
    assert '"mimeType": "audio/wav"' in told[0]
    assert '"mimeType": "audio/L16' in told[1]

"""Addresses and inline images."""

import pytest

from headgate.canonical.failure import Refused
from headgate.canonical.parts import Image, Source, Text
from headgate.protocols.openai_chat.content import address_of, inline_image, source_of, split_images

PNG = Image(source=Source(data="AAAA", media_type="image/png"))


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("https://x/y", Source(url="https://x/y")),
        ("data:image/png;base64,AAAA", Source(data="AAAA", media_type="image/png")),
        ("DATA:image/png;charset=x;BASE64,AAAA", Source(data="AAAA", media_type="image/png")),
        ("data:;base64,AAAA", Source(data="AAAA")),
        ("data:text/plain,a%20b", Source(data="YSBi", media_type="text/plain")),
    ],
)
def test_addresses_become_sources(address: str, source: Source) -> None:
    """Data addresses are unpacked."""
    assert source_of(address, "x") == source


@pytest.mark.parametrize("address", ["", "data:", "data:image/png"])
def test_broken_addresses_are_refused(address: str) -> None:
    """Clearly, before an upstream does."""
    with pytest.raises(Refused):
        source_of(address, "messages")


def test_sources_become_addresses() -> None:
    """A file id is none."""
    assert address_of(Source(data="AAAA"), "image/png") == "data:image/png;base64,AAAA"
    assert address_of(Source(url="https://x"), "image/png") == "https://x"
    assert address_of(Source(file_id="f"), "image/png") is None


def test_images_in_text_are_found_and_written() -> None:
    """Several, anywhere; a text without any is one part, and an address of the web is no inline image."""
    text = f"a {inline_image(PNG)} b {inline_image(PNG)}"
    assert split_images(text) == (Text(text="a "), PNG, Text(text=" b "), PNG)
    assert split_images("![image](https://x/y.png)") == (Text(text="![image](https://x/y.png)"),)

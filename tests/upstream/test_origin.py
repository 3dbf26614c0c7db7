"""Addresses as operators write them."""

import pytest

from headgate.upstream import Origin


@pytest.mark.parametrize(
    ("url", "authority", "port", "prefix"),
    [
        ("https://api.openai.com/v1", "api.openai.com", 443, "/v1"),
        ("https://api.openai.com", "api.openai.com", 443, ""),
        ("HTTP://LocalHost:8080/a/b/", "localhost:8080", 8080, "/a/b"),
        ("http://[::1]:80/", "[::1]", 80, ""),
        ("https://[::1]:8443", "[::1]:8443", 8443, ""),
        ("https://bücher.example/v1", "xn--bcher-kva.example", 443, "/v1"),
    ],
)
def test_base_address_is_split(url: str, authority: str, port: int, prefix: str) -> None:
    """Origin and path; the host header leaves a default port out."""
    origin, path = Origin.from_url(url)
    assert (origin.authority, origin.port, path) == (authority, port, prefix)


@pytest.mark.parametrize(
    "url",
    ["ftp://x", "api.openai.com/v1", "https://", "https://u:p@x/", "http://x/?q=1", "http://x:99999", "http://x/#f"],
)
def test_what_is_no_base_address_is_refused(url: str) -> None:
    """A mistake in the configuration shows when it is read."""
    with pytest.raises(ValueError, match=r".+"):
        Origin.from_url(url)


def test_proxy_address_is_checked_too() -> None:
    """Before the first call needs it."""
    with pytest.raises(ValueError, match="proxy"):
        Origin.from_url("https://x", proxy="gopher://p")
    assert Origin.from_url("https://x", proxy="socks5://u:p@p:1080")[0].proxy == "socks5://u:p@p:1080"


def test_equal_origins_are_one_key() -> None:
    """And a different proxy or trust is another."""
    one, _ = Origin.from_url("https://x/v1")
    two, _ = Origin.from_url("https://x:443/v2")
    three, _ = Origin.from_url("https://x", verify=False)
    assert {one: 1} == {two: 1}
    assert one != three

"""headgate.yaml, as operators write and miswrite it."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

import pytest

from headgate.access.keys import hash_key
from headgate.config.file import _SETTINGS, ConfigError, ConfigFile, parse_config
from headgate.settings import Settings

DESIGNED = """\
site: {name: Headgate}
channels:
  - name: openai-main
    provider: openai                      # a comment
    base_url: https://api.openai.com/v1
    keys: [env:OPENAI_API_KEY, sk-second]
    models: [gpt-4o, gpt-4o-mini]
    model_map: {fast: gpt-4o-mini}
    groups: [default]
    priority: 0
    weight: 1
groups:
  default: {multiplier: 1.0}
prices:
  my-model: {input: 2.5, output: 10, cache_read: 1.25}
  my-image: {per_image: 0.04}
  my-gift: {free: true}
users:
  - {name: alice, balance_usd: 100, group: default}
keys:
  - {name: dev, user: alice, key: sk-dev-0123456789abcdef0123456789abcdef}
"""


def check_price(body: Mapping[str, Any]) -> None:
    if "inputt" in body:
        raise ValueError("unknown field 'inputt'")


def parse(text: str, environ: Mapping[str, str] | None = None) -> ConfigFile:
    environ = {"OPENAI_API_KEY": "sk-first"} if environ is None else environ
    return parse_config(text, "headgate.yaml", environ=environ, check_price=check_price)


def complaint(text: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        parse(text, environ)
    return str(refused.value).removeprefix("headgate.yaml:")


def test_the_designed_file_is_read() -> None:
    """Every field of it."""
    config = parse(DESIGNED)
    assert config.site == {"name": "Headgate"}
    channel = config.channels[0].channel
    assert (channel.name, channel.provider, channel.secrets) == ("openai-main", "openai", ("sk-first", "sk-second"))
    assert channel.settings.base_url == "https://api.openai.com/v1"
    assert channel.settings.models == ("gpt-4o", "gpt-4o-mini")
    assert (channel.settings.model_map, channel.settings.groups) == ({"fast": "gpt-4o-mini"}, ("default",))
    assert [(group.name, group.multiplier_ppm) for group in config.groups] == [("default", 1_000_000)]
    assert [price.body for price in config.prices] == [
        {"input": "2.5", "output": "10", "cache_read": "1.25"},
        {"per_image": "0.04"},
        {"free": True},
    ]
    user = config.users[0]
    assert (user.line, user.name, user.group, user.balance_nano) == (19, "alice", "default", 100_000_000_000)
    key = config.keys[0]
    assert (key.name, key.user, key.key.text) == ("dev", "alice", "sk-dev-0123456789abcdef0123456789abcdef")
    assert "0123456789abcdef" not in repr(key)


def test_the_rest_of_a_channel_and_a_key() -> None:
    """What the design's example does not show."""
    config = parse(
        """\
channels:
  - name: local
    provider: openai
    models: [a]
    timeouts: {connect_s: 1, first_byte_s: 2.5, idle_s: 3, total_s: 4}
    proxy: socks5://127.0.0.1:1080
    headers: {X-Team: a}
    tags: [eu]
    verify_tls: no
    enabled: false
groups: {vip: {multiplier: 0.85}}
users: [{name: bob, group: vip, enabled: false}]
keys:
  - name: limited
    user: bob
    key: env:BOBS_KEY
    group: vip
    models: [a]
    addresses: [10.0.0.0/8, "::1"]
    limit_usd: 0.000000001
    expires_at: 2027-01-31
    enabled: false
""",
        {"BOBS_KEY": "exactly0123456789"},
    )
    channel = config.channels[0].channel
    settings = channel.settings
    assert (settings.connect_s, settings.first_byte_s, settings.idle_s, settings.total_s) == (1, 2.5, 3, 4)
    assert (settings.proxy, settings.headers, settings.tags) == ("socks5://127.0.0.1:1080", {"x-team": "a"}, ("eu",))
    assert (settings.verify_tls, channel.enabled) == (False, False)
    assert config.groups[0].multiplier_ppm == 850_000
    assert (config.users[0].balance_nano, config.users[0].enabled) == (None, False)
    key = config.keys[0]
    assert (key.key.text, key.key.hash) == ("exactly0123456789", hash_key(b"exactly0123456789"))
    assert (key.terms.group, key.terms.models, key.terms.limit_nano) == ("vip", ("a",), 1)
    assert key.terms.networks == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert (key.terms.expires_at_ms, key.enabled) == (1_801_353_600_000, False)


def test_settings_of_the_file() -> None:
    """Sections of the file are fields of `Settings`, every one."""
    config = parse("limits: {max_body_bytes: 2048, drain_timeout_s: 1.5}\nreceipts: {retention_days: 30}\njournal:\n")
    assert config.settings == {"max_body_bytes": 2048, "drain_timeout_s": 1.5, "receipts_retention_days": 30}
    assert Settings.load({"config": None}, config.settings).receipts_retention_days == 30
    assert {setting for fields in _SETTINGS.values() for setting, _ in fields.values()} <= set(Settings.model_fields)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("site:", "sites:", "1: the file has no field 'sites'; did you mean 'site'?"),
        ("provider: openai ", "provider: opnai ", "4: provider cannot be 'opnai'; did you mean 'openai'?"),
        ("    provider: openai", "    tags: []", "3: the channel 'openai-main' needs the field 'provider'"),
        ("priority:", "prioritty:", "10: the channel 'openai-main' has no field 'prioritty'; did you mean 'priority'?"),
        ("weight: 1", "weight: heavy", "11: weight must be a whole number"),
        ("weight: 1", "weight: -1", "11: weight must be between 0 and"),
        ("https://api", "ftp://api", "5: base_url must be an address that begins with http:// or https://"),
        ("https://api.openai.com/v1", "https://[", "5: base_url must be an address"),
        ("groups: [default]", "groups: [defalt]", "9: there is no group 'defalt'; did you mean 'default'?"),
        ("multiplier: 1.0", "multiplier: -1", "13: multiplier must be between 0 and"),
        ("input: 2.5", "inputt: 2.5", "15: the price of 'my-model' cannot be used: unknown field 'inputt'"),
        ("{per_image: 0.04}", "0.04", "16: my-image must be fields with values"),
        ("  my-image", "  my-model", "16: 'my-model' is given twice in prices (first in line 15)"),
        ("balance_usd: 100", "balance_usd: plenty", "19: balance_usd must be a number"),
        ("balance_usd: 100", "balance_usd: -1", "19: balance_usd must be between 0 and"),
        ("group: default}", "group: vip}", "19: there is no group 'vip'; possible are default"),
        ("name: alice, ", "", "19: the user needs the field 'name'"),
        ("sk-dev-0123456789abcdef0123456789abcdef", "short", "21: an API key has 16 to 256 characters"),
        ("key: sk-dev-", "key: dev-", "21: an API key that contains a dash must begin with sk-"),
        ("key: sk-dev-0123456789abcdef0123456789abcdef", "key: env:K", "21: the environment variable K is not set"),
        ("user: alice, ", "user: alice, addresses: [10.0.0.1/8], ", "21: not an address or network"),
        ("    weight: 1", '    headers: {x-y: "a\\nb"}', "11: 'x-y' cannot be sent as a header"),
    ],
)
def test_a_mistake_names_its_line(old: str, new: str, message: str) -> None:
    """And what was probably meant."""
    assert old in DESIGNED
    assert complaint(DESIGNED.replace(old, new, 1)).startswith(message)


def test_a_missing_variable_names_the_line_that_wants_it() -> None:
    """Set but empty is missing too."""
    assert complaint(DESIGNED, {}) == "6: the environment variable OPENAI_API_KEY is not set"
    assert complaint(DESIGNED, {"OPENAI_API_KEY": ""}) == "6: the environment variable OPENAI_API_KEY is not set"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("users: [{name: a},\n {name: a}]", "2: the user 'a' is there twice (first in line 1)"),
        ("channels:\n- {name: a, provider: openai, models: [x]}\n- {name: a}", "3: the channel 'a' is there twice"),
        (
            "keys:\n- {name: a, user: u, key: k0123456789abcdef}\n- {name: b, user: u, key: sk-k0123456789abcdef}",
            "3: this key is given to another one already (line 2)",
        ),
        ("channels: [{name: a, provider: openai}]", "1: a channel needs models or a model_map"),
        (f"users: [{{name: {'x' * 129}}}]", "1: the name is longer than 128 characters"),
    ],
)
def test_entries_must_make_sense(section: str, message: str) -> None:
    """What is there twice or has no use is a mistake."""
    assert complaint(section).startswith(message)

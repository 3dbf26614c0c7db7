"""headgate.yaml, read into typed entries that know their lines. Nothing here touches a database."""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from headgate.access.caller import Network
from headgate.access.keys import NewKey, check_key
from headgate.access.repository import KeyTerms
from headgate.billing.amounts import PPM, parse_usd, scaled
from headgate.channels.channel import CONNECT_S, FIRST_BYTE_S, IDLE_S
from headgate.channels.repository import ChannelSettings, NewChannel
from headgate.config.document import ConfigError, Value, read_document, suggest
from headgate.providers.registry import PROVIDERS

PriceCheck = Callable[[Mapping[str, Any]], object]
"""Reads a price as the file has it (numbers as text); raises `ValueError` with what is wrong."""

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MODEL_LENGTH = 200
_NAME_LENGTH = 128
_GROUP_LENGTH = 64
_DEFAULT_GROUP = "default"


class ChannelEntry(Struct, frozen=True):
    line: int
    channel: NewChannel


class GroupEntry(Struct, frozen=True):
    line: int
    name: str
    multiplier_ppm: int


class PriceEntry(Struct, frozen=True):
    """`body` is the price as written: numbers as text."""

    line: int
    model: str
    body: Mapping[str, Any]


class UserEntry(Struct, frozen=True):
    """`balance_nano` is what the file grants in total; None where it says nothing about money."""

    line: int
    name: str
    group: str
    balance_nano: int | None
    enabled: bool


class KeyEntry(Struct, frozen=True):
    line: int
    name: str
    user: str
    key: NewKey
    terms: KeyTerms
    enabled: bool


class ConfigFile(Struct, frozen=True, kw_only=True):
    """Everything the file says. `settings` are fields of `headgate.settings.Settings`."""

    path: str
    site: Mapping[str, str] = {}
    channels: tuple[ChannelEntry, ...] = ()
    groups: tuple[GroupEntry, ...] = ()
    prices: tuple[PriceEntry, ...] = ()
    users: tuple[UserEntry, ...] = ()
    keys: tuple[KeyEntry, ...] = ()
    settings: Mapping[str, object] = {}


# The file's sections of settings: field, setting, and how it is read.
_SETTINGS: dict[str, dict[str, tuple[str, Callable[[Value], object]]]] = {
    "server": {
        "host": ("host", Value.text),
        "port": ("port", lambda value: value.integer(0, 65_535)),
        "workers": ("workers", lambda value: value.integer(1, 256)),
        "data": ("data", Value.text),
    },
    "limits": {
        "max_header_bytes": ("max_header_bytes", lambda value: value.integer(1024)),
        "max_body_bytes": ("max_body_bytes", lambda value: value.integer(1024)),
        "header_timeout_s": ("header_timeout_s", Value.seconds),
        "body_timeout_s": ("body_timeout_s", Value.seconds),
        "drain_timeout_s": ("drain_timeout_s", Value.seconds),
    },
    "receipts": {"retention_days": ("receipts_retention_days", lambda value: value.integer(1))},
    "journal": {"fsync": ("journal_fsync", Value.boolean)},
    "fetch": {"allow": ("fetch_allow", lambda value: tuple(map(_network, value.items())))},
    "log": {
        "calls": ("call_log", Value.boolean),
        "format": ("log_format", lambda value: value.one_of(("console", "json"))),
        "level": ("log_level", lambda value: value.one_of(("debug", "info", "warning", "error"))),
    },
}
_SECTIONS = ("site", "channels", "groups", "prices", "users", "keys", *_SETTINGS)
_CHANNEL_FIELDS = (
    "name",
    "provider",
    "base_url",
    "keys",
    "models",
    "model_map",
    "groups",
    "priority",
    "weight",
    "timeouts",
    "proxy",
    "headers",
    "tags",
    "verify_tls",
    "enabled",
)
_KEY_FIELDS = ("name", "user", "key", "group", "models", "addresses", "limit_usd", "expires_at", "enabled")


def parse_config(text: str, path: str, *, environ: Mapping[str, str], check_price: PriceCheck) -> ConfigFile:
    """Read the file's text.

    Args:
        path: how messages call the file.
        environ: where `env:NAME` looks.

    Raises:
        ConfigError: with the line of the first thing that is wrong.
    """
    sections = read_document(text, path).fields(_SECTIONS)
    groups = _groups(sections.get("groups"))
    known = {_DEFAULT_GROUP, *(group.name for group in groups)}
    users = _users(sections.get("users"), known)
    return ConfigFile(
        path=path,
        site=_site(sections.get("site")),
        channels=_channels(sections.get("channels"), known, environ),
        groups=groups,
        prices=_prices(sections.get("prices"), check_price),
        users=users,
        keys=_keys(sections.get("keys"), known, environ),
        settings=_settings(sections),
    )


def read_text(path: Path) -> str:
    """The file's text.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ConfigError("the file is not UTF-8 text", str(path)) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {(error.strerror or str(error)).lower()}", str(path)) from None


def parse_settings(text: str, path: str) -> dict[str, object]:
    """Only the settings that the file gives; its other sections are not looked into.

    Raises:
        ConfigError: as `parse_config`.
    """
    return _settings(read_document(text, path).fields(_SECTIONS))


def _site(section: Value | None) -> dict[str, str]:
    fields = section.fields(("name",)) if section else {}
    return {name: value.text() for name, value in fields.items()}


def _settings(sections: Mapping[str, Value]) -> dict[str, object]:
    found: dict[str, object] = {}
    for section, known in _SETTINGS.items():
        fields = sections[section].fields(known) if section in sections else {}
        for name, value in fields.items():
            setting, read = known[name]
            found[setting] = read(value)
    return found


def _groups(section: Value | None) -> tuple[GroupEntry, ...]:
    found = []
    for name, value in (section.entries() if section else {}).items():
        _check_length(value, name, _GROUP_LENGTH)
        fields = value.fields(("multiplier",))
        multiplier = fields["multiplier"].decimal() if "multiplier" in fields else Decimal(1)
        found.append(GroupEntry(value.line, name, scaled(multiplier, PPM)))
    return tuple(found)


def _prices(section: Value | None, check_price: PriceCheck) -> tuple[PriceEntry, ...]:
    found = []
    for model, value in (section.entries() if section else {}).items():
        _check_length(value, model, _MODEL_LENGTH)
        value.entries()
        body = value.plain() or {}
        try:
            check_price(body)
        except ValueError as error:
            raise value.error(f"the price of '{model}' cannot be used: {error}") from None
        found.append(PriceEntry(value.line, model, body))
    return tuple(found)


def _users(section: Value | None, groups: set[str]) -> tuple[UserEntry, ...]:
    found = []
    for item in _named(section, "the user"):
        fields = item.fields(("name", "balance_usd", "group", "enabled"), required=("name",))
        found.append(
            UserEntry(
                item.line,
                fields["name"].text(),
                _group(fields["group"], groups) if "group" in fields else _DEFAULT_GROUP,
                parse_usd(fields["balance_usd"].decimal()) if "balance_usd" in fields else None,
                fields["enabled"].boolean() if "enabled" in fields else True,
            )
        )
    return tuple(found)


def _keys(section: Value | None, groups: set[str], environ: Mapping[str, str]) -> tuple[KeyEntry, ...]:
    found: list[KeyEntry] = []
    seen: dict[bytes, int] = {}
    for item in _named(section, "the key"):
        fields = item.fields(_KEY_FIELDS, required=("name", "user", "key"))
        key = _key(fields["key"], environ)
        if key.hash in seen:
            raise fields["key"].error(f"this key is given to another one already (line {seen[key.hash]})")
        seen[key.hash] = fields["key"].line
        terms = KeyTerms(
            group=_group(fields["group"], groups) if "group" in fields else None,
            models=_texts(fields["models"]) if "models" in fields else None,
            networks=tuple(map(_network, fields["addresses"].items())) if "addresses" in fields else (),
            expires_at_ms=fields["expires_at"].moment_ms() if "expires_at" in fields else None,
            limit_nano=parse_usd(fields["limit_usd"].decimal()) if "limit_usd" in fields else None,
        )
        enabled = fields["enabled"].boolean() if "enabled" in fields else True
        found.append(KeyEntry(item.line, fields["name"].text(), fields["user"].text(), key, terms, enabled))
    return tuple(found)


def _channels(section: Value | None, groups: set[str], environ: Mapping[str, str]) -> tuple[ChannelEntry, ...]:
    return tuple(ChannelEntry(item.line, _channel(item, groups, environ)) for item in _named(section, "the channel"))


def _channel(item: Value, groups: set[str], environ: Mapping[str, str]) -> NewChannel:
    fields = item.fields(_CHANNEL_FIELDS, required=("name", "provider"))
    provider = fields["provider"].one_of(PROVIDERS)
    if "base_url" not in fields and not PROVIDERS[provider].base_url and not PROVIDERS[provider].embedded:
        raise item.error(f"a channel of provider '{provider}' needs a base_url")
    if "models" not in fields and "model_map" not in fields:
        raise item.error("a channel needs models or a model_map")
    return NewChannel(
        name=fields["name"].text(),
        provider=provider,
        # A channel without keys is used without any: a local server that asks for none.
        secrets=tuple(key.secret(environ) for key in fields["keys"].items()) if "keys" in fields else ("",),
        settings=_channel_settings(fields, groups),
        priority=fields["priority"].integer(-1_000_000, 1_000_000) if "priority" in fields else 0,
        weight=fields["weight"].integer(0, 1_000_000) if "weight" in fields else 1,
        enabled=fields["enabled"].boolean() if "enabled" in fields else True,
    )


def _channel_settings(fields: Mapping[str, Value], groups: set[str]) -> ChannelSettings:
    names = ("connect_s", "first_byte_s", "idle_s", "total_s")
    timeouts = {
        name: value.seconds()
        for name, value in (fields["timeouts"].fields(names) if "timeouts" in fields else {}).items()
    }
    return ChannelSettings(
        base_url=_url(fields["base_url"], ("http", "https")) if "base_url" in fields else None,
        models=_texts(fields["models"]) if "models" in fields else (),
        model_map=_map(fields["model_map"]) if "model_map" in fields else {},
        groups=(
            tuple(_group(group, groups) for group in fields["groups"].items())
            if "groups" in fields
            else (_DEFAULT_GROUP,)
        ),
        connect_s=timeouts.get("connect_s", CONNECT_S),
        first_byte_s=timeouts.get("first_byte_s", FIRST_BYTE_S),
        idle_s=timeouts.get("idle_s", IDLE_S),
        total_s=timeouts.get("total_s"),
        proxy=_url(fields["proxy"], ("http", "https", "socks4", "socks5", "socks5h")) if "proxy" in fields else None,
        headers=_headers(fields["headers"]) if "headers" in fields else {},
        tags=_texts(fields["tags"]) if "tags" in fields else (),
        verify_tls=fields["verify_tls"].boolean() if "verify_tls" in fields else True,
    )


def _named(section: Value | None, label: str) -> Iterable[Value]:
    """The items of a list whose names differ."""
    seen: dict[str, int] = {}
    for item in section.items() if section else ():
        item.label = label
        if (value := item.entries().get("name")) is not None:
            name = value.text()
            _check_length(value, name, _NAME_LENGTH)
            if name in seen:
                raise value.error(f"{label} '{name}' is there twice (first in line {seen[name]})")
            seen[name] = value.line
            item.label = f"{label} '{name}'"
        yield item


def _check_length(value: Value, name: str, longest: int) -> None:
    if len(name) > longest:
        raise value.error(f"the name is longer than {longest} characters")


def _group(value: Value, known: set[str]) -> str:
    name = value.text()
    if name not in known:
        raise value.error(f"there is no group '{name}'{suggest(name, known)}")
    return name


def _key(value: Value, environ: Mapping[str, str]) -> NewKey:
    try:
        return check_key(value.secret(environ))
    except ValueError as error:
        raise value.error(str(error)) from None


def _network(value: Value) -> Network:
    try:
        return ip_network(value.text())
    except ValueError as error:
        raise value.error(f"not an address or network: {error}") from None


def _url(value: Value, schemes: tuple[str, ...]) -> str:
    text = value.text()
    try:
        parts = urlsplit(text)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise value.error(
            f"{value.label} must be an address that begins with {' or '.join(f'{s}://' for s in schemes)}"
        )
    return text.rstrip("/")


def _texts(value: Value) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.text() for item in value.items()))


def _map(value: Value) -> dict[str, str]:
    return {name: target.text() for name, target in value.entries().items()}


def _headers(value: Value) -> dict[str, str]:
    found = {}
    for name, field in value.entries().items():
        text = field.text()
        if not _HEADER_NAME.fullmatch(name) or not (text.isascii() and text.isprintable()):
            raise field.error(f"'{name}' cannot be sent as a header")
        found[name.lower()] = text
    return found


__all__ = [
    "ChannelEntry",
    "ConfigError",
    "ConfigFile",
    "GroupEntry",
    "KeyEntry",
    "PriceEntry",
    "UserEntry",
    "parse_config",
    "parse_settings",
    "read_text",
]

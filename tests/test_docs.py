"""What the documentation lists is what the code has."""

import re
from pathlib import Path

from headgate.app import Worker
from headgate.billing.prices import FIELDS as PRICE_FIELDS
from headgate.billing.prices import parse_price
from headgate.billing.receipt import ENDINGS
from headgate.cli.root import COMMANDS
from headgate.config import file as config_file
from headgate.config.file import parse_config
from headgate.settings import PREFIX, Settings
from headgate.store.migrate import upgrade

ROOT = Path(__file__).parents[1]


def words(page: str, section: str = "") -> set[str]:
    """Every word in code type that a page, or one section of it, has."""
    text = (ROOT / "docs" / page).read_text()
    if section:
        text = text.partition(f"## {section}")[2].partition("\n## ")[0]
    return set(re.findall(r"`([^`\n]+)`", text))


def test_every_setting_is_documented_with_its_default() -> None:
    """And no other."""
    page = (ROOT / "docs" / "configuration.md").read_text().partition("\n## Settings")[2]
    rows = {name: row for row in page.splitlines() for name in re.findall(r"^\| `(HEADGATE_\w+)`", row)}
    assert set(rows) == {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, int | float | str) and not isinstance(field.default, bool):
            default = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
            assert re.search(rf"\| `?{re.escape(default)}`? \|$", rows[f"{PREFIX}{name.upper()}"]), name


def test_every_field_of_the_file_is_documented() -> None:
    """Channels, keys, prices and settings."""
    documented = words("configuration.md")
    for section, fields in config_file._SETTINGS.items():
        assert {section, *fields} <= documented
        assert {f"{PREFIX}{setting.upper()}" for setting, _ in fields.values()} <= documented
    assert set(config_file._CHANNEL_FIELDS) <= documented
    assert set(config_file._KEY_FIELDS) <= documented
    assert set(PRICE_FIELDS) <= documented
    assert set(config_file._SECTIONS) <= documented


def test_every_ending_is_documented() -> None:
    """And no other."""
    rows = (ROOT / "docs" / "endings.md").read_text().splitlines()
    assert {name for row in rows for name in re.findall(r"^\| `(\w+)`", row)} == set(ENDINGS)


async def test_every_metric_is_documented(tmp_path: Path) -> None:
    """And no other."""
    settings = Settings(data=tmp_path)
    await upgrade(settings.database_address)
    worker = await Worker.start(settings)
    try:
        families = set(
            re.findall(r"^# TYPE (headgate_\w+?)(?:_total)? ", worker.face().metrics().decode(), re.MULTILINE)
        )
    finally:
        await worker.stop()
    assert (
        words("operations.md", "Metrics") & {name for name in words("operations.md") if "headgate_" in name} == families
    )


def test_every_command_that_a_page_shows_exists() -> None:
    """Commands are renamed more easily than pages."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = {
        name for page in pages for name in re.findall(r"^    (?:\S*/)?headgate (\w+)", page.read_text(), re.MULTILINE)
    }
    assert shown
    assert shown <= set(COMMANDS)


def test_the_example_file_can_be_used() -> None:
    """As it is, and with what is commented out in it."""
    text = (ROOT / "headgate.yaml").read_text()
    environ = {"HEADGATE_DEV_KEY": "sk-0123456789abcdef", "OPENAI_API_KEY": "sk-x"}
    assert len(parse_config(text, "headgate.yaml", environ=environ, check_price=parse_price).channels) == 1
    more = re.sub(r"^  # ( *[-a-z])", r"  \1", text, flags=re.MULTILINE).replace("  The sandbox", "  # The sandbox")
    assert len(parse_config(more, "headgate.yaml", environ=environ, check_price=parse_price).channels) == 2

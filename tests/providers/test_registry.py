"""Every row of the table of providers."""

import pytest
from genai_prices.data_snapshot import get_snapshot

from headgate.providers.provider import Endpoint, Provider
from headgate.providers.registry import PROVIDERS
from headgate.upstream.origin import Origin

ROWS = [pytest.param(row, id=name) for name, row in PROVIDERS.items()]
ENDPOINTS = [
    pytest.param(row, protocol, endpoint, id=f"{name}-{protocol}")
    for name, row in PROVIDERS.items()
    for protocol, endpoint in row.endpoints.items()
]
WANTED = (
    "openai anthropic gemini vertex azure azure-deployments bedrock bedrock-mantle xai qwen deepseek moonshot zhipu "
    "ark ark-coding minimax mistral groq openrouter together fireworks siliconflow perplexity cohere ollama vllm "
    "lm-studio openai-compatible anthropic-compatible gemini-compatible headgate new-api sandbox"
)


def test_every_provider_that_we_promise_is_there() -> None:
    """The words that a configuration file may say."""
    assert set(WANTED.split()) == set(PROVIDERS)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_a_usable_address(row: Provider) -> None:
    """Public services over TLS; one's own servers on this machine; else the operator gives it."""
    assert row.endpoints
    assert row.title
    if row.base_url:
        origin, _ = Origin.from_url(row.root(None).replace("{project}", "p"))
        assert origin.scheme == ("http" if origin.host == "localhost" else "https")
        assert not row.base_url.endswith("/")


@pytest.mark.parametrize(("row", "protocol", "endpoint"), ENDPOINTS)
def test_an_endpoint_is_well_formed(row: Provider, protocol: str, endpoint: Endpoint) -> None:
    """Paths are absolute, need nothing but a model, and every auth scheme that is a header says which."""
    for path in (endpoint.path, endpoint.stream_path, endpoint.count_path):
        if path is not None:
            assert path.startswith("/")
            assert path.replace("{model}", "m").isascii()
            assert "{" not in path.replace("{model}", "m")
    assert all(name == name.lower() for name, _ in endpoint.headers)
    assert protocol in row.protocols("some-model") or any(protocol in spoken.protocols for spoken in row.spoken)


@pytest.mark.parametrize("row", ROWS)
def test_rules_and_tongues_name_protocols_of_the_row(row: Provider) -> None:
    """A rule for a protocol that is not spoken would never be read; one whose changes do not fit would fail a call."""
    assert set(row.rules) <= set(row.endpoints)
    for spoken in row.spoken:
        assert spoken.protocols
        assert set(spoken.protocols) <= set(row.endpoints)
    for protocol, rules in row.rules.items():
        for rule in rules:
            quirks = row.quirks(protocol, f"{rule.prefix}-x")
            assert quirks.max_output_tokens >= 0


@pytest.mark.parametrize("row", ROWS)
def test_a_price_catalogue_exists(row: Provider) -> None:
    """The data set knows the provider under the name that the row gives."""
    if row.catalogue is not None:
        assert row.catalogue in {provider.id for provider in get_snapshot().providers}


ADDRESSES = [
    ("deepseek", None, "openai_chat", "https://api.deepseek.com/chat/completions"),
    ("deepseek", None, "anthropic_messages", "https://api.deepseek.com/anthropic/v1/messages"),
    ("deepseek", "https://api.deepseek.com/v1", "anthropic_messages", "https://api.deepseek.com/anthropic/v1/messages"),
    ("moonshot", "https://api.moonshot.ai/anthropic", "openai_chat", "https://api.moonshot.ai/v1/chat/completions"),
    ("moonshot", None, "anthropic_messages", "https://api.moonshot.cn/anthropic/v1/messages"),
    ("zhipu", None, "openai_chat", "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
    ("zhipu", "https://api.z.ai/api/paas/v4/", "anthropic_messages", "https://api.z.ai/api/anthropic/v1/messages"),
    ("minimax", None, "anthropic_messages", "https://api.minimax.io/anthropic/v1/messages"),
    (
        "qwen",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "openai_responses",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/responses",
    ),
    (
        "qwen",
        "https://dashscope.aliyuncs.com/api/v2/apps/protocols/compatible-mode/v1",
        "openai_chat",
        "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
    ),
    ("moonshot", "https://api.moonshot.ai/v1", "openai_responses", "https://api.moonshot.ai/v1/responses"),
    ("bedrock", None, "openai_responses", "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/responses"),
    ("together", None, "openai_chat", "https://api.together.ai/v1/chat/completions"),
    ("openrouter", None, "anthropic_messages", "https://openrouter.ai/api/v1/messages"),
    ("openrouter", "https://openrouter.ai/api", "openai_chat", "https://openrouter.ai/api/v1/chat/completions"),
    ("ollama", None, "anthropic_messages", "http://localhost:11434/v1/messages"),
    ("openai", "https://proxy.example/openai", "openai_chat", "https://proxy.example/openai/chat/completions"),
    ("anthropic", "https://api.anthropic.com/v1", "anthropic_messages", "https://api.anthropic.com/v1/messages"),
    (
        "azure",
        "https://r.openai.azure.com/openai/v1/",
        "openai_responses",
        "https://r.openai.azure.com/openai/v1/responses",
    ),
    (
        "azure",
        "https://r.services.ai.azure.com/anthropic",
        "anthropic_messages",
        "https://r.services.ai.azure.com/anthropic/v1/messages",
    ),
    ("new-api", "https://g.example/v1", "anthropic_messages", "https://g.example/v1/messages"),
    ("new-api", "https://g.example", "openai_chat", "https://g.example/v1/chat/completions"),
    ("new-api", "https://g.example/v1beta", "openai_responses", "https://g.example/v1/responses"),
    ("vllm", "http://10.0.0.1:8000/v1", "openai_responses", "http://10.0.0.1:8000/v1/responses"),
]


@pytest.mark.parametrize(("name", "base_url", "protocol", "address"), ADDRESSES)
def test_any_base_url_of_the_vendors_sdks_leads_to_the_protocol(
    name: str, base_url: str | None, protocol: str, address: str
) -> None:
    """Operators copy the address from whichever of the vendor's pages they have open."""
    row = PROVIDERS[name]
    assert row.root(base_url) + row.endpoints[protocol].path == address  # type: ignore[index]

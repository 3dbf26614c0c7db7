"""Which channels serve what."""

from headgate.channels.channel import Channel
from headgate.channels.routes import build_routes


def test_models_are_exposed_under_their_own_and_their_mapped_names() -> None:
    """`models` keep their names, `model_map` gives others; both only to the channel's groups."""
    table = build_routes(
        [
            Channel(
                id=1, name="a", provider="openai", models=("gpt",), model_map={"fast": "gpt-mini"}, groups=("vip",)
            ),
            Channel(id=2, name="b", provider="openai", models=("gpt",), groups=("vip", "default"), priority=3),
        ]
    )

    assert table.models("vip") == ("gpt", "fast")
    assert table.models("default") == ("gpt",)
    assert [route.channel.id for route in table.routes("vip", "gpt")] == [2, 1]
    assert table.routes("vip", "fast")[0].upstream_model == "gpt-mini"
    assert table.routes("default", "fast") == ()
    assert table.routes("nobody", "gpt") == ()


def test_a_disabled_channel_serves_nothing() -> None:
    """Disabling a channel takes its models away."""
    assert build_routes([Channel(id=1, name="a", provider="openai", models=("m",), enabled=False)]).by_group == {}

"""generationConfig, whole."""

from fakes.google import again, asking, decoded, encoded
from headgate.canonical.parts import Json
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import ResponseFormat

FULL = {
    "maxOutputTokens": "100",
    "temperature": 0.5,
    "topP": 0.9,
    "topK": 40.0,
    "frequencyPenalty": 0.1,
    "presencePenalty": -0.1,
    "seed": 7,
    "stopSequences": ["END"],
    "candidateCount": 2,
    "responseLogprobs": True,
    "logprobs": 3,
    "responseModalities": ["TEXT", "IMAGE"],
    "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K", "personGeneration": "ALLOW_ALL"},
    "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}, "languageCode": "de-DE"},
    "mediaResolution": "MEDIA_RESOLUTION_LOW",
    "thinkingConfig": {"thinkingBudget": 50},
}


def test_every_wish_is_read() -> None:
    """peers.md 1: these are what other gateways ignore."""
    request = decoded(generationConfig=FULL)
    assert (request.max_output_tokens, request.temperature, request.top_p, request.top_k) == (100, 0.5, 0.9, 40)
    assert (request.frequency_penalty, request.presence_penalty, request.seed) == (0.1, -0.1, 7)
    assert (request.stop, request.n, request.logprobs, request.top_logprobs) == (("END",), 2, True, 3)
    assert request.modalities == ("text", "image")
    assert request.image == {"aspect_ratio": "16:9", "size": "2K"}
    assert request.audio == {"voice": "Kore"}
    assert request.reasoning is not None
    assert request.extensions["generationConfig.mediaResolution"] == "MEDIA_RESOLUTION_LOW"


def test_it_goes_back_as_it_came() -> None:
    """Decoded and encoded again it says the same, what is foreign to the canonical model included."""
    request = decoded(generationConfig=FULL)
    assert again(request) == request
    body, dropped = encoded(request)
    assert body["generationConfig"] == {**FULL, "maxOutputTokens": 100, "topK": 40}
    assert dropped == ()


def test_snake_case_is_the_same() -> None:
    """LiteLLM writes it so."""
    snake = decoded(generation_config={"max_output_tokens": 100, "response_mime_type": "application/json"})
    assert snake.max_output_tokens == 100
    assert snake.response_format == ResponseFormat(mode="json_object")


def test_a_schema_of_either_kind_is_a_json_schema() -> None:
    """An OpenAPI schema is translated for others and kept for Google."""
    own = {"type": "OBJECT", "properties": {"a_b": {"type": "STRING"}}}
    request = decoded(generationConfig={"responseMimeType": "application/json", "responseSchema": own})
    assert request.response_format is not None
    assert request.response_format.schema == {"type": "object", "properties": {"a_b": {"type": "string"}}}
    assert encoded(request)[0]["generationConfig"] == {"responseMimeType": "application/json", "responseSchema": own}
    plain = decoded(generationConfig={"responseJsonSchema": {"type": "object"}})
    assert plain.response_format == ResponseFormat(mode="json_schema", schema={"type": "object"})


def test_a_foreign_schema_goes_out_as_json_schema() -> None:
    """Not squeezed into the OpenAPI dialect."""
    schema: dict[str, Json] = {"type": "object", "$defs": {"a": {"type": "null"}}, "additionalProperties": False}
    request = asking(response_format=ResponseFormat(mode="json_schema", name="x", schema=schema, strict=True))
    assert encoded(request)[0]["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
    }


def test_a_model_without_schemas_is_told_in_words() -> None:
    """The wish becomes an instruction, the answer still JSON."""
    request = asking(response_format=ResponseFormat(mode="json_schema", schema={"type": "object"}))
    body, _ = encoded(request, Quirks(json_schema=False))
    assert body["generationConfig"] == {"responseMimeType": "application/json"}
    assert '{"type":"object"}' in body["systemInstruction"]["parts"][0]["text"]


def test_an_enum_answer_is_kept_for_google() -> None:
    """text/x.enum is nobody else's."""
    config = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}}
    request = decoded(generationConfig=config)
    assert request.response_format is None
    assert encoded(request)[0]["generationConfig"] == config


def test_more_than_five_stops_are_named() -> None:
    """The first five are sent (peers.md 1)."""
    body, dropped = encoded(asking(stop=tuple("abcdefg")))
    assert body["generationConfig"]["stopSequences"] == list("abcde")
    assert dropped == ("stop",)


def test_sampling_survives_from_chat() -> None:
    """peers.md 1, Chat to Gemini: top_k, penalties, n and logprobs are dropped elsewhere."""
    request = asking(top_k=5, frequency_penalty=0.2, presence_penalty=0.3, n=2, logprobs=True, top_logprobs=4)
    assert encoded(request)[0]["generationConfig"] == {
        "topK": 5,
        "frequencyPenalty": 0.2,
        "presencePenalty": 0.3,
        "candidateCount": 2,
        "responseLogprobs": True,
        "logprobs": 4,
    }


def test_a_foreign_voice_is_named_a_google_voice_sent() -> None:
    """OpenAI's voices are a 400 at Google."""
    body, dropped = encoded(asking(modalities=("audio",), audio={"voice": "alloy", "format": "mp3"}))
    assert "speechConfig" not in body["generationConfig"]
    assert dropped == ("audio.voice", "audio.format")
    assert encoded(asking(audio={"voice": "Puck"}))[0]["generationConfig"] == {
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Puck"}}}
    }


def test_refused_parameters_are_named() -> None:
    """A quirk of the model, not of the protocol."""
    body, dropped = encoded(asking(seed=1, top_k=2), Quirks(refused_parameters=frozenset({"topK"})))
    assert body["generationConfig"] == {"seed": 1}
    assert dropped == ("generationConfig.topK",)

"""Emoji are words of their own to full text search, and have a meaning to the embedded model."""

import pytest

from pipeline.emoji import spelt_out
from pipeline.models.encoders.text_loading import load_text_encoder
from pipeline.snapshot import fulltext


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Cake🎂Dog🐕", "cake 🎂 dog 🐕"),
        ("👍🏽 ❤️", "👍 ❤"),  # whatever their color
        ("👩‍👩‍👧 🏳️‍🌈", "👩‍👩‍👧 🏳‍🌈"),  # several joined are one
        ("🇯🇵🇩🇰", "🇯🇵 🇩🇰"),
        ("a + b … — ©", "a b"),
    ],
)
def test_emoji_are_words(text: str, words: str) -> None:
    assert fulltext.words(text) == words


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Cake 🎂!", "Cake birthday cake !"),
        ("👩‍🚀", "woman rocket"),
        ("🇯🇵", "flag JP"),
        ("no  emoji", "no  emoji"),
    ],
)
def test_emoji_are_spelt_out(text: str, named: str) -> None:
    assert spelt_out(text) == named


def test_the_embedded_model_tells_emoji_apart() -> None:
    dog, cake, puppy = load_text_encoder("embedded", "cpu").encode_texts(["🐕", "🎂", "a dog"])
    assert dog @ puppy > 0.7 > dog @ cake + 0.3

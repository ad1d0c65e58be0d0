"""The embedded captioner: natural sentences that claim no more than is known."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.models import imagenet
from pipeline.models.captioners import Caption, PhotoContext
from pipeline.models.captioners import embedded as embedded_captioner
from pipeline.models.captioners.embedded import EmbeddedCaptioner, _with_article
from pipeline.models.captioners.loading import load_captioner
from pipeline.photos.decoding import open_photo

DEMO = Path(__file__).resolve().parents[3] / "data" / "demo"
AFTERNOON = datetime(2015, 7, 3, 15, 20)
CANON = {"camera_make": "Canon", "camera_model": "Canon EOS 5D"}

Describe = Callable[..., Caption]


NO_FEATURES = np.zeros((1, imagenet.FEATURES), np.float32)


@pytest.fixture
def describe(monkeypatch: pytest.MonkeyPatch) -> Describe:
    """Describes a photo of which the classifier says what the test says."""

    def describe(seen: dict[str, float], **exif: object) -> Caption:
        row = np.zeros((1, imagenet.CLASSES), np.float32)
        for label, probability in seen.items():
            row[0, imagenet.labels().index(label)] = probability
        monkeypatch.setattr(imagenet, "look", lambda *_: imagenet.Look(row, NO_FEATURES))
        context = PhotoContext(title="IMG_1", album_title="Summer", exif=exif)
        return EmbeddedCaptioner().describe(Image.new("RGB", (300, 200)), context)

    return describe


def test_describes_a_real_photo() -> None:
    captioner = EmbeddedCaptioner()
    photo = open_photo(DEMO / "Things and Places" / "cat-portrait.jpg", captioner.image_size)

    caption = captioner.describe(photo, PhotoContext("", "", {"taken_at": AFTERNOON, **CANON}))

    assert caption == Caption(
        caption="Probably a domestic cat or a tabby cat. Taken on 3 July 2015 in the afternoon"
        " with a Canon EOS 5D.",
        tags=["domestic cat", "tabby cat"],
        visible_text=None,
        has_people=None,
        language="en",
    )


@pytest.mark.parametrize(
    ("seen", "caption"),
    [
        ({"espresso": 0.9}, "Probably an espresso."),
        ({"drum": 0.3}, "Perhaps a drum."),
        ({"drum": 0.1}, "A photo."),
        ({}, "A photo."),
        (
            {"mountain": 0.2, "valley": 0.3, "cliff": 0.25, "volcano": 0.16},
            "Perhaps a valley, a cliff or a mountain.",
        ),
    ],
)
def test_hedges_by_probability(describe: Describe, seen: dict[str, float], caption: str) -> None:
    assert describe(seen).caption == caption


def test_classes_of_one_label_count_together(
    describe: Describe, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = np.zeros((1, imagenet.CLASSES), np.float32)
    shared = [index for index, label in enumerate(imagenet.labels()) if label == "tabby cat"]
    assert len(shared) == 2
    row[0, shared] = 0.3
    monkeypatch.setattr(imagenet, "look", lambda *_: imagenet.Look(row, NO_FEATURES))
    caption = EmbeddedCaptioner().describe(Image.new("RGB", (9, 9)), PhotoContext("", "", {}))
    assert caption.caption == "Probably a tabby cat."
    assert caption.tags == ["tabby cat"]


@pytest.mark.parametrize(
    ("exif", "taken"),
    [
        ({}, ""),
        ({"taken_at": None, "camera_make": None, "camera_model": None}, ""),
        ({"taken_at": AFTERNOON}, "on 3 July 2015 in the afternoon"),
        ({"taken_at": datetime(2015, 7, 3)}, "on 3 July 2015"),
        ({"taken_at": datetime(2015, 7, 3, 0, 20)}, "on 3 July 2015 at night"),
        ({"taken_at": datetime(2015, 7, 3, 8)}, "on 3 July 2015 in the morning"),
        ({"taken_at": datetime(2015, 7, 3, 19)}, "on 3 July 2015 in the evening"),
        (CANON, "with a Canon EOS 5D"),
        ({"camera_make": "NIKON CORPORATION", "camera_model": "NIKON D90"}, "with a NIKON D90"),
        ({"camera_make": "Apple", "camera_model": "iPhone 6"}, "with an Apple iPhone 6"),
        ({"camera_model": "E-M1"}, "with an E-M1"),
        ({"camera_make": "Canon"}, "with a Canon camera"),
        ({"camera_make": " ", "camera_model": ""}, ""),
    ],
)
def test_says_what_exif_knows(describe: Describe, exif: dict[str, object], taken: str) -> None:
    assert describe({}, **exif).caption == (f"A photo taken {taken}." if taken else "A photo.")
    sure = describe({"drum": 0.8}, **exif).caption
    assert sure == "Probably a drum." + (f" Taken {taken}." if taken else "")


def test_tags_are_the_likely_labels_in_lower_case(describe: Describe) -> None:
    tags = describe({"Sussex Spaniel": 0.2, "English Cocker Spaniel": 0.5, "drum": 0.1}).tags
    assert tags == ["english cocker spaniel", "sussex spaniel"]


def test_people_only_where_a_label_says_so(describe: Describe) -> None:
    assert describe({"scuba diver": 0.7}).has_people is True
    assert describe({"scuba diver": 0.4}).has_people is None
    assert describe({"drum": 0.9}).has_people is None


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("acorn", "an acorn"),
        ("European badger", "a European badger"),
        ("unicycle", "a unicycle"),
        ("umbrella", "an umbrella"),
        ("one-piece swimsuit", "a one-piece swimsuit"),
        ("hourglass", "an hourglass"),
        ("harp", "a harp"),
        ("jeans", "jeans"),
        ("school bus", "a school bus"),
        ("ice cream", "ice cream"),
    ],
)
def test_articles(noun: str, expected: str) -> None:
    assert _with_article(noun) == expected


def test_special_labels_are_labels() -> None:
    assert set(imagenet.labels()) >= embedded_captioner._PEOPLE
    assert set(imagenet.labels()) >= embedded_captioner._WITHOUT_ARTICLE


def test_captioners_by_name() -> None:
    captioner = load_captioner("embedded")
    assert captioner is not None
    assert (captioner.name, captioner.producer) == ("embedded", "embedded:5")
    assert load_captioner("none") is None

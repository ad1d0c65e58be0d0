"""What only a GPU can show: the same vectors as on a CPU, memory that runs out, FAISS.

Skipped where there is none; ``benchmarks/gpu.py`` runs them, and measures.
"""

from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
import pytest

from pipeline.models.encoders.sentence_transformer import SentenceTransformerEncoder
from pipeline.photos.decoding import open_photo
from pipeline.snapshot import index_building, index_file
from tests.demo_queries import DEMO_PHOTOS
from tests.pipeline import tiny_models
from tests.pipeline.command_line import Run

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.usefixtures("gpu"),
]
PHOTOS = sorted(DEMO_PHOTOS.glob("*/*.jpg"))[:12]
TEXTS = ["a photo of a cat", "the harbour of oslo in winter"]


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("siglip")
    tiny_models.save_siglip(folder)
    return folder


@pytest.fixture
def whole_memory() -> Iterator[None]:
    import torch

    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def assert_alike(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.dtype == np.float32
    assert (ours * theirs).sum(1).min() >= 0.999


def test_siglip_embeds_as_on_a_cpu(siglip: Path) -> None:
    on_gpu, on_cpu = (SentenceTransformerEncoder(str(siglip), each) for each in ("cuda", "cpu"))
    images = [open_photo(photo, on_cpu.image_size) for photo in PHOTOS]

    assert_alike(on_gpu.encode_images(images), on_cpu.encode_images(images))
    assert_alike(on_gpu.encode_texts(TEXTS), on_cpu.encode_texts(TEXTS))
    assert on_gpu.batch_size > 8


@pytest.mark.usefixtures("whole_memory")
def test_a_batch_too_large_for_the_memory_is_halved(siglip: Path) -> None:
    import torch

    encoder = SentenceTransformerEncoder(str(siglip), "cuda")
    side = encoder.image_size
    prepared = list(np.random.default_rng(0).random((8192, 3, side, side), dtype=np.float32))
    by_little = [encoder.encode_prepared(prepared[at : at + 64]) for at in range(0, 8192, 64)]
    torch.cuda.empty_cache()
    _, total = torch.cuda.mem_get_info()
    room = torch.cuda.memory_allocated() + 64 * 2**20
    torch.cuda.set_per_process_memory_fraction(room / total)

    assert_alike(encoder.encode_prepared(prepared), np.concatenate(by_little))


def test_an_index_built_on_a_gpu_is_read_on_a_cpu(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((20_000, 64), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert faiss.get_num_gpus() > 0

    index, report = index_building.build(lambda: iter([rows]), 64, len(rows), exact_up_to=1000)
    index_file.write(index, tmp_path / "index.faiss")

    assert report.recall >= index_building.RECALL_TARGET
    found, _ = index_file.read(tmp_path / "index.faiss").search(rows[7], 1)
    assert found.tolist() == [7]


def test_a_library_is_synced_and_searched(
    siglip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    for name, value in {
        "DATA_DIR": tmp_path / "data", "EMBED_MODEL": siglip, "DEVICE": "cuda",
        "FACES": "off", "OCR": "off",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    run("add-folder", PHOTOS[0].parent)

    assert run("sync").code == 0
    assert PHOTOS[0].name in run("search", "--image", PHOTOS[0], "--mode", "visual", "-k", "1").out

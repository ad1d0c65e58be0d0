"""How fast are photos embedded by a full-size SigLIP, and by what?

    python benchmarks/embedding_speed.py [--device cpu|cuda] [--photos N]

The model has the size of google/siglip-base-patch16-224 and random weights, which are as fast as
any. The first table says how fast its vision tower is in several forms, as ratios to plain float32,
and how near the vectors stay to the plain ones: the smallest cosine, as it is and after the mean of
all vectors was subtracted, because random weights alone could make all vectors alike. The second
says how fast photos of 1,024 pixels become vectors: by ``albumscope sync``, with and without the
decoding, and by the plain loop ``SentenceTransformer.encode`` over photos opened one by one.
"""

import argparse
import copy
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models
from torch.nn.functional import cosine_similarity
from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel, SiglipProcessor
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.utils import logging

from pipeline.encoders.loading import load_encoder
from pipeline.photos import open_photo
from pipeline.settings import Settings
from pipeline.stages import Photo, SiglipEmbeddings
from pipeline.store import Store

ROUNDS = 2
BATCHES = (1, 8, 32)
SIDE = 224

Embed = Callable[[torch.Tensor], torch.Tensor]


def save_model(folder: Path) -> None:
    """Save a SigLIP of full size with random weights, as its authors publish theirs."""
    torch.manual_seed(0)
    special = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    SiglipModel(SiglipConfig(text_config=special)).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "</s>": 1}, unk_token="<unk>"))
    SiglipProcessor(
        SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}),
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="</s>", unk_token="<unk>"),
    ).save_pretrained(folder)


def save_photos(folder: Path, count: int) -> list[Photo]:
    """Save JPEG photos of 1,024 × 768 pixels: soft random colors with some grain."""
    random = np.random.default_rng(0)
    photos = []
    for number in range(count):
        soft = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8)).resize((1024, 768))
        grain = random.integers(-12, 13, (768, 1024, 3))
        path = folder / f"{number}.jpg"
        pixels = np.clip(np.asarray(soft) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path, quality=90)
        photos.append(Photo(number, str(number), str(path), ""))
    return photos


def forms(folder: Path, device: str) -> dict[str, Embed]:
    """The vision tower in several forms; each gives one row for each photo."""

    def tower(**options: str) -> torch.nn.Module:
        model = SiglipModel.from_pretrained(folder, **options)
        return model.vision_model.eval().to(device)

    plain = tower()

    def autocast(pixels: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device, torch.bfloat16):
            return plain(pixels).pooler_output

    def run(model: torch.nn.Module) -> Embed:
        return lambda pixels: model(pixels).pooler_output

    found = {
        "float32": run(plain),
        "float32, eager attention": run(tower(attn_implementation="eager")),
        "float32, channels last": run(tower().to(memory_format=torch.channels_last)),
        "bfloat16 by autocast": autocast,
        "bfloat16 weights": run(copy.deepcopy(plain).bfloat16()),
    }
    if device == "cpu":
        quantized = torch.ao.quantization.quantize_dynamic(tower(), {torch.nn.Linear}, torch.qint8)
        found["int8 weights, dynamic"] = run(quantized)
    return found


def best_seconds(tasks: Mapping[str, Callable[[], object]], device: str) -> dict[str, float]:
    """Run the tasks in turns, so that a busy machine is as bad for each; the best time of each."""
    seconds = dict.fromkeys(tasks, float("inf"))
    for _ in range(ROUNDS):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            if device == "cuda":
                torch.cuda.synchronize()
            seconds[name] = min(seconds[name], time.perf_counter() - started)
    return seconds


def embed_all(embed: Embed, pixels: torch.Tensor, size: int) -> None:
    """Embed photos in batches of a size."""
    for batch in pixels.split(size):
        embed(batch)


def compare_forms(folder: Path, photos: list[Photo], device: str) -> None:
    """Print speed and exactness of each form of the vision tower."""
    encoder = load_encoder(str(folder), device)
    decoded = [open_photo(photo.path, SIDE) for photo in photos]
    pixels = torch.from_numpy(np.stack([encoder.prepare(photo) for photo in decoded])).to(device)
    embed = forms(folder, device)
    plain = embed["float32"](pixels)
    rows = {name: one(pixels).float() for name, one in embed.items()}
    print("photos a second, as a ratio to float32 of the same batch size, and smallest cosine")
    print(f"{'batch size':26}", *(f"{size:6}" for size in BATCHES), " cosine  centred")
    speeds: dict[str, list[float]] = {name: [] for name in embed}
    for size in BATCHES:
        tasks = {name: partial(embed_all, one, pixels, size) for name, one in embed.items()}
        for name, seconds in best_seconds(tasks, device).items():
            speeds[name].append(len(pixels) / seconds)
    for name, found in speeds.items():
        ratios = (f"{a / b:6.2f}" for a, b in zip(found, speeds["float32"], strict=True))
        mean = plain.mean(0)
        cosine = cosine_similarity(rows[name], plain).min()
        centred = cosine_similarity(rows[name] - mean, plain - mean).min()
        print(f"{name:26}", *ratios, f"{cosine:8.5f} {centred:8.5f}")
    print(f"{'float32, photos a second':26}", *(f"{speed:6.1f}" for speed in speeds["float32"]))


def compare_ways(folder: Path, photos: list[Photo], device: str) -> None:
    """Print how fast files become vectors."""
    encoder = load_encoder(str(folder), device)
    stage = SiglipEmbeddings(Store(folder), Settings(embed_model=str(folder), device=device))
    plain = SentenceTransformer(str(folder), device=device)
    prepared = [encoder.prepare(open_photo(photo.path, SIDE)) for photo in photos]
    tasks = {
        "SentenceTransformer.encode, photos opened one by one": lambda: plain.encode(
            [Image.open(photo.path) for photo in photos], batch_size=32, show_progress_bar=False
        ),
        "siglip_embeddings": lambda: list(stage.make({}, photos)),
        "siglip_embeddings, without the decoding": lambda: [
            encoder.encode_prepared(prepared[start : start + encoder.batch_size])
            for start in range(0, len(prepared), encoder.batch_size)
        ],
    }
    seconds = best_seconds(tasks, device)
    first = next(iter(seconds.values()))
    print(f"\nfrom JPEG files to vectors, {encoder.batch_size} photos at a time")
    for name, found in seconds.items():
        print(f"{len(photos) / found:8.1f} photos a second, {first / found:5.2f} ×  {name}")


def main() -> None:
    """Measure on the device named on the command line."""
    parser = argparse.ArgumentParser(description="How fast are photos embedded?")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--photos", type=int, default=32, help="how many; default: 32")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as name, torch.inference_mode():
        folder = Path(name)
        save_model(folder)
        photos = save_photos(folder, arguments.photos)
        compare_forms(folder, photos, arguments.device)
        compare_ways(folder, photos, arguments.device)


if __name__ == "__main__":
    main()

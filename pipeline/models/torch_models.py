"""Models that torch runs: on the device asked for, with errors that help."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import AlbumscopeError
from pipeline.models.loading import one_at_a_time

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

Item = TypeVar("Item")
Rows = NDArray[np.float32]
"""Shape (items, dimension): one row for each item that a model was given."""


def torch_device(device: str) -> str:
    """Turn the setting DEVICE ("auto", "cuda", "cpu") into torch's name of a device that is there.

    Raises AlbumscopeError for any other setting, and for "cuda" where there is none.
    """
    if device not in {"auto", "cuda", "cpu"}:
        raise AlbumscopeError(
            "DEVICE must be 'auto', 'cuda' or 'cpu', not {device!r}", device=device
        )
    if device == "cpu":
        return device
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise AlbumscopeError(
            "DEVICE is 'cuda', but torch finds no CUDA GPU: set DEVICE to 'auto' or 'cpu', or"
            " install the NVIDIA driver and a build of torch for CUDA"
        )
    return "cpu"


def check_device(device: str) -> None:
    """For models that do without torch: who asks for a GPU is told if there is none.

    Raises AlbumscopeError.
    """
    if device == "cuda":
        torch_device(device)


@one_at_a_time
def sentence_transformer(source: str, device: str, setting: str) -> "SentenceTransformer":
    """Load a model in float32 from a folder or the Hugging Face hub.

    ``source`` is the folder or hub name, ``device`` one of torch's, ``setting`` the name of the
    setting that ``source`` comes from. Raises AlbumscopeError, which names the setting, if there
    is no such model or it cannot be loaded.
    """
    from sentence_transformers import SentenceTransformer

    is_folder = Path(source).is_dir()
    try:
        # A folder holds all there is to it: the hub need not be asked.
        with _no_progress_bars():
            model = SentenceTransformer(source, device=device, local_files_only=is_folder)
    except Exception as error:  # the hub, transformers and torch each raise their own
        if is_folder:
            problem = "the model in that folder cannot be loaded"
        else:
            problem = "there is no such folder, and no such model could be loaded from the hub"
        raise AlbumscopeError(
            "{setting} is {source!r}, but {problem} ({reason}): set {setting} to 'embedded',"
            " the folder of a model, or the name of a model on huggingface.co",
            setting=setting,
            source=source,
            problem=problem,
            reason=_first_line(error),
        ) from error
    # Checkpoints in half precision would be slow and inexact on a CPU.
    return model.float().eval()


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """While a model is loaded: they would break into the one that the command line shows."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )
    from transformers.utils import logging as transformers

    shown_by_hub = not are_progress_bars_disabled()
    shown_by_transformers = transformers.is_progress_bar_enabled()
    disable_progress_bars()
    transformers.disable_progress_bar()
    try:
        yield
    finally:
        if shown_by_hub:
            enable_progress_bars()
        if shown_by_transformers:
            transformers.enable_progress_bar()


def fastest_dtype(device: str) -> "torch.dtype":
    """Return the type of number in which a device is through with photos soonest.

    ``device`` is "cuda" or "cpu". On a CPU that is bfloat16 only if the CPU itself multiplies it.
    benchmarks/embedding_speed.py compares them.
    """
    import torch

    if device == "cuda":
        is_native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if is_native else torch.float16
    return torch.bfloat16 if torch.cpu.get_capabilities().get("avx512_bf16") else torch.float32


class Batches(Generic[Item]):
    """Runs a model on batches that are halved whenever the GPU's memory does not suffice."""

    def __init__(self, encode: Callable[[Sequence[Item]], Rows]) -> None:
        """``encode`` returns one row for each item that it is given."""
        self._encode = encode
        self._most: int | None = None  # items that there is memory for

    def encode(self, items: Sequence[Item]) -> Rows:
        """Return one row for each of ``items``, at least one, in order.

        Once halved, batches stay small. Raises AlbumscopeError if there is no memory for one item.
        """
        import torch

        rows: list[Rows] = []
        done = 0
        while done < len(items):
            batch = items[done : done + (self._most or len(items))]
            try:
                rows.append(self._encode(batch))
                done += len(batch)
                continue
            except torch.OutOfMemoryError as error:
                if len(batch) == 1:
                    raise AlbumscopeError(
                        "The GPU has no memory left for the model: end what else uses it"
                        " (`nvidia-smi` lists it), take a smaller model, or set DEVICE to 'cpu'"
                    ) from error
            # Only now is nothing of the batch that failed in use any more.
            self._most = len(batch) // 2
            torch.cuda.empty_cache()
        return np.concatenate(rows)


def _first_line(error: Exception) -> str:
    """The first line of what went wrong, at most 200 characters."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]

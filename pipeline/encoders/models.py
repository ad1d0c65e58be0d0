"""Loading models: one thread at a time, on the device asked for, with errors that help."""

import logging
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from pipeline.errors import AlbumscopeError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_loading = threading.RLock()


def one_at_a_time(load: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let only one thread run ``load``, or any other function so decorated, at a time.

    ``lru_cache`` alone lets two threads that come at the same time both load the model, and
    transformers cannot load two models at the same time.
    """

    @wraps(load)
    def locked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with _loading:
            return load(*args, **kwargs)

    return locked


def torch_device(device: str) -> str:
    """Turn the setting DEVICE ("auto", "cuda", "cpu") into torch's name of a device that is there.

    Raises AlbumscopeError for any other setting, and for "cuda" where there is none.
    """
    import torch

    if device not in {"auto", "cuda", "cpu"}:
        raise AlbumscopeError(f"DEVICE must be 'auto', 'cuda' or 'cpu', not {device!r}")
    if device != "cpu" and torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise AlbumscopeError(
            "DEVICE is 'cuda', but torch finds no CUDA GPU: set DEVICE to 'auto' or 'cpu', or"
            " install the NVIDIA driver and a build of torch for CUDA"
        )
    return "cpu"


def sentence_transformer(source: str, device: str, setting: str) -> "SentenceTransformer":
    """Load a model in float32 from a folder or the Hugging Face hub, silently.

    ``source`` is the folder or hub name, ``device`` one of torch's, ``setting`` the name of the
    setting that ``source`` comes from. Raises AlbumscopeError, which names the setting, if there
    is no such model or it cannot be loaded.
    """
    from huggingface_hub.utils.tqdm import disable_progress_bars
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bars()
    disable_progress_bar()  # type: ignore[no-untyped-call]
    for library in ("huggingface_hub", "transformers", "sentence_transformers"):
        logging.getLogger(library).setLevel(logging.ERROR)

    is_folder = Path(source).is_dir()
    try:
        # A folder holds all there is to it: the hub need not be asked.
        model = SentenceTransformer(source, device=device, local_files_only=is_folder)
    except Exception as error:  # the hub, transformers and torch each raise their own
        if is_folder:
            problem = "the model in that folder cannot be loaded"
        else:
            problem = "there is no such folder, and no such model could be loaded from the hub"
        raise AlbumscopeError(
            f"{setting} is {source!r}, but {problem} ({_first_line(error)}): set {setting} to"
            " 'embedded', the folder of a model, or the name of a model on huggingface.co"
        ) from error
    # Checkpoints in half precision would be slow and inexact on a CPU.
    return model.float().eval()


def _first_line(error: Exception) -> str:
    """The first line of what went wrong, at most 200 characters."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]

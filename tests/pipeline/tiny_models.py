"""Tiny models with random weights, in folders that hold what the Hugging Face hub has of real ones.

Each function fills a folder and returns what turns a text into the numbers that its model must be
given, by the own library of its tokenizer and not by transformers. That is imported, with torch, by
what makes models: it takes seconds, in each worker that collects the tests.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path

import sentencepiece
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

SIDE = 32
TEXT_LENGTH = 64
_TOWER = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
_VISION = _TOWER | {"image_size": SIDE, "patch_size": 8}
_TEXTS = [
    "a photo of a cat",
    "a dog on the beach at sunset",
    "two people, talking in a hall",
    "the harbour of oslo in winter",
]

Tokenize = Callable[[str], list[int]]


def save_siglip(folder: Path) -> Tokenize:
    """As google/siglip-base-patch16-224: SentencePiece, whose end token is also the padding."""
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_TEXTS),
        model_writer=trained,
        vocab_size=60,
        hard_vocab_limit=False,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    pieces = sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue())
    save_siglip_model(folder, len(pieces), eos=1, pad=1)
    (folder / "spiece.model").write_bytes(trained.getvalue())
    _save_siglip_processor(folder, resample=3)
    _write(
        folder / "tokenizer_config.json",
        tokenizer_class="SiglipTokenizer",
        processor_class="SiglipProcessor",
        model_input_names=["input_ids"],
        model_max_length=TEXT_LENGTH,
        do_lower_case=True,
        eos_token="</s>",
        pad_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=[],
        clean_up_tokenization_spaces=True,
        sp_model_kwargs={},
    )
    return lambda text: _ended(pieces.encode(text.lower()), eos=1, pad=1)


def save_siglip2(folder: Path) -> Tokenize:
    """As google/siglip2-base-patch16-224: Gemma's tokenizer, which does not lower the case."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    all_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(
        [*_TEXTS, *(text.upper() for text in _TEXTS)],
        trainers.BpeTrainer(vocab_size=360, special_tokens=[*special, *all_bytes]),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    save_siglip_model(folder, tokenizer.get_vocab_size(), eos=1, pad=0)
    tokenizer.save(str(folder / "tokenizer.json"))
    _save_siglip_processor(folder, resample=2)
    _write(
        folder / "tokenizer_config.json",
        tokenizer_class="GemmaTokenizer",
        processor_class="SiglipProcessor",
        add_bos_token=False,
        add_eos_token=True,
        model_max_length=TEXT_LENGTH,
        padding_side="right",
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
        spaces_between_special_tokens=False,
    )

    def tokenize(text: str) -> list[int]:
        return _ended(tokenizer.encode(text.lower(), add_special_tokens=False).ids, eos=1, pad=0)

    return tokenize


def save_clip(folder: Path) -> Tokenize:
    """As openai/clip-vit-base-patch32: a text is as long as it is, between start and end."""
    import torch
    import transformers

    letters = [*"abcdefghijklmnopqrstuvwxyz", *(f"{c}</w>" for c in "abcdefghijklmnopqrstuvwxyz")]
    vocabulary = {piece: index for index, piece in enumerate([*letters, "<start>", "<end>"])}
    start, end = len(letters), len(letters) + 1
    text = {"vocab_size": len(vocabulary), "bos_token_id": start, "eos_token_id": end}
    torch.manual_seed(0)
    config = transformers.CLIPConfig(
        text_config=_TOWER | text, vision_config=_VISION, projection_dim=16
    )
    transformers.CLIPModel(config).save_pretrained(folder)
    transformers.CLIPProcessor(
        transformers.CLIPImageProcessorPil(
            size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
        ),
        transformers.CLIPTokenizer(
            vocab=vocabulary, merges=[], bos_token="<start>", eos_token="<end>",
            pad_token="<end>", unk_token="<end>", model_max_length=77,
        ),
    ).save_pretrained(folder)  # fmt: skip

    def tokenize(text: str) -> list[int]:
        words = ([*word[:-1], f"{word[-1]}</w>"] for word in text.lower().split())
        pieces = [vocabulary[piece] for word in words for piece in word]
        return [start, *pieces[:75], end]

    return tokenize


def save_naflex(folder: Path) -> None:
    """As google/siglip2-base-patch16-naflex: photos of any shape, as patches."""
    import transformers

    save_siglip2(folder)
    text = {"vocab_size": 360, "projection_size": 16, "eos_token_id": 1, "pad_token_id": 0}
    vision = _TOWER | {"patch_size": 8, "num_patches": 16}
    config = transformers.Siglip2Config(text_config=_TOWER | text, vision_config=vision)
    transformers.Siglip2Model(config).save_pretrained(folder)
    _write(
        folder / "preprocessor_config.json",
        image_processor_type="Siglip2ImageProcessor",
        processor_class="Siglip2Processor",
        max_num_patches=16,
        patch_size=8,
    )


def save_siglip_of_eight_words(folder: Path) -> None:
    """As any SigLIP that was saved by transformers, with a tokenizer of eight words."""
    import transformers

    words = ["<pad>", "<eos>", "<unk>", "a", "cat", "dog", "photo", "of"]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    save_siglip_model(folder, len(words), eos=1, pad=0)
    transformers.SiglipProcessor(
        transformers.SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}),
        transformers.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
        ),
    ).save_pretrained(folder)


def save_siglip_model(folder: Path, words: int, *, eos: int, pad: int) -> None:
    """Save a SigLIP that knows so many words, without tokenizer and processor."""
    import torch
    import transformers

    text = {"vocab_size": words, "max_position_embeddings": TEXT_LENGTH, "projection_size": 16}
    special = {"bos_token_id": None, "eos_token_id": eos, "pad_token_id": pad}
    torch.manual_seed(0)
    model = transformers.SiglipModel(
        transformers.SiglipConfig(text_config=_TOWER | text | special, vision_config=_VISION)
    )
    with torch.no_grad():
        model.logit_scale.fill_(2.0)
        model.logit_bias.fill_(-3.0)
    model.save_pretrained(folder)


def _save_siglip_processor(folder: Path, *, resample: int) -> None:
    _write(
        folder / "preprocessor_config.json",
        image_processor_type="SiglipImageProcessor",
        processor_class="SiglipProcessor",
        do_convert_rgb=None,
        do_normalize=True,
        do_rescale=True,
        do_resize=True,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        resample=resample,
        rescale_factor=1 / 255,
        size={"height": SIDE, "width": SIDE},
    )


def _ended(words: list[int], *, eos: int, pad: int) -> list[int]:
    """Cut before the end token, which a text never loses, and padded to the full length."""
    tokens = [*words[: TEXT_LENGTH - 1], eos]
    return tokens + [pad] * (TEXT_LENGTH - len(tokens))


def _write(path: Path, **content: object) -> None:
    path.write_text(json.dumps(content))

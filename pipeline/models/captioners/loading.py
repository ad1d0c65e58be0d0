"""Choosing a captioner by its name."""

from pipeline.models.captioners import Captioner


def is_slow(name: str) -> bool:
    """Whether the captioner of that name takes far longer than it takes to embed a photo."""
    return name not in {"embedded", "none"}


def load_captioner(
    name: str, host: str = "http://localhost:11434", language: str = "English"
) -> Captioner | None:
    """Return the captioner of that name, the setting CAPTION_MODEL; None for "none".

    Any name but "embedded" and "none" is that of a model on the Ollama server at ``host``, which
    answers in ``language``; whether it is there shows when the first photo is described.
    """
    match name:
        case "embedded":
            from pipeline.models.captioners.embedded import EmbeddedCaptioner

            return EmbeddedCaptioner()
        case "none":
            return None
        case _:
            from pipeline.models.captioners.ollama import OllamaCaptioner

            return OllamaCaptioner(name, host, language)

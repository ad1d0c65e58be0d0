"""What the Library page lists: albums and models; and how it writes numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from search_app.page.language import number, t, tn, told
from search_app.page.library_report import AlbumReport
from search_app.page.wording import WORD_JOINER, no_formula, with_code

_REASONS = 5  # that are told in full
_ROW, _HIGHEST = 35, 400  # pixels: of a row, of a table


def albums(albums: Sequence[AlbumReport]) -> None:
    """List albums with how far each of them is."""
    st.subheader(t("Albums"), anchor=False)
    states = {
        "new": t("New"),
        "changed": t("Changed"),
        "incomplete": t("Incomplete"),
        "complete": t("Complete"),
        "away": t("Folder is away"),
    }

    def state(album: AlbumReport) -> str:
        word = states[album.state]
        return f"{word}, {_failed(album.failed)}" if album.failed else word

    columns: dict[str, list[Any]] = {
        t("Album"): [album.title for album in albums],
        t("State"): [state(album) for album in albums],
        t("Event"): [album.event or "" for album in albums],
        t("Year"): [str(album.year or "") for album in albums],
        t("Photos"): [album.photos for album in albums],
    }
    for stage, name in stage_names().items():
        columns[name] = [counted(album.stages[stage]) for album in albums]
    table(t("Albums"), columns)
    reasons = [album.reason for album in albums if album.reason]
    for reason in reasons[:_REASONS]:
        st.caption(with_code(told(reason)))
    if len(reasons) > _REASONS:
        more = len(reasons) - _REASONS
        st.caption(
            tn("So it is with {count} more album.", "So it is with {count} more albums.", more)
        )


def models(manifest: Mapping[str, Any]) -> None:
    """List the models and the software that a snapshot was made with."""
    st.subheader(t("Models and versions"), anchor=False)
    uses = {
        "embedding": t("Image embeddings"),
        "caption": t("Captions"),
        "text": t("Caption embeddings"),
    }
    models, versions = manifest["models"], manifest["versions"]
    left, right = st.columns(2)
    with left:
        table(
            t("Models"),
            {
                t("Used for"): [uses.get(use, use) for use in models],
                t("Model"): list(models.values()),
            },
        )
    with right:
        table(
            t("Versions"),
            {t("Software"): list(versions), t("Version"): list(versions.values())},
        )


def table(title: str, columns: Mapping[str, Sequence[Any]]) -> None:
    """Draw a table of columns by their names; each has at least one value."""
    localized = {
        name: st.column_config.NumberColumn(format="localized")
        for name, values in columns.items()
        if isinstance(values[0], int)
    }
    # Streamlit lets people download the table as CSV.
    rows = pa.table({name: list(map(_inert, values)) for name, values in columns.items()})
    height = min(_ROW * (rows.num_rows + 1) + 2, _HIGHEST)
    st.dataframe(rows, hide_index=True, column_config=localized, height=height, alt=title)


def _inert(value: object) -> object:
    return no_formula(value, WORD_JOINER) if isinstance(value, str) else value


def stage_names() -> dict[str, str]:
    """What each stage is called."""
    return {
        "raw_images": t("Photos read"),
        "exif_metadata": t("Camera data"),
        "llm_captions": t("Captions"),
        "visible_text": t("Text in pictures"),
        "faces": t("Faces"),
        "siglip_embeddings": t("Image embeddings"),
        "caption_embeddings": t("Caption embeddings"),
    }


def counted(counts: Mapping[str, int]) -> str:
    """Say how many photos a stage has done: "28 done, 1 failed"."""
    parts = [
        tn("{count} done", "{count} done", counts["done"]),
        tn("{count} missing", "{count} missing", counts["missing"]) if counts["missing"] else "",
        _failed(counts["failed"]) if counts["failed"] else "",
    ]
    return ", ".join(part for part in parts if part)


def _failed(count: int) -> str:
    return tn("{count} failed", "{count} failed", count)


def percentage(share: float | None) -> str:
    """Rounded down, so that what is not whole never looks so."""
    return "–" if share is None else f"{number(int(1000 * share) / 10)}%"


def megabytes(size: float) -> str:
    """A size in words."""
    return t("{size} MB", size=number(round(size, 2)))

"""Searching by a picture: one that was uploaded or pasted, a photo of the library, or its part."""

import base64
import binascii
import hashlib
import io
import json
from typing import BinaryIO

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.models.faces import Face
from pipeline.models.faces.embedded import EmbeddedFaceFinder
from pipeline.photos.decoding import open_photo
from pipeline.settings import load_settings
from pipeline.snapshot.who_is_who import KnownFace
from search_app.page import address, addresses
from search_app.page.language import t
from search_app.page.session import errors_shown
from search_app.page.uploads import MAX_UPLOAD, Upload
from search_app.page.views import faces
from search_app.page.wording import literal, title_of
from search_app.search import pictures
from search_app.search.parsed import ParsedQuery, PhotoRef
from search_app.search.photos import Columns
from search_app.search.query import without_pictures
from search_app.search.searcher import Searcher
from search_app.search.terms import face_term, person_term

_FACES = 8  # that are offered
_FACE = 88  # pixels
_SHORT_SIDE = 768  # pixels: as large as a model may want it


def uploader() -> Upload | None:
    """Draw what takes a picture; returns it, or one that was pasted."""
    state = st.session_state
    # A new key closes the popover once it has a picture.
    uploads = state.setdefault("uploads", 0)
    with st.popover(t("Picture"), icon=":material/add_photo_alternate:", key=f"popover-{uploads}"):
        # In place of Streamlit's own, which is in English.
        words = json.dumps(t("Choose a picture"), ensure_ascii=False)
        st.html(f"<style>:root {{ --choose-a-picture: {words} }}</style>")
        file = st.file_uploader(
            t("Search by a picture of your own"),
            key=f"upload-{state.setdefault('cleared', 0)}",
            max_upload_size=MAX_UPLOAD,
            on_change=_take_upload,
        )
        st.caption(
            t(
                "Or drop or paste one anywhere on this page, or paste the address of a photo into"
                " the box."
            )
        )
    if file is not None:
        return Upload(file.file_id, file.name, file)
    pasted: Upload | None = state.get("pasted")
    return pasted


@errors_shown()
def take_pasted() -> None:
    """Take over a picture that was pasted, on whichever page, which comes as a data: URL."""
    pasted = st.session_state.browser.paste
    try:
        content = base64.b64decode(pasted["data"].partition(",")[2], validate=True)
    except (binascii.Error, KeyError, TypeError, AttributeError):
        return
    if len(content) <= MAX_UPLOAD * 2**20:
        clear()
        key = hashlib.sha256(content).hexdigest()
        st.session_state.pasted = Upload(key, str(pasted.get("name")), io.BytesIO(content))
        st.session_state.goes_to_search = True


def search_with(term: str) -> None:
    """Search with a photo or a part of one, which the query language has a term for."""
    clear()
    st.session_state.q = term


def take_pictures(searcher: Searcher, parsed: ParsedQuery) -> None:
    """Take photos and faces that are searched with out of the box: they are drawn beneath it."""
    state = st.session_state
    persons = [(face.image_id, face.number) for face, _ in _wanted_faces(searcher, parsed)]
    like, words = without_pictures(address.text(), [*_wanted_photos(parsed), *persons])
    if like != state.like:
        state.like, state.q = like, words


def searched_by(
    searcher: Searcher, parsed: ParsedQuery, upload: Upload | None
) -> Image.Image | None:
    """Show the pictures that are searched by, with a way to be rid of them; returns the upload."""
    photos, persons = _wanted_photos(parsed), _wanted_faces(searcher, parsed)
    st.session_state.face = None  # until one is picked
    if upload is None and not photos and not persons:
        return None
    with st.container(border=True):
        with _row():
            what = st.container()
            st.button(t("Clear"), icon=":material/close:", key="clear", on_click=clear)
        those = st.container(horizontal=True)
    picture = None
    if upload is not None:
        with what, _row():
            picture = _read(upload)
            st.image(pictures.square(picture), width=72, alt=t("Your picture"))
            st.markdown(literal(t("Photos like your picture {name}", name=upload.name)))
        with those:
            _faces_of_upload(upload, picture)
    for ref in photos:
        photo = searcher.photo(ref.image_id)
        picture_of = (
            addresses.picture(photo, "grid")
            if ref.part is None
            else addresses.picture_of_part(photo, ref.part)
        )
        with what, _row():
            st.image(picture_of, width=72, alt=title_of(photo))
            st.markdown(literal(_like(photo, ref)))
        if ref.part is None:
            with those:
                _faces_of_photo(searcher, ref.image_id)
    for face, name in persons:
        with what, _row():
            st.image(addresses.picture_of_face(face), width=72, alt=name)
            st.markdown(literal(name))
    return picture


def _wanted_photos(parsed: ParsedQuery) -> list[PhotoRef]:
    return [photo for photo in parsed.photos if photo.weight > 0]


def _wanted_faces(searcher: Searcher, parsed: ParsedQuery) -> list[tuple[KnownFace, str]]:
    """The faces of the library that are searched with, and what they are called."""
    return [
        (face, name or t("This person"))
        for image_id, number in parsed.only.faces
        for face, name in searcher.faces_of(image_id)
        if face.number == number
    ]


def in_words(searcher: Searcher) -> str:
    """What is asked for in words: a photo that is searched with is called by its title."""
    parsed = searcher.understand(" ".join(st.session_state.like))
    liked = [_like(searcher.photo(ref.image_id), ref) for ref in parsed.photos]
    names = [name for _, name in _wanted_faces(searcher, parsed)]
    return " · ".join(filter(None, [*liked, *names, st.session_state.q]))


def _like(photo: Columns, ref: PhotoRef) -> str:
    title = title_of(photo)
    if ref.part is None:
        return t("Photos like {title}", title=title)
    return t("Photos like a part of {title}", title=title)


def _faces_of_photo(searcher: Searcher, image_id: int) -> None:
    """The faces on a photo of the library; a click on one searches for who it is."""
    for face, name in searcher.faces_of(image_id)[:_FACES]:
        faces.card(
            addresses.picture_of_face(face),
            name or t("This person"),
            f"{image_id}-{face.number}",
            search_with,
            person_term(name) if name else face_term(image_id, face.number),
            width=_FACE,
        )


def _faces_of_upload(upload: Upload, picture: Image.Image) -> None:
    """The faces on an uploaded picture; the photos of whoever is picked are found.

    Like the picture itself they are kept in memory only, as long as it is searched with.
    """
    if not load_settings().faces:
        return
    found = _found_faces(upload.key, picture)[:_FACES]
    chosen = st.session_state.get("chosen_face")
    for at, face in enumerate(found):
        faces.card(
            pictures.square(_cut(picture, face)),
            t("This person"),
            f"of-upload-{at}",
            _choose,
            upload.key,
            at,
            width=_FACE,
            is_chosen=chosen == (upload.key, at),
        )
    if chosen and chosen[0] == upload.key:
        st.session_state.face = tuple(found[chosen[1]]["embedding"].tolist())


def _choose(key: str, at: int) -> None:
    """Search for the person with this face, or for the whole picture again."""
    state = st.session_state
    state.chosen_face = None if state.get("chosen_face") == (key, at) else (key, at)


@st.cache_data(scope="session", max_entries=1, show_spinner=False)
def _found_faces(key: str, _picture: Image.Image) -> list[Face]:
    return EmbeddedFaceFinder().find(_picture)


def _cut(picture: Image.Image, face: Face) -> Image.Image:
    width, height = picture.size
    left, right = face["left"] * width / 100, face["right"] * width / 100
    top, bottom = face["top"] * height / 100, face["bottom"] * height / 100
    return picture.crop((int(left), int(top), int(right) + 1, int(bottom) + 1))


def _take_upload() -> None:
    st.session_state.uploads += 1
    st.session_state.pasted = None
    st.session_state.like = []


def clear() -> None:
    """Search by no picture any more."""
    # A new key empties the uploader.
    st.session_state.cleared = st.session_state.get("cleared", 0) + 1
    st.session_state.pasted = None
    st.session_state.like = []


@st.cache_data(scope="session", max_entries=1, show_spinner=False)
def _decoded(key: str, _file: BinaryIO) -> Image.Image:
    """It is kept in memory until the session ends or brings another, and not written to disk."""
    _file.seek(0)
    return open_photo(_file, _SHORT_SIDE)


def _read(upload: Upload) -> Image.Image:
    try:
        return _decoded(upload.key, upload.file)
    except PhotoError as error:
        st.text(upload.name)
        raise AlbumscopeError("This picture cannot be read: {why}", why=error) from error


def _row() -> DeltaGenerator:
    return st.container(horizontal=True, wrap=False, vertical_alignment="center")

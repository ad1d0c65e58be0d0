"""The People page: whose faces are on the photos; naming them, and putting right what is wrong.

What is said here is kept at once, and counts at once, on this page and for searches.
"""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pipeline.library import corrections
from pipeline.library.corrections import PEOPLE, Correction, FaceKey
from pipeline.settings import load_settings
from pipeline.snapshot.who_is_who import Person, person_of_name, photos
from pipeline.storage.opening import open_storage
from search_app.page import addresses
from search_app.page.language import t, tn
from search_app.page.session import current_snapshot, errors_shown, may_change
from search_app.page.views import faces
from search_app.page.views.by_picture import search_with
from search_app.page.wording import literal, with_code
from search_app.search.searcher import Searcher
from search_app.search.terms import face_term, person_term

_COLUMNS = 6
_PAGE = 48  # people
_FACES = 60  # of one person that are shown
_FORM = 480  # pixels


def show() -> None:
    """Draw the page."""
    st.header(t("People"), anchor=False)
    _way_back("page")
    with current_snapshot().searcher() as searcher:
        _people_page(searcher)


def _people_page(searcher: Searcher) -> None:
    everybody = searcher.everybody()
    hidden = [person for person in everybody if person.is_hidden]
    shown = [person for person in everybody if not person.is_hidden]
    if not everybody:
        st.info(
            with_code(
                t(
                    "No face is on two photos yet. Faces are looked for by `albumscope sync`,"
                    " unless `FACES` is off."
                )
            ),
            icon=":material/face:",
        )
        return
    if may_change():
        st.caption(t("A click on a face names the person, or finds their photos."))
    else:
        st.caption(
            with_code(
                t(
                    "People are named by administrators (`ADMINS`), or at http://127.0.0.1 on the"
                    " machine itself."
                )
            )
        )
    if hidden and st.toggle(t("Show hidden people ({count})", count=len(hidden))):
        shown = list(everybody)
    most: int = st.session_state.setdefault("people_shown", _PAGE)
    grid = st.grid(_COLUMNS, min_column_width=125)
    for place, person in enumerate(shown[:most]):
        with grid.cell():
            faces.card(
                addresses.picture_of_face(person.faces[0]),
                _name(person),
                str(place),
                _open,
                person.person_id,
                below=tn("{count} photo", "{count} photos", photos(person)),
            )
    if len(shown) > most:
        st.button(t("Load more"), icon=":material/expand_more:", on_click=_more, width="stretch")
    chosen = st.session_state.get("person_opened")
    opened = next((each for each in everybody if each.person_id == chosen), None)
    if opened:
        dialog = st.dialog(literal(_name(opened)), width="large", on_dismiss=_close)
        dialog(_person)(opened, everybody, searcher)


def _name(person: Person) -> str:
    return person.name or t("Who is this?")


def _more() -> None:
    st.session_state.people_shown += _PAGE


def _open(person_id: str) -> None:
    st.session_state.person_opened = person_id


def _close() -> None:
    st.session_state.person_opened = None


def _person(person: Person, everybody: Sequence[Person], searcher: Searcher) -> None:
    """The dialog of one person."""
    if st.session_state.pop("is_said", False):
        st.rerun()  # the whole page, which knows it
    with errors_shown():
        if may_change():
            _names(person, everybody)
        with st.container(horizontal=True):
            if st.button(t("Find photos"), icon=":material/search:", type="primary"):
                _close()
                search_with(_term(person))
                st.session_state.goes_to_search = True
                st.rerun()
            if may_change():
                st.button(
                    t("Show again") if person.is_hidden else t("Hide"),
                    icon=":material/visibility:"
                    if person.is_hidden
                    else ":material/visibility_off:",
                    on_click=_say,
                    args=(person,),
                    kwargs={"is_hidden": not person.is_hidden},
                )
                _way_back("dialog")
        _faces(person)
        if may_change():
            _look_alikes(person, everybody, searcher)


def _term(person: Person) -> str:
    """What finds the photos of a person: the name, else a face."""
    if person.name:
        return person_term(person.name)
    return face_term(person.faces[0].image_id, person.faces[0].number)


def _way_back(where: str) -> None:
    """Offer to undo what was said last."""
    if "people_undo" in st.session_state:
        st.button(t("Undo"), key=f"undo-{where}", icon=":material/undo:", on_click=_undo)


def _names(person: Person, everybody: Sequence[Person]) -> None:
    others = [each for each in everybody if each.name and each.person_id != person.person_id]
    with st.form("name", border=False), _in_one_line():
        typed = st.text_input(t("Name"), person.name or "", max_chars=100)
        if st.form_submit_button(t("Save")) and (name := " ".join(typed.split())):
            _rename(person, name, others)
            st.rerun()
    if not others:
        return
    with _in_one_line():
        other = st.selectbox(
            t("The same as"), others, None, format_func=_name, placeholder=t("Somebody with a name")
        )
        st.button(
            t("Make one of both"),
            icon=":material/merge:",
            disabled=other is None,
            on_click=_merge,
            args=(person, other),
        )


def _in_one_line() -> DeltaGenerator:
    return st.container(horizontal=True, wrap=False, vertical_alignment="bottom", width=_FORM)


def _rename(person: Person, name: str, others: Sequence[Person]) -> None:
    """Name a person, who becomes one with whoever has the name already."""
    same = [each for each in others if person_of_name(each.name or "") == person_of_name(name)]
    if same:
        _merge(person, same[0])
    else:
        _say(person, name=name)


def _faces(person: Person) -> None:
    grid = st.grid(_COLUMNS, min_column_width=100)
    for place, face in enumerate(person.faces[:_FACES]):
        with grid.cell(), st.container(key=f"face-of-{place}", gap="xxsmall"):
            st.image(addresses.picture_of_face(face), alt=_name(person))
            if may_change():
                st.button(
                    t("Not this person") if person.name else t("Somebody else"),
                    key=f"reject-{place}",
                    type="tertiary",
                    on_click=_reject,
                    args=(person, face.key),
                )


def _look_alikes(person: Person, everybody: Sequence[Person], searcher: Searcher) -> None:
    """Those who may be the same person, found apart: they need no name to become one."""
    others = [each for each in everybody if not each.is_hidden and each is not person]
    alike = searcher.most_alike(person, others, _COLUMNS)
    if not alike:
        return
    st.subheader(t("Is this the same person?"), anchor=False)
    grid = st.grid(_COLUMNS, min_column_width=100)
    for place, other in enumerate(alike):
        with grid.cell(), st.container(key=f"face-of-alike-{place}", gap="xxsmall"):
            st.image(addresses.picture_of_face(other.faces[0]), alt=_name(other))
            st.button(
                other.name or tn("{count} photo", "{count} photos", photos(other)),
                key=f"alike-{place}",
                help=t("Make one of both"),
                icon=":material/merge:",
                type="tertiary",
                on_click=_merge,
                args=(person, other),
            )


def _reject(person: Person, face: FaceKey) -> None:
    _say(person, rejected=[face])


def _say(
    person: Person,
    *,
    name: str | None = None,
    is_hidden: bool | None = None,
    rejected: Sequence[FaceKey] = (),
) -> None:
    """Keep what is said of a person; of one that is only a group, all of its faces with it."""
    known = _is_known(person)
    said = Correction(
        person_id=person.person_id if known else corrections.new_person(),
        faces=() if known else _keys(person),
        rejected=rejected,
        name=name,
        is_hidden=is_hidden,
    )
    back = Correction(
        person_id=said.person_id,
        faces=rejected,
        name=None if name is None else person.name or "",
        is_hidden=None if is_hidden is None else person.is_hidden,
    )
    _keep(said, back)


def _merge(person: Person, other: Person) -> None:
    """Make one of both, who goes by the name that one of them has, the other's if both have."""
    into = max((other, person), key=lambda each: (_is_known(each), each.name is not None))
    added = person if into is other else other
    known = _is_known(into)
    _keep(
        Correction(
            person_id=into.person_id if known else corrections.new_person(),
            faces=_keys(added) if known else [*_keys(into), *_keys(added)],
        ),
        Correction(
            person_id=added.person_id if _is_known(added) else corrections.new_person(),
            faces=_keys(added),
        ),
    )


def _is_known(person: Person) -> bool:
    """Whether anything was said of a person: a group has another number tomorrow."""
    return not person.person_id.startswith("group:")


def _keys(person: Person) -> list[FaceKey]:
    return [face.key for face in person.faces]


@errors_shown()
def _keep(said: Correction, back: Correction) -> None:
    """Keep what is said, and until something else is said, what undoes it."""
    if not may_change():
        return
    PEOPLE.write(open_storage(load_settings()), said)
    st.session_state.person_opened = said.person_id
    st.session_state.people_undo = back
    st.session_state.is_said = True


@errors_shown()
def _undo() -> None:
    back: Correction | None = st.session_state.pop("people_undo", None)
    if back and may_change():
        PEOPLE.write(open_storage(load_settings()), back)
        st.session_state.is_said = st.session_state.get("person_opened") is not None

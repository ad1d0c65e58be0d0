"""What is being worked on now, wherever that was started; it keeps up by itself."""

from datetime import UTC, datetime

import streamlit as st

from pipeline.library.under_way import FINDING, Work, under_way
from pipeline.settings import load_settings
from pipeline.storage import Storage
from pipeline.storage.opening import open_storage
from search_app.page.again import Again
from search_app.page.language import local_moment, number, t, told
from search_app.page.session import errors_shown
from search_app.page.views.library_tables import stage_names
from search_app.page.wording import literal, with_code

_EVERY = 2  # seconds
_ALBUMS = 3  # whose titles are shown


@st.cache_resource(show_spinner=False)
def again() -> Again:
    """The one try of this process: what it does all sessions see."""
    return Again()


@st.cache_resource(show_spinner=False)
def _storage() -> Storage:
    return open_storage(load_settings())


def is_at_work() -> bool:
    """Whether anybody is at work on the library."""
    return again().is_running or under_way(_storage()) is not None


@st.fragment(run_every=_EVERY)
def show() -> None:
    """Show how far each stage is, as long as anybody works; then draw the page anew, once."""
    with errors_shown():
        work = under_way(_storage())
        at_work = work is not None or again().is_running
        has_ended = st.session_state.get("saw_work", False) and not at_work
        st.session_state.saw_work = at_work
        if has_ended:
            st.rerun()
        if at_work:
            _work(work)
        elif problem := again().problem:
            st.error(with_code(told(problem)), icon=":material/error:")


def _work(work: Work | None) -> None:
    with st.container(border=True, key="work"):
        if work is None:
            st.markdown(f"**{t('A sync is starting…')}**")
            return
        since = local_moment(datetime.fromtimestamp(work.since, UTC).isoformat())
        st.markdown(f"**{literal(t('A sync is at work, since {when}', when=since))}**")
        names = stage_names()
        for stage in (each for each in names if each in work.stages):
            done, photos = work.stages[stage]
            st.progress(
                done / photos if photos else 1.0,
                t(
                    "{stage}: {done} of {photos}",
                    stage=names[stage],
                    done=number(done),
                    photos=number(photos),
                ),
            )
        st.caption(literal(_now(work)))


def _now(work: Work) -> str:
    if "faiss_index" in work.doing:
        return t("What is done is being published…")
    if FINDING in work.doing:
        return t("Looking for albums…")
    if not (work.doing and work.albums):
        return t("Looking at what there is to do…")
    return t("At: {albums}", albums=", ".join(work.albums[:_ALBUMS]))

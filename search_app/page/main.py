"""The frame of every page: title, navigation, language; Streamlit runs it at each interaction."""

from collections.abc import Callable

import streamlit as st

from pipeline.settings import load_settings
from pipeline.snapshot import reading
from search_app.page import address, components, shell
from search_app.page.language import language, t
from search_app.page.session import current_snapshot, errors_shown, sign_in_secret
from search_app.page.views import library, options, people, search
from search_app.page.views.by_picture import take_pasted


def main() -> None:
    """Draw the page that is chosen, in its frame."""
    st.set_page_config("Albumscope", "🖼️", layout="wide")
    address.read()
    pages = [
        st.Page(show, title=title, icon=f":material/{icon}:", url_path=path, default=path == "")
        for path, (show, title, icon) in zip(shell.PAGES, _views(), strict=True)
    ]
    home, page = pages[0], st.navigation(pages, position="hidden")
    # Streamlit's own bar is hidden behind a sign on a phone.
    with st.container(horizontal=True, key="pages"):
        for each in pages:
            st.page_link(each)
    if sign_in_secret() is not None and not st.user.is_logged_in:
        _sign_in()
        return
    with errors_shown():
        settings = load_settings()
        if (
            reading.current_name(settings.library_dir) is None
            and reading.published_name(settings) is None
        ):
            _welcome(settings.library_url or str(settings.data_dir))
            return
        current_snapshot()
        if st.session_state.pop("goes_to_search", False) and page != home:
            st.switch_page(home)
        with errors_shown():
            page.run()
        options.show(search.of_options if page == home else None)
        names = address.ALL if page.url_path == "" else ("lang",)
        components.browser(address.write(names), language(), t("Pages"), _go, take_pasted)
        return
    st.button(t("Try again"), icon=":material/refresh:")


def _views() -> list[tuple[Callable[[], None], str, str]]:
    """What draws each of ``shell.PAGES``, its title and its icon."""
    return [
        (search.show, t("Search"), "search"),
        (people.show, t("People"), "group"),
        (library.show, t("Library"), "photo_library"),
    ]


@errors_shown()
def _go() -> None:
    address.go(st.session_state.browser.go)


def _sign_in() -> None:
    st.header("Albumscope", anchor=False)
    st.text(t("Sign in to see the photos."))
    st.button(t("Sign in"), icon=":material/login:", on_click=st.login)


def _welcome(place: str) -> None:
    st.header("Albumscope", anchor=False)
    st.subheader(t("No photos yet"), anchor=False)
    st.text(t("Nothing is published in {folder}. Add a folder of photos:", folder=place))
    st.code("albumscope add-folder DIR -r\nalbumscope sync", language=None)
    st.markdown(t("Or look around first with the demo photos:") + " `albumscope demo`")
    st.button(t("Look again"), icon=":material/refresh:")


main()

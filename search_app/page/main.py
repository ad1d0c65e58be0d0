"""The frame of every page: title, navigation, language; Streamlit runs it at each interaction."""

import streamlit as st

from pipeline.settings import load_settings
from pipeline.snapshot import reading
from search_app.page import address, components
from search_app.page.language import language, t
from search_app.page.session import current_snapshot, errors_shown, sign_in_secret
from search_app.page.views import library, options, people, search
from search_app.page.views.by_picture import take_pasted


def main() -> None:
    """Draw the page that is chosen, in its frame."""
    st.set_page_config("Albumscope", "🖼️", layout="wide")
    address.read()
    home = st.Page(search.show, title=t("Search"), icon=":material/search:", default=True)
    page = st.navigation(
        [
            home,
            st.Page(people.show, title=t("People"), icon=":material/group:", url_path="people"),
            st.Page(
                library.show,
                title=t("Library"),
                icon=":material/photo_library:",
                url_path="library",
            ),
        ],
        position="top",
    )
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
        components.browser(address.write(names), language(), _go, take_pasted)
        return
    st.button(t("Try again"), icon=":material/refresh:")


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

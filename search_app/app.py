"""The server of the pages: ``albumscope serve``, or ``streamlit run search_app/app.py``."""

from pathlib import Path

import streamlit as st

from search_app.api import server
from search_app.page import routes, session, shell

# Streamlit takes it with and without slashes; here it is empty, or as /photos
_base_path = f"/{st.get_option('server.baseUrlPath').strip('/')}".rstrip("/")
app = st.App(
    Path(__file__).parent / "page" / "main.py",
    routes=[
        *shell.routes(_base_path),
        routes.mount(_base_path),
        *server.routes(
            _base_path,
            lambda: session.current_snapshot().searcher(),
            session.is_let_in,
            lambda token: session.door().lets_in(token),
        ),
    ],
)

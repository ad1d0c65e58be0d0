"""The server of the pages: ``albumscope serve``, or ``streamlit run search_app/app.py``."""

from pathlib import Path

import streamlit as st

from search_app.page import routes

app = st.App(
    Path(__file__).parent / "page" / "main.py",
    routes=[routes.mount(st.get_option("server.baseUrlPath"))],
)

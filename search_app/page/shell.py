"""The document that a browser gets first: Streamlit's, with our styles before anything is drawn.

Styles that came with what the page draws would move all that is there by then.
"""

from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from streamlit import file_util

PAGES = ("", "people", "library")
"""The paths of the pages, below the base path."""

# Streamlit's script would look for its server below each page's own address first.
_HEAD = """<head>
    <script>window.__streamlit = {{BACKEND_BASE_URL: new URL('.', location.href).href}}</script>
    <style>{style}</style>"""


def routes(base_path: str) -> list[Route]:
    """What the server answers at the addresses of the pages, which lie below ``base_path``."""
    return [Route(f"{base_path}/{page}", _answer) for page in PAGES]


def _answer(_request: Request) -> HTMLResponse:
    return HTMLResponse(_document(), headers={"Cache-Control": "no-cache"})


@cache
def _document() -> str:
    streamlits = (Path(file_util.get_static_dir()) / "index.html").read_text()
    head = _HEAD.format(style=Path(__file__).with_suffix(".css").read_text())
    return streamlits.replace("<head>", head, 1).replace("<title>Streamlit<", "<title>Albumscope<")

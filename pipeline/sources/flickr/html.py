"""Flickr's descriptions are HTML: as text, and what they link to."""

from html.parser import HTMLParser
from typing import NamedTuple

from typing_extensions import override

_ON_LINES_OF_THEIR_OWN = frozenset({"br", "p", "div", "li", "blockquote"})


class Html(NamedTuple):
    """The text of a piece of HTML, and the addresses that it links to, each once."""

    text: str
    links: tuple[str, ...]


def read_html(html: str) -> Html:
    """Take HTML apart; whatever it is, there is something of it to read."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.texts).split("\n"))
    return Html("\n".join(lines).strip(), tuple(dict.fromkeys(reader.links)))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _ON_LINES_OF_THEIR_OWN and self.texts and not self.texts[-1].endswith("\n"):
            self.texts.append("\n")
        address = dict(attrs).get("href") or ""
        if tag == "a" and address.startswith(("http://", "https://")):  # no script
            self.links.append(address)

    @override
    def handle_data(self, data: str) -> None:
        self.texts.append(data)

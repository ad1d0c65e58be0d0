"""What the site says of itself, in each language of the page: its script takes the browser's."""

from collections.abc import Callable
from typing import Any

from babel import Locale

from search_app.page import labels
from search_app.page.language import country, language, locale, number, t, tn
from search_app.search.searcher import Searcher

WITHOUT = ("select", "favourite", "crop")
"""What cannot be done on a site of files alone; originals are downloaded where it has them."""
_KEYS = {"select": "x", "favourite": "f", "crop": "c", "download": "d"}

Json = dict[str, Any]


def words(searcher: Searcher, facets: Json, *, originals: bool) -> Json:
    """All that the script says, in the language that is spoken now."""
    without = [*WITHOUT] if originals else [*WITHOUT, "download"]
    of_wall = labels.of_wall()
    unused = {_KEYS[name] for name in without}
    of_wall["keyList"] = [each for each in of_wall["keyList"] if each[0] not in unused]
    return {
        "language": language(),
        "locale": locale(),
        "without": without,
        "labels": of_wall,
        "filters": labels.of_facets(),
        "names": labels.of_filters(),
        "choices": {"any": t("Any"), "yes": t("Yes"), "no": t("No")},
        "values": {
            "town": {
                town: searcher.facets.label("towns", town, language())
                for town in facets["town"]["values"]
            },
            "country": {code: country(code) for code in facets["country"]["values"]},
        },
        "sorts": {
            "relevance": t("Newest albums first"),
            "best": t("Best first"),
            "newest": t("Newest first, by date taken"),
            "oldest": t("Oldest first, by date taken"),
        },
        "search": t("Search"),
        "ask": t("Search titles, tags and descriptions"),
        "all": t("All photos"),
        "albums": t("Albums"),
        "people": t("People"),
        "places": t("Places"),
        "date": t("Date"),
        "place": t("Place"),
        "unknownDate": t("Date not known"),
        "onFlickr": t("On Flickr"),
        "similarTo": t("Similar to {title}", title="{title}"),
        "photoCount": _forms(lambda each: tn("{count} photo", "{count} photos", each)),
        "albumCount": _forms(lambda each: tn("{count} album", "{count} albums", each)),
    }


def _forms(counted: Callable[[int], str]) -> dict[str, str]:
    """A message for a count by its plural category (Unicode CLDR), with {count} to be put in."""
    form = Locale.parse(language()).plural_form
    return {form(each): counted(each).replace(number(each), "{count}") for each in (0, 1, 2, 5)}

"""What scripts of the page say of what they draw, in the page's language."""

from typing import Any

from search_app.page.language import t, tn


def of_wall(less: int = 0) -> dict[str, Any]:
    """What the wall says of itself; ``less`` is how many photos are less likely."""
    return {
        "photos": t("Photos"),
        "untitled": t("Untitled"),
        "less": tn("{count} less likely photo", "{count} less likely photos", less),
        "showLess": t("Hide the less likely photos"),
        "sort": t("Sort"),
        "view": t("View"),
        "size": t("Size of the photos"),
        "sizes": {"small": t("Small"), "medium": t("Medium"), "large": t("Large")},
        "select": t("Select"),
        "selectAllOf": t("Select all of"),
        "selection": t("Selected photos"),
        "selected": t("{count} selected", count="{count}"),
        "selectAll": t("Select all"),
        "selectNone": t("Select none"),
        "download": t("Download"),
        "table": t("Table (CSV)"),
        "links": t("Copy links"),
        "linksCopied": t("Links copied: {count}", count="{count}"),
        "similar": t("Find similar"),
        "unfold": t("Nearly the same photos: {count}", count="{count}"),
        "fold": t("Fold nearly the same photos"),
        "scrubber": t("Where in the photos"),
        "placeOf": t("{place} of {count}", place="{place}", count="{count}"),
        "viewer": t("Photo"),
        "close": t("Close"),
        "zoom": t("Zoom"),
        "previous": t("Previous photo"),
        "next": t("Next photo"),
        "noPicture": t("The picture cannot be shown"),
        "noFacts": t("Nothing can be told of it just now."),
        "notThere": t("That photo is not in the library."),
        "about": t("About this photo"),
        "part": t("Search a part"),
        "slideshow": t("Slideshow"),
        "original": t("Download the original"),
        "cut": t("A part of the picture is missing: the file is not whole."),
        "thisPerson": t("This person"),
        "showText": t("Show its text"),
        "explain": t("Explain this result"),
        "origin": t("Where it comes from"),
        "how": t(
            "Draw a rectangle to search for a part of the photo. On the keyboard: Enter draws one,"
            " arrows move it, with Shift they resize it, Delete removes it."
        ),
        "draw": t("Draw a rectangle around what you look for."),
        "searchPart": t("Search cropped"),
        "copy": t("Copy to clipboard"),
        "copied": t("Copied."),
        "notCopied": t("The browser did not let it be copied."),
        "cancel": t("Cancel"),
        "favourite": t("Favourite"),
        "tag": t("Tag"),
        "addTag": t("Add tag"),
        "hide": t("Hide"),
        "unhide": t("Show again"),
        "undo": t("Undo"),
        "save": t("Save search"),
        "saved": t("Saved: {name}", name="{name}"),
        "name": t("Name"),
        "keys": t("Keys"),
        "keyList": [
            ["/", t("to the search box")],
            ["← ↑ → ↓", t("from photo to photo")],
            ["Enter", t("open the photo")],
            ["x", t("select the photo")],
            ["f", t("make it a favourite, or no more")],
            ["s", t("find similar photos")],
            ["i", t("what is known of the photo")],
            ["c", t("search a part of the photo")],
            ["p", t("slideshow")],
            ["d", t("download the original")],
            ["Esc", t("close, or select none")],
            ["?", t("this list")],
        ],
    }


def of_map() -> dict[str, Any]:
    """What the map says of itself."""
    return {
        "placed": t("Photos with a place: {count} of {all}", count="{count}", all="{all}"),
        "none": t("None of these photos tells where it was taken."),
        "placeless": t("Show the others"),
        "here": t("Search in this area"),
        "cluster": t("{count} photos: go nearer", count="{count}"),
        "list": t("As a list"),
        "open": t("Open the map here"),
        "cannot": t("This browser cannot draw a map, as it has no WebGL: see the list."),
        "notThere": t("The map cannot be loaded just now: see the list."),
        "texts": {
            "Map.Title": t("Map"),
            "NavigationControl.ZoomIn": t("Nearer"),
            "NavigationControl.ZoomOut": t("Farther"),
            "AttributionControl.ToggleAttribution": t("Where the map comes from"),
            "CooperativeGesturesHandler.WindowsHelpText": t("Ctrl and the wheel zoom the map"),
            "CooperativeGesturesHandler.MacHelpText": t("⌘ and the wheel zoom the map"),
            "CooperativeGesturesHandler.MobileHelpText": t("Two fingers move the map"),
        },
    }


def of_facets() -> dict[str, str]:
    """What the row says of itself."""
    return {
        "filters": t("Filters"),
        "chosen": t("Chosen filters"),
        "clear": t("Clear all"),
        "favourites": t("Favourites"),
        "done": t("Show photos"),
        "remove": t("remove"),
        "search": t("Search"),
        "examples": t("Try:"),
        "loading": t("Counting…"),
        "nothing": t("Nothing fits."),
        "more": t(
            "{count} of {total} are shown. Type to find others.", count="{count}", total="{total}"
        ),
        "failed": t("This could not be loaded. Open it again."),
    }


def of_filters() -> dict[str, str]:
    """What each filter is called, by the parameter of the address."""
    return {
        "event": t("Event"),
        "year": t("Year"),
        "album": t("Album"),
        "person": t("Person"),
        "people": t("People in it"),
        "country": t("Country"),
        "town": t("Town"),
        "place": t("Place known"),
        "camera": t("Camera"),
        "lens": t("Lens"),
        "tag": t("Tag"),
        "from": t("Taken from"),
        "to": t("Taken until"),
    }

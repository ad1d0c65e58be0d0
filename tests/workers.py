"""How several workers share the tests: each file is one's, and what takes longest comes first."""

from pathlib import PurePath

from xdist.scheduler import LoadScopeScheduling

# One worker's, which serves the page of the demo library once, and starts one browser for all.
OF_THE_DEMO = (
    *("test_page", "test_everyone", "test_viewer", "test_finding", "test_base_path"),
    *("test_facets_page", "test_taking", "test_albums"),
)
# Another's: these need a browser, too, for pages of their own.
OF_OTHER_PAGES = (
    *("test_api", "test_library_page", "test_map", "test_people_page", "test_flickr_photos"),
    *("test_marking", "test_sign_in", "test_site"),
)
# Tests that mostly wait, as for the next minute of a schedule, while other workers compute.
WAITING = (
    "test_two_nights",
    "test_materialise_and_backfill_from_the_ui",
    "test_watch_brings_in_what_changes",
)
# Whichever worker came to one of these files last would keep all waiting.
LONG = (
    *("test_wheel", "test_bad_input", "test_crash", "test_flickr_sync", "test_folder_trees"),
    *("test_cli", "test_flickr_interrupted", "test_dagster", "test_object_store", "test_folder"),
    *("test_current", "test_staleness", "test_encoders"),
)
ORDER = ("pages of the demo", "other pages", *WAITING, *LONG)


def group(test: str) -> str:
    """What one worker does in one go: some files, a file, or a test that waits."""
    path, _, name = test.partition("::")
    file = PurePath(path).stem
    if name in WAITING:
        return name
    if file in OF_THE_DEMO:
        return "pages of the demo"
    return "other pages" if file in OF_OTHER_PAGES else file


def rank(test: str) -> int:
    """Where a test's group stands in the order; last if it is none of those."""
    name = group(test)
    return ORDER.index(name) if name in ORDER else len(ORDER)


class Groups(LoadScopeScheduling):
    """Hands out a group at a time, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        """As pytest-xdist's documentation has it overridden.

        Its own groups, by a mark, are lost with pytest 9.2 (pytest-dev/pytest-xdist#1386).
        """
        return group(nodeid)

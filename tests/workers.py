"""How several workers share the tests: each file is one's, and what takes longest comes first."""

from pathlib import PurePath

from xdist.scheduler import LoadScopeScheduling

# Groups of files and tests that one worker each does in one go. What is dear is made once for them,
# as a browser and the page of the demo library. What mostly waits, as for the next minute of a
# schedule, begins at once, while other workers compute.
GROUPS = {
    "waiting": ("test_two_nights", "test_materialise_and_backfill_from_the_ui"),
    "watching": ("test_watch_brings_in_what_changes",),
    "finding on the demo's page": (
        *("test_page", "test_viewer", "test_finding", "test_facets_page", "test_taking"),
        "test_albums",
    ),
    "the demo's page for everyone": (
        *("test_everyone", "test_base_path", "test_marking", "test_sign_in"),
        *("test_flickr_photos", "test_blurred"),
    ),
    "torch": (  # which takes five seconds to import
        *("test_encoders", "test_cuda", "test_import", "test_tables", "test_gpu_benchmark"),
        *("test_a_model_that_is_not_there", "test_a_gpu_that_is_not_there"),
        "test_siglip_says_itself_how_likely_a_match_is",
    ),
    "reading": ("test_readers", "test_visible_text"),
    "other pages": ("test_api", "test_library_page", "test_map", "test_people_page", "test_site"),
}
OF_A_GROUP = {name: group for group, names in GROUPS.items() for name in names}
# Whichever worker came to one of these last would keep all waiting. The first of the pages builds
# the demo library, and the others would wait for that.
ORDER = (
    *("waiting", "watching", "finding on the demo's page", "torch", "test_wheel"),
    *("the demo's page for everyone", "other pages", "test_bad_input", "test_crash"),
    *("test_flickr_sync", "test_folder_trees", "test_cli", "test_flickr_interrupted"),
    *("test_object_store", "test_dagster", "test_folder", "test_current", "test_staleness"),
    *("test_damage", "test_snapshot", "test_searcher"),
)


def group(test: str) -> str:
    """What one worker does in one go: tests of a group above, or of a file."""
    path, _, name = test.partition("::")
    file = PurePath(path).stem
    return OF_A_GROUP.get(name.partition("[")[0]) or OF_A_GROUP.get(file, file)


def rank(test: str) -> int:
    """Where a test's group stands in the order; last if it does not stand in it."""
    name = group(test)
    return ORDER.index(name) if name in ORDER else len(ORDER)


class Groups(LoadScopeScheduling):
    """Hands out a group at a time, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        """As pytest-xdist's documentation has it overridden.

        Its own groups, by a mark, are lost with pytest 9.2 (pytest-dev/pytest-xdist#1386).
        """
        return group(nodeid)

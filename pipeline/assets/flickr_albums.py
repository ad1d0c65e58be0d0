"""The albums of a Flickr user."""

import dagster as dg

from pipeline.assets._albums import OWNERS
from pipeline.resources import LibraryResource


@dg.asset(group_name="albums", kinds={"python", "parquet", "flickr"}, owners=OWNERS)
def flickr_albums(library: LibraryResource) -> dg.MaterializeResult[None]:
    """Albums of the Flickr user that `FLICKR_USER_ID` names; none while Flickr is not set up."""
    if library.settings.flickr_api_key is not None:
        raise dg.Failure(
            "FLICKR_API_KEY is set, but this version of Albumscope reads folders only."
            " Unset it, and add photos with `albumscope add-folder DIR`."
        )
    return dg.MaterializeResult(
        metadata={"albums": 0, "state": "Flickr is not set up: FLICKR_API_KEY is empty"}
    )

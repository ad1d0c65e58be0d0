"""Where photos were taken: what is asked of it, and what is known of it."""

import math

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.snapshot.reading import Snapshot
from search_app.search.parsed import Area, Place

_EARTH_RADIUS_KM = 6371.0088  # mean radius (IUGG)
_HAVERSINE = """
    pow(sin(radians(latitude - ?) / 2), 2)
    + cos(radians(?)) * cos(radians(latitude)) * pow(sin(radians(longitude - ?) / 2), 2)
"""  # of the angle between two places


def near(place: Place) -> tuple[str, list[float]]:
    """SQL for being as near to a place as it says, and the values for its question marks."""
    angle = min(place.radius_km / _EARTH_RADIUS_KM, math.pi)
    values = [place.latitude, place.latitude, place.longitude, math.sin(angle / 2) ** 2]
    return f"{_HAVERSINE} <= ?", values


def within(area: Area) -> tuple[str, list[float]]:
    """SQL for being in an area, and the values for its question marks."""
    both = "AND" if area.west <= area.east else "OR"
    return (
        f"latitude BETWEEN ? AND ? AND (longitude >= ? {both} longitude <= ?)",
        [area.south, area.north, area.west, area.east],
    )


def positions(snapshot: Snapshot) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The latitude and the longitude of each photo, of shape (photos,); NaN where it has none."""
    found = snapshot.cursor().execute(
        """
        SELECT images.rowid AS row, latitude, longitude FROM images JOIN exif USING (image_id)
        WHERE latitude IS NOT NULL AND longitude IS NOT NULL
        """
    )
    columns = found.fetchnumpy()
    latitudes, longitudes = np.full((2, snapshot.manifest["tables"]["images"]), np.nan)
    latitudes[columns["row"]] = columns["latitude"]
    longitudes[columns["row"]] = columns["longitude"]
    return latitudes, longitudes


def towns(snapshot: Snapshot, rows: NDArray[np.int64]) -> list[tuple[str, str, str, int]]:
    """The towns of photos, rows of ``images``, those of most photos first, and how many these are.

    A town has the code of its country, its English name, and as JSON its ``spelt`` names.
    """
    cursor = snapshot.cursor()
    cursor.register("shown", pa.table({"row": rows}))
    cursor.execute(
        """
        SELECT country, town, any_value(spelt), count(*) AS photos
        FROM shown JOIN images ON images.rowid = shown.row
             JOIN exif USING (image_id) JOIN places USING (place_id)
        WHERE town IS NOT NULL GROUP BY country, town ORDER BY photos DESC, town
        """
    )
    return cursor.fetchall()

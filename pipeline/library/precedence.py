"""Of what is known of a photo, what counts.

It is SQL, given a row ``exif`` and one of raw_images, ``photo``.
"""

_SOURCE_KNOWS = "photo.taken_precision IN ('month', 'year', 'circa') OR exif.taken_at IS NULL"

TIME_AND_PLACE = f"""
    if({_SOURCE_KNOWS}, photo.taken_at, exif.taken_at) AS taken_at,
    if({_SOURCE_KNOWS}, photo.taken_precision, exif.taken_precision) AS taken_precision,
    if({_SOURCE_KNOWS}, NULL, exif.taken_at_offset) AS taken_at_offset,
    if(exif.latitude IS NOT NULL AND exif.longitude IS NOT NULL, exif.latitude, photo.latitude)
        AS latitude,
    if(exif.latitude IS NOT NULL AND exif.longitude IS NOT NULL, exif.longitude, photo.longitude)
        AS longitude
"""
"""What the file says, else its source: Flickr takes EXIF out of all pictures but originals, but
knows itself when and where. A time that Flickr knows to the month or less a person gave: the file
of a scan knows only when it was scanned."""

WORDS = """
    coalesce(nullif(trim(photo.title), ''), exif.title, photo.file_title) AS title,
    coalesce(nullif(photo.description, ''), exif.description) AS description,
    coalesce(if(len(photo.tags) > 0, photo.tags, exif.tags), []) AS tags
"""
"""What the source says, where people changed it last, else what the photo says of itself; for want
of any title the name of the file."""

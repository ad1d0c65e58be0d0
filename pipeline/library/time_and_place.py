"""Which time and place of a photo count."""

TIME_AND_PLACE = """
    coalesce(exif.taken_at, photo.taken_at) AS taken_at,
    if(exif.latitude IS NOT NULL AND exif.longitude IS NOT NULL, exif.latitude, photo.latitude)
        AS latitude,
    if(exif.latitude IS NOT NULL AND exif.longitude IS NOT NULL, exif.longitude, photo.longitude)
        AS longitude
"""
"""The camera's, else its source's, in SQL, given a row ``exif`` and one of raw_images, ``photo``.

Flickr takes EXIF out of all pictures but originals, but knows itself when and where.
"""

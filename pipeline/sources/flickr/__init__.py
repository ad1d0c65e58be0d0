"""The Flickr client, in layers; each knows only those above it in this list.

- ``errors``: what goes wrong, in words for a person
- ``retries``: which faults of a server pass, and how long to wait before trying again
- ``rate_limit``: calls an hour, counted over all processes
- ``transport``: one call of the API, with the key; nothing else ever sees the key
- ``parsing``: what the API answers, as typed models
- ``api``: whole listings of albums and photos
- ``addresses``: those of pictures, which differ in a letter for the size
- ``pictures``: downloading the pictures themselves
- ``listings``: what albums held when they were last listed
- ``downloads``: a photo's picture in the library, and its row
- ``source``: all of it, for the library
"""

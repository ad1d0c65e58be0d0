"""The Flickr client, in layers; each knows only those above it in this list.

- ``errors``: what goes wrong, in words for a person
- ``retries``: which faults of a server pass, and how long to wait before trying again
- ``rate_limit``: calls an hour, counted over all processes
- ``transport``: one call of the API, with the key; nothing else ever sees the key
- ``parsing``: what the API answers, as typed models
- ``api``: whole listings of albums and photos
- ``pictures``: downloading the pictures themselves
- ``source``: all of it, for the library
"""

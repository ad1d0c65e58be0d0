"""Texts that say nothing about a library: what photos score for them is chance.

A hundred things that people photograph, drawn at random from a thousand that were written down
without a look at any library or query (benchmarks/search_quality.py measures what they are good
for). What the embedded model makes of them lies in the file beside this one, which
``python -m search_app.search.unrelated_texts`` computes anew; a test holds it against the model.
"""

from pathlib import Path

import numpy as np

from pipeline.models.encoders import TextEncoder, Vectors
from pipeline.models.encoders.text_loading import load_text_encoder

_FILE = Path(__file__).with_suffix(".npy")

UNRELATED_TEXTS = tuple(
    """
accordion, airport runway, anchor, archaeological dig, auditorium, balcony, bar counter,
beetle, birch trees, black and white, blue, breakfast, broom, business suit, camel, carrots,
cherries, chocolate cake, christmas market, coconut, construction site, coral reef, costume
parade, cottage, courtyard, crow, crown, doctor, earrings, elderly man, elderly woman,
embroidery, empty room, face mask, fern, ferry, football match, fountain, fresh herbs,
geyser, grass, guitar, handbag, handwritten letter, hiking, hotel, hotel room, kayak,
kitchen, ladybug, laundry line, lizard, lotus flower, macro photograph, medical scan,
meeting room, milky way, mineral specimen, mist, motion blur, nightclub, office worker,
orange juice, origami, ornate ceiling, ostrich, panel discussion, parking lot, pilot, pizza,
police car, pottery, power lines, puddle, railway tracks, red rose, rescue workers, river
delta, rooftops, rowing, saw, sheepdog, shopping, stairs, star trails, sunbeams, sushi,
tornado, trade fair, tree trunk, underwater, vegetable market, warship, wasp, waterfall,
weaving loom, wild boar, wind turbine, winter landscape, wolf
""".strip()
    .replace("\n", " ")
    .split(", ")
)


def unrelated_vectors(encoder: TextEncoder) -> Vectors:
    """Return one row of length 1 for each of the texts, as ``encoder.encode_texts`` does.

    Those of the embedded models are read from a file: to compute them takes as long as a search.
    The encoder of photos has zeros after what the text encoder has.
    """
    if encoder.name == "embedded":
        meaning: Vectors = np.load(_FILE)
        return np.pad(meaning, [(0, 0), (0, encoder.dimension - meaning.shape[1])])
    return encoder.encode_texts(UNRELATED_TEXTS)


if __name__ == "__main__":
    np.save(_FILE, load_text_encoder("embedded", "cpu").encode_texts(UNRELATED_TEXTS))

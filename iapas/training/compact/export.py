"""The taught network as an ONNX file."""

from __future__ import annotations

import copy
import io
import warnings

import numpy as np
import torch
from torch import nn

from iapas.embedded.compact.model import OUTPUTS
from iapas.embedded.compact.picture import CHANNELS, PATCH
from iapas.training.compact.network import CompactNet, Conv


def to_onnx(network: CompactNet) -> bytes:
    """An ONNX file: what OpenCV runs.

    In: "cells" (1, CHANNELS * 16, h, w). Out: "wrong" (1, 16, h, w), "terms" (1, T, h, w), and the features "fine"
    (1, widths[0], h, w) and "middle" (1, widths[1], h / 2, w / 2). All are float32; h and w are any multiples of 4.
    """
    plain = _Answers(copy.deepcopy(network).cpu().eval())
    fold(plain)
    example = torch.zeros(1, CHANNELS * PATCH**2, 64, 64)
    names = ["cells", *OUTPUTS]
    free = {name: {2: f"{name}_h", 3: f"{name}_w"} for name in names}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter without onnxscript is called old; it writes the simpler graph
        torch.onnx.export(
            plain,
            (example,),
            file,
            dynamo=False,
            input_names=names[:1],
            output_names=names[1:],
            dynamic_axes=free,
            opset_version=17,
        )
    return file.getvalue()


class _Answers(nn.Module):  # type: ignore[misc]
    """The network without what only training asks for."""

    def __init__(self, network: CompactNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, cells: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """As OUTPUTS."""
        fine, middle, _ = self.network.see(cells)
        return *self.network.say(cells, fine), fine, middle


def fold(module: nn.Module) -> None:
    """Make plain convolutions, each with the batch normalisation after it folded in, in place."""
    for name, child in module.named_children():
        if isinstance(child, Conv):
            setattr(module, name, _plain(child))
        else:
            fold(child)
        if isinstance(child, nn.Sequential) and len(child) > 1 and isinstance(child[1], nn.BatchNorm2d):
            child[0], child[1] = nn.utils.fusion.fuse_conv_bn_eval(child[0], child[1]), nn.Identity()


def _plain(conv: Conv) -> nn.Conv2d:
    made, given, height, width = conv.kernel
    plain = nn.Conv2d(given, made, (height, width), bias=False, **conv.plain).eval()
    plain.weight = nn.Parameter(conv.weight.detach().view(conv.kernel).clone())
    return plain


def greatest_difference(
    network: CompactNet, onnx: bytes, shapes: tuple[tuple[int, int], ...] = ((64, 64), (48, 84))
) -> float:
    """Between the logits of torch and of OpenCV, over random input."""
    import cv2

    run = cv2.dnn.readNetFromONNX(np.frombuffer(onnx, np.uint8))
    answers = _Answers(network.cpu().eval())
    worst = 0.0
    for shape in shapes:
        given = np.random.default_rng(0).standard_normal((1, CHANNELS * PATCH**2, *shape)).astype(np.float32)
        run.setInput(given, "cells")
        with torch.no_grad():
            expected = answers(torch.from_numpy(given))
        for got, wanted in zip(run.forward(list(OUTPUTS)), expected, strict=True):
            worst = max(worst, float(np.abs(got - wanted.numpy()).max()))
    return worst

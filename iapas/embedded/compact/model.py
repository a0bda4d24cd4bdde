"""The network as it ships: an ONNX file, run by OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import cv2
import numpy as np

from iapas.embedded.classical.view import View
from iapas.embedded.compact.picture import STRIDE, cells, fields, fitted, pixels, planes
from iapas.embedded.words import ATTRIBUTES
from iapas.errors import ConfigError
from iapas.types import FloatMap

TERMS = tuple(ATTRIBUTES)
OUTPUTS = ("wrong", "terms", "fine", "middle")
FILE = "compact.onnx"


@dataclass(frozen=True)
class Sight:
    """What the network says of a picture.

    ``wrong``: (h, w) float32, log odds of a defect at each pixel.
    ``terms``: (len(TERMS), h / 4, w / 4) float32, log odds that an attribute holds of the defect, if any.
    ``features``: (32, h / 4, w / 4) and (64, h / 8, w / 8) float32, what it goes by. These sizes at scale 1, and about.
    """

    wrong: FloatMap
    terms: FloatMap
    features: tuple[FloatMap, FloatMap]


class CompactModel:
    """Loaded when first asked. One thread at a time; a process of its own has its own.

    ``weights``: an ONNX file in place of the shipped one.
    """

    def __init__(self, weights: bytes | None = None) -> None:
        self._weights = weights
        self._network: cv2.dnn.Net | None = None

    def __call__(self, view: View, scale: float = 1.0) -> Sight:
        """Look at a picture and at what classical vision has found in it; at ``scale`` of the work image."""
        height, width = view.work.shape[:2]
        columns, rows = (max(1, round(scale * side / STRIDE)) * STRIDE for side in (width, height))
        work = view.work
        if scale < 1:
            work = np.asarray(cv2.resize(work, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
        seen = np.concatenate([fitted(stack, (columns, rows)) for stack in (planes(work), fields(view))])
        network = self._loaded()
        network.setInput(cells(seen)[None], "cells")
        wrong, terms, fine, middle = (np.asarray(one[0], np.float32) for one in network.forward(list(OUTPUTS)))
        return Sight(fitted(pixels(wrong)[None], (width, height))[0], terms, (fine, middle))

    def _loaded(self) -> cv2.dnn.Net:
        if self._network is None:
            data = (files("iapas.embedded.compact") / FILE).read_bytes() if self._weights is None else self._weights
            hint = "scripts/train_compact.py writes such a file"
            try:
                network = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
            except cv2.error as error:
                raise ConfigError("detector.model is no ONNX file that OpenCV can read", hint) from error
            if sorted(network.getUnconnectedOutLayersNames()) != sorted(OUTPUTS):
                raise ConfigError(f"detector.model is a network that does not give {', '.join(OUTPUTS)}", hint)
            self._network = network
        return self._network

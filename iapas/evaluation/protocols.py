"""The protocols: what is done to score maps and masks before they are judged. Never mixed in one table."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from iapas.errors import UsageError
from iapas.types import BoolMap, FloatMap


@dataclass(frozen=True)
class Protocol:
    """How a data set is judged.

    ``side``: maps and masks are resized to so many pixels squared; None: the image's own size. ``rescaled``: the maps
    of a category are min-max scaled together. ``steps``: thresholds that F1-max is looked for at; empty: all scores.
    """

    name: str
    told: str
    """In a sentence, for every output."""
    side: int | None = None
    rescaled: bool = False
    steps: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def scores(self, score_map: FloatMap) -> FloatMap:
        """The map at the judged size: bicubic, which may go beyond its values a little, below 0 too."""
        return score_map if self.side is None else self._resized(score_map, cv2.INTER_CUBIC)

    def truth(self, mask: BoolMap) -> BoolMap:
        """The mask at the judged size: nearest."""
        if self.side is None:
            return mask
        return np.asarray(self._resized(mask.astype(np.float32), cv2.INTER_NEAREST) > 0.5)

    def _resized(self, field: FloatMap, how: int) -> FloatMap:
        assert self.side is not None  # noqa: S101
        return np.asarray(cv2.resize(field, (self.side, self.side), interpolation=how), np.float32)


STANDARD = Protocol(
    "standard",
    "every test image, normal ones too; maps and masks at the image's own size, scores as they are; AP, F1-max, AUROC, "
    "AUPRO (false positive rate up to 0.3) exact over all scores; mean over categories",
)
IAP_AS = Protocol(
    "iap-as",
    "as the authors of IAP-AS measure: maps (bicubic) and masks (nearest) at 400 x 400, the maps of a category min-max "
    "scaled together, AP over its pooled pixels, F1-max over 100 thresholds from 0 to 1, mean over categories",
    side=400,
    rescaled=True,
    steps=np.linspace(0, 1, 100),
)
FEWSHOT = Protocol(
    "fewshot",
    "1-way K-shot: each image with a defect is a query, with examples of its class drawn from the others by seed; "
    "pictures and masks resized to one square; mIoU: mean over classes of the IoU of their pooled pixels; FB-IoU: mean "
    "of defect and background, all classes of a product as one, mean over products",
)
PROTOCOLS = {protocol.name: protocol for protocol in (STANDARD, IAP_AS, FEWSHOT)}


def protocol_of(name: str | None, dataset: str) -> Protocol:
    """The protocol of that name; None: the default of the data set. Raises UsageError."""
    if name is None and dataset == "gfds":
        name = "fewshot"
    if name is not None and name not in PROTOCOLS:
        raise UsageError(f"there is no protocol {name!r}", f"known are: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name] if name is not None else STANDARD


def scaled(scores: FloatMap, low: float, high: float) -> FloatMap:
    """``scores`` between ``low`` and ``high`` as 0 to 1; a constant map (low = high) gives 0."""
    if not high > low:
        return np.zeros_like(scores)
    return np.asarray(np.clip((scores - np.float32(low)) / np.float32(high - low), 0, 1), np.float32)

"""Ground truth: mask files of the public data sets, read by stated rules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from iapas.errors import ImageUnreadable, MissingError, ReadDenied, ReadVanished
from iapas.files.formats import EXTENSIONS
from iapas.files.images import read_image
from iapas.files.names import shown
from iapas.settings import Reading
from iapas.types import BoolMap

Rule = Literal["half", "any"]
"""What counts as a defect: ``half``: a value above 127 (in a mask that holds 0 and 1 alone: 1); ``any``: above 0."""

TRUTH_EXTENSIONS = (*EXTENSIONS, ".mat")
"""Lower-case extensions of the files that can hold a truth."""

_READING = Reading(
    min_side=1,
    max_aspect=1e9,
    background=[0, 0, 0],
    frame=0,
)


def read_truth(path: str | os.PathLike[str], rule: Rule = "half") -> BoolMap:
    """(H, W) bool, displayed frame, True where the file at ``path`` says defect, by ``rule``.

    A picture of any size and format that can be decoded (transparent: not a defect), or a .mat of CrackForest.
    Raises as :func:`iapas.files.images.read_image`, and MissingError where a .mat needs SciPy and it is not there.
    """
    return as_truth(read_labels(path), rule)


def as_truth(labels: npt.NDArray[np.uint8], rule: Rule) -> BoolMap:
    """(H, W) bool from the (H, W) uint8 that :func:`read_labels` gives, by ``rule``."""
    whole: BoolMap = labels > 0
    return whole if rule == "any" or int(labels.max(initial=0)) == 1 else labels > 127


def read_labels(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """(H, W) uint8, displayed frame: what a mask file holds; of a colour its greatest channel. Raises as read_truth."""
    if os.fsdecode(path).lower().endswith(".mat"):
        return _crackforest(Path(path))
    frame = read_image(path, _READING).frames[0]
    return np.ascontiguousarray(frame.max(axis=2))


def _crackforest(path: Path) -> npt.NDArray[np.uint8]:
    """0 and 255, from ``groundTruth.Segmentation``, where 2 is the crack."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingError("a .mat file needs SciPy", 'pip install "iapas[eval]"') from error
    name = shown(path.name)
    try:
        if not path.is_file():
            raise ReadDenied(f"{name}: not a regular file") if path.exists() else ReadVanished(f"{name}: is not there")
        contents: dict[str, Any] = loadmat(str(path), variable_names=["groundTruth"])
        segments = np.asarray(contents["groundTruth"]["Segmentation"][0, 0])
    except OSError as error:
        raise ReadDenied(f"{name}: cannot be read: {error.strerror or error}") from error
    except (ReadDenied, ReadVanished):
        raise
    except Exception as error:  # a damaged file makes the parser raise anything
        raise ImageUnreadable(f"{name}: not a truth of CrackForest: {shown(str(error))[:200]}") from error
    if segments.ndim != 2 or segments.size == 0:
        raise ImageUnreadable(f"{name}: groundTruth.Segmentation must be (H, W), it is {segments.shape}")
    return np.where(segments == 2, 255, 0).astype(np.uint8)

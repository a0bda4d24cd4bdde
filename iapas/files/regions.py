"""Region files: ``{"regions": [{"box", "score", "phrase", "area", "mask"}]}``, masks as COCO run lengths.

``box``: x0 y0 x1 y1 in pixels; ``area``: pixels of the mask (m >= 0.5); ``mask``: ``{"size": [height, width],
"counts": text}`` over the whole image, as pycocotools reads it. The same regions give the same text.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from iapas.errors import OutputError
from iapas.types import BoolMap, Regions, crop_frame

_BOX_DECIMALS, _SCORE_DECIMALS = 2, 6


def regions_text(regions: Regions) -> str:
    """The text of a region file. The regions must have masks."""
    if regions.crops is None:
        raise ValueError("regions without masks cannot be written")
    entries = [
        {
            "box": [round(float(v), _BOX_DECIMALS) for v in box],
            "score": round(float(score), _SCORE_DECIMALS),
            "phrase": phrase,
            "area": int(np.count_nonzero(crop >= 128)),
            "mask": run_lengths(crop >= 128, crop_frame(box, regions.size), regions.size),
        }
        for box, score, phrase, crop in zip(regions.boxes, regions.scores, regions.phrases, regions.crops, strict=True)
    ]
    return json.dumps({"regions": entries}, separators=(",", ":")) + "\n"


def run_lengths(crop: BoolMap, frame: tuple[int, int, int, int], size: tuple[int, int]) -> dict[str, Any]:
    """COCO run lengths of an image of ``size`` (height, width) that holds ``crop`` at ``frame`` (x0 y0 x1 y1).

    Works on the crop alone: the cost does not grow with the image.
    """
    height, width = size
    x0, y0 = frame[:2]
    # COCO counts down the columns. A change between a pixel and the one below it, zeros around the crop, is an edge.
    padded = np.zeros((crop.shape[1], crop.shape[0] + 2), bool)
    padded[:, 1:-1] = crop.T
    columns, rows = np.nonzero(padded[:, 1:] != padded[:, :-1])
    edges = (columns + x0) * height + (rows + y0)
    # in a crop as high as the image a run may go on at the top of the next column: end and start cancel out
    joined = np.flatnonzero(edges[1:] == edges[:-1])
    edges = np.delete(edges, np.r_[joined, joined + 1])
    counts = np.diff(np.r_[0, edges, height * width])
    if len(counts) > 1 and counts[-1] == 0:
        counts = counts[:-1]
    packed = coco.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
    return {"size": [height, width], "counts": packed["counts"].decode("ascii")}


def read_regions(path: str | Path) -> list[dict[str, Any]]:
    """The entries of a region file. Raises OutputError when it is not one."""
    try:
        entries = json.loads(Path(path).read_bytes())["regions"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path}: not a region file: {error}", "--restart makes the run anew") from error
    return list(entries)


def mask_of(entry: dict[str, Any]) -> npt.NDArray[np.uint8]:
    """(H, W) uint8, 0 or 1: the mask of one entry."""
    with warnings.catch_warnings():  # pycocotools 2.0.11 does not know NumPy 2's __array__(copy=)
        warnings.simplefilter("ignore", DeprecationWarning)
        mask: npt.NDArray[np.uint8] = coco.decode(entry["mask"])
    return mask

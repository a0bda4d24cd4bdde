"""Small runs, written as a run writes them."""

import numpy as np

from iapas.config import load_config
from iapas.core.scoring import score_map, threshold_mask
from iapas.files.manifest import KEYS
from iapas.files.results import write_result
from iapas.files.store import open_run
from iapas.types import Regions, Segmentation


def found(size, *regions, min_area=0):
    """The result for an image of ``size`` with regions (phrase, score, soft mask 0..1 (H, W))."""
    boxes, crops = [], []
    for _, _, soft in regions:
        rows, columns = np.nonzero(soft)
        x0, y0, x1, y1 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        boxes.append([x0, y0, x1, y1])
        crops.append(np.round(soft[y0:y1, x0:x1] * 255).astype(np.uint8))
    known = Regions(
        size,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in regions], np.float32),
        [phrase for phrase, _, _ in regions],
        tuple(crops),
    )
    scores = score_map(known)
    return Segmentation(scores, known, threshold_mask(scores, 0.5, min_area), 0.5)


def blob(size, x, y, radius, hole=0.0, rim=0.0):
    """(H, W) in 0..1: a disc with a soft rim of ``rim`` px, and a hole of radius ``hole``."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    distance = np.hypot(columns - x, rows - y)
    soft = np.clip((radius + rim - distance) / rim, 0, 1) if rim else (distance <= radius).astype(float)
    return soft * (distance >= hole)


def write_run(root, results, *, failed=(), left=0, assignments=(), ended=True):
    """A run folder with ``results``, id -> Segmentation."""
    config = load_config("embedded", ["run.fsync=false", *assignments])
    with open_run(root, config) as folder:
        for image_id, result in results.items():
            write_result(root, image_id, result, scores=config.output.score_map == "tiff", overlay=None, fsync=False)
            height, width = result.mask.shape
            row = {"id": image_id, "status": "ok", "width": width, "height": height, "verdict": result.verdict}
            folder.append(dict.fromkeys(KEYS) | row | {"score": result.score, "regions": len(result.reported)})
        for image_id in failed:
            folder.append(dict.fromkeys(KEYS) | {"id": image_id, "status": "failed", "error": "image-unreadable"})
        if ended:
            folder.finish({"left": left})
    return root

"""Small data sets with maps, made here."""

import cv2
import numpy as np
import tifffile


def put(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, array)[1].tobytes())


def put_map(path, scores):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, scores, photometric="rgb" if scores.ndim == 3 else "minisblack")


class MadeSet:
    """A set laid out as MVTec-AD, with score maps, and the pairs of map and truth as arrays."""

    def __init__(self, root, noise=1.0):
        self.root, self.maps = root / "set", root / "maps"
        self.pairs = {}
        rng = np.random.default_rng(5)
        for category, size in (("nut", (32, 40)), ("tile", (24, 48))):
            put(self.root / category / "train" / "good" / "0.png", rng.integers(0, 255, (*size, 3)).astype(np.uint8))
            for defect, count in (("good", 3), ("crack", 2), ("dent", 3)):
                for number in range(count):
                    self._add(rng, category, defect, f"{number}", size, noise)

    def _add(self, rng, category, defect, number, size, noise):
        image_id = f"{category}/test/{defect}/{number}.png"
        put(self.root / image_id, rng.integers(0, 255, (*size, 3)).astype(np.uint8))
        truth = np.zeros(size, bool)
        if defect != "good":
            truth[4 : 9 + int(number), 6:20] = True
            mask = self.root / category / "ground_truth" / defect / f"{number}_mask.png"
            put(mask, np.where(truth, 255, 0).astype(np.uint8))
        scores = (rng.random(size) * noise + truth * rng.random()).astype(np.float32)
        put_map(self.maps / f"{image_id}.tiff", scores)
        self.pairs[image_id] = (scores, truth)

    def of(self, category, *defects):
        """All scores and all labels of a category, or of some of its defect types, flat."""
        mine = {i: pair for i, pair in self.pairs.items() if i.startswith(category)}
        chosen = [pair for i, pair in mine.items() if not defects or i.split("/")[2] in defects]
        return tuple(np.concatenate([pair[side].ravel() for pair in chosen]) for side in (0, 1))

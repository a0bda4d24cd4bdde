"""Draw docs/result.jpg: photograph, heat map and overlay of four examples, as the embedded default sees them.

Run from the repository root: ``python scripts/make_readme_picture.py [FILE]``. The last example is one on which it is
weak, on purpose. Heat maps run from 0 (black) to a score of 1 (pale yellow), the same for all four.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from iapas import Segmenter
from iapas.files.images import read_image
from iapas.views.overlays import draw_overlay

ROOT = Path(__file__).parents[1]
STEMS = ("brushed_steel", "scuffed_leather", "painted_panel", "circuit_board")
CELL = (312, 234)  # width, height
GAP = 6


def cell(image: np.ndarray) -> np.ndarray:
    """The middle of the picture in the cell's proportions."""
    height, width = image.shape[:2]
    cut_height = min(height, round(width * CELL[1] / CELL[0]))
    cut_width = min(width, round(height * CELL[0] / CELL[1]))
    top, left = (height - cut_height) // 2, (width - cut_width) // 2
    cut = image[top : top + cut_height, left : left + cut_width]
    return cv2.copyMakeBorder(
        cv2.resize(cut, CELL, interpolation=cv2.INTER_AREA), 0, GAP, 0, GAP, cv2.BORDER_CONSTANT, value=(255, 255, 255)
    )


def main() -> None:
    """Write the picture, and print what was found."""
    cv2.setNumThreads(1)
    segmenter = Segmenter.from_config("embedded")
    columns = []
    for stem in STEMS:
        picture = ROOT / "examples" / "images" / f"{stem}.jpg"
        photograph = read_image(picture, segmenter.config.reading).frames[0]
        result = segmenter.segment(picture)
        heat = _heat(result.score_map)
        columns.append(np.vstack([cell(view) for view in (photograph, heat, draw_overlay(photograph, result))]))
        print(f"{stem}: {result.verdict}, {len(result.reported)} regions, score {result.score:.2f}")
    sheet = np.hstack(columns)[:-GAP, :-GAP]
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(sheet[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 86])
    if not done:
        raise RuntimeError("cannot encode the picture")
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "result.jpg"
    file.write_bytes(data.tobytes())
    print(f"{file}  {data.size / 1000:.0f} kB")


def _heat(scores: np.ndarray) -> np.ndarray:
    levels = np.rint(255 * np.clip(scores, 0, 1)).astype(np.uint8)
    return cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1]


if __name__ == "__main__":
    main()

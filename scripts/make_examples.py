"""Draw the pictures of examples/ again: images as JPEG, masks of their defects as PNG (0 and 255).

Run from the repository root: ``python scripts/make_examples.py [FOLDER]``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from iapas.synthesis.examples import EXAMPLES

QUALITY = 92


def main(folder: Path) -> None:
    """Write ``folder``/images/<stem>.jpg and ``folder``/masks/<stem>.png."""
    cv2.setNumThreads(1)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for stem, draw in EXAMPLES.items():
        image, mask = draw()
        _write(folder / "images" / f"{stem}.jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        _write(folder / "masks" / f"{stem}.png", np.uint8(255) * mask, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _write(file: Path, pixels: np.ndarray, options: list[int]) -> None:
    done, data = cv2.imencode(file.suffix, pixels, options)
    if not done:
        raise RuntimeError(f"cannot encode {file}")
    file.write_bytes(data.tobytes())
    print(f"{file}  {data.size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "examples")

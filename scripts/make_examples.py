"""Draw the pictures of examples/ again: images/<stem>.jpg, and of those with defects masks/<stem>.png (0 and 255).

Run from the repository root: ``python scripts/make_examples.py [FOLDER]``. The layout is that of a ``folder`` data set;
``iapas segment FOLDER`` passes over masks/ beside images/.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from iapas.synthesis.examples import EXAMPLES

QUALITY = 92


def main() -> None:
    """Write FOLDER/images and FOLDER/masks."""
    parser = argparse.ArgumentParser(description="Draw the example pictures.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parents[1] / "examples")
    folder = parser.parse_args().folder
    cv2.setNumThreads(1)
    for stem, draw in EXAMPLES.items():
        image, mask = draw()
        _write(folder / "images" / f"{stem}.jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if mask.any():
            _write(folder / "masks" / f"{stem}.png", np.uint8(255) * mask, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _write(file: Path, pixels: np.ndarray, options: list[int]) -> None:
    done, data = cv2.imencode(file.suffix, pixels, options)
    if not done:
        raise RuntimeError(f"cannot encode {file}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data.tobytes())
    print(f"{file}  {data.size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

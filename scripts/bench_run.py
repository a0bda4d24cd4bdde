"""How a run scales: the command with one and with two workers in turn, and what starting costs.

    python scripts/bench_run.py [--images 100] [--rounds 3]

Pictures are the examples at 512 x 512, turned and mirrored; every run is a process of its own into a fresh folder.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

EXAMPLES = Path(__file__).parents[1] / "examples" / "images"


def pictures(folder: Path, count: int) -> None:
    """Write ``count`` pictures of 512 x 512."""
    folder.mkdir()
    sources = [cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR) for path in sorted(EXAMPLES.glob("*.jpg"))]
    for i in range(count):
        image = cv2.resize(sources[i % len(sources)], (512, 512), interpolation=cv2.INTER_AREA)
        turned = np.ascontiguousarray(np.rot90(image, i // len(sources))[:, :: 1 if i % 2 else -1])
        cv2.imencode(".jpg", turned)[1].tofile(folder / f"{i:04}.jpg")


def seconds(*arguments: str) -> float:
    """Wall-clock seconds of a command, which must succeed."""
    begin = time.monotonic()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.monotonic() - begin


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    bare = min(seconds("-c", "pass") for _ in range(5))
    starts = {
        "import iapas": min(seconds("-c", "import iapas") for _ in range(5)) - bare,
        "iapas --help": min(seconds("-m", "iapas", "--help") for _ in range(5)) - bare,
    }
    with tempfile.TemporaryDirectory() as place:
        pictures(Path(place) / "images", given.images)
        taken: dict[int, list[float]] = {1: [], 2: []}
        for turn in range(given.rounds):
            for workers in (1, 2):
                out = f"{place}/run-{workers}-{turn}"
                command = (
                    "-m",
                    "iapas",
                    "segment",
                    f"{place}/images",
                    "--out",
                    out,
                    "--workers",
                    str(workers),
                    "--quiet",
                )
                taken[workers].append(seconds(*command))
    ratios = [one / two for one, two in zip(taken[1], taken[2], strict=True)]
    print(
        json.dumps(
            {
                "images": given.images,
                "seconds with one worker": [round(value, 2) for value in taken[1]],
                "seconds with two": [round(value, 2) for value in taken[2]],
                "ratio, median": round(statistics.median(ratios), 2),
                "seconds over a bare interpreter": {name: round(value, 3) for name, value in starts.items()},
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()

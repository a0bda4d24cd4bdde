"""A small set of pictures with scratches and spots, laid out as MTD is."""

import cv2
import numpy as np
import pytest

SIZE = (96, 112)


def put(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, array)[1].tobytes())


def tile(seed, kind):
    """A grey tile (H, W) uint8 and its truth."""
    rng = np.random.default_rng(seed)
    grey = 130 + rng.normal(0, 5, SIZE)
    mask = np.zeros(SIZE, np.uint8)
    x, y = (int(v) for v in rng.integers(20, 60, 2))
    if kind == "Crack":
        cv2.line(mask, (x, y), (x + 40, y + 10), 255, 2)
    elif kind == "Blowhole":
        cv2.circle(mask, (x, y), 5, 255, -1)
    grey[mask > 0] -= 45
    cv2.circle(grey, (int(rng.integers(10, 100)), 85), 6, 165.0, -1)  # a bright spot that is no defect
    return np.clip(grey, 0, 255).astype(np.uint8), mask


@pytest.fixture(scope="session")
def tiles(tmp_path_factory):
    """The root of a made MTD: four cracks, four blowholes, four good tiles."""
    root = tmp_path_factory.mktemp("mtd")
    for kind in ("Crack", "Blowhole", "Free"):
        for number in range(4):
            grey, mask = tile(10 * len(kind) + number, kind)
            put(root / f"MT_{kind}" / "Imgs" / f"{number}.jpg", grey)
            put(root / f"MT_{kind}" / "Imgs" / f"{number}.png", mask)
    return root


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The cache of each test is its own."""
    monkeypatch.setenv("IAPAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"

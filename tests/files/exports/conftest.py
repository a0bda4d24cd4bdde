"""Small runs to export."""

import pytest
from exported_runs import blob, found, write_run


@pytest.fixture
def results():
    """Four images: overlaps, holes and rims; parts that no region touches; specks; nothing."""
    size, wide = (60, 80), (40, 120)
    faint = 0.4 * blob(wide, 90, 20, 8)
    return {
        "a/1.png": found(
            size,
            ("hole", 0.9, blob(size, 25, 25, 15, hole=6)),
            ("scratch", 0.7, blob(size, 40, 30, 12, rim=8)),
            ("scratch", 0.6, blob(size, 45, 35, 10, rim=8)),
        ),
        "a/2.jpg": found(
            wide,
            ("crack", 1.0, faint),
            ("crack", 0.9, faint),  # together above the threshold, each below half: no region of its own
            ("crack", 0.8, blob(wide, 20, 20, 6) + blob(wide, 45, 20, 6)),  # in two parts
        ),
        "images/b.c.bmp": found(
            size, ("hole", 0.8, blob(size, 20, 20, 1)), ("hole", 0.7, blob(size, 50, 30, 9)), min_area=20
        ),
        "ü none.png": found(size),
    }


@pytest.fixture
def run(tmp_path, results):
    return write_run(tmp_path / "run", results)

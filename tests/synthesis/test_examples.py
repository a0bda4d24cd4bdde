import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from iapas.synthesis.examples import EXAMPLES

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "examples"


def decode(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def test_there_are_six_pictures_and_nothing_else():
    assert sorted(file.name for file in IMAGES.iterdir()) == sorted(f"{stem}.jpg" for stem in EXAMPLES)
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("stem", EXAMPLES)
def test_drawing_again_gives_the_committed_picture(stem):
    image, mask = EXAMPLES[stem]()
    assert image.dtype == np.uint8
    assert mask.dtype == bool
    assert image.shape == (*mask.shape, 3)
    committed = decode((IMAGES / f"{stem}.jpg").read_bytes())
    # through the same codec; other builds of OpenCV may round differently
    again = decode(cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())
    difference = np.abs(committed.astype(int) - again)
    assert difference.mean() < 0.5
    assert np.mean(difference > 1) < 0.01


@pytest.mark.parametrize("stem", EXAMPLES)
def test_the_defects_are_visible_and_small(stem):
    image, mask = EXAMPLES[stem]()
    assert 0.0005 < mask.mean() < 0.1
    near = cv2.dilate(mask.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(float)
    ring = near & ~mask
    # defects hold lighter, darker or coloured pixels that their surroundings hardly have
    away = np.linalg.norm(grey - np.median(grey[ring], axis=0), axis=2)
    assert np.percentile(away[mask], 75) > 1.5 * np.percentile(away[ring], 50)


def test_the_files_are_small():
    assert max(file.stat().st_size for file in IMAGES.iterdir()) < 250_000


def test_the_script_writes_all_of_them(tmp_path):
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_examples.py", tmp_path, "--masks", tmp_path / "masks"],
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert len(list(tmp_path.glob("*.jpg"))) == len(list(tmp_path.glob("masks/*.png"))) == len(EXAMPLES)

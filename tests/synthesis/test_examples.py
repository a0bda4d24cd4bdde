import subprocess
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from iapas.synthesis.examples import EXAMPLES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples"
CLEAN = [stem for stem in EXAMPLES if stem.endswith("_clean")]
DEFECTIVE = [stem for stem in EXAMPLES if stem not in CLEAN]


@cache
def drawn(stem):
    return EXAMPLES[stem]()


def decode(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def test_the_folder_holds_these_pictures_and_nothing_else():
    files = {file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*") if file.is_file()}
    assert files == {f"images/{stem}.jpg" for stem in EXAMPLES} | {f"masks/{stem}.png" for stem in DEFECTIVE}
    assert len(EXAMPLES) == 12
    assert len(CLEAN) == 3


@pytest.mark.parametrize("stem", EXAMPLES)
def test_drawing_again_gives_the_committed_picture(stem):
    image, mask = drawn(stem)
    assert image.dtype == np.uint8
    assert mask.dtype == bool
    assert image.shape == (*mask.shape, 3)
    committed = decode((FOLDER / "images" / f"{stem}.jpg").read_bytes())
    # through the same codec; other builds of OpenCV may round differently
    again = decode(cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())
    difference = np.abs(committed.astype(int) - again)
    assert difference.mean() < 0.5
    assert np.mean(difference > 1) < 0.01


@pytest.mark.parametrize("stem", DEFECTIVE)
def test_the_committed_masks_are_those_of_the_pictures(stem):
    committed = decode((FOLDER / "masks" / f"{stem}.png").read_bytes())
    assert set(np.unique(committed)) == {0, 255}
    assert np.mean((committed > 0) != drawn(stem)[1]) < 1e-4


@pytest.mark.parametrize("stem", DEFECTIVE)
def test_the_defects_are_visible_and_small(stem):
    image, mask = drawn(stem)
    assert 0.0005 < mask.mean() < 0.1
    near = cv2.dilate(mask.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(float)
    ring = near & ~mask
    # defects hold lighter, darker or coloured pixels that their surroundings hardly have
    away = np.linalg.norm(grey - np.median(grey[ring], axis=0), axis=2)
    assert np.percentile(away[mask], 75) > 1.5 * np.percentile(away[ring], 50)


@pytest.mark.parametrize("stem", CLEAN)
def test_clean_pictures_have_no_defect(stem):
    assert not drawn(stem)[1].any()


def test_the_files_are_small():
    assert max(file.stat().st_size for file in FOLDER.rglob("*.*")) < 150_000


def test_the_script_writes_all_of_them(tmp_path):
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_examples.py", tmp_path],
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert len(list(tmp_path.glob("images/*.jpg"))) == len(EXAMPLES)
    assert len(list(tmp_path.glob("masks/*.png"))) == len(DEFECTIVE)

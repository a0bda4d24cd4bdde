"""A few images of the real sets, from segmenting to figures; skipped where the pictures are not at hand."""

import os
from pathlib import Path

import pytest

from iapas.config import load_config
from iapas.evaluation.evaluate import Order, evaluate

DATA = Path(os.environ.get("IAPAS_DATA") or Path(__file__).parents[3] / "shared" / "data")
SMALL = {"detector.work_size": 64, "run.workers": 1, "run.fsync": False}


@pytest.mark.parametrize(
    ("name", "folder", "saliency"),
    [("mtd", "MTD", True), ("sd-saliency-900", "SD-saliency-900", True), ("crackforest", "CrackForest", False)],
)
def test_a_few_real_images_are_judged(name, folder, saliency, tmp_path):
    if not (DATA / folder).is_dir():
        pytest.skip(f"the pictures of {folder} are not at hand: set IAPAS_DATA")
    if name == "crackforest":
        pytest.importorskip("scipy", reason="its truth is read by SciPy")
    config = load_config("embedded", overrides=SMALL)
    ended = evaluate(Order(name, DATA / folder, tmp_path, config=config, limit=5, quiet=True))
    mean = ended.results["mean"]
    assert ended.exit_status == 0 and mean["images"] == 5
    for key in ("pixel_ap", "pixel_f1_max", "pixel_auroc", "pixel_aupro", "f_max")[: 5 if saliency else 4]:
        assert 0 < mean[key] <= 1, key
    assert ("f_max" in mean) == saliency

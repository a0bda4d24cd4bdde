"""``iapas segment --support``: examples change the result; they are part of what a run is."""

import json
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from iapas import Segmenter
from iapas.config import load_config
from iapas.errors import OutputError
from iapas.run import segment_run


def iapas(*arguments):
    command = [sys.executable, "-m", "iapas", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=dict(os.environ))


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, array)[1].tobytes())


@pytest.fixture
def place(tmp_path, surface):
    """Two pictures with a scratch, one without, and an example of it."""
    for i in range(3):
        write(tmp_path / f"images/{i}.png", surface(128, 128, i, scratch=i < 2))
    write(tmp_path / "support/images/x.png", surface(128, 128, 9))
    mask = np.zeros((128, 128), np.uint8)
    mask[63:66, 25:103] = 255
    write(tmp_path / "support/masks/x.png", mask)
    return tmp_path


def rows(out):
    return {row["id"]: row for row in map(json.loads, (out / "manifest.jsonl").read_text().splitlines())}


def test_a_run_with_examples_and_its_second_half(place):
    out = place / "run"
    words = ("segment", place / "images", "--support", place / "support", "--out", out, "--workers", 1, "--quiet")
    done = iapas(*words)
    assert done.returncode == 0, done.stderr
    verdicts = {name: row["verdict"] for name, row in rows(out).items()}
    assert verdicts == {"0.png": "defect", "1.png": "defect", "2.png": "ok"}
    write(place / "support/images/y.png", np.full((64, 64, 3), 90, np.uint8))
    refused = iapas(*words)
    assert refused.returncode == 2
    assert "y.png" in refused.stderr
    assert "no masks/ file" in refused.stderr


def run(place, support="support", **changes):
    overrides = {"exemplars.support": str(place / support), "run.workers": 1, "run.fsync": False, **changes}
    return segment_run([place / "images"], load_config(overrides=overrides), place / "run", quiet=True)


def test_the_same_examples_elsewhere_continue_a_run_and_others_do_not(place):
    run(place)
    shutil.move(place / "support", place / "moved")
    assert run(place, "moved").done_now == 0
    mask = np.zeros((128, 128), np.uint8)
    mask[10:20] = 255
    write(place / "moved/masks/x.png", mask)
    with pytest.raises(OutputError, match=r"exemplars\.support"):
        run(place, "moved")


def test_alone_and_together_and_the_whole_map_is_the_sum_of_its_regions(place):
    alone = run(place, **{"exemplars.combine": "alone"})
    assert (alone.ok, alone.failed) == (3, 0)
    regions = json.loads((place / "run/regions/0.png.json").read_text())["regions"]
    assert {region["phrase"] for region in regions} == {"like the examples"}


def test_with_any_positive_score_as_the_default_the_whole_picture_is_no_defect(place):
    """A map that was compared with examples is positive everywhere; the paper's threshold would take all of it."""
    run(place, **{"verdict.default": "positive"})
    for name in ("0.png", "2.png"):
        mask = cv2.imdecode(np.fromfile(place / f"run/masks/{name}.png", np.uint8), cv2.IMREAD_GRAYSCALE)
        assert (mask > 0).mean() < 0.5
    assert rows(place / "run")["2.png"]["verdict"] == "ok"
    assert "any score over 0" not in (place / "run/report.html").read_text()


@pytest.mark.parametrize(
    ("models", "changes"),
    [
        (["pdn-small"], {"extractor": "pdn-small"}),
        (["sam2.1-hiera-small"], {"name": "sam2-video", "model": "sam2.1-hiera-small", "model_side": 256}),
        (["sam-vit-base"], {"fusion": "replace"}),
    ],
)
def test_models_take_part_by_the_config_alone(place, tiny, models, changes):
    folders = [tiny(name) for name in models]
    decoder = {"decoder.name": "sam", "decoder.model": models[0], "everything.points_per_side": 2}
    overrides = {
        "exemplars.support": str(place / "support"),
        "models.root": str(folders[0].parent),
        **{f"exemplars.{key}": value for key, value in changes.items()},
        **(decoder if "fusion" in changes else {}),
    }
    segmenter = Segmenter.from_config(load_config(overrides=overrides))
    result = segmenter.segment(place / "images/0.png")
    assert 0 < result.score_map.max() <= 1 + 1e-5
    segmenter.close()

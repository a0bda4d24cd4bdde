"""Faults 42 and 43: an example among the queries, examples without a defect or of another size, odd names."""

import json

import cv2
import numpy as np
import pytest

from iapas import Segmenter
from iapas.config import load_config
from iapas.errors import ConfigError, ExemplarAsked
from iapas.run import dry_run, segment_run


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, array)[1].tobytes())


@pytest.fixture
def place(tmp_path, surface):
    write(tmp_path / "support/images/x.png", surface(128, 128, 9))
    mask = np.zeros((128, 128), np.uint8)
    mask[63:66, 25:103] = 255
    write(tmp_path / "support/masks/x.png", mask)
    return tmp_path


def config(place, **changes):
    overrides = {"exemplars.support": str(place / "support"), "run.workers": 1, "run.fsync": False, **changes}
    return load_config(overrides=overrides)


def test_42_an_example_among_the_images_fails_alone(place, surface):
    """By its pixels: under another name, in another format."""
    for i in range(2):
        write(place / f"images/{i}.png", surface(128, 128, i))
    write(place / "images/copy.bmp", surface(128, 128, 9))
    summary = segment_run([place / "images"], config(place), place / "run", quiet=True)
    rows = [json.loads(line) for line in (place / "run/manifest.jsonl").read_text().splitlines()]
    assert {row["id"]: row["error"] for row in rows} == {"0.png": None, "1.png": None, "copy.bmp": "exemplar-asked"}
    assert summary.exit_status == 3
    assert not (place / "run/masks/copy.bmp.png").exists()


def test_42_an_example_asked_for_in_a_batch_or_by_itself(place, surface):
    segmenter = Segmenter.from_config(config(place))
    profile = segmenter.describe([surface(128, 128, 1)])
    with pytest.raises(ExemplarAsked):
        segmenter.segment(surface(128, 128, 9), profile)
    assert segmenter.segment(surface(128, 128, 1), profile).score > 0


@pytest.mark.parametrize(
    ("mask", "told"),
    [(np.zeros((128, 128), np.uint8), "is empty"), (np.full((64, 128), 255, np.uint8), "128 x 64 pixels")],
)
def test_42_masks_that_show_nothing_or_do_not_fit_end_the_run_before_it_begins(place, surface, mask, told):
    write(place / "images/0.png", surface(128, 128, 0))
    write(place / "support/masks/x.png", mask)
    for attempt in (
        lambda: segment_run([place / "images"], config(place), place / "run", quiet=True),
        lambda: dry_run([place / "images"], config(place), place / "run"),
        lambda: Segmenter.from_config(config(place)).segment(place / "images/0.png"),
    ):
        with pytest.raises(ConfigError, match=told) as raised:
            attempt()
        assert raised.value.exit_status == 2
    assert not (place / "run").exists()


def test_43_names_of_examples_mean_nothing(place, surface):
    image, mask = surface(128, 128, 9), (place / "support/masks/x.png").read_bytes()
    query = surface(128, 128, 1)
    segmenter = Segmenter.from_config(config(place))
    profile = segmenter.describe([query])
    expected = segmenter.segment(query, profile).score_map
    for root, name in ((place / "odd", "größe 1.5 (a)"), (place / "other", "00007")):
        write(root / f"support/images/{name}.png", image)
        (root / "support/masks").mkdir()
        (root / f"support/masks/{name}.png").write_bytes(mask)
        assert np.array_equal(Segmenter.from_config(config(root)).segment(query, profile).score_map, expected)

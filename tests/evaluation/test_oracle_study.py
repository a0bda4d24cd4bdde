"""The oracle study with a mask generator made here: chosen masks, metrics, continuing."""

import json
from functools import partial

import numpy as np
import pytest
from made_sets import put

from iapas.config import load_config
from iapas.errors import ConfigError, OutputError
from iapas.evaluation import evaluate as module
from iapas.evaluation.evaluate import Order, evaluate
from iapas.evaluation.oracle import oracle_maps
from iapas.types import Regions


class Quarters:
    """Cuts every picture into its four quarters; counts how often."""

    def __init__(self):
        self.asked = 0
        self.closed = False

    def generate(self, image):
        self.asked += 1
        if image[0, 0, 0] == 255:
            raise MemoryError
        height, width = image.shape[:2]
        boxes = [(x, y, x + width // 2, y + height // 2) for y in (0, height // 2) for x in (0, width // 2)]
        crops = tuple(np.full((height // 2, width // 2), 255, np.uint8) for _ in boxes)
        return Regions((height, width), np.float32(boxes), np.ones(4, np.float32), [""] * 4, crops)

    def close(self):
        self.closed = True


@pytest.fixture
def root(tmp_path):
    """Three defective pictures, of halves, a quarter and a little, and a good one."""
    place = tmp_path / "set"
    parts = {
        "half": (slice(0, 20), slice(None)),
        "quarter": (slice(20, 40), slice(0, 20)),
        "speck": (slice(2), slice(2)),
    }
    for stem, part in parts.items():
        truth = np.zeros((40, 40), np.uint8)
        truth[part] = 255
        put(place / "masks" / f"{stem}.png", truth)
        put(place / "images" / f"{stem}.png", np.full((40, 40, 3), len(stem), np.uint8))
    put(place / "images" / "good.png", np.full((40, 40, 3), 9, np.uint8))
    return place


@pytest.fixture
def study(root, monkeypatch):
    """Evaluate with the generator of this page."""
    generator = Quarters()
    monkeypatch.setattr(module, "oracle_maps", partial(oracle_maps, make=lambda config: generator))

    def run(**changes):
        config = changes.pop("config", load_config("embedded"))
        order = Order("folder", root, root.parent / "out", config=config, method="sam-everything-oracle", quiet=True)
        return evaluate(Order(**(order.__dict__ | changes)))

    run.generator = generator
    return run


def test_the_best_masks_are_chosen_and_judged(study, root):
    ended = study()
    results, out = ended.results, root.parent / "out"
    assert results["method"] == "sam-everything-oracle"
    assert "upper bound" in results["provenance"]["title"]
    rows = {path.stem: json.loads(path.read_text()) for path in (out / "oracle" / "rows").iterdir()}
    assert rows["half.png"]["steps"] == [[0, "add"], [1, "add"]]
    assert rows["quarter.png"]["steps"] == [[2, "add"]]
    hits, found, true = 800 + 400 + 4, 800 + 400 + 400, 800 + 400 + 4
    assert results["at_threshold"]["iou"] == pytest.approx(hits / (found + true - hits))
    assert results["at_threshold"]["empty_on_normal"] == 1
    assert study.generator.asked == 3 and study.generator.closed  # not for the good one
    assert json.loads((out / "timing.json").read_text())["per_image"] >= 0


def test_it_continues_and_redoes_what_changed(study, root):
    first = study().results
    assert study().results == first
    assert study.generator.asked == 3
    (root.parent / "out" / "oracle" / "rows" / "half.png.json").unlink()
    put(root / "masks" / "quarter.png", np.full((40, 40), 255, np.uint8))
    study()
    assert study.generator.asked == 5
    with pytest.raises(OutputError, match="another config"):
        study(config=load_config("embedded", ["describe.samples=3"]))
    study(config=load_config("embedded", ["describe.samples=3"]), restart=True)
    assert study.generator.asked == 8


def test_an_image_that_fails_is_listed_and_tried_again_on_request(study, root):
    put(root / "images" / "speck.png", np.full((40, 40, 3), 255, np.uint8))
    ended = study()
    assert ended.exit_status == 3
    assert [(row["id"], row["error"]) for row in ended.results["failed"]] == [("speck.png", "oom")]
    study()
    assert study.generator.asked == 3
    study(retry_failed=True)
    assert study.generator.asked == 4


def test_a_config_without_a_mask_decoder_is_refused(root):
    config = load_config("embedded")
    with pytest.raises(ConfigError, match="mask decoder"):
        evaluate(Order("folder", root, root.parent / "out", config=config, method="sam-everything-oracle", quiet=True))

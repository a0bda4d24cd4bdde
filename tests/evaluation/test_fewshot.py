"""The few-shot protocol: who is whose example, what is counted, and what fails."""

import csv
import json

import numpy as np
import pytest
from made_sets import put

from iapas.config import load_config
from iapas.errors import ImageError, UsageError
from iapas.evaluation.compare import compare
from iapas.evaluation.evaluate import Order, evaluate
from iapas.segmenter import Segmenter
from iapas.types import Regions

SIDE = 64


class Recorded:
    """Finds the query's brightest pixels, or what ``found`` makes of it; remembers what it was given."""

    def __init__(self, found=lambda image: image[..., 0] > 200):
        self.found, self.given, self.closed = found, [], False

    def prepare(self, supports):
        self.given.append(supports)

    def score(self, images):
        return [self.found(image).astype(np.float32) for image in images]

    def close(self):
        self.closed = True


@pytest.fixture
def made(tmp_path):
    """Two products: nut with dents and cracks, tile with dents; bright squares on dark noise of the judged size."""
    rng = np.random.default_rng(6)
    root = tmp_path / "set"
    for product, defect, number in (("nut", "dent", 4), ("nut", "crack", 3), ("tile", "dent", 3)):
        for n in range(number):
            image = rng.integers(0, 90, (SIDE, SIDE, 3)).astype(np.uint8)
            mask = np.zeros((SIDE, SIDE), np.uint8)
            mask[8 : 20 + n, 10:30] = 255
            image[mask > 0] = 240
            put(root / product / "images" / defect / f"{n}.png", image)
            put(root / product / "ground_truth" / defect / f"{n}.png", mask)
    return root


@pytest.fixture
def method(monkeypatch):
    """``method(found)``: judged in place of the config's."""

    def instead(*found):
        recorded = Recorded(*found)
        monkeypatch.setattr(Segmenter, "exemplars", lambda self: recorded)
        return recorded

    return instead


def measured(made, **changes):
    config = load_config("embedded", overrides={"exemplars.side": SIDE})
    out = made.parent / changes.pop("out", "out")
    ended = evaluate(
        Order(**({"dataset": "gfds", "root": made, "out": out, "config": config, "quiet": True} | changes))
    )
    assert json.loads((out / "results.json").read_text()) == ended.results
    return ended


def rows(ended):
    return [json.loads(line) for line in (ended.out / "images.jsonl").read_text().splitlines()]


def test_what_is_found_whole_is_all_hundred(made, method):
    used = method()
    ended = measured(made)
    results = ended.results
    assert (results["protocol"], ended.exit_status, used.closed) == ("fewshot", 0, True)
    assert [row["category"] for row in results["rows"]] == ["nut", "tile"]
    assert {(row["category"], row["defect"]): row["images"] for row in results["by_defect"]} == {
        ("nut", "nut_crack"): 3,
        ("nut", "nut_dent"): 4,
        ("tile", "tile_dent"): 3,
    }
    for row in (*results["rows"], *results["by_defect"], results["mean"]):
        assert row["miou"] == row["fb_iou"] == row["fb_iou_code"] == 1.0
    assert results["mean"]["images"] == 10


def test_the_figures_are_those_counted_by_hand(made, method):
    """The upper half of each query is found: IoU of pooled pixels, then means over classes and over products."""
    half = np.zeros((SIDE, SIDE), bool)
    half[: SIDE // 2] = True
    method(lambda image: half)
    results = measured(made).results
    size = SIDE * SIDE
    areas = {"nut_dent": [20 * (12 + n) for n in range(4)], "nut_crack": [20 * (12 + n) for n in range(3)]}
    areas["tile_dent"] = areas["nut_crack"]
    iou = {name: sum(part) / (len(part) * size / 2) for name, part in areas.items()}
    assert {row["defect"]: row["miou"] for row in results["by_defect"]} == pytest.approx(iou)
    products = {"nut": ["nut_dent", "nut_crack"], "tile": ["tile_dent"]}
    for row in results["rows"]:
        names = products[row["category"]]
        defect, images = sum(sum(areas[name]) for name in names), sum(len(areas[name]) for name in names)
        back = (images * size / 2) / (images * size - defect)
        miou = np.mean([iou[name] for name in names])
        assert row["miou"] == pytest.approx(miou)
        assert row["fb_iou"] == pytest.approx((defect / (images * size / 2) + back) / 2)
        assert row["fb_iou_code"] == pytest.approx((miou + back) / 2)
    mean = results["mean"]
    assert mean["miou"] == pytest.approx(np.mean(list(iou.values())))  # over classes, not over products
    assert mean["fb_iou"] == pytest.approx(np.mean([row["fb_iou"] for row in results["rows"]]))
    total = sum(map(sum, areas.values()))
    merged = (total / (10 * size / 2) + (10 * size / 2) / (10 * size - total)) / 2
    assert results["merged"]["fb_iou"] == pytest.approx(merged)


def test_examples_are_others_of_the_class(made, method):
    used = method()
    for row in rows(measured(made, shots=2)):
        assert len(set(row["examples"])) == 2 and row["id"] not in row["examples"]
        assert {example.rpartition("/")[0] for example in row["examples"]} == {row["id"].rpartition("/")[0]}
    assert len(used.given) == 10
    for examples in used.given:
        for image, mask in examples:
            assert image.shape == (SIDE, SIDE, 3) and mask.dtype == bool
            assert np.array_equal(image[..., 0] > 200, mask)  # each with its own mask


def test_the_draw_hangs_on_the_seed_alone(made, method):
    method()
    drawn = [rows(measured(made, seed=seed)) for seed in (2, 2, 3, 4)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2] or drawn[0] != drawn[3]


def test_the_querys_own_picture_is_never_its_example(made, method):
    folder = made / "tile"
    for kind in ("images", "ground_truth"):  # 0 and 1 are one picture now, 2 is another
        (folder / kind / "dent" / "1.png").write_bytes((folder / kind / "dent" / "0.png").read_bytes())
    method()
    ended = measured(made)
    examples = {row["id"]: row["examples"] for row in rows(ended)}
    assert examples["tile/images/dent/0.png"] == examples["tile/images/dent/1.png"] == ["tile/images/dent/2.png"]
    failed = measured(made, shots=2, out="two").results["failed"]
    assert [row["id"].rpartition("/")[2] for row in failed] == ["0.png", "1.png", "2.png"]
    assert all(row["error"] == "not-judged" and row["category"] == "tile" for row in failed)


def test_a_class_with_too_few_images_fails_and_the_others_do_not(made, method):
    method()
    ended = measured(made, shots=3)
    assert ended.exit_status == 3
    assert len(ended.results["failed"]) == 6 and "2 other images" in ended.results["failed"][0]["message"]
    assert ended.results["mean"]["images"] == 4


def test_an_empty_mask_is_no_query_and_no_example(made, method):
    put(made / "nut" / "ground_truth" / "crack" / "1.png", np.zeros((SIDE, SIDE), np.uint8))
    method()
    ended = measured(made)
    assert [row["id"] for row in ended.results["failed"]] == ["nut/images/crack/1.png"]
    assert not any("nut/images/crack/1.png" in row["examples"] for row in rows(ended))


def test_what_a_method_cannot_do_is_a_failed_row(made, method):
    used = method()
    score = used.score

    def sometimes(images):
        if len(used.given) == 2:
            raise ImageError("no")
        return score(images)

    used.score = sometimes
    ended = measured(made)
    assert len(ended.results["failed"]) == 1 and ended.results["mean"]["images"] == 9
    used.prepare = lambda supports: (_ for _ in ()).throw(ValueError("the examples have no background"))
    ended = measured(made)
    assert len(ended.results["failed"]) == 10
    assert ended.results["mean"]["miou"] is None


def test_no_defect_is_too_small_to_be_an_example(made, method):
    """One pixel of 600 x 600: the bilinear rule of the released code would lose it at 64 x 64."""
    mask, image = np.zeros((600, 600), np.uint8), np.zeros((600, 600, 3), np.uint8)
    mask[303, 151] = 255
    for n in range(2):
        image[0, n] = 9
        put(made / "tiny" / "images" / "dot" / f"{n}.png", image)
        put(made / "tiny" / "ground_truth" / "dot" / f"{n}.png", mask)
    used = method()
    measured(made)
    seen = [mask for examples in used.given for _, mask in examples if mask.sum() == 1]
    assert len(seen) == 2 and all(np.argwhere(mask).tolist() == [[32, 16]] for mask in seen)


def test_the_embedded_default_learns_from_one_example(made):
    ended = measured(made)
    assert ended.results["mean"]["miou"] > 0.5
    assert ended.seconds["fps"] > 0
    assert json.loads((ended.out / "timing.json").read_text()) == ended.seconds


def test_what_is_found_is_fused_with_the_parts_of_a_mask_generator(made, method, monkeypatch):
    """Two of the defect's columns are found; a part that is the defect makes it whole, one elsewhere is not taken."""
    narrow = np.zeros((SIDE, SIDE), bool)
    narrow[8:20, 12:20] = True
    method(lambda image: narrow & (image[..., 0] > 200))

    class Parts:
        closed = False

        def generate(self, image):
            bright = np.where(image[..., 0] > 200, 255, 0).astype(np.uint8)
            boxes = np.float32([[0, 0, SIDE, SIDE], [40, 40, 50, 50]])
            crops = (bright, np.full((10, 10), 255, np.uint8))
            return Regions((SIDE, SIDE), boxes, np.ones(2, np.float32), ["", ""], crops)

        def close(self):
            self.closed = True

    parts = Parts()
    monkeypatch.setattr(Segmenter, "mask_generator", lambda self: parts)
    alone = measured(made).results["mean"]["miou"]
    sizes = {"exemplars.side": SIDE, "exemplars.fusion": "union"}
    fused = measured(made, config=load_config("embedded", overrides=sizes)).results["mean"]["miou"]
    assert alone < 0.5 and fused == 1.0 and parts.closed


def test_tables_page_and_comparison(made, method):
    method()
    one, two = measured(made), measured(made, shots=2, out="two")
    head = next(csv.reader((one.out / "results.csv").read_text().splitlines()))
    assert head[-3:] == ["miou", "fb_iou", "fb_iou_code"]
    assert "| mIoU | FB-IoU |" in (one.out / "results.md").read_text()
    assert "FB-IoU" in (one.out / "report.html").read_text()
    compared = compare([one.out, two.out])
    assert "fb_iou" in json.dumps(compared)
    other = made.parent / "other"
    other.mkdir()
    (other / "results.json").write_text(json.dumps({**two.results, "protocol": "standard"}))
    with pytest.raises(UsageError, match="never mixed"):
        compare([one.out, other])


def test_wrong_orders(made):
    for changes in ({"shots": 0}, {"config": None, "maps": made}, {"method": "sam-everything-oracle"}):
        with pytest.raises(UsageError):
            measured(made, **changes)


def test_the_command(made, method, monkeypatch, capsys):
    from iapas.cli.app import run

    method()
    words = ["iapas", "eval", "gfds", "--root", str(made), "--shots", "2", "--out", str(made.parent / "o"), "--json"]
    monkeypatch.setattr("sys.argv", [*words, "--set", f"exemplars.side={SIDE}", "--quiet"])
    assert run() == 0
    results = json.loads(capsys.readouterr().out)
    assert results["protocol"] == "fewshot" and results["provenance"]["shots"] == 2

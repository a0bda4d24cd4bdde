"""From maps to figures: against scikit-learn, by both protocols, with images that fail."""

import csv
import json
import math

import cv2
import numpy as np
import pytest
from made_sets import put, put_map
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from iapas.errors import MissingError, OutputError, UsageError
from iapas.evaluation.evaluate import Order, evaluate

FIGURES = ("pixel_ap", "pixel_f1_max", "pixel_f1_threshold", "pixel_auroc", "pixel_aupro")
IMAGES = ("image_auroc", "image_ap", "image_f1_max")


def order(made, **changes):
    settings = {"dataset": "mvtec-ad", "root": made.root, "out": made.root.parent / "out", "maps": made.maps}
    return Order(**(settings | {"quiet": True} | changes))


def measured(made, **changes):
    ended = evaluate(order(made, **changes))
    results = json.loads((ended.out / "results.json").read_text())
    assert results == ended.results
    return results


def f1_max(labels, scores):
    precision, recall, _ = precision_recall_curve(labels, scores)
    return float((2 * precision * recall / np.maximum(precision + recall, 1e-12)).max())


def test_the_rows_are_those_of_scikit_learn(made):
    results = measured(made)
    assert (results["dataset"], results["protocol"], results["method"]) == ("mvtec-ad", "standard", "maps")
    assert [row["category"] for row in results["rows"]] == ["nut", "tile"]
    for row in results["rows"]:
        scores, labels = made.of(row["category"])
        assert (row["images"], row["defective"]) == (8, 5)
        assert row["pixel_ap"] == pytest.approx(average_precision_score(labels, scores), abs=1e-10)
        assert row["pixel_f1_max"] == pytest.approx(f1_max(labels, scores), abs=1e-10)
        assert row["pixel_auroc"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-10)
        assert 0 < row["pixel_aupro"] <= 1
        tops = {i: (pair[0].max(), pair[1].any()) for i, pair in made.pairs.items() if i.startswith(row["category"])}
        highest, defective = zip(*tops.values(), strict=True)
        assert row["image_auroc"] == pytest.approx(roc_auc_score(defective, highest))
        assert row["image_ap"] == pytest.approx(average_precision_score(defective, highest))
    for key in (*FIGURES, *IMAGES):
        assert results["mean"][key] == pytest.approx(np.mean([row[key] for row in results["rows"]]), abs=1e-12)
    assert results["mean"]["images"] == 16
    assert "s_measure" not in results["mean"]


def test_a_defect_type_is_judged_with_the_normal_images(made):
    rows = {(row["category"], row["defect"]): row for row in measured(made)["by_defect"]}
    assert set(rows) == {(c, d) for c in ("nut", "tile") for d in ("crack", "dent")}
    scores, labels = made.of("tile", "good", "dent")
    assert rows["tile", "dent"]["pixel_ap"] == pytest.approx(average_precision_score(labels, scores), abs=1e-10)
    assert (rows["tile", "dent"]["images"], rows["tile", "dent"]["defective"]) == (6, 3)


def test_the_protocol_iap_as_is_that_of_the_authors(made):
    """Written again: bicubic and nearest to 400, one min-max, AP, F1 over 100 thresholds."""
    results = measured(made, protocol="iap-as")
    assert results["protocol"] == "iap-as"
    for row in results["rows"]:
        pairs = [pair for image_id, pair in made.pairs.items() if image_id.startswith(row["category"])]
        maps = np.stack([cv2.resize(p[0], (400, 400), interpolation=cv2.INTER_CUBIC) for p in pairs])
        grey = [cv2.resize(p[1].astype(np.uint8) * 255, (400, 400), interpolation=cv2.INTER_NEAREST) for p in pairs]
        maps, labels = ((maps - maps.min()) / (maps.max() - maps.min())).ravel(), (np.stack(grey) > 128).ravel()
        best = max(2 * (t := maps >= s)[labels].sum() / (t.sum() + labels.sum()) for s in np.linspace(0, 1, 100))
        assert row["pixel_ap"] == pytest.approx(average_precision_score(labels, maps), abs=1e-6)
        assert row["pixel_f1_max"] == pytest.approx(best, abs=1e-4)
        assert min(abs(row["pixel_f1_threshold"] - s) for s in np.linspace(0, 1, 100)) < 1e-12


def test_the_protocol_is_in_every_output(made):
    measured(made, protocol="iap-as")
    out = made.root.parent / "out"
    for name in ("results.json", "results.csv", "results.md", "report.html"):
        assert "iap-as" in (out / name).read_text(), name


def test_a_category_without_defects_is_undefined_and_counted(made):
    for path in (made.root / "nut" / "test").glob("[cd]*/*.png"):
        path.unlink()
    results = measured(made)
    nut, tile = results["rows"]
    assert [nut[key] for key in (*FIGURES, *IMAGES)] == [None] * 8
    assert results["mean"]["pixel_ap"] == tile["pixel_ap"]
    assert results["undefined"]["pixel_ap"] == 1
    assert any("left out of the mean" in note for note in results["notes"])
    assert "| nut | 3 | 0 | \u2013 |" in (made.root.parent / "out" / "results.md").read_text()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "is not there"),
        (lambda path: path.write_bytes(b"II*\0"), "cannot be read"),
        (lambda path: put_map(path, np.full((32, 40), np.nan, np.float32)), "finite"),
        (lambda path: put_map(path, np.full((32, 40), -1, np.float32)), ">= 0"),
        (lambda path: put_map(path, np.zeros((40, 32), np.float32)), "32 x 40 pixels"),
        (lambda path: put_map(path, np.zeros((32, 40, 3), np.float32)), "one number a pixel"),
    ],
)
@pytest.mark.parametrize("defect", ["crack", "good"])
def test_a_map_that_cannot_be_judged_fails_its_image_alone(made, spoil, said, defect):
    image_id = f"nut/test/{defect}/1.png"
    spoil(made.maps / f"{image_id}.tiff")
    ended = evaluate(order(made))
    assert ended.exit_status == 3
    (failed,) = ended.results["failed"]
    assert failed["id"] == image_id and said in failed["message"]
    row = ended.results["rows"][0]
    assert row["images"] == 7
    del made.pairs[image_id]
    scores, labels = made.of("nut")
    assert row["pixel_ap"] == pytest.approx(average_precision_score(labels, scores), abs=1e-10)
    assert image_id in (ended.out / "report.html").read_text()


def test_under_both_protocols_the_same_images_fail(made):
    (made.maps / "nut/test/good/1.png.tiff").unlink()
    put_map(made.maps / "tile/test/dent/0.png.tiff", np.zeros((5, 5), np.float32))
    failed = [measured(made, protocol=protocol)["failed"] for protocol in ("standard", "iap-as")]
    assert failed[0] == failed[1] and len(failed[0]) == 2


def test_a_mask_that_is_missing_or_of_another_size_fails_its_image(made):
    masks = made.root / "nut" / "ground_truth"
    (masks / "crack" / "0_mask.png").unlink()
    put(masks / "dent" / "1_mask.png", np.full((16, 20), 255, np.uint8))
    failed = {row["id"]: row["message"] for row in measured(made)["failed"]}
    assert "mask is missing" in failed.pop("nut/test/crack/0.png")
    assert "20 x 16" in failed.pop("nut/test/dent/1.png")
    assert not failed


def test_the_same_maps_give_the_same_bytes(made):
    names = ("results.json", "results.csv", "results.md", "images.jsonl", "counts.npy", "report.html")
    outs = [made.root.parent / name for name in ("one", "two")]
    for out in outs:
        evaluate(order(made, out=out))
        told = (out / "results.json").read_text()
        assert str(made.root.parent) not in told
    for name in names:
        assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes(), name
    assert set(json.loads((outs[0] / "timing.json").read_text())) == {"making_maps", "judging", "per_image"}


def test_the_tables_hold_the_figures(made):
    results = measured(made)
    out = made.root.parent / "out"
    rows = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert [row["category"] for row in rows] == ["nut", "tile", "nut", "nut", "tile", "tile", "mean"]
    assert float(rows[-1]["pixel_ap"]) == results["mean"]["pixel_ap"]
    assert f"{100 * results['mean']['pixel_ap']:.1f}" in (out / "results.md").read_text().splitlines()[8]


def test_the_data_are_hashed_by_content(made):
    first = measured(made)["provenance"]["data"]
    assert (first["images"], first["defective"]) == (16, 10)
    put(made.root / "nut" / "test" / "good" / "0.png", np.zeros((32, 40, 3), np.uint8))
    assert measured(made)["provenance"]["data"]["sha256"] != first["sha256"]


def test_a_limit_takes_evenly_spaced_images(made):
    results = measured(made, limit=4)
    assert results["mean"]["images"] == 4
    assert {row["category"] for row in results["rows"]} == {"nut", "tile"}
    assert results["provenance"]["data"]["limit"] == 4


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"maps": None}, UsageError),
        ({"dataset": "mvtecad"}, UsageError),
        ({"protocol": "fewshot"}, UsageError),
        ({"method": "magic"}, UsageError),
        ({"method": "sam-everything-oracle"}, UsageError),
        ({"limit": 0}, UsageError),
        ({"split": "other"}, UsageError),
    ],
)
def test_wrong_orders_are_refused(made, changes, error):
    with pytest.raises(error):
        evaluate(order(made, **changes))
    assert not (made.root.parent / "out").exists()


def test_what_is_not_there_is_said(made):
    with pytest.raises(MissingError):
        evaluate(order(made, root=made.root / "nowhere"))
    with pytest.raises(UsageError, match="is not there"):
        evaluate(order(made, maps=made.root / "nowhere"))
    with pytest.raises(UsageError, match="is not there"):
        evaluate(order(made, maps=None, run=made.root / "nowhere"))
    (made.root.parent / "run").mkdir()
    (made.root.parent / "run" / "manifest.jsonl").write_text("")
    with pytest.raises(OutputError, match="run folder"):
        evaluate(order(made, out=made.root.parent / "run"))


def test_saliency_sets_have_saliency_figures(tmp_path):
    root = tmp_path / "SD-saliency-900"
    rng = np.random.default_rng(3)
    truth = np.zeros((40, 40), np.uint8)
    truth[10:20, 10:25] = 255
    for stem in ("In_1", "In_2", "Pa_1"):
        put(root / "Source Images" / f"{stem}.bmp", rng.integers(0, 255, (40, 40)).astype(np.uint8))
        put(root / "Ground truth" / f"{stem}.png", truth)
        put_map(tmp_path / "maps" / "Source Images" / f"{stem}.bmp.tiff", (truth > 0).astype(np.float32))
    settings = {"dataset": "sd-saliency-900", "root": root, "maps": tmp_path / "maps", "out": tmp_path / "out"}
    results = evaluate(Order(**settings, quiet=True)).results
    perfect = {"s_measure": 1, "mae": 0, "e_measure_max": 1, "weighted_f": 1, "f_max": 1}
    for row in (*results["rows"], *results["by_defect"], results["mean"]):
        assert {key: row[key] for key in perfect} == pytest.approx(perfect, abs=1e-3)
        assert row["image_auroc"] is row["image_ap"] is None  # no normal image to tell them from
    assert "beta^2 = 1" in results["provenance"]["saliency"]
    put_map(tmp_path / "maps" / "Source Images" / "In_1.bmp.tiff", np.full((40, 40), 2, np.float32))
    spoilt = evaluate(Order(**settings, quiet=True)).results
    assert spoilt["mean"]["s_measure"] is None
    assert any("above 1" in note for note in spoilt["notes"])
    assert not math.isclose(spoilt["mean"]["pixel_ap"], results["mean"]["pixel_ap"])

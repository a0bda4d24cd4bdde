"""Evaluations side by side: only of the same images by the same protocol; intervals that hold what they must."""

import json

import numpy as np
import pytest
from made_sets import MadeSet, put, put_map

from iapas.errors import UsageError
from iapas.evaluation.compare import compare, compared_csv, compared_md
from iapas.evaluation.evaluate import Order, evaluate


def judged(made, name, **changes):
    """An evaluation's folder."""
    out = made.root.parent / name
    evaluate(
        Order(**({"dataset": "mvtec-ad", "root": made.root, "maps": made.maps, "out": out, "quiet": True} | changes))
    )
    return out


def better(made, by):
    """Maps that know more of the truth."""
    folder = made.root.parent / f"better-{by}"
    for image_id, (scores, truth) in made.pairs.items():
        put_map(folder / f"{image_id}.tiff", scores + np.float32(by) * truth)
    return folder


@pytest.mark.parametrize("protocol", ["standard", "iap-as"])
def test_the_same_maps_differ_by_nothing(made, protocol):
    paths = [judged(made, name, protocol=protocol) for name in ("one", "two")]
    compared = compare(paths)
    assert [row["name"] for row in compared["rows"]] == ["one", "two"]
    for key in ("pixel_ap", "pixel_f1_max"):
        assert compared["rows"][1]["difference"][key] == {"value": 0, "low": 0, "high": 0}
    assert compared["protocol"] == protocol


@pytest.mark.parametrize("protocol", ["standard", "iap-as"])
def test_a_better_method_is_surely_better(made, protocol):
    paths = [judged(made, "one", protocol=protocol), judged(made, "two", protocol=protocol, maps=better(made, 0.5))]
    compared = compare(paths, made.root.parent / "compared")
    first, second = compared["rows"]
    exact = [json.loads((path / "results.json").read_text()) for path in paths]
    for key in ("pixel_ap", "pixel_f1_max"):
        assert [first[key], second[key]] == [results["mean"][key] for results in exact]
        difference = second["difference"][key]
        assert difference["value"] == pytest.approx(second[key] - first[key])
        assert 0 < difference["low"] < difference["value"] < difference["high"]
    values = {(row["category"], row["figure"]): row["values"] for row in compared["by_category"]}
    assert values["tile", "pixel_ap"] == [results["rows"][1]["pixel_ap"] for results in exact]
    assert compared == json.loads((made.root.parent / "compared" / "compare.json").read_text())
    assert compare(paths) == compared  # the seed is fixed


def test_a_chance_difference_has_an_interval_around_nothing(tmp_path):
    """Two methods that are equally good, by luck apart."""
    made = MadeSet(tmp_path)
    rng = np.random.default_rng(8)
    for image_id, (scores, truth) in made.pairs.items():
        noise = (rng.random(scores.shape) + truth * rng.random()).astype(np.float32)
        put_map(tmp_path / "other" / f"{image_id}.tiff", noise)
    compared = compare([judged(made, "one"), judged(made, "two", maps=tmp_path / "other")])
    difference = compared["rows"][1]["difference"]["pixel_ap"]
    assert difference["low"] < 0 < difference["high"]


def test_what_must_not_be_mixed_is_refused(made):
    first = judged(made, "one")
    with pytest.raises(UsageError, match="two or more"):
        compare([first])
    with pytest.raises(UsageError, match="protocol"):
        compare([first, judged(made, "two", protocol="iap-as")])
    with pytest.raises(UsageError, match="other images"):
        compare([first, judged(made, "three", limit=5)])
    with pytest.raises(UsageError, match="cannot be read"):
        compare([first, made.root])
    (made.root.parent / "odd.json").write_text("{}")
    with pytest.raises(UsageError, match="holds no evaluation"):
        compare([first, made.root.parent / "odd.json"])
    lacking = better(made, 0.1)
    (lacking / "nut/test/crack/0.png.tiff").unlink()
    with pytest.raises(UsageError, match="1 image was judged in only one"):
        compare([first, judged(made, "four", maps=lacking)])
    put(made.root / "nut/ground_truth/crack/0_mask.png", np.eye(32, 40, dtype=np.uint8) * 255)
    with pytest.raises(UsageError, match="other images or masks"):
        compare([first, judged(made, "five")])


def test_without_counts_there_are_no_intervals(made):
    paths = [judged(made, "one"), judged(made, "two", maps=better(made, 0.5))]
    (paths[1] / "counts.npy").unlink()
    compared = compare([paths[0] / "results.json", paths[1]])
    difference = compared["rows"][1]["difference"]["pixel_ap"]
    assert difference["value"] > 0 and difference["low"] is None
    assert "No intervals" in compared_md(compared)


def test_the_tables_are_for_people_and_for_sheets(made):
    compared = compare([judged(made, "one"), judged(made, "two", maps=better(made, 0.5))])
    text = compared_md(compared)
    assert "| category | AP, maps | AP, better-0.5 | F1-max, maps | F1-max, better-0.5 |" in text
    gain = compared["rows"][1]["difference"]["pixel_ap"]
    assert f"{100 * gain['value']:+.1f} [{100 * gain['low']:+.1f}, {100 * gain['high']:+.1f}]" in text
    lines = compared_csv(compared).splitlines()
    assert lines[0].endswith("pixel_f1_max_difference,pixel_f1_max_low,pixel_f1_max_high") and len(lines) == 3

"""Annotations: the reported regions, which together are exactly the mask."""

import json

import numpy as np
import pytest
from exported_runs import blob, found, write_run

from iapas.errors import OutputError, UsageError
from iapas.files.exports.annotations import annotated_images, classes
from iapas.files.exports.finished import open_finished, stems


def whole(annotation, size):
    mask = np.zeros(size, bool)
    x0, y0, x1, y1 = annotation.frame
    mask[y0:y1, x0:x1] = annotation.crop
    return mask


def test_together_they_are_the_mask_and_each_is_near_its_region(run, results):
    for image in annotated_images(open_finished(run)):
        result = results[image.id]
        union = np.zeros(image.size, bool)
        for annotation in image.annotations:
            assert annotation.crop.any(axis=0)[[0, -1]].all()
            assert annotation.crop.any(axis=1)[[0, -1]].all()
            union |= whole(annotation, image.size)
        np.testing.assert_array_equal(union, result.mask, err_msg=image.id)
        own = [a for a in image.annotations if a.phrase != "defect"]
        assert [a.phrase for a in own] == result.reported.phrases
        for annotation, region in zip(own, result.reported.masks(), strict=True):
            assert not (region & result.mask & ~whole(annotation, image.size)).any()


def test_pixels_between_regions_go_to_the_nearest(tmp_path):
    size = (20, 60)
    left, right = np.zeros(size), np.zeros(size)
    left[5:15, 5:20], left[5:15, 20:40] = 1, 0.45
    right[5:15, 40:55], right[5:15, 20:40] = 1, 0.45
    run = write_run(tmp_path / "run", {"1.png": found(size, ("crack", 0.9, left), ("hole", 0.8, right))})
    (image,) = annotated_images(open_finished(run))
    assert [(a.phrase, a.frame) for a in image.annotations] == [("crack", (5, 5, 30, 15)), ("hole", (30, 5, 55, 15))]


def test_what_no_region_touches_is_a_defect_scored_by_the_map(run, results):
    image = next(image for image in annotated_images(open_finished(run)) if image.id == "a/2.jpg")
    crack, defect = image.annotations
    assert (crack.phrase, defect.phrase) == ("crack", "defect")
    assert defect.score == pytest.approx(results["a/2.jpg"].score_map[20, 90], abs=1e-5)
    assert classes(open_finished(run)) == ["crack", "hole", "scratch", "defect"]


def test_without_score_maps_its_score_is_not_known(tmp_path, results):
    run = write_run(tmp_path / "run", results, assignments=["output.score_map=none"])
    images = {image.id: image for image in annotated_images(open_finished(run))}
    assert images["a/2.jpg"].annotations[-1].score is None


@pytest.mark.parametrize("seed", range(8))
def test_any_mixture_of_regions_adds_up_to_the_mask(tmp_path, seed):
    rng = np.random.default_rng(seed)
    size = (int(rng.integers(30, 80)), int(rng.integers(30, 80)))
    regions = [
        (f"p{i % 3}", rng.uniform(0.2, 1), rng.uniform(0.3, 1) * blob(size, x, y, radius, rim=rim))
        for i, (x, y, radius, rim) in enumerate(rng.uniform((5, 5, 2, 1), (25, 25, 12, 9), (rng.integers(1, 12), 4)))
    ]
    result = found(size, *regions, min_area=int(rng.integers(0, 30)))
    (image,) = annotated_images(open_finished(write_run(tmp_path / "run", {"1.png": result})))
    union = np.any([np.zeros(size, bool), *(whole(a, size) for a in image.annotations)], axis=0)
    np.testing.assert_array_equal(union, result.mask)


def test_broken_results_are_named(run):
    def message():
        with pytest.raises(OutputError) as caught:
            list(annotated_images(open_finished(run)))
        assert "--restart" in str(caught.value)
        return str(caught.value)

    regions, mask = run / "regions/a/1.png.json", run / "masks/a/1.png.png"
    whole_regions = regions.read_bytes()
    for broken in (b"{}", b"[1]", b'{"regions": [{"phrase": "x"}]}', b'{"regions": [3]}', whole_regions[:-20]):
        regions.write_bytes(broken)
        assert "a/1.png.json" in message()
    regions.write_bytes(b'{"regions": [{"area": 3}]}')
    with pytest.raises(OutputError, match=r"a/1\.png\.json"):
        classes(open_finished(run))
    for key, value in [("area", 3), ("counts", ""), ("counts", "zzzz"), ("counts", None), ("size", [9, 9])]:
        entries = json.loads(whole_regions)
        (entries["regions"][0] if key == "area" else entries["regions"][0]["mask"])[key] = value
        regions.write_text(json.dumps(entries))
        assert "a/1.png.json" in message()
    regions.write_bytes((run / "regions/a/2.jpg.json").read_bytes())
    assert "size" in message()
    regions.write_bytes(whole_regions)
    mask.write_bytes((run / "masks/a/2.jpg.png").read_bytes())
    assert "80 x 60" in message() or "pixels" in message()
    mask.unlink()
    assert "masks/a/1.png.png" in message()


def test_names_without_extensions_must_differ(tmp_path, results):
    result = results["ü none.png"]
    run = write_run(tmp_path / "run", {"a/1.png": result, "a/1.jpg": result, ".hidden": result})
    with pytest.raises(UsageError, match=r"'a/1\.jpg' and 'a/1\.png'"):
        stems(open_finished(run))


def test_stems(run):
    assert list(stems(open_finished(run)).values()) == ["a/1", "a/2", "images/b.c", "ü none"]

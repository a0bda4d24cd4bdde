"""The batch loop: what is in a run folder afterwards."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest
import tifffile
from run_fakes import BUG, OOM, FakeSegmenter, config, make_images, picture_bytes, results

from iapas.errors import ConfigError, OutputError, UsageError
from iapas.files.manifest import KEYS
from iapas.files.profiles import read_profiles, write_profiles
from iapas.files.regions import mask_of
from iapas.run import describe_run, dry_run, segment_run
from iapas.types import ObjectProfile


def segment(images, out, *assignments, **options):
    return segment_run([str(images)], config(*assignments), out, make=FakeSegmenter, quiet=True, **options)


def rows(out):
    found = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    return {row["id"]: row for row in found}


def test_a_run_folder(tmp_path):
    images, out = make_images(tmp_path / "in" / "a", 6).parent, tmp_path / "out"
    (images / "broken.png").write_bytes(b"no picture")
    summary = segment(images, out, "output.overlay=all")
    assert (summary.images, summary.ok, summary.failed, summary.defect, summary.done_now) == (7, 6, 1, 3, 7)
    assert summary.exit_status == 3
    found = rows(out)
    assert sorted(found) == [*(f"a/{i:03}.png" for i in range(6)), "broken.png"]
    assert all(tuple(row) == KEYS for row in found.values())
    broken, good = found["broken.png"], found["a/001.png"]
    assert (broken["status"], broken["error"]) == ("failed", "image-unreadable")
    assert broken["verdict"] is broken["sha256"] is broken["score"] is None
    assert (good["verdict"], good["score"], good["regions"], good["error"]) == ("defect", 0.75, 1, None)
    assert (good["width"], good["height"], good["exif_orientation"], good["warnings"][-1]) == (32, 32, 1, "fake")
    mask = cv2.imdecode(np.fromfile(out / "masks/a/001.png.png", np.uint8), cv2.IMREAD_UNCHANGED)
    scores = tifffile.imread(out / "scores/a/001.png.tiff")
    (region,) = json.loads((out / "regions/a/001.png.json").read_text())["regions"]
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 255}
    assert scores.dtype == np.float32
    assert np.array_equal(scores > 0, mask > 0)
    assert np.array_equal(mask_of(region), mask // 255)
    assert (region["area"], region["phrase"], region["score"]) == ((mask > 0).sum(), "spot", 0.75)
    assert len(list((out / "overlays").rglob("*.jpg"))) == 6
    assert not (out / "masks/broken.png.png").exists()
    with (out / "summary.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    assert [line[0] for line in lines[1:]] == sorted(found)
    assert lines[2][1:] == ["defect", "0.75", "1", str(region["area"]), "spot"]
    run = json.loads((out / "run.json").read_text())
    assert run["summary"]["failed"] == 1
    assert run["title"].startswith("embedded default")
    assert run["ended"] >= run["started"]


def test_no_score_maps_and_overlays_of_defects_alone(tmp_path):
    images, out = make_images(tmp_path / "in", 4), tmp_path / "out"
    segment(images, out, "output.score_map=none")
    assert not (out / "scores").exists()
    assert len(list((out / "overlays").iterdir())) == 2


def test_new_images_are_picked_up_and_the_rest_is_kept(tmp_path):
    images, out = make_images(tmp_path / "in", 4), tmp_path / "out"
    segment(images, out)
    before = (out / "manifest.jsonl").read_bytes()
    profile = (out / "profile.json").read_bytes()
    assert segment(images, out).done_now == 0
    make_images(images, 2, prefix="new")
    assert segment(images, out).done_now == 2
    assert (out / "manifest.jsonl").read_bytes().startswith(before)
    assert (out / "profile.json").read_bytes() == profile


def test_failed_images_are_tried_again_when_asked(tmp_path):
    images, out = make_images(tmp_path / "in", 3), tmp_path / "out"
    (images / "bad.png").write_bytes(b"")
    assert segment(images, out).exit_status == 3
    (images / "bad.png").write_bytes(picture_bytes(spot=5))
    again = segment(images, out)
    assert (again.exit_status, again.done_now) == (3, 0)
    mended = segment(images, out, retry_failed=True)
    assert (mended.exit_status, mended.done_now, mended.images) == (0, 1, 4)


def test_restart_deletes_results_and_nothing_else(tmp_path):
    images, out = make_images(tmp_path / "in", 3), tmp_path / "out"
    segment(images, out)
    (out / "notes.txt").write_text("mine")
    (images / "000.png").unlink()
    with pytest.raises(OutputError, match=r"detector\.work_size was 256, now 512.*--restart"):
        segment(images, out, "detector.work_size=512")
    summary = segment(images, out, "detector.work_size=512", restart=True)
    assert (summary.images, summary.done_now) == (2, 2)
    assert not (out / "masks/000.png.png").exists()
    assert (out / "notes.txt").read_text() == "mine"


def test_a_product_for_each_folder(tmp_path):
    images, out = tmp_path / "in", tmp_path / "out"
    make_images(images / "bolts", 2)
    make_images(images / "nuts" / "small", 2)
    make_images(images, 1)
    segment(images, out, "output.per_folder=true")
    assert set(read_profiles(out / "profile.json")) == {"", "bolts", "nuts"}


def test_a_given_profile_is_used_and_kept(tmp_path):
    images, out, given = make_images(tmp_path / "in", 2), tmp_path / "out", tmp_path / "p.json"
    write_profiles(given, {"": ObjectProfile("gear")})
    segment(images, out, profile=given)
    assert read_profiles(out / "profile.json")[""].object == "gear"
    make_images(images, 1, prefix="new")
    assert segment(images, out).done_now == 1
    write_profiles(given, {"": ObjectProfile("wheel")})
    with pytest.raises(OutputError, match="the profile of the product is not the one"):
        segment(images, out, profile=given)
    assert read_profiles(out / "profile.json")[""].object == "gear"
    segment(images, out, profile=out / "profile.json", restart=True)
    assert read_profiles(out / "profile.json")[""].object == "gear"


def test_samples_that_cannot_be_read_are_passed_over(tmp_path):
    images, out = make_images(tmp_path / "in", 3), tmp_path / "out"
    for i in range(6):
        (images / f"bad{i}.png").write_bytes(b"")
    segment(images, out, "describe.samples=3")
    assert read_profiles(out / "profile.json")[""].found["object"].count(",") == 2


def test_an_image_on_which_stage_1_fails_is_left_out(tmp_path):
    images, out = make_images(tmp_path / "in", 3), tmp_path / "out"
    (images / "bug.png").write_bytes(picture_bytes(BUG))
    (images / "oom.png").write_bytes(picture_bytes(OOM))
    summary = segment(images, out)
    assert (summary.ok, summary.failed) == (3, 2)
    assert {rows(out)[name]["error"] for name in ("bug.png", "oom.png")} == {"internal", "oom"}
    assert read_profiles(out / "profile.json")[""].found["object"].count(",") == 2


def test_the_content_of_the_roi_mask_counts(tmp_path):
    images, out, roi = make_images(tmp_path / "in", 2), tmp_path / "out", tmp_path / "roi.png"
    with pytest.raises(ConfigError, match="cannot be read"):
        segment(images, out, f"verdict.roi={roi}")
    roi.write_bytes(picture_bytes(spot=3))
    segment(images, out, f"verdict.roi={roi}")
    roi.write_bytes(picture_bytes(spot=4))
    with pytest.raises(OutputError, match=r"content of verdict\.roi was"):
        segment(images, out, f"verdict.roi={roi}")


def test_settings_of_how_the_work_is_done_may_change(tmp_path):
    images, out = make_images(tmp_path / "in", 2), tmp_path / "out"
    segment(images, out)
    make_images(images, 1, prefix="new")
    assert segment(images, out, "run.workers=1", "output.overlay=none").done_now == 1


def test_nothing_to_do_is_an_error(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(UsageError):
        segment(tmp_path / "in", tmp_path / "out")


def test_bytes_are_the_same_for_any_number_of_workers(tmp_path):
    images = make_images(tmp_path / "in", 8)
    for workers in (1, 2):
        segment(images, tmp_path / f"out{workers}", f"run.workers={workers}")
    assert results(tmp_path / "out1") == results(tmp_path / "out2")


def test_what_failed_leaves_no_files(tmp_path):
    images, out = make_images(tmp_path / "in", 1), tmp_path / "out"
    segment(images, out)
    shutil.rmtree(out / "regions")
    (out / "regions").write_text("in the way")
    make_images(images, 1, prefix="new")
    with pytest.raises(OutputError, match="cannot write"):
        segment(images, out)


def test_a_dry_run_writes_nothing(tmp_path):
    images, out = make_images(tmp_path / "in", 3), tmp_path / "out"
    plan = dry_run([str(images)], config(), out)
    assert (plan["images"], plan["left"], plan["out"], plan["workers"]) == (3, 3, str(out), 2)
    assert not out.exists()
    segment(images, out)
    make_images(images, 1, prefix="new")
    before = sorted(tmp_path.rglob("*"))
    assert dry_run([str(images)], config(), out)["left"] == 1
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(OutputError, match="work_size"):
        dry_run([str(images)], config("detector.work_size=512"), out)


def test_stage_1_alone(tmp_path):
    images, out = make_images(tmp_path / "in" / "bolts", 3).parent, tmp_path / "deep" / "p.json"
    told = describe_run([str(images)], config("output.per_folder=true"), out, make=FakeSegmenter)
    assert told["images"] == 3
    assert read_profiles(out)["bolts"].object == "part"
    segment(images, tmp_path / "out", "output.per_folder=true")
    assert (tmp_path / "out" / "profile.json").read_bytes() == out.read_bytes()


def test_a_profile_for_all_serves_every_folder(tmp_path):
    images, given = make_images(tmp_path / "in" / "bolts", 2).parent, tmp_path / "p.json"
    write_profiles(given, {"": ObjectProfile("any")})
    segment(images, tmp_path / "out", "output.per_folder=true", profile=given)
    assert read_profiles(tmp_path / "out" / "profile.json")["bolts"].object == "any"

"""The commands as their user types them: output, exit codes, files."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from pycocotools import mask as coco

from iapas.files.profiles import read_profiles

ROOT = Path(__file__).parents[2]


def iapas(*arguments, cwd=None, env=None, **options):
    return subprocess.run(
        [sys.executable, "-m", "iapas", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imencode(path.suffix, image[..., ::-1])[1].tofile(path)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory, surface):
    """images/: two scratched surfaces, in two folders, and a file that is no image; good/: ten clean ones."""
    folder = tmp_path_factory.mktemp("place")
    write(folder / "images/a/1.png", surface(96, 128, 1))
    write(folder / "images/b/1.png", surface(96, 128, 2))
    (folder / "images/broken.jpg").write_bytes(b"not an image")
    for i in range(10):
        write(folder / f"good/{i}.png", surface(96, 128, 10 + i, scratch=False))
    return folder


@pytest.fixture(scope="module")
def run(place):
    ended = iapas("segment", "images", "--json", cwd=place)
    return ended, place / "runs/images"


def test_segment_ends_with_3_when_a_row_failed_and_says_so_in_json(run):
    ended, _ = run
    assert ended.returncode == 3, ended.stderr
    summary = json.loads(ended.stdout)
    assert (summary["images"], summary["ok"], summary["failed"]) == (3, 2, 1)
    assert "not IAP-AS" in ended.stderr.splitlines()[0]


def test_the_run_folder_is_the_contracts(run):
    _, out = run
    rows = {row["id"]: row for row in map(json.loads, (out / "manifest.jsonl").read_text().splitlines())}
    assert sorted(rows) == ["a/1.png", "b/1.png", "broken.jpg"]
    assert rows["broken.jpg"]["error"] == "image-unreadable"
    row = rows["a/1.png"]
    assert (row["status"], row["error"], row["verdict"], row["width"], row["height"]) == ("ok", None, "defect", 128, 96)
    mask = cv2.imdecode(np.fromfile(out / "masks/a/1.png.png", np.uint8), cv2.IMREAD_UNCHANGED)
    scores = tifffile.imread(out / "scores/a/1.png.tiff")
    assert mask.shape == scores.shape == (96, 128)
    assert set(np.unique(mask)) == {0, 255}
    assert scores.dtype == np.float32
    assert row["score"] == pytest.approx(scores.max(), abs=1e-5)
    regions = json.loads((out / "regions/a/1.png.json").read_text())["regions"]
    assert row["regions"] == len(regions) > 0
    union = np.zeros((96, 128), bool)
    for region in regions:
        drawn = coco.decode(region["mask"]).astype(bool)
        assert region["area"] == drawn.sum()
        union |= drawn
    assert union[mask > 0].mean() > 0.9
    run_json = json.loads((out / "run.json").read_text())
    assert len(run_json["fingerprint"]) == 64
    assert "classical vision" in run_json["title"]
    with (out / "summary.csv").open(newline="") as file:
        table = list(csv.reader(file))
    assert [line[0] for line in table] == ["id", "a/1.png", "b/1.png", "broken.jpg"]
    assert (out / "overlays/a/1.png.jpg").stat().st_size > 0
    assert "Content-Security-Policy" in (out / "report.html").read_text()
    assert list(read_profiles(out / "profile.json")) == [""]


def test_the_same_command_again_does_nothing_and_another_config_is_refused(run, place):
    _, out = run
    before = {path: path.read_bytes() for path in out.glob("masks/**/*.png")}
    again = iapas("segment", "images", "--json", cwd=place)
    assert json.loads(again.stdout)["done_now"] == 0
    assert again.returncode == 3
    other = iapas("segment", "images", "--threshold", "0.9", "--json", cwd=place)
    assert other.returncode == 5
    assert json.loads(other.stdout)["error"] == "output"
    assert 'verdict.threshold was "auto", now 0.9' in other.stderr
    assert {path: path.read_bytes() for path in out.glob("masks/**/*.png")} == before


def test_dry_run_writes_nothing(place):
    ended = iapas("segment", "images", "--out", "runs/dry", "--dry-run", "--json", cwd=place)
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["images"] == 3
    assert not (place / "runs/dry").exists()


def test_quiet_says_nothing_but_the_result(place):
    ended = iapas("segment", "good/0.png", "--out", "runs/quiet", "--quiet", cwd=place)
    assert ended.returncode == 0
    assert ended.stderr == ""
    assert "runs/quiet" in ended.stdout


def test_unknown_words_are_warned_of_once(place):
    ended = iapas("segment", "good", "--out", "runs/words", "--prompt", "dark blorb", "--quiet", cwd=place)
    assert ended.stderr.count("'blorb'") == 1
    assert "scratch" in ended.stderr


def test_describe_calibrate_segment(place):
    described = iapas("describe", "good", "--out", "p.json", "--object", "steel plate", cwd=place)
    assert described.returncode == 0, described.stderr
    (profile,) = read_profiles(place / "p.json").values()
    assert profile.object == "steel plate"
    assert profile.threshold is None
    calibrated = iapas("calibrate", "good", "--profile", "p.json", "--false-alarms", "0.2", "--json", cwd=place)
    assert calibrated.returncode == 0, calibrated.stderr
    threshold = json.loads(calibrated.stdout)["thresholds"][""]
    assert read_profiles(place / "p.json")[""].threshold == threshold > 0
    ended = iapas("segment", "good", "--profile", "p.json", "--out", "runs/good", "--json", cwd=place)
    assert json.loads(ended.stdout)["defect"] <= 2
    assert "stale" not in ended.stderr
    rows = map(json.loads, (place / "runs/good/manifest.jsonl").read_text().splitlines())
    assert all((row["verdict"] == "defect") == (row["score"] >= threshold) for row in rows)
    stale = iapas(
        "segment", "good", "--profile", "p.json", "--set", "detector.work_size=128", "--out", "runs/stale", cwd=place
    )
    assert "calibrated with other settings" in stale.stderr


def test_each_folder_is_a_product(place):
    ended = iapas("describe", "images", "--per-folder", "--out", "folders.json", cwd=place)
    assert ended.returncode == 0, ended.stderr
    assert list(read_profiles(place / "folders.json")) == ["", "a", "b"]
    ended = iapas("calibrate", "images/a", "--profile", "folders.json", cwd=place)
    assert ended.returncode == 2
    assert "no good image of the product 'a'" in ended.stderr  # given by itself, it is not below a folder "a"
    assert "1 of 1" not in ended.stderr  # said before the work


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["segment", "nothing-here"], 2, "nothing-here"),
        (["segment"], 2, "Missing argument"),
        (["segment", "good", "--threshold", "high"], 2, "verdict.threshold"),
        (["segment", "good", "--config", "iap"], 2, "embedded"),
        (["segment", "good", "--device", "cuda", "--out", "runs/cuda"], 4, "CPU"),
        (["segment", "good", "--overlay", "some"], 2, "overlay"),
        (["calibrate", "good", "--profile", "none.json"], 2, "none.json"),
        (["segment", "good", "--roi", "none.png", "--out", "runs/roi"], 2, "verdict.roi"),
        (["prompts", "show", "defualt"], 2, "lexicons casting, "),
        (["frobnicate"], 2, "frobnicate"),
    ],
)
def test_wrong_usage_is_named_with_its_exit_code(place, arguments, status, message):
    ended = iapas(*arguments, cwd=place)
    assert ended.returncode == status
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_is_there_can_be_seen(place):
    assert "classical vision" in iapas("config", "list").stdout
    assert json.loads(iapas("config", "show", "--json").stdout)["detector"]["name"] == "compact"
    assert (
        json.loads(iapas("config", "show", "embedded", "--set", "tile.size=512", "--json").stdout)["tile"]["size"]
        == 512
    )
    listed = json.loads(iapas("prompts", "list", "--json").stdout)
    assert "scratch" in listed["lexicons"]["default"]
    assert "IAP-AS" in listed["templates"]["paper"]
    assert "scratch" in iapas("prompts", "show").stdout
    assert "abnormal parts of {object}" in iapas("prompts", "show", "paper").stdout
    assert iapas("--version").stdout.startswith("iapas 0.")


def test_fault_46_a_closed_pipe_is_quiet(place):
    command = f"{sys.executable} -m iapas prompts show | head -1"
    ended = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert ended.stdout.startswith("phrases: ")
    assert ended.stderr == ""


def test_fault_46_plain_locale_and_read_only_home(place):
    ended = iapas(
        "segment", "good/0.png", "--out", "runs/plain", cwd=place, env={"LANG": "C", "LC_ALL": "C", "HOME": "/proc"}
    )
    assert ended.returncode == 0, ended.stderr


def test_fault_35_words_are_data_not_templates(place):
    ended = iapas(
        "segment", "good/0.png", "--out", "runs/inject", "--object", "{t.__init__.__globals__}", "--prompt",
        "{object} $(touch pwned) . <script>alert(1)</script>", "--json", cwd=place,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert not (place / "pwned").exists()
    page = (place / "runs/inject/report.html").read_text()
    assert "<script>alert" not in page
    assert "globals" in page

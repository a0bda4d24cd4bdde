"""``iapas export`` as its user types it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO


def iapas(*arguments, cwd):
    command = [sys.executable, "-m", "iapas", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def place(tmp_path_factory, surface):
    """runs/images: three scratched surfaces, and a file that is no image."""
    folder = tmp_path_factory.mktemp("export")
    (folder / "images").mkdir()
    for i in range(3):
        cv2.imencode(".png", surface(96, 128, i))[1].tofile(folder / f"images/{i}.png")
    (folder / "images/broken.jpg").write_bytes(b"not an image")
    ended = iapas("segment", "images", "--quiet", cwd=folder)
    assert ended.returncode == 3, ended.stderr
    return folder


def test_coco_has_the_masks_of_the_run(place):
    ended = iapas("export", "runs/images", "--format", "coco", "--json", cwd=place)
    assert ended.returncode == 3  # as in segment: an image has no result
    summary = json.loads(ended.stdout)
    assert (summary["images"], summary["failed"], summary["left"]) == (3, 1, 0)
    assert "1 images of the run failed" in ended.stderr
    coco = COCO(place / summary["out"])
    assert summary["annotations"] == len(coco.anns) > 0
    for number, image in coco.imgs.items():
        mask = cv2.imdecode(np.fromfile(place / f"runs/images/masks/{image['file_name']}.png", np.uint8), 0) > 0
        union = np.any([np.zeros_like(mask), *(coco.annToMask(entry) > 0 for entry in coco.imgToAnns[number])], axis=0)
        np.testing.assert_array_equal(union, mask)


@pytest.mark.parametrize(
    ("form", "file"),
    [
        ("coco", "coco.json"),
        ("labelme", "1.json"),
        ("yolo", "labels/1.txt"),
        ("mvtec", "anomaly_maps/1.tiff"),
    ],
)
def test_each_format_goes_where_it_is_told_to(place, form, file):
    ended = iapas("export", "runs/images", "--format", form, "--out", f"out/{form}", cwd=place)
    assert ended.returncode == 3
    assert (place / "out" / form / file).stat().st_size > 0
    assert f"out/{form}" in ended.stdout


def test_a_run_that_is_whole_is_exit_0(place):
    assert iapas("segment", "images/0.png", "--out", "runs/one", "--quiet", cwd=place).returncode == 0
    ended = iapas("export", "runs/one", "--format", "yolo", cwd=place)
    assert ended.returncode == 0
    assert ended.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs/nothing", "--format", "coco"], "runs/nothing is not there"),
        (["images", "--format", "coco"], "not a run of iapas"),
        (["runs/images", "--format", "voc"], "voc"),
        (["runs/images"], "--format"),
        (["runs/images", "--format", "yolo", "--out", "runs/images"], "runs/images/export"),
    ],
)
def test_wrong_usage_is_exit_2_with_the_reason(place, arguments, message):
    ended = iapas("export", *arguments, cwd=place)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_place_that_cannot_be_written_is_exit_5(place):
    ended = iapas("export", "runs/images", "--format", "yolo", "--out", "images/0.png/yolo", cwd=place)
    assert ended.returncode == 5
    assert "images/0.png" in ended.stderr


def test_the_commands_of_the_page_run_in_order(tmp_path, surface):
    page = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
    (tmp_path / "images").mkdir()
    cv2.imencode(".png", surface(96, 128, 1))[1].tofile(tmp_path / "images/1.png")
    commands = re.findall(r"^    iapas (.+)$", page, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        ended = iapas(*command.split(), cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
    places = re.findall(r"^\| `\w+` \| .+ \| `(runs/.+)` \|$", page, re.MULTILINE)
    assert len(places) == 4
    written = [place for place in places if (tmp_path / place).exists()]
    assert written == [place for place in places if "yolo" not in place]
    assert (tmp_path / "datasets/defects/data.yaml").is_file()

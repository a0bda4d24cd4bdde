"""Every file of the fault corpus in one run of the command, beside good pictures: what each row says."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Names not listed here are pictures that must be segmented.
FAILS = {
    "image-truncated": ["01-", "02-"],
    "image-unreadable": ["03-", "12-text-bomb.png"],
    "image-nonfinite": ["05-float-nan.tif"],
    "image-multiframe": ["09-"],
    "image-too-small": ["10-"],
    "image-too-large": ["11-"],
    "image-format-refused": ["13-"],
    "io-denied": ["16-xxxx", "18-fifo.png", "18-selfloop.png"],
    "io-vanished": ["19-vanished.png"],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("corpus")
    runpy.run_path(str(ROOT / "scripts" / "make_fault_corpus.py"))["write"](place / "corpus")
    command = [sys.executable, "-m", "iapas", "segment", "corpus", "--out", "out", "--json"]
    ended = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120)
    rows = [json.loads(line) for line in (place / "out/manifest.jsonl").read_text().splitlines()]
    return ended, rows, place / "out"


def expected(name):
    return next((code for code, starts in FAILS.items() for start in starts if name.startswith(start)), None)


def test_every_image_is_there_exactly_once_with_its_code(run):
    ended, rows, _ = run
    assert ended.returncode == 3, ended.stderr
    assert "Traceback" not in ended.stderr
    assert len({row["id"] for row in rows}) == len(rows) > 60
    unreadable = "19-unreadable" if os.getuid() else "no such name"  # root may read everything
    wrong = {
        row["id"]: row["error"]
        for row in rows
        if row["error"] != expected(row["id"]) and not row["id"].startswith(unreadable)
    }
    assert wrong == {}
    assert all(row["message"] for row in rows if row["error"])


def test_fault_04_to_09_the_rule_that_was_applied_is_in_the_row(run):
    _, rows, _ = run
    notes = {row["id"]: " ".join(row["warnings"]) for row in rows}
    assert "10 bits" in notes["04-grey10in16.png"]
    assert "measured range" in notes["05-float-range.tif"]
    assert "CMYK" in notes["07-cmyk.jpg"]
    assert "ICC" in notes["07-icc.png"]
    assert "alpha" in notes["08-hidden.png"]
    assert "PNG content" in notes["14-png-inside.jpg"]


def test_fault_06_pictures_lie_in_the_displayed_frame(run):
    _, rows, _ = run
    turned = {row["id"]: row for row in rows if row["id"].startswith("06-orientation")}
    assert {row["exif_orientation"] for row in turned.values()} == set(range(1, 9))
    stored = (turned["06-orientation1.jpg"]["width"], turned["06-orientation1.jpg"]["height"])
    for row in turned.values():
        shown = (row["width"], row["height"])
        assert shown == (stored[::-1] if row["exif_orientation"] >= 5 else stored)


def test_each_good_row_has_its_files_and_no_other_has(run):
    _, rows, out = run
    good = {row["id"] for row in rows if row["status"] == "ok"}
    for folder, suffix in (("masks", ".png"), ("scores", ".tiff"), ("regions", ".json")):
        files = {
            path.relative_to(out / folder).as_posix() for path in (out / folder).rglob(f"*{suffix}") if path.is_file()
        }
        assert files == {f"{name}{suffix}" for name in good}

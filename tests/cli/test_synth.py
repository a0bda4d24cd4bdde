"""``iapas synth`` as its user types it: a data set that ``iapas eval`` reads."""

import hashlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from iapas.cli.app import app, run
from iapas.embedded.words import ATTRIBUTES
from iapas.errors import OutputError
from iapas.evaluation.datasets import open_dataset
from iapas.synthesis.dataset import Order, write_dataset
from iapas.synthesis.defects import KINDS


def synth(*arguments):
    return CliRunner().invoke(app, ["synth", *map(str, arguments)])


def read(file):
    return cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)


def digests(folder):
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two dozen small pictures."""
    folder = tmp_path_factory.mktemp("synth") / "made"
    write_dataset(folder, Order(24, (64, 80), seed=4))
    return folder


def test_the_layout_is_that_of_mvtec(made):
    words = json.loads((made / "words.json").read_text())
    assert len(words) == 24
    files = {file.relative_to(made).as_posix() for file in made.rglob("*.png")}
    assert files == {row["image"] for row in words} | {row["mask"] for row in words if row["mask"]}
    for row in words:
        _, part, kind, name = Path(row["image"]).parts
        image = read(made / row["image"])
        assert image.shape == (64, 80, 3)
        if kind == "good":
            assert (row["mask"], row["defects"]) == (None, [])
            continue
        assert part == "test"
        assert row["mask"] == f"synthetic/ground_truth/{kind}/{name.removesuffix('.png')}_mask.png"
        mask = read(made / row["mask"])
        assert set(np.unique(mask)) == {0, 255}
        assert (mask > 0).sum() == sum(defect["pixels"] for defect in row["defects"])
        for defect in row["defects"]:
            left, top, right, bottom = defect["box"]
            assert (mask[top:bottom, left:right] > 0).sum() >= defect["pixels"]
            assert set(defect["attributes"]) <= set(ATTRIBUTES)
            assert defect["phrase"]
    assert any("/train/good/" in row["image"] for row in words)
    assert any("/test/good/" in row["image"] for row in words)


def test_the_settings_are_kept(made):
    settings = json.loads((made / "synth.json").read_text())
    assert (settings["seed"], settings["pictures"], settings["width"], settings["height"]) == (4, 24, 80, 64)
    assert settings["versions"]["opencv"] == cv2.__version__


def test_evaluation_reads_it(made):
    data = open_dataset("mvtec-ad", made)
    words = json.loads((made / "words.json").read_text())
    assert len(data.test) == sum("/test/" in row["image"] for row in words)


def test_the_same_seed_is_the_same_bytes_and_a_longer_one_begins_alike(made, tmp_path):
    write_dataset(tmp_path / "again", Order(24, (64, 80), seed=4))
    assert digests(tmp_path / "again") == digests(made)
    write_dataset(tmp_path / "less", Order(9, (64, 80), seed=4))
    less, all_ = digests(tmp_path / "less"), digests(made)
    pictures = {name for name in less if name.endswith(".png")}
    assert len(pictures) > 9
    assert all(less[name] == all_[name] for name in pictures)
    write_dataset(tmp_path / "other", Order(9, (64, 80), seed=5))
    assert not set(digests(tmp_path / "other").values()) & set(all_.values())


def test_kinds_and_clean_share(tmp_path):
    ended = synth("--out", tmp_path / "a", "--n", 6, "--size", 64, "--kinds", "crack, faded_print", "--clean-share", 0)
    assert ended.exit_code == 0
    words = json.loads((tmp_path / "a/words.json").read_text())
    assert {defect["kind"] for row in words for defect in row["defects"]} <= {"crack", "faded print"}
    assert all(row["defects"] for row in words)
    assert str(tmp_path / "a/words.json") in ended.stdout
    ended = synth("--out", tmp_path / "b", "--n", 4, "--size", "80x64", "--clean-share", 1, "--json", "--quiet")
    assert json.loads(ended.stdout)["kinds"] == {"good": 4}
    assert ended.stderr == ""


def test_a_folder_with_something_in_it_is_exit_5(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    command = [sys.executable, "-m", "iapas", "synth", "--out", tmp_path, "--n", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 5
    assert "is not empty" in ended.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(OutputError, match="not empty"):
        write_dataset(tmp_path / "mine.txt", Order(1))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--n", "0"],
        ["--size", "32"],
        ["--size", "64x2000"],
        ["--size", "0x"],
        ["--size", "-64"],
        ["--kinds", "crack,dragons"],
        ["--clean-share", "1.5"],
        ["--seed", "-1"],
    ],
)
def test_wrong_usage_is_exit_2_and_writes_nothing(tmp_path, arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["iapas", "synth", "--out", str(tmp_path / "out"), *arguments])
    assert run() == 2
    assert not (tmp_path / "out").exists()


def test_the_page_names_every_kind_and_its_commands_run(tmp_path, monkeypatch, capfd):
    page = (Path(__file__).parents[2] / "docs" / "synthesis.md").read_text(encoding="utf-8")
    table = page.partition("## Kinds of defect")[2].partition("\n\nElements")[0]
    assert set(re.findall(r"`([a-z ]+)`", table)) == set(KINDS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    commands = re.findall(r"^    (iapas .+)$", page, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        few = ["--limit", "3"] if "eval" in command else []
        monkeypatch.setattr(sys, "argv", shlex.split(command) + few)
        assert run() == 0, capfd.readouterr().err
    assert (tmp_path / "judged" / "results.json").exists()

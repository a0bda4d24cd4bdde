"""The commands of docs/evaluation.md run, in their order, on a small set; its keys are those of results.json."""

import json
import re
import shlex
import sys
from pathlib import Path

import cv2
import numpy as np

from iapas.cli.app import run

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")


def put(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, array)[1].tobytes())


def test_the_commands_run_and_the_files_are_there(tmp_path, surface, monkeypatch, capfd):
    for stem in ("a", "b", "good"):
        put(
            tmp_path / "pictures" / "images" / f"{stem}.png", surface(64, 96, seed=ord(stem[0]), scratch=stem != "good")
        )
    mask = np.zeros((64, 96), np.uint8)
    mask[31:34, 19:77] = 255
    for stem in ("a", "b"):
        put(tmp_path / "pictures" / "masks" / f"{stem}.png", mask)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    commands = re.findall(r"^    (iapas .+?)$", PAGE.partition("## The oracle study")[0], re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        assert run() == 0, f"{command}\n{capfd.readouterr().err}"
    listed = re.findall(r"^      ([\w.]+)/?\s{2,}", PAGE, re.MULTILINE)
    assert {path.name for path in (tmp_path / "runs" / "judged").iterdir()} == set(listed)
    results = json.loads((tmp_path / "runs" / "judged" / "results.json").read_text())
    named = set(re.findall(r"`((?:pixel|image)_\w+)`", PAGE))
    assert named == {key for key in results["mean"] if key.startswith(("pixel", "image_"))}

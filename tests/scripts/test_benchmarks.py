"""The benchmarks run, on data in the layout that they expect, and leave the rest of the page alone."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).parents[2]


def test_the_embedded_benchmark_measures_and_writes_its_section(tmp_path, surface):
    for folder in ("images", "annotations"):
        (tmp_path / "HSST-fabric" / folder).mkdir(parents=True)
    for i in range(3):
        mask = np.zeros((128, 128), np.uint8)
        mask[63:66, 26:102] = 255
        cv2.imencode(".jpg", surface(128, 128, i))[1].tofile(tmp_path / f"HSST-fabric/images/{i}.jpg")
        cv2.imencode(".png", mask)[1].tofile(tmp_path / f"HSST-fabric/annotations/{i}.png")
    page = tmp_path / "page.md"
    mark = "<!-- scripts/bench_embedded.py: {} -->"
    page.write_text(f"# Mine\n\n{mark.format('begin')}\nstale text\n{mark.format('end')}\n\ntail\n")
    script = [sys.executable, ROOT / "scripts/bench_embedded.py", "--data", tmp_path, "--sets", "HSST-fabric"]
    ended = subprocess.run([*script, "--processes", "1", "--out", page], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    text = page.read_text()
    assert text.startswith("# Mine\n")
    assert text.endswith("\n\ntail\n")
    assert "stale text" not in text
    row = next(line for line in text.splitlines() if line.startswith("| HSST-fabric | 3 |"))
    classical, _, both = (float(cell.split("/")[0]) for cell in row.split("|")[4:7])
    assert min(classical, both) > 0.8  # a plain scratch on a plain surface: AP


def test_the_benchmark_of_runs_measures(tmp_path):
    script = [sys.executable, ROOT / "scripts/bench_run.py", "--images", "2", "--rounds", "1"]
    ended = subprocess.run(script, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["ratio, median"] > 0

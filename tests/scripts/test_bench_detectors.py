"""The benchmark of detectors measures one, and compares what it measured."""

import argparse
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_detectors.py"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    spec = importlib.util.spec_from_file_location("bench_detectors", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_detector_is_measured(tiny):
    command = [sys.executable, SCRIPT, "--child", "clipseg", "--models", tiny("clipseg-rd64-refined").parent]
    ended = subprocess.run([*command, "--images", "2", "--size", "96x64"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert len(told["seconds"]) == 2
    assert 0 < min(told["seconds"]) < told["first"]  # which encodes the phrases, too
    assert told["found"] > 0


def test_the_table_compares_with_the_detector_of_the_paper(bench):
    rows = {
        name: {"seconds": [4.0 * (i + 1), 9.0 * (i + 1)], "first": 30.0, "peak_mb": 2048}
        for i, name in enumerate(bench.DETECTORS)
    }
    given = argparse.Namespace(images=2, device="cpu", threads=1, size="640x480")
    lines = bench.table(rows, given, "torch 2").splitlines()
    assert "| iap-as | Grounding DINO Swin-T, 800 x 1333 | 4.0 | 1.00 | 30.0 | 2.0 GB |" in lines
    assert "| clipseg | CLIPSeg, 352 x 352 | 12.0 | 3.00 | 30.0 | 2.0 GB |" in lines
    assert sum(line.startswith("| ") for line in lines) == 1 + len(bench.DETECTORS)

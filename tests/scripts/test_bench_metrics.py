"""The benchmark of the metrics runs, small, and its methods agree."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_benchmark_measures_and_writes_its_section(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Mine\n\ntext\n")
    command = [sys.executable, ROOT / "scripts/bench_metrics.py", "--maps", "3", "--size", "96", "--rounds", "1"]
    for _ in range(2):
        ended = subprocess.run([*command, "--stream", "2", "--out", page], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
    text = page.read_text()
    assert text.startswith("# Mine\n\ntext\n\n<!-- scripts/bench_metrics.py: begin -->\n\n## Metrics\n")
    assert text.count("## Metrics") == 1
    rows = [line.split(" | ") for line in text.splitlines() if "| scikit-learn |" in line]
    assert len(rows) == 2
    for row in rows:
        assert 0 < float(row[6]) < 1  # AP
        assert float(row[7].rstrip("| ")) < 1e-10  # the difference
    assert text.count("| torchmetrics | not installed |") == 2
    assert "2 continuous maps of 96 x 96" in text

"""The benchmark of prompts runs, and writes its section."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_prompts.py"


def test_the_benchmark_compares_and_writes_its_section(tiles, tmp_path):
    (tmp_path / "MTD").symlink_to(tiles)
    page = tmp_path / "page.md"
    page.write_text("# Mine\n\nhead\n")
    command = [sys.executable, SCRIPT, "sets", "--data", tmp_path, "--sets", "mtd", "--limit", "1", "--workers", "1"]
    done = subprocess.run([*command, "--out", page], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert text.startswith("# Mine\n\nhead\n")
    for name in ("no words", "the class's words", "another class's words", "lexicon saa"):
        assert f"| {name} | mtd | 3 |" in text  # two defects, one normal image
    assert "The classes' words: Blowhole: small dark hole; Crack: thin dark crack." in text

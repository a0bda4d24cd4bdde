"""The README keeps its word: its commands run, its Python runs, its tree is the tree."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^    (iapas .+?)(?:\s{2,}#.*)?$", README, re.MULTILINE)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder as the README supposes it: images/ and good/ beside examples/."""
    place = tmp_path_factory.mktemp("readme")
    (place / "images").mkdir()
    (place / "good").mkdir()
    for stem in ("brushed_steel", "woven_fabric"):
        shutil.copy(ROOT / "examples" / "images" / f"{stem}.jpg", place / "images")
        shutil.copy(ROOT / "examples" / "images" / f"{stem}_clean.jpg", place / "good")
    shutil.copytree(ROOT / "examples", place / "examples")
    script = ROOT / "scripts" / "make_tiny_models.py"
    subprocess.run([sys.executable, script, place / "tiny"], check=True, capture_output=True)
    return place


def test_the_commands_of_the_readme_run_in_order(workplace):
    assert len(COMMANDS) >= 8
    for command in COMMANDS:
        words = shlex.split(command)
        ended = subprocess.run(
            [sys.executable, "-m", *words], cwd=workplace, capture_output=True, text=True, timeout=300
        )
        assert ended.returncode == 0, f"{command}\n{ended.stderr}"


def test_the_python_of_the_readme_runs(workplace, capsys, monkeypatch):
    monkeypatch.chdir(workplace)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    assert "defect" in capsys.readouterr().out


def test_the_tree_at_the_end_is_the_tree():
    spec = importlib.util.spec_from_file_location("readme_tree", ROOT / "scripts" / "readme_tree.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert README.partition(module.BEGIN)[2].strip("\n") == module.tree().strip("\n"), "run scripts/readme_tree.py"


def test_exit_codes_of_the_readme_are_those_of_the_errors():
    from iapas import errors

    codes = {int(code) for code in re.findall(r"^\| (\d)", README, re.MULTILINE)}
    classes = [getattr(errors, name) for name in dir(errors) if name.endswith(("Error", "Denied"))]
    assert {cls.exit_status for cls in classes} <= codes

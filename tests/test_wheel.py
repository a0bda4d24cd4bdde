"""What users install: a wheel with its own prompts and configs, that works without torch and without the checkout."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = "Scripts" if os.name == "nt" else "bin"

USE = """
import importlib.util, json
from pathlib import Path
import iapas
from iapas import Segmenter, shipped

segmenter = Segmenter.from_config("embedded")
pictures = sorted(Path("pictures").rglob("*.jpg"))
profile = segmenter.describe(pictures[:1])
results = {path.name: segmenter.segment(path, profile) for path in pictures}
print(json.dumps({
    "package": iapas.__file__,
    "configs": str(shipped.folder("configs")),
    "prompts": str(shipped.folder("prompts")),
    "lexicons": shipped.names("prompts/lexicons"),
    "torch": importlib.util.find_spec("torch") is not None,
    "verdicts": {name: result.verdict for name, result in results.items()},
    "sizes": {name: list(result.mask.shape) for name, result in results.items()},
}))
"""


def ran(*command, cwd):
    """What a command printed, without anything of this environment that would lead it back to the checkout."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV", "COV_"))}
    ended = subprocess.run([*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    ran(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT, cwd=folder)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A new environment with the wheel and what it needs from the registry; its scripts."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place)  # without a pip of its own: ours installs into it, which saves seconds
    scripts = place / SCRIPTS
    pip = (sys.executable, "-m", "pip", "--python", scripts / "python")
    ran(*pip, "install", "--quiet", "--no-compile", wheel, cwd=place)
    return scripts


@pytest.fixture
def pictures(tmp_path):
    """A folder elsewhere, with the examples in it."""
    shutil.copytree(ROOT / "examples", tmp_path / "pictures")
    return sorted((tmp_path / "pictures").rglob("*.jpg"))


def test_the_wheel_holds_prompts_and_configs_and_is_small(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for kind in ("configs", "prompts"):
        shipped = {f"iapas/_data/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / kind).rglob("*.yaml")}
        assert shipped
        assert shipped <= set(names)
    assert {"iapas/views/report.css", "iapas/views/report.js"} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "examples/", "scripts/"))]
    assert "iapas/embedded/compact/compact.onnx" in names
    assert wheel.stat().st_size < 12_000_000


def test_the_installed_package_works_from_python_with_its_own_data(installed, tmp_path, pictures):
    told = json.loads(ran(installed / "python", "-c", USE, cwd=tmp_path))
    site_packages = Path(told["package"]).parents[1]
    assert site_packages.name == "site-packages"
    assert site_packages.is_relative_to(installed.parent)
    assert told["configs"] == str(site_packages / "iapas" / "_data" / "configs")
    assert told["prompts"] == str(site_packages / "iapas" / "_data" / "prompts")
    assert "default" in told["lexicons"]
    assert told["torch"] is False
    assert sorted(told["verdicts"]) == [path.name for path in pictures]
    assert "defect" in told["verdicts"].values()


def test_the_installed_command_segments_and_exports(installed, tmp_path, pictures):
    command = installed / "iapas"
    doctor = json.loads(ran(command, "doctor", "--json", cwd=tmp_path))
    assert doctor["missing"] == []
    assert doctor["torch"] is None
    summary = json.loads(ran(command, "segment", "pictures", "--json", cwd=tmp_path))
    assert (summary["images"], summary["failed"], summary["left"]) == (len(pictures), 0, 0)
    assert summary["defect"] > 0
    assert len(list((tmp_path / "runs/pictures/masks").rglob("*.png"))) == len(pictures)
    ran(command, "export", "runs/pictures", "--format", "coco", cwd=tmp_path)
    assert "classical vision" in ran(command, "config", "list", cwd=tmp_path)

"""What users install: prompts and configs are inside, and are found there."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def test_the_wheel_holds_prompts_and_configs_and_is_small(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for kind in ("configs", "prompts"):
        shipped = {f"iapas/_data/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / kind).rglob("*.yaml")}
        assert shipped
        assert shipped <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "examples/", "scripts/"))]
    assert wheel.stat().st_size < 1_000_000


def test_the_installed_package_reads_its_own_data(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = "import iapas; from iapas import shipped; print(shipped.folder('configs')); iapas.load_config('embedded')"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == str(tmp_path / "iapas" / "_data" / "configs")

"""``iapas doctor``: it always answers, and says what is missing with a way to get it."""

import json
import os
import subprocess
import sys
from importlib import metadata

import pytest

from iapas import __version__
from iapas.config import load_config
from iapas.run import doctor
from iapas.run.doctor import examine

EMBEDDED = load_config("embedded")


def iapas(*arguments, **env):
    command = [sys.executable, "-m", "iapas", *arguments]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=120)


@pytest.fixture(autouse=True)
def quick(tmp_path, monkeypatch):
    """A torch that cannot be imported, at once: the real one takes seconds. Tests that need it delete PYTHONPATH."""
    monkeypatch.setenv("PYTHONPATH", fake_torch(tmp_path, "raise ImportError('not now')")["PYTHONPATH"])


def fake_torch(folder, body):
    (folder / "torch").mkdir(exist_ok=True)
    (folder / "torch" / "__init__.py").write_text(body)
    return {"PYTHONPATH": str(folder)}


def test_the_embedded_default_lacks_nothing():
    ended = iapas("doctor", "--json", HF_HOME="/some/where")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["missing"] == []
    assert found["iapas"] == __version__
    assert found["packages"]["numpy"] == metadata.version("numpy")
    assert None not in found["packages"].values()
    assert found["caches"]["HF_HOME"] == "/some/where"
    assert found["workers"] >= 1
    assert found["terminal"]["encoding"].lower().startswith("utf")
    assert "GB" in found["memory"]
    assert set(found["extras"]) == {"models", "4bit", "eval"}


def test_text_ends_with_the_verdict():
    ended = iapas("doctor", "--set", "run.workers=1")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "embedded has all that it needs"
    assert f"iapas           {__version__}" in ended.stdout
    assert "workers         1" in ended.stdout


def test_fault_40_a_device_that_is_not_there_is_exit_4():
    ended = iapas("doctor", "--device", "cuda")
    assert ended.returncode == 4
    assert ended.stdout.splitlines()[-1].startswith("missing: --device cuda")
    assert json.loads(iapas("doctor", "--device", "cuda", "--json").stdout)["missing"]


def test_an_unknown_config_is_exit_2():
    ended = iapas("doctor", "--config", "iap")
    assert ended.returncode == 2
    assert "embedded" in ended.stderr


def test_a_package_that_is_not_installed_is_named_with_the_command(monkeypatch):
    installed = metadata.version

    def version(name):
        if name in ("filelock", "torch"):
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    found = examine(EMBEDDED)
    assert found["missing"] == ['filelock is not installed: pip install "filelock"']
    assert found["packages"]["filelock"] is None
    assert found["extras"]["models"]["torch"] is None
    assert found["extras"]["models"]["install"].startswith("pip install ")


@pytest.mark.parametrize("extra", doctor.EXTRAS)
def test_the_command_for_an_extra_is_one_that_pip_knows(monkeypatch, extra):
    def nothing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "version", nothing)
    provided = metadata.metadata("iapas").get_all("Provides-Extra")
    what = f'"iapas[{extra}]"' if extra in provided else " ".join(doctor.EXTRAS[extra])
    assert doctor._extra(extra)["install"] == f"pip install {what}"


def test_torch_is_asked_in_a_process_of_its_own(tmp_path):
    body = """
from types import SimpleNamespace
__version__ = "9.9"
version = SimpleNamespace(cuda="12.0")
cuda = SimpleNamespace(is_available=lambda: True, get_device_name=lambda: "H200", is_bf16_supported=lambda: True)
"""
    ended = iapas("doctor", "--json", **fake_torch(tmp_path, body))
    expected = {"version": "9.9", "built for CUDA": "12.0", "device": "cuda: H200", "bf16": True}
    assert json.loads(ended.stdout)["torch"] == expected
    assert ended.returncode == 0


@pytest.mark.parametrize("body", ["raise ImportError('libcudart.so: no such file')", "import os; os.abort()", "x = 1"])
def test_fault_40_a_broken_torch_breaks_nothing(tmp_path, body):
    ended = iapas("doctor", "--json", **fake_torch(tmp_path, body))
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert "cannot be used" in found["torch"]["broken"]
    assert "libcudart" not in body or "libcudart" in found["torch"]["broken"]


def test_it_never_raises(monkeypatch):
    def broken(*_, **__):
        raise OSError("nothing works")

    for module, names in {
        doctor.platform: ["platform"],
        doctor.shutil: ["disk_usage"],
        doctor.metadata: ["requires", "metadata"],
        doctor.importlib.util: ["find_spec"],
        doctor.os: ["cpu_count", "sched_getaffinity"],
    }.items():
        for name in names:
            monkeypatch.setattr(module, name, broken, raising=False)
    monkeypatch.setattr(doctor.Segmenter, "from_config", broken)
    monkeypatch.setattr(doctor.Path, "exists", broken)
    found = examine(EMBEDDED)
    assert found["memory"] == "not known: nothing works"
    assert found["missing"] == ["embedded cannot be set up: nothing works"]
    json.dumps(found)


def test_models_that_are_missing_are_all_named(tmp_path):
    ended = iapas("doctor", "--config", "fast", "--json", HF_HOME=str(tmp_path), HF_HUB_CACHE=str(tmp_path))
    assert ended.returncode == 4
    found = json.loads(ended.stdout)
    assert found["models"]["grounding-dino-tiny"].startswith("not here; 689 MB, Apache-2.0")
    names = [sentence.split(" ")[0] for sentence in found["missing"]]
    assert names[:-1] == ["grounding-dino-tiny", "sam2.1-hiera-tiny"]
    assert found["missing"][-1] == "torch is installed but cannot be used: ImportError: not now"


def test_a_gated_model_is_told_with_its_licence(tmp_path):
    ended = iapas("doctor", "--config", "sam3", "--json", HF_HOME=str(tmp_path), HF_HUB_CACHE=str(tmp_path))
    assert ended.returncode == 4
    found = json.loads(ended.stdout)
    terms = (
        "3.4 GB, SAM License (commercial use allowed), gated: agree to the terms at https://huggingface.co/facebook/"
    )
    assert found["models"] == {"sam3": f"not here; {terms}sam3 and run: hf auth login"}
    assert "not IAP-AS" in found["config"]["title"]
    assert found["missing"][0].startswith("sam3 ") and "iapas models fetch sam3" in found["missing"][0]


def test_models_that_are_there_and_the_device_they_would_use(tiny, monkeypatch):
    monkeypatch.delenv("PYTHONPATH")
    root = tiny("grounding-dino-tiny").parent
    tiny("sam2.1-hiera-tiny")
    ended = iapas("doctor", "--config", "fast", "--set", f"models.root={root}", "--device", "cpu", "--json")
    found = json.loads(ended.stdout)
    assert found["missing"] == []
    assert found["models"]["grounding-dino-tiny"].startswith(str(root / "grounding-dino-tiny"))
    assert found["device"]["used"].startswith("cpu, ")


def test_fault_40_cuda_that_is_not_there_is_missing(tiny, monkeypatch):
    import torch

    monkeypatch.delenv("PYTHONPATH")

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    folder = tiny("grounding-dino-tiny")
    config = load_config(
        "fast", [f"detector.model={folder}", "decoder.name=none", "run.device=cuda", "describe.tagger=none"]
    )
    found = examine(config)
    assert found["device"] == {"requested": "cuda", "used": "none"}
    assert [sentence.split(":")[0] for sentence in found["missing"]] == ["--device cuda"]
    assert found["models"] == {str(folder): f"{folder}; licence: yours to know"}

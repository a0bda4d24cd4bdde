"""Faults of models and of the way to them, through the command line: each is exit 4, in words, and before any image."""

import json
import os
import shutil
import subprocess
import sys
import time

import cv2
import pytest

from iapas import Segmenter
from iapas.errors import MissingError

MODELS = ("grounding-dino-tiny", "sam2.1-hiera-tiny")


@pytest.fixture
def root(tiny, tmp_path):
    """A folder with the models of the config ``fast``, to be broken."""
    for name in MODELS:
        shutil.copytree(tiny(name), tmp_path / "models" / name)
    return tmp_path / "models"


@pytest.fixture
def segment(tmp_path, surface):
    """``segment(*options, **env)``: how ``iapas segment --config fast`` of one image ended."""
    images = tmp_path / "images"
    images.mkdir()
    cv2.imencode(".png", surface(96, 128))[1].tofile(images / "a.png")
    command = [sys.executable, "-m", "iapas", "segment", images, "--config", "fast", "--out", tmp_path / "out"]

    def run(*options, **env):
        kept = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1", **env}
        return subprocess.run([*command, *options], env=kept, capture_output=True, text=True, timeout=120)

    return run


def refused(ended, *words):
    assert ended.returncode == 4, ended.stderr
    assert "Traceback" not in ended.stderr
    for word in words:
        assert word in ended.stderr


def test_fault_38_a_tampered_model(segment, root, tmp_path):
    weights = root / MODELS[1] / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-9] ^= 1
    weights.write_bytes(data)
    refused(segment("--set", f"models.root={root}"), "model.safetensors differs")
    manifest = tmp_path / "out" / "manifest.jsonl"
    assert not manifest.exists() or not manifest.read_text()


def refused_here(root, surface, *words):
    """As ``refused``, in this process: the models are loaded when they are first used."""
    segmenter = Segmenter.from_config("fast", overrides={"models.root": str(root), "run.device": "cpu"})
    with pytest.raises(MissingError) as raised:
        segmenter.segment(surface(96, 128))
    assert raised.value.exit_status == 4
    for word in words:
        assert word in str(raised.value)


def test_fault_38_half_a_model(root, surface):
    weights = root / MODELS[1] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    refused_here(root, surface, "model.safetensors differs")
    (root / MODELS[1] / "SHA256SUMS").unlink()
    refused_here(root, surface, str(root / MODELS[1]), "cannot be loaded")


def test_fault_38_the_weights_of_another_model(root, surface):
    shutil.copy(root / MODELS[1] / "model.safetensors", root / MODELS[0])
    (root / MODELS[0] / "SHA256SUMS").unlink()
    refused_here(root, surface, str(root / MODELS[0]), "tensors are missing")


def test_fault_39_a_model_that_was_never_fetched(segment, tmp_path):
    pytest.importorskip("torch", reason='torch is not installed: pip install "iapas[models]"')
    start = time.monotonic()
    ended = segment(HF_HOME=str(tmp_path / "hf"), HF_ENDPOINT="http://127.0.0.1:9")
    assert time.monotonic() - start < 15  # below 1 where nothing else runs; what tries again takes over 20
    refused(ended, "689 MB", "Apache-2.0", "iapas models fetch grounding-dino-tiny", "models.root")


def test_fault_40_a_gpu_that_is_not_there(segment, root):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    refused(segment("--set", f"models.root={root}", "--device", "cuda"), "--device cuda: ")


_GUARD = """
import os, socket

def refuse(*arguments, **_):
    with open(os.environ["ASKED"], "a") as asked:
        asked.write(f"{arguments}\\n")
    raise OSError("there is no network")

class Guarded(socket.socket):
    def connect(self, address):
        return super().connect(address) if self.family == socket.AF_UNIX else refuse(address)
    def connect_ex(self, address):
        return super().connect_ex(address) if self.family == socket.AF_UNIX else refuse(address)

socket.socket, socket.getaddrinfo = Guarded, refuse
"""


def test_offline_asks_nothing_of_the_network_in_any_process(segment, root, tmp_path):
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(_GUARD)  # every Python here and in workers runs it first
    env = {"PYTHONPATH": str(tmp_path / "guard"), "ASKED": str(tmp_path / "asked"), "HF_HUB_OFFLINE": "0"}
    seen = subprocess.run(
        [sys.executable, "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9')"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )
    assert "there is no network" in seen.stderr
    (tmp_path / "asked").unlink()
    ended = segment("--set", f"models.root={root}", "--offline", "--json", TRANSFORMERS_OFFLINE="0", **env)
    assert ended.returncode == 0, ended.stderr
    assert not (tmp_path / "asked").exists()
    assert [json.loads(line)["status"] for line in (tmp_path / "out/manifest.jsonl").read_text().splitlines()] == ["ok"]
    assert "Loading weights" not in ended.stderr
    assert "Warning" not in ended.stderr

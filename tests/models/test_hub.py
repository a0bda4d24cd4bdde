"""Downloads: from a server that behaves like the hub, and in all the ways in which there is none."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_hub import fake_hub

from iapas.errors import MissingError
from iapas.models import checksums, hub
from iapas.models.registry import OFFICIAL, find

NAME = "sam-vit-base"
FILES = {
    "config.json": b'{"model_type": "sam"}',
    "model.safetensors": b"\0" * 999,
    "pytorch_model.bin": b"pickle",
    "README.md": b"words",
}


def run(tmp_path, endpoint, *arguments, **env):
    """``iapas ARGUMENTS`` with an empty cache and the hub at ``endpoint``; how it ended, and after how many seconds."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and k != "TRANSFORMERS_OFFLINE"}
    kept |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf"), "XDG_CACHE_HOME": str(tmp_path / "cache"), **env}
    start = time.monotonic()
    command = [sys.executable, "-m", "iapas", *map(str, arguments)]
    ended = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=60)
    return ended, time.monotonic() - start


def fails(tmp_path, endpoint, **env):
    """What ``iapas models fetch`` says, on exit 4 and soon."""
    ended, seconds = run(tmp_path, endpoint, "models", "fetch", NAME, "--json", **env)
    assert ended.returncode == 4, ended.stderr
    assert seconds < 10  # below 1 where nothing else runs; what tries again takes over 20
    assert "Traceback" not in ended.stderr
    told = json.loads(ended.stdout)
    assert told["error"] == "missing"
    return told["message"]


@pytest.fixture
def fetched(monkeypatch, tmp_path):
    """``fetched(endpoint, name, root="")``: ``fetch`` from the hub there, in this process, which knows a token."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_TOKEN", "hf_secretsecretsecret")

    def fetch(endpoint, name, root=""):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
        template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        return hub.fetch(find(name), root)

    return fetch


@pytest.fixture
def refused(fetched):
    """``refused(endpoint, root="")``: what ``fetch`` says."""

    def fetch(endpoint, root=""):
        with pytest.raises(MissingError) as raised:
            fetched(endpoint, NAME, root)
        assert "hf_secret" not in str(raised.value)
        return str(raised.value)

    return fetch


def test_a_model_is_fetched_into_the_cache_and_found_there(tmp_path):
    with fake_hub(FILES) as (endpoint, asked):
        ended, _ = run(tmp_path, endpoint, "models", "fetch", NAME, "--json", HF_TOKEN="hf_secretsecretsecret")
        assert ended.returncode == 0, ended.stderr
        folder = Path(json.loads(ended.stdout)[NAME])
        assert folder.is_relative_to(tmp_path / "hf")
        assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
        assert not any(".bin" in path for _, path, _ in asked)
        assert "375 MB, Apache-2.0 (commercial use allowed)" in ended.stderr
        assert "HTTP Request" not in ended.stderr
        assert "hf_secret" not in ended.stdout + ended.stderr
        count = len(asked)
        listed, _ = run(tmp_path, endpoint, "models", "list", "--json")
        assert json.loads(listed.stdout)[NAME]["folder"] == str(folder)
        verified, _ = run(tmp_path, endpoint, "models", "verify")
        assert verified.returncode == 0
        assert f"{NAME:<24}ok: as the checksums of the hub says" in verified.stdout
        assert len(asked) == count  # these two ask nothing
    blob = (folder / "model.safetensors").resolve()
    blob.write_bytes(b"\1" * 999)
    tampered, _ = run(tmp_path, endpoint, "models", "verify", NAME)
    assert tampered.returncode == 4
    assert "model.safetensors differs" in tampered.stdout


def test_a_model_is_fetched_into_a_folder_with_its_checksums(tmp_path):
    root = tmp_path / "models"
    with fake_hub(FILES) as (endpoint, _):
        ended, _ = run(tmp_path, endpoint, "models", "fetch", NAME, "--root", root)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"{NAME}  {root / NAME}\n"
    assert sorted(path.name for path in (root / NAME).iterdir()) == ["SHA256SUMS", "config.json", "model.safetensors"]
    assert checksums.verify(root / NAME) == "SHA256SUMS"


@pytest.mark.parametrize("root", ["", "models"], ids=["cache", "root"])
def test_fault_38_what_arrives_broken_is_refused(refused, tmp_path, root):
    with fake_hub(FILES, broken=["model.safetensors"]) as (endpoint, _):
        assert "model.safetensors" in refused(endpoint, str(tmp_path / root) if root else "")


def test_a_repository_without_safetensors_is_refused(refused):
    with fake_hub({"config.json": b"{}", "pytorch_model.bin": b"pickle"}) as (endpoint, asked):
        assert "pickled weights are never used" in refused(endpoint)
        assert not any("/resolve/" in path for _, path, _ in asked)


def test_weights_that_are_published_as_a_pth_alone_are_fetched(fetched, tmp_path):
    name = "ram-swin-large"
    weights = OFFICIAL[find(name).kind]
    with fake_hub({weights: b"tensors", "other.pth": b"pickle"}) as (endpoint, asked):
        folder = fetched(endpoint, name, str(tmp_path))
    assert sorted(path.name for path in folder.iterdir()) == ["SHA256SUMS", weights]
    assert checksums.verify(folder) == "SHA256SUMS"
    assert not any("other.pth" in path for _, path, _ in asked)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (
            403,
            "GatedRepo",
            f"is gated (read and accept its licence (Apache-2.0) at {find(NAME).page}, then: hf auth login",
        ),
        (401, "RepoNotFound", "there is no repository facebook/sam-vit-base"),
        (404, "RevisionNotFound", "has no commit 70c1a07"),
        (503, "", "answered 503: try again later"),
    ],
)
def test_fault_39_what_the_hub_refuses_is_told(refused, status, code, words):
    with fake_hub({}, status=status, code=code) as (endpoint, asked):
        assert words in refused(endpoint)
    assert "hf_secretsecretsecret" in str(asked)  # it was sent, and only there


def test_fault_39_a_hub_that_does_not_answer(refused, monkeypatch):
    monkeypatch.setattr(hub, "_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "cannot be reached" in refused(f"http://127.0.0.1:{silent.getsockname()[1]}")


def test_fault_39_no_network(tmp_path):
    message = fails(tmp_path, "http://127.0.0.1:9")  # the port of discard: nothing listens
    assert "cannot be reached" in message
    assert "models.root=FOLDER" in message


def test_fault_39_a_proxy_that_is_not_there_is_named_without_its_password(tmp_path):
    message = fails(tmp_path, "https://hub.invalid", HTTPS_PROXY="http://me:secret@127.0.0.1:9")
    assert "HTTPS_PROXY" in message
    assert "secret" not in message


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl, which makes the certificate, is not here")
def test_fault_39_a_certificate_that_is_not_trusted_is_refused(refused, tmp_path):
    pem = tmp_path / "self-signed.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run([*make, "-keyout", pem, "-out", pem.with_suffix(".crt")], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.with_suffix(".crt"), pem)
    with fake_hub(FILES, tls=context) as (endpoint, asked):
        message = refused(endpoint)
    assert "SSL_CERT_FILE" in message
    assert "never switched off" in message
    assert asked == []


def test_offline_asks_nothing(tmp_path):
    with fake_hub(FILES) as (endpoint, asked):
        ended, _ = run(tmp_path, endpoint, "models", "fetch", NAME, "--offline")
        assert ended.returncode == 4
        assert "--offline" in ended.stderr
        ended, _ = run(tmp_path, endpoint, "models", "fetch", NAME, HF_HUB_OFFLINE="1")
        assert ended.returncode == 4
        assert "HF_HUB_OFFLINE" in ended.stderr
        assert asked == []


def test_secrets_are_cut_out_of_messages():
    error = OSError("GET https://me:word@proxy/x?token=hf_abcDEF123 failed\nsecond line")
    assert hub._clean(error) == "GET https://***@proxy/x?token=hf_*** failed"


def test_fetch_offline_needs_no_packages():
    with pytest.raises(MissingError, match="--offline"):
        hub.fetch(find(NAME), offline=True)

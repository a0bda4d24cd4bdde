"""``iapas models``: what is listed, fetched and verified, on the command line."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from iapas.models.registry import REGISTRY


@pytest.fixture
def models(tmp_path):
    """``models(*arguments)``: how ``iapas models`` ended, with an empty cache and no network."""
    env = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    env |= {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "0"}
    env.pop("HF_HUB_CACHE", None)

    def run(*arguments):
        command = [sys.executable, "-m", "iapas", "models", *map(str, arguments)]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)

    return run


def test_list_shows_licence_and_size_and_what_is_here(models, tiny):
    plain = models("list")
    assert plain.returncode == 0, plain.stderr
    lines = plain.stdout.splitlines()
    assert len(lines) == len(REGISTRY)
    assert lines[0] == (
        "grounding-dino-tiny     detector  689 MB, Apache-2.0 (commercial use allowed), not gated; not here"
    )
    listed = json.loads(models("list", "--root", tiny("sam-vit-base").parent, "--json").stdout)
    assert set(listed) == set(REGISTRY)
    assert listed["sam-vit-base"]["folder"] == str(tiny("sam-vit-base"))
    assert listed["sam-vit-base"]["commercial"] is True
    assert listed["sam2.1-hiera-large"]["folder"] is None


def test_verify_finds_what_is_wrong(models, tiny, tmp_path):
    root = tmp_path / "models"
    folder = shutil.copytree(tiny("sam-vit-base"), root / "sam-vit-base")
    right = models("verify", "--root", root)
    assert (right.returncode, right.stdout) == (0, "sam-vit-base            ok: as SHA256SUMS says\n")
    (folder / "config.json").write_text("{}")
    wrong = models("verify", "--root", root)
    assert wrong.returncode == 4
    assert wrong.stdout.startswith("sam-vit-base            WRONG: ")
    assert "config.json differs" in wrong.stdout
    told = json.loads(models("verify", "sam-vit-base", "--root", root, "--json").stdout)
    assert told["sam-vit-base"]["ok"] is False


def test_verify_of_what_is_not_there(models, tmp_path):
    nothing = models("verify")
    assert (nothing.returncode, nothing.stdout) == (0, "no models are here\n")
    named = models("verify", "sam-vit-base", "--root", tmp_path)
    assert named.returncode == 4
    assert "there is no folder" in named.stdout


def test_fetch_shows_terms_before_it_asks_the_network(models):
    ended = models("fetch", "fast")
    assert ended.returncode == 4
    first, last = ended.stderr.splitlines()
    assert first.startswith("grounding-dino-tiny: 689 MB, Apache-2.0 (commercial use allowed), not gated; https://")
    assert "cannot be reached" in last
    assert ended.stdout == ""


def test_fetch_of_a_gated_model_shows_its_licence_first(models):
    ended = models("fetch", "sam3")
    assert ended.returncode == 4
    first = ended.stderr.splitlines()[0]
    for words in (
        "SAM License (commercial use allowed), gated: ",
        "hf auth login",
        "facebookresearch/sam3/blob/main/LICENSE",
    ):
        assert words in first


def test_mistakes_are_exit_2(models):
    for arguments, words in (
        (["fetch"], "nothing to fetch"),
        (["fetch", "sam-vit-hug"], "did you mean 'sam-vit-huge'"),
        (["verify", "no/such.yaml"], "no/such.yaml"),
    ):
        ended = models(*arguments)
        assert ended.returncode == 2, ended.stderr
        assert words in ended.stderr


def test_fetch_of_a_config_without_models_fetches_nothing(models):
    ended = models("fetch", "embedded", "--json")
    assert (ended.returncode, json.loads(ended.stdout)) == (0, {})

"""``iapas segment`` with each config of foundation models, on tiny random checkpoints, by the real loading code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from iapas.config import load_config

pytest.importorskip("torch", reason="the extra `models` is not installed")

RIVALS = ("sam3", "clipseg", "owlv2")
CONFIGS = ("iap-as", "iap-as-4bit", "fast", "grounded-sam", *RIVALS)
GOLDEN = Path(__file__).parent / "golden"
SCRIPT = Path(__file__).parents[2] / "scripts" / "make_tiny_models.py"


@pytest.fixture(scope="module")
def tiny_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    subprocess.run([sys.executable, SCRIPT, root], check=True, capture_output=True)
    return root


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("in") / "plates"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i, size in enumerate([(96, 128), (96, 128), (128, 96), (96, 128), (96, 128)]):
        picture = np.clip(rng.normal(130, 6, (*size, 3)), 0, 255).astype(np.uint8)
        cv2.line(picture, (20, 20 + 5 * i), (80, 60), (30, 30, 30), 3)
        cv2.imencode(".png", picture)[1].tofile(folder / f"{i}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """The user's own cache is left alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def truth(images, tmp_path_factory):
    """Two of the images as a data set."""
    data = tmp_path_factory.mktemp("truth")
    for kind in ("images", "masks"):
        (data / kind).mkdir()
    for i in range(2):
        (data / "images" / f"{i}.png").write_bytes((images / f"{i}.png").read_bytes())
        mask = cv2.line(np.zeros((96, 128), np.uint8), (20, 20 + 5 * i), (80, 60), 255, 3)
        cv2.imencode(".png", mask)[1].tofile(data / "masks" / f"{i}.png")
    return data


def iapas(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "iapas", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
    )


def rows(out):
    found = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    return {row["id"]: row for row in found}


def scores(out):
    return {
        path.name: cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        for path in sorted((out / "scores").rglob("*.tiff"))
    }


def options(tiny_root, config):
    settings = [f"models.root={tiny_root}", "detector.shorter_side=96", "detector.longer_side=160", "size.limit=100"]
    settings += ["generator.max_new_tokens=16", "generator.retries=1"]  # its replies are noise anyway
    # small, to be quick; every box counts, since where noise finds the object is noise too
    return ["--config", config, "--offline", *(part for setting in settings for part in ("--set", setting))]


def segment(images, config, tiny_root, out, *more):
    given = options(tiny_root, config)
    return iapas("segment", images, *given, "--out", out, "--object", "plate", *more)


def evaluated(data, out, *given):
    done = iapas("eval", "folder", "--root", data, *given, "--out", out)
    assert done.returncode == 0, done.stderr
    return json.loads((out / "results.json").read_text())


def check_measured(results, config):
    assert results["method"] == config
    assert results["provenance"]["title"] == load_config(config).title
    assert (results["mean"]["images"], results["mean"]["defective"]) == (2, 2)
    assert 0 < results["mean"]["pixel_ap"] < 1
    assert 0 < results["mean"]["pixel_auroc"] < 1


@pytest.mark.parametrize("config", CONFIGS)
def test_each_config_runs_from_pictures_to_files(config, images, truth, tiny_root, tmp_path):
    out = tmp_path / "out"
    done = segment(images, config, tiny_root, out)
    assert done.returncode == 3, done.stderr  # one picture is none
    found = rows(out)
    assert len(found) == 6
    assert found["broken.png"]["error"] == "image-unreadable"
    good = [row for name, row in found.items() if name != "broken.png"]
    assert all(row["status"] == "ok" for row in good), good
    assert any(row["regions"] for row in good)  # noise, but through every step
    made = json.loads((out / "run.json").read_text())
    assert made["config"]["name"] == config
    assert made["title"] == load_config(config).title
    if config in RIVALS:
        assert "not IAP-AS" in made["title"]
        assert made["made_with"][f"content of model {load_config(config).detector.model}"]
        check_measured(evaluated(truth, tmp_path / "judged", "--run", out), config)
    profile = json.loads((out / "profile.json").read_text())["products"][""]
    phrases = [phrase["text"] for phrase in profile["phrases"]]
    assert "abnormal" in phrases
    assert phrases[-1] == ("abnormal" if config == "grounded-sam" else "plate")
    if config.startswith("iap-as"):
        assert "template paper" in json.dumps(profile["found"])  # asked, in vain: the lexicon's phrases are there
        assert "scratch" in phrases
    maps = scores(out)
    assert len(maps) == 5
    assert all(np.isfinite(values).all() and (values >= 0).all() for values in maps.values())
    if config == "fast":  # it continues, and knows its models by their contents
        assert "0 done now" in segment(images, config, tiny_root, out).stdout
        weights = tiny_root / "sam2.1-hiera-tiny" / "model.safetensors"
        before = weights.read_bytes()
        try:
            weights.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
            assert segment(images, config, tiny_root, out).returncode == 4
        finally:
            weights.write_bytes(before)


STABLE = ("generator.temperature=0", "models.precision=fp32", "describe.samples=2")
"""So that the last bits of another processor change nothing that a golden profile keeps."""


def told(file):
    """What a profile says, without the words of the model's noise; sizes and scores to two digits."""
    product = json.loads(file.read_text())["products"][""]
    found = product["found"]
    assert found.pop("reply")
    found["grounded"] = [
        [tag, round(float(score), 2)] for tag, score in (item.rsplit(" ", 1) for item in found["grounded"].split(", "))
    ]
    of_images = [image.split(": ")[1].split(" | ") for image in found["tags"].split("; ")]
    found["tags"] = [sorted(tags) for tags in of_images]  # by probability, of which noise gives near ones
    product["object_size"] = float(f"{product['object_size']:.2g}")
    product["phrases"] = [[phrase["text"], phrase["source"]] for phrase in product["phrases"]]
    return product


@pytest.mark.parametrize("config", ["iap-as", "iap-as-4bit"])
def test_stage_1_from_pictures_to_a_golden_profile_under_any_hash_seed(config, images, tiny_root, tmp_path):
    stable = [part for setting in STABLE for part in ("--set", setting)]
    files = []
    for seed in (0, 1, 2) if config == "iap-as" else (0,):
        files.append(tmp_path / f"{seed}.json")
        fresh = {"PYTHONHASHSEED": seed, "XDG_CACHE_HOME": tmp_path / f"cache-{seed}"}
        done = iapas("describe", images, *options(tiny_root, config), *stable, "--out", files[-1], **fresh)
        assert done.returncode == 0, done.stderr
    assert len({file.read_bytes() for file in files}) == 1
    assert told(files[0]) == json.loads((GOLDEN / f"{config}.json").read_text())


def test_eval_segments_with_another_detector_and_measures_it(images, truth, tiny_root, tmp_path):
    given = [*options(tiny_root, "sam3"), "--set", "describe.product=plate"]
    check_measured(evaluated(truth, tmp_path / "out", *given), "sam3")


def test_batches_give_what_single_images_give(images, tiny_root, tmp_path):
    for size in (1, 3):
        done = segment(
            images, "fast", tiny_root, tmp_path / str(size), "--batch-size", size, "--set", "models.precision=fp32"
        )
        assert done.returncode == 3, done.stderr
    single, batched = scores(tmp_path / "1"), scores(tmp_path / "3")
    assert single.keys() == batched.keys()
    for name, values in single.items():
        np.testing.assert_allclose(batched[name], values, rtol=1e-3, atol=1e-4)

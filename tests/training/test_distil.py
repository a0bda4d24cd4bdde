"""A small network learns what a large one says, is stopped and gone on with, and ends up where matching finds it."""

import json

import cv2
import numpy as np
import pytest

from iapas.errors import ConfigError, OutputError, RunError, UsageError

torch = pytest.importorskip("torch", reason='torch is not installed: pip install "iapas[models]"')

from iapas.models.exemplars import pdn  # noqa: E402
from iapas.models.exemplars.extractors import dense  # noqa: E402
from iapas.models.loading import Runtime  # noqa: E402
from iapas.training.distil import Recipe, distil  # noqa: E402

QUICK = {"iterations": 6, "batch": 2, "side": 32, "rate": 1e-3, "point_every": 2}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A random ViT of PDN's depth."""
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=384, intermediate_size=32, num_hidden_layers=1, num_attention_heads=6, image_size=32, patch_size=8
    )
    folder = tmp_path_factory.mktemp("teacher")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Seven pictures of sizes of their own, and one that is broken."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(4)
    for number in range(7):
        small = rng.integers(0, 255, (6, 6, 3), np.uint8)
        (folder / f"{number}.png").write_bytes(cv2.imencode(".png", cv2.resize(small, (40 + number, 44)))[1].tobytes())
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n, and no more")
    return folder


def taught(pictures, teacher, out, **changes):
    options = {key: changes.pop(key) for key in ("restart", "stop") if key in changes}
    return distil([str(pictures)], teacher, out, Recipe(**(QUICK | changes)), Runtime(), **options)


def weights(folder):
    return pdn.load(folder).state_dict()


def test_the_loss_halves(pictures, teacher, tmp_path):
    ended = taught(pictures, teacher, tmp_path, iterations=40, point_every=1)
    losses = [loss for _, loss in ended.losses]
    assert ended.finished and ended.steps == len(losses) == 40
    assert losses[-1] < 0.5 * losses[0]
    assert ended.skipped == ["broken.png"]
    rows = (tmp_path / "training" / "loss.csv").read_text().splitlines()
    assert rows[0] == "step,loss" and len(rows) == 41 and rows[1] == f"1,{losses[0]:.6g}"
    assert (tmp_path / "training" / "loss.svg").read_text().startswith("<svg ")
    told = json.loads((tmp_path / "training" / "training.json").read_text())
    assert told["pictures_left_out"] == ["broken.png"] and told["iterations"] == 40


def test_the_first_loss_is_the_mean_squared_difference(pictures, teacher, tmp_path):
    """By another way: the extractors that matching uses, on the same pictures, with weights of the first checkpoint."""
    ended = taught(pictures, teacher, tmp_path, batch=7, iterations=1, point_every=1)
    images = [cv2.imread(str(path))[..., ::-1] for path in sorted(pictures.glob("[0-9].png"))]  # noqa: TID251
    wanted = np.stack(dense(teacher, 64, Runtime()).features(images))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pdn.save(pdn.network("small"), "small", tmp_path / "first")
    found = np.stack(dense(tmp_path / "first", 32, Runtime()).features(images))
    assert wanted.shape == found.shape == (7, 8, 8, 384)
    assert ended.losses == [(1, pytest.approx(np.square(found - wanted).mean(), rel=1e-4))]


def test_what_was_stopped_ends_as_if_it_had_not_been(pictures, teacher, tmp_path):
    whole = taught(pictures, teacher, tmp_path / "whole")
    calls = iter([False, False, True])
    part = taught(pictures, teacher, tmp_path / "part", stop=lambda: next(calls))
    assert (part.finished, part.steps) == (False, 3)
    assert not (tmp_path / "part" / "model.safetensors").exists()
    rest = taught(pictures, teacher, tmp_path / "part")
    assert rest.finished and rest.losses == whole.losses and rest.skipped == whole.skipped
    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(value, weights(tmp_path / "part")[name]), name


def test_more_steps_can_be_asked_for_later(pictures, teacher, tmp_path):
    taught(pictures, teacher, tmp_path, iterations=2)
    before = weights(tmp_path)
    assert taught(pictures, teacher, tmp_path, iterations=4).steps == 4
    assert any(not torch.equal(value, before[name]) for name, value in weights(tmp_path).items())


def test_another_recipe_is_refused_and_restart_begins_anew(pictures, teacher, tmp_path):
    taught(pictures, teacher, tmp_path, iterations=2)
    with pytest.raises(OutputError, match="another recipe"):
        taught(pictures, teacher, tmp_path, iterations=2, seed=1)
    assert taught(pictures, teacher, tmp_path, iterations=1, seed=1, restart=True).steps == 1
    (tmp_path / "training" / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(OutputError, match="cannot be read"):
        taught(pictures, teacher, tmp_path, iterations=2, seed=1)


def test_the_large_student_too(pictures, teacher, tmp_path):
    taught(pictures, teacher, tmp_path, size="large", iterations=1)
    assert json.loads((tmp_path / "config.json").read_text()) == {"model_type": "pdn", "size": "large"}
    assert dense(tmp_path, 32, Runtime()).features([np.zeros((20, 30, 3), np.uint8)])[0].shape == (8, 8, 384)


def test_half_precision_learns_too(pictures, teacher, tmp_path):
    recipe = Recipe(**(QUICK | {"iterations": 10, "point_every": 1}))
    ended = distil([str(pictures)], teacher, tmp_path, recipe, Runtime(precision="bf16"))
    assert ended.losses[-1][1] < ended.losses[0][1]
    assert all(value.dtype == torch.float32 for value in weights(tmp_path).values())


def test_a_loss_that_runs_away_ends_it(pictures, teacher, tmp_path):
    with pytest.raises(RunError, match="the loss of step"):
        taught(pictures, teacher, tmp_path, rate=1e30)


def test_pictures_that_are_all_broken(teacher, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="none of the 1 images can be read"):
        taught(tmp_path / "in", teacher, tmp_path / "out")


def test_a_teacher_of_another_depth_is_refused(pictures, tiny, tmp_path):
    with pytest.raises(ConfigError, match="16 channels, PDN 384"):
        taught(pictures, tiny("dino-vits8"), tmp_path)
    with pytest.raises(ConfigError, match="'resnet' cannot be the teacher"):
        taught(pictures, tiny("resnet18"), tmp_path)


def test_the_command(pictures, teacher, tmp_path, capsys, monkeypatch):
    from iapas.cli.app import run

    def command(*more):
        words = ["iapas", "distill", str(pictures), "--teacher", str(teacher), "--out", str(tmp_path), *more]
        monkeypatch.setattr("sys.argv", words)
        return run(), capsys.readouterr().out

    status, said = command("--iterations", "4", "--batch", "2", "--side", "32", "--device", "cpu", "--json")
    told = json.loads(said)
    assert status == 0 and told["steps"] == 4 and told["finished"] and told["left_out"] == ["broken.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "SHA256SUMS",
        "config.json",
        "model.safetensors",
        "training",
    ]
    assert command("--side", "33", "--device", "cpu")[0] == 2


def test_the_published_teacher_is_looked_for_by_its_own_name(pictures, tmp_path, capsys, monkeypatch):
    from iapas.cli.app import run

    words = ["iapas", "distill", str(pictures), "--out", str(tmp_path / "out"), "--device", "cpu", "--offline"]
    monkeypatch.setattr("sys.argv", [*words, "--set", f"models.root={tmp_path}"])
    monkeypatch.setattr("iapas.models.loading.go_offline", lambda: None)  # other tests are not told
    assert run() == 4
    assert str(tmp_path / "dino-vits8") in capsys.readouterr().err

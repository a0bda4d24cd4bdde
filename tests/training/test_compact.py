"""The compact model's training on a bank of a few pictures: deterministic, resumable, exported as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iapas.embedded.classical.view import view
from iapas.embedded.compact.model import TERMS, CompactModel
from iapas.embedded.compact.picture import cells, pixels, planes
from iapas.errors import UsageError
from iapas.training.compact.bank import MOST_DEFECTS, Bank, make_bank

torch = pytest.importorskip("torch")

from iapas.training.compact import teaching  # noqa: E402
from iapas.training.compact.batches import Crop, batch, draw_batch  # noqa: E402
from iapas.training.compact.export import greatest_difference, to_onnx  # noqa: E402
from iapas.training.compact.network import CompactNet  # noqa: E402

TINY = teaching.Recipe(
    steps=4, pixels=2 * 32 * 32, sides=((0.5, 32), (1.0, 48)), widths=(8, 8, 8), save_every=2, rate=1e-2
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return make_bank(tmp_path_factory.mktemp("bank"), 12, 64, seed=5)


@pytest.fixture(autouse=True)
def _few_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "HELD_OUT", 8)


def weights(network: CompactNet) -> np.ndarray:
    return np.concatenate([p.detach().cpu().numpy().ravel() for p in network.state_dict().values()])


def test_a_bank_goes_on_where_it_stopped_and_is_the_same(bank: Bank, tmp_path: Path) -> None:
    whole = make_bank(tmp_path, 12, 64, seed=5)
    note = tmp_path / "bank.json"
    note.write_text(note.read_text().replace('"done": 12', '"done": 7'))
    whole.images[7:] = 0
    again = make_bank(tmp_path, 12, 64, seed=5)
    assert np.array_equal(again.images, bank.images) and np.array_equal(again.fields, bank.fields)
    with pytest.raises(UsageError, match="another bank"):
        make_bank(tmp_path, 12, 64, seed=6)


def test_a_bank_says_something_of_each_defect(bank: Bank) -> None:
    for labels, says in zip(bank.labels, bank.says, strict=True):
        there = [k for k in range(MOST_DEFECTS) if (labels == k + 1).any()]
        assert all(says[k].any() for k in there)
    assert (bank.labels > 0).any() and any(not labels.any() for labels in bank.labels)


def test_cells_and_pixels_are_inverse() -> None:
    field = np.arange(8 * 12, dtype=np.float32).reshape(1, 8, 12)
    assert np.array_equal(pixels(cells(field)), field[0])


def test_planes_forget_exposure_and_see_contrast(bank: Bank) -> None:
    image = bank.images[0].astype(np.float32) / 255
    seen = planes(image)
    assert seen.shape == (5, 64, 64) and seen.dtype == np.float32 and np.abs(seen).max() <= 4
    assert planes(np.zeros((32, 48, 3), np.float32)).shape == (5, 32, 48)


def test_a_batch_says_where_the_defect_is_and_what(bank: Bank) -> None:
    labels = np.zeros((32, 32), np.uint8)
    labels[8:12, 8:12] = 1
    says = np.zeros((MOST_DEFECTS, len(TERMS)), np.int8)
    says[0, TERMS.index("dark")], says[0, TERMS.index("bright")] = 1, -1
    given = batch([Crop(np.full((32, 32, 3), 0.5, np.float32), np.zeros((8, 32, 32), np.float32), labels, says)])
    assert given.any[0].sum() == 16 and given.any[0, :, 2, 2].all()
    assert given.says[0, TERMS.index("dark")].sum() == 1 and given.says[0, TERMS.index("bright"), 2, 2] == -1
    assert (given.weight > 0).sum() == 1
    same = [draw_batch(bank, range(12), 3, 32, (0, 1)) for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(*same, strict=True))


def test_teaching_goes_on_where_it_stopped(bank: Bank, tmp_path: Path) -> None:
    whole = teaching.teach(bank, TINY, tmp_path / "whole")
    stops = iter([False, True])
    teaching.teach(bank, TINY, tmp_path / "parts", stop=lambda: next(stops))
    resumed = teaching.teach(bank, TINY, tmp_path / "parts")
    np.testing.assert_allclose(weights(whole), weights(resumed), atol=1e-5)
    assert len((tmp_path / "parts" / "log.jsonl").read_text().splitlines()) >= 2
    other = teaching.teach(bank, replace(TINY, seed=1), tmp_path / "other")
    assert np.abs(weights(whole) - weights(other)).max() > 1e-3


@pytest.mark.parametrize("rarity", [True, False])
def test_exported_it_says_what_torch_says(rarity: bool, bank: Bank) -> None:
    torch.manual_seed(0)
    network = CompactNet(len(TERMS), (8, 8, 8), rarity).train()
    network(torch.from_numpy(draw_batch(bank, range(12), 4, 32, (0, 0)).cells))  # running means other than 0
    network.eval()
    onnx = to_onnx(network)
    assert greatest_difference(network, onnx, ((16, 16), (12, 20))) < 1e-3
    seen = view(bank.images[0, :50, :61], 64)
    sight = CompactModel(onnx)(seen)
    assert sight.wrong.shape == seen.work.shape[:2] == (58, 71)
    assert sight.terms.shape == (len(TERMS), 16, 16)
    assert np.isfinite(sight.wrong).all()

"""PDN: reproduces the released code of FM on weights made from the names of its tensors; reads its files strictly."""

import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from iapas.core import matching
from iapas.errors import MissingError
from iapas.models.exemplars import pdn
from iapas.models.exemplars.extractors import dense
from iapas.models.loading import Runtime

PARITY = Path(__file__).parents[2] / "parity" / "gfds"
MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def weights(size, kind):
    """The tensors of ``size`` by the rule of tests/parity/README.md."""
    import torch

    made = {}
    for name, value in pdn.network(size).state_dict().items():
        shape = tuple(value.shape)
        x = np.random.default_rng(zlib.crc32(f"{size}.{name}".encode())).standard_normal(shape, dtype=np.float32)
        wide = np.float32(0.02 if kind == "standard" or len(shape) == 1 else np.sqrt(2 / np.prod(shape[1:])))
        made[name] = torch.from_numpy(x * wide)
    return made


def features(network, seed):
    """(64, 64, 384): of the image with that seed."""
    import torch

    image = np.random.default_rng(seed).random((1, 3, 256, 256), dtype=np.float32)
    given = torch.from_numpy((image - MEAN[:, None, None]) / STD[:, None, None])
    with torch.inference_mode():
        return network(given)[0].permute(1, 2, 0).numpy()


def masks():
    first, second = np.zeros((2, 256, 256), bool)
    first[100:140, 60:130] = first[200:206, 210:215] = True
    second[30:60, 150:200] = True
    return first, second


SLOW = pytest.mark.skipif("IAPAS_SLOW" not in os.environ, reason="ten seconds of a core each: set IAPAS_SLOW=1")


@pytest.mark.parametrize(
    ("size", "kind", "shots"),
    [
        ("small", "standard", 1),
        ("small", "strong", 2),
        ("large", "strong", 1),
        pytest.param("small", "standard", 2, marks=SLOW),
        pytest.param("large", "standard", 2, marks=SLOW),
        pytest.param("large", "strong", 2, marks=SLOW),
    ],
)
def test_the_released_scores_are_reproduced(size, kind, shots):
    network = pdn.network(size).eval()
    network.load_state_dict(weights(size, kind))
    wanted = np.load(PARITY / f"{size}_{kind}.npz")
    cells = [matching.grid_mask(mask, (64, 64), 256) for mask in masks()[:shots]]
    known = matching.prototypes(zip([features(network, seed) for seed in (1, 3)[:shots]], cells, strict=True))
    query = features(network, 2)
    found = 10 * np.stack([matching.nearest(query, rows) for rows in (known.background, known.foreground)])
    np.testing.assert_allclose(found, wanted[f"scores64_{shots}shot"][0], rtol=0, atol=1e-4)
    large = np.stack([matching.enlarged(scores, (256, 256)) for scores in found])
    np.testing.assert_allclose(large[:, ::8, ::8], wanted[f"out_{shots}shot_every_8th"][0], rtol=0, atol=1e-4)


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """A folder with model_small.pth, as a plain state dict."""
    import torch

    folder = tmp_path_factory.mktemp("official")
    torch.save(weights("small", "strong"), folder / "model_small.pth")
    return folder


def test_the_authors_file_and_a_distilled_one_give_the_same(official, tmp_path, surface):
    pdn.save(pdn.load(official), "small", tmp_path / "distilled")
    assert json.loads((tmp_path / "distilled" / "config.json").read_text()) == {"model_type": "pdn", "size": "small"}
    image = surface(60, 90)
    (one,), (other,) = (dense(folder, 64, Runtime()).features([image]) for folder in (official, tmp_path / "distilled"))
    assert one.shape == (16, 16, 384)
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, other)


def test_a_file_that_wants_to_run_code_is_refused(tmp_path):
    import torch

    torch.save(pdn.network("small"), tmp_path / "model_small.pth")
    with pytest.raises(MissingError, match="tensors alone"):
        pdn.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("6.bias"), r"1 tensors are missing: 6\.bias"),
        (lambda state: state.update({"9.weight": state["8.bias"]}), r"1 tensors are not PDN's: 9\.weight"),
        (lambda state: state.update({"8.bias": state["0.bias"]}), r"1 tensors have another shape: 8\.bias"),
    ],
)
def test_other_tensors_are_refused(change, message, tmp_path):
    import torch

    state = pdn.network("small").state_dict()
    change(state)
    torch.save(dict(state), tmp_path / "model_small.pth")
    with pytest.raises(MissingError, match=message):
        pdn.load(tmp_path)


def test_a_broken_or_unnamed_file_is_refused(official, tmp_path):
    whole = (official / "model_small.pth").read_bytes()
    (tmp_path / "model_small.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MissingError, match="cannot be read"):
        pdn.load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "pdn", "size": "huge"}')
    with pytest.raises(MissingError, match="large or small, got 'huge'"):
        pdn.load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "pdn", "size": "small"}')
    with pytest.raises(MissingError, match="cannot be read"):
        pdn.load(tmp_path)


def test_a_changed_distilled_network_is_refused(tmp_path):
    pdn.save(pdn.network("small"), "small", tmp_path)
    with (tmp_path / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(MissingError, match=r"model\.safetensors differs"):
        pdn.load(tmp_path)

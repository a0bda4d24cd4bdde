"""Precision: what a device gains by, autocast, and results that are finite."""

import logging
from dataclasses import dataclass

import numpy as np
import pytest

from iapas.errors import ModelNonfinite
from iapas.models.loading import Runtime
from iapas.models.precision import all_finite, choose, computing, finite

torch = pytest.importorskip("torch", reason='torch is not installed: pip install "iapas[models]"')

BF16 = Runtime(precision="bf16")


@pytest.mark.parametrize(
    ("avx512_bf16", "amx", "found"), [(True, False, "bf16"), (False, True, "bf16"), (False, False, "fp32")]
)
def test_auto_on_a_cpu(monkeypatch, avx512_bf16, amx, found):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert choose("auto", "cpu") == found


def test_auto_on_a_cpu_with_a_torch_that_does_not_tell(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert choose("auto", "cpu") == "fp32"


@pytest.mark.parametrize(("supported", "found"), [(True, "bf16"), (False, "fp16")])
def test_auto_on_cuda(monkeypatch, supported, found):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: supported)
    assert choose("auto", "cuda") == found


@pytest.mark.parametrize("wanted", ["fp32", "bf16", "fp16"])
def test_what_is_asked_for_is_taken(wanted):
    assert choose(wanted, "cpu") == choose(wanted, "cuda") == wanted


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_heavy_layers_compute_in_the_precision(precision, dtype):
    layer = torch.nn.Linear(4, 4)
    with torch.no_grad(), computing(Runtime(precision=precision)):
        assert layer(torch.ones(1, 4)).dtype == dtype


def test_what_is_finite_is_computed_once():
    calls = []
    assert finite(lambda runtime: calls.append(runtime) or torch.ones(3), BF16, "it").tolist() == [1, 1, 1]
    assert calls == [BF16]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_fault_29_what_is_not_is_computed_again_in_fp32(bad, caplog):
    def run(runtime):
        return {"masks": [torch.tensor([1.0, bad if runtime.precision == "bf16" else 2.0])]}

    with caplog.at_level(logging.WARNING, "iapas"):
        assert finite(run, BF16, "the decoder")["masks"][0].tolist() == [1, 2]
    assert caplog.messages == ["the decoder gave NaN or infinite values in bf16: once more in fp32"]


@pytest.mark.parametrize(("runtime", "calls"), [(BF16, 2), (Runtime(), 1)])
def test_fault_29_what_stays_so_is_an_error_of_the_image(runtime, calls):
    seen = []
    with pytest.raises(ModelNonfinite, match="the decoder gave NaN") as raised:
        finite(lambda now: seen.append(now) or torch.tensor(float("nan")), runtime, "the decoder")
    assert raised.value.code == "model-nonfinite"
    assert len(seen) == calls


@dataclass
class Output:
    scores: object
    name: str = "x"


def test_every_tensor_in_a_result_is_looked_at():
    bad = torch.tensor([1.0, float("nan")])
    for inside in (bad, bad.half(), bad.bfloat16(), bad.double(), bad.numpy()):
        for result in (inside, [inside], (1, (inside,)), {"a": {"b": inside}}, Output(inside)):
            assert not all_finite(result)
    for good in (None, 3, "nan", [], torch.ones(2), torch.ones(2, dtype=torch.int64), torch.zeros(0), np.ones(2, int)):
        assert all_finite([good, Output(good)])
    assert not all_finite([torch.ones(2), bad])


def test_large_values_are_finite():
    assert all_finite(torch.full((10,), 3e38))
    assert all_finite(torch.full((10,), 1.7e308, dtype=torch.float64))

"""Loading: local, strict, fp32, without running anything; where models compute."""

import json
import logging
import pickle
import shutil
import warnings

import pytest

from iapas.config import load_config
from iapas.errors import MissingError
from iapas.models import loading
from iapas.models.loading import Runtime, load, model_kind

torch = pytest.importorskip("torch", reason='torch is not installed: pip install "iapas[models]"')

CLASSES = {
    "grounding-dino-tiny": ("GroundingDinoForObjectDetection", "grounding-dino"),
    "mm-grounding-dino-tiny": ("MMGroundingDinoForObjectDetection", "mm-grounding-dino"),
    "sam-vit-base": ("SamModel", "sam"),
    "sam-hq-vit-base": ("SamHQModel", "sam_hq"),
    "sam2.1-hiera-tiny": ("Sam2Model", "sam2"),
}


@pytest.fixture
def changed(tiny, tmp_path):
    """``changed(change)``: a copy of a tiny SAM without checksums, its tensors handed to ``change``."""

    def make(change):
        from safetensors.torch import load_file, save_file

        folder = shutil.copytree(tiny("sam-vit-base"), tmp_path / "sam")
        (folder / "SHA256SUMS").unlink()
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    return make


@pytest.mark.parametrize("name", CLASSES)
def test_every_kind_loads_and_says_nothing(tiny, name, capfd):
    model_class, kind = CLASSES[name]
    tiny(name)
    capfd.readouterr()
    model = load(model_class, tiny(name), Runtime())
    assert capfd.readouterr() == ("", "")
    assert type(model).__name__ == model_class
    assert model_kind(tiny(name)) == kind
    assert not model.training
    for parameter in model.parameters():
        assert parameter.dtype == torch.float32
        assert not parameter.requires_grad
        assert parameter.device.type == "cpu"


def test_half_precision_checkpoints_become_fp32(changed):
    def halve(tensors):
        tensors.update({name: tensor.half() for name, tensor in tensors.items()})

    assert next(load("SamModel", changed(halve), Runtime()).parameters()).dtype == torch.float32


def test_fault_38_missing_tensors_are_named(changed):
    names = []

    def drop(tensors):
        names.extend(sorted(name for name in tensors if name.startswith("mask_decoder."))[:7])
        for name in names:
            del tensors[name]

    with pytest.raises(MissingError) as raised:
        load("SamModel", changed(drop), Runtime())
    assert "7 tensors are missing" in str(raised.value)
    assert names[4] in str(raised.value)
    assert names[5] not in str(raised.value)


def test_fault_38_tensors_of_another_shape_are_named(changed):
    def grow(tensors):
        tensors["vision_encoder.pos_embed"] = torch.zeros(1, 8, 8, 16)

    with pytest.raises(MissingError, match=r"1 tensors have another shape: vision_encoder\.pos_embed"):
        load("SamModel", changed(grow), Runtime())


def test_tensors_too_many_are_told_once(changed, caplog):
    folder = changed(lambda tensors: tensors.update(extra=torch.zeros(1)))
    with caplog.at_level(logging.WARNING, "iapas"):
        load("SamModel", folder, Runtime())
        load("SamModel", folder, Runtime())
    assert [record.getMessage() for record in caplog.records] == [f"{folder}: 1 tensors are not used, extra among them"]


def test_fault_38_another_model_is_refused(tiny):
    with pytest.raises(MissingError, match=r"does not fit SamHQModel: \d+ tensors are missing"):
        load("SamHQModel", tiny("sam-vit-base"), Runtime())


def test_fault_38_half_a_download_is_refused(changed):
    folder = changed(lambda tensors: None)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(MissingError, match=r"cannot be loaded as SamModel.*fetch or copy it again"):
        load("SamModel", folder, Runtime())


def test_fault_38_a_tampered_file_is_refused_before_it_is_read(tiny, tmp_path, monkeypatch):
    folder = shutil.copytree(tiny("sam-vit-base"), tmp_path / "sam")
    with (folder / "config.json").open("a") as config:
        config.write(" ")
    monkeypatch.setattr("transformers.SamModel.from_pretrained", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(MissingError, match=r"config\.json differs"):
        load("SamModel", folder, Runtime())


def test_fault_38_pickles_are_never_opened(tiny, tmp_path):
    class Payload:
        def __reduce__(self):
            return (exit, (99,))

    folder = shutil.copytree(tiny("sam-vit-base"), tmp_path / "sam")
    torch.save(Payload(), folder / "pytorch_model.bin")
    load("SamModel", folder, Runtime())
    (folder / "model.safetensors").unlink()
    with pytest.raises(MissingError, match=r"has no model\.safetensors"):
        load("SamModel", folder, Runtime())


def test_fault_38_code_beside_the_weights_is_not_run(changed, tmp_path):
    folder = changed(lambda tensors: None)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit(99)")
    load("SamModel", folder, Runtime())


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_a_broken_config_is_told(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(MissingError, match="does not say what model it is"):
        model_kind(tmp_path)


def test_a_runtime_of_the_cpu():
    runtime = Runtime.of(load_config("fast", ["run.device=cpu", "models.precision=bf16"]))
    assert runtime == Runtime("cpu", "bf16", torch.get_num_threads())
    assert str(runtime) == f"cpu, bf16, {torch.get_num_threads()} threads"


CUDA = load_config("fast", ["run.device=cuda"])
AUTO = load_config("fast", ["run.device=auto", "models.precision=fp32"])


def no_cuda(monkeypatch, built, available):
    monkeypatch.setattr(torch.version, "cuda", built)
    monkeypatch.setattr(torch.cuda, "is_available", available)


def test_fault_40_cuda_that_is_not_there_is_exit_4(monkeypatch, caplog):
    no_cuda(monkeypatch, None, lambda: False)
    with pytest.raises(MissingError, match=r"--device cuda: torch .* is built for the CPU alone") as raised:
        Runtime.of(CUDA)
    assert raised.value.exit_status == 4
    with caplog.at_level(logging.INFO, "iapas"):
        assert Runtime.of(AUTO).device == "cpu"
    assert "Models run on the CPU" in caplog.text  # not in silence


def test_fault_40_an_old_driver_is_told_in_its_own_words(monkeypatch):
    def old_driver():
        warnings.warn("CUDA initialization: The NVIDIA driver on your system is too old (found 11040).", stacklevel=2)
        return False

    no_cuda(monkeypatch, "13.0", old_driver)
    with pytest.raises(MissingError, match="driver on your system is too old"):
        Runtime.of(CUDA)
    assert Runtime.of(AUTO).device == "cpu"


def test_fault_40_a_gpu_that_this_torch_was_not_built_for(monkeypatch):
    def zeros(*_, device=None):
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore")

    no_cuda(monkeypatch, "13.0", lambda: True)
    monkeypatch.setattr(torch, "zeros", zeros)
    with pytest.raises(MissingError, match="no kernel image is available for execution on the device \\("):
        Runtime.of(CUDA)
    assert Runtime.of(AUTO).device == "cpu"


def test_offline_is_set_before_the_packages_load(monkeypatch):
    called = []
    monkeypatch.setattr(loading, "go_offline", lambda: called.append(True))
    Runtime.of(load_config("fast", ["run.device=cpu"]))
    assert called == []
    Runtime.of(load_config("fast", ["run.device=cpu", "run.offline=true"]))
    assert called == [True]


def test_a_load_that_runs_out_of_memory_says_so(tiny, monkeypatch):
    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr("transformers.SamModel.from_pretrained", full)
    with pytest.raises(MemoryError):
        load("SamModel", tiny("sam-vit-base"), Runtime())


def test_a_runtime_pickles_and_is_frozen():
    runtime = Runtime("cuda", "bf16", 2)
    assert pickle.loads(pickle.dumps(runtime)) == runtime
    with pytest.raises(AttributeError):
        runtime.device = "cpu"

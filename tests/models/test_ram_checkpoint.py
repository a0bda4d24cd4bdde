"""RAM's weights: official files and converted ones, and all that can be wrong with them (fault 38)."""

import json
import math

import numpy as np
import pytest

from iapas.errors import MissingError
from iapas.models import checksums
from iapas.models.loading import Runtime

KINDS = ("ram-swin-large", "ram-plus-swin-large")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def state(tiny):
    """The tensors of the tiny RAM, under official names."""
    return of(tiny("ram-swin-large"))


def of(folder):
    from iapas.models.ram_checkpoint import read, weights_file

    return {name: value.clone() for name, value in read(weights_file(folder)).items()}


def official(state, folder, **others):
    """An official file with these tensors; its path."""
    import torch

    folder.mkdir(exist_ok=True)
    torch.save({"model": state, "epoch": 3, **others}, folder / "ram_swin_large_14m.pth")
    return folder / "ram_swin_large_14m.pth"


def logits(file):
    import torch

    from iapas.models.ram_checkpoint import load

    network = load(file, Runtime())
    pixels = np.random.default_rng(1).standard_normal((2, 3, network.shape.side, network.shape.side), np.float32)
    with torch.inference_mode():
        return network.logits(network.features(torch.from_numpy(pixels))).numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_an_official_file_and_what_it_was_converted_to_say_the_same(kind, tiny, tmp_path):
    import torch

    from iapas.models.ram_checkpoint import convert, weights_file

    state = of(tiny(kind))
    unused = {
        "text_decoder.bert.embeddings.position_ids": torch.zeros(1, 4, dtype=torch.int64),
        "tag_encoder.encoder.layer.0.attention.self.query.weight": torch.zeros(2, 2),
        "tagging_head.embeddings.LayerNorm.weight": torch.zeros(2),
        "tagging_head.encoder.layer.0.attention.self.query.weight": torch.zeros(2, 2),
        "visual_encoder.layers.0.blocks.1.attn_mask": torch.zeros(4, 4),
        "visual_encoder.layers.0.blocks.0.attn.relative_position_index": torch.zeros(4, 4, dtype=torch.int64),
        "logit_scale": torch.tensor(1.0),
    }
    file = official(state | unused, tmp_path / "official")
    (file.parent / "ram_tag_list.txt").write_text("a\n")
    folder = convert(file, tmp_path / "converted" / "ram")
    assert sorted(path.name for path in folder.iterdir()) == [
        "SHA256SUMS",
        "config.json",
        "model.safetensors",
        "ram_tag_list.txt",
    ]
    assert checksums.verify(folder) == "SHA256SUMS"
    about = json.loads((folder / "config.json").read_text())
    assert about["model_type"] == kind.replace("-swin-large", "")
    assert about["window"] == 2
    assert of(folder).keys() == state.keys()
    assert all(np.array_equal(state[name], value) for name, value in of(folder).items())
    # where tensors lie in memory changes the last bits of sums
    assert logits(weights_file(folder)) == pytest.approx(logits(file), abs=1e-5)
    assert np.ptp(logits(file)) > 0.1  # and it is not a constant


def test_tags_may_be_put_beside_fetched_weights(state, tmp_path):
    """Checksums written before still hold; what else appears there is told."""
    file = official(state, tmp_path / "ram")
    checksums.write_sums(file.parent)
    for name in ("ram_tag_list.txt", "ram_tag_list_threshold.txt"):
        (file.parent / name).write_text("x\n")
    assert checksums.verify(file.parent) == "SHA256SUMS"
    digest = checksums.folder_digest(file.parent)
    (file.parent / "ram_tag_list.txt").write_text("another\n")
    assert checksums.folder_digest(file.parent) != digest
    (file.parent / "other.txt").write_text("x\n")
    with pytest.raises(MissingError, match=r"other\.txt is not listed"):
        checksums.verify(file.parent)
    (file.parent / "other.txt").unlink()
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(MissingError, match=r"ram_swin_large_14m\.pth differs"):
        checksums.verify(file.parent)


def test_tags_may_be_put_beside_weights_in_the_cache(tmp_path):
    blob = tmp_path / "blobs" / checksums.sha256(_written(tmp_path / "weights", "w"))
    blob.parent.mkdir()
    (tmp_path / "weights").rename(blob)
    folder = tmp_path / "snapshot"
    folder.mkdir()
    (folder / "ram_swin_large_14m.pth").symlink_to(blob)
    (folder / "ram_tag_list.txt").write_text("x\n")
    assert checksums.verify(folder) == "the checksums of the hub"
    (folder / "config.json").write_text("{}")
    with pytest.raises(MissingError, match=r"config\.json did not come from the hub"):
        checksums.verify(folder)


def _written(file, text):
    file.write_text(text)
    return file


def test_the_old_name_of_the_head_is_known(state, tmp_path):
    old = {name.replace("tagging_head", "vision_multi"): value for name, value in state.items()}
    assert any("vision_multi" in name for name in old)
    assert logits(official(old, tmp_path / "old")) == pytest.approx(logits(official(state, tmp_path / "new")), abs=1e-5)


def test_the_scale_of_ram_plus_may_be_absent(tiny, tmp_path):
    state = of(tiny("ram-plus-swin-large"))
    del state["reweight_scale"]
    scale = of(official(state, tmp_path / "x").parent)["reweight_scale"]
    assert float(scale) == pytest.approx(math.log(1 / 0.07))


def test_a_file_of_the_old_format_is_read(state, tmp_path):
    import torch

    file = tmp_path / "ram_swin_large_14m.pth"
    torch.save({"model": state}, file, _use_new_zipfile_serialization=False)
    assert logits(file) == pytest.approx(logits(official(state, tmp_path / "new")), abs=1e-5)


def test_every_tensor_is_needed(state, tmp_path):
    """One of each kind left out, or of another shape, is told by name."""
    for name in (
        "label_embed",
        "fc.bias",
        "image_proj.weight",
        "tagging_head.encoder.layer.1.crossattention.self.key.bias",
        "visual_encoder.patch_embed.norm.weight",
        "visual_encoder.layers.2.downsample.reduction.weight",
        "visual_encoder.layers.1.blocks.1.attn.qkv.weight",
        "visual_encoder.layers.3.blocks.0.attn.relative_position_bias_table",
    ):
        rest = {other: value for other, value in state.items() if other != name}
        with pytest.raises(MissingError, match=name.replace(".", r"\.")):
            of(official(rest, tmp_path / "x").parent)
    for name in ("wordvec_proj.bias", "visual_encoder.layers.0.blocks.0.attn.relative_position_bias_table"):
        with pytest.raises(MissingError, match=r"have another shape: .*\." + name.rpartition(".")[2]):
            of(official(state | {name: state[name][:-1]}, tmp_path / "x").parent)


def test_an_unknown_tensor_is_refused_by_name(state, tmp_path):
    import torch

    state["visual_encoder.absolute_pos_embed"] = torch.zeros(1, 4)
    with pytest.raises(MissingError, match=r"1 tensors are not RAM's: visual_encoder\.absolute_pos_embed"):
        of(official(state, tmp_path).parent)


def test_fault_38_a_file_that_wants_to_run_code_is_refused(state, tmp_path):
    class Payload:
        def __reduce__(self):
            return (tmp_path / "ran").mkdir, ()

    file = official(state, tmp_path / "x", args=Payload())
    with pytest.raises(MissingError, match="cannot be read as tensors alone"):
        of(file.parent)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kept", [0, 3, 2000, -100])
def test_fault_38_a_half_downloaded_file_is_refused(kept, state, tmp_path):
    file = official(state, tmp_path)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(MissingError, match=r"ram_swin_large_14m\.pth"):
        of(tmp_path)


def test_fault_38_half_a_converted_file_is_refused(tiny, tmp_path):
    whole = (tiny("ram-swin-large") / "model.safetensors").read_bytes()
    for kept in (0, 100, len(whole) - 100):
        (tmp_path / "model.safetensors").write_bytes(whole[:kept])
        with pytest.raises(MissingError, match="cannot be read"):
            of(tmp_path)


@pytest.mark.parametrize("content", [[1], {"state": {}}, {"model": {}}, {"model": {"a": 1}}, {"model": [2]}])
def test_other_files_are_refused(content, tmp_path):
    import torch

    torch.save(content, tmp_path / "ram_plus_swin_large_14m.pth")
    with pytest.raises(MissingError, match=r"holds more than tensors by name|no RAM"):
        of(tmp_path)


def test_a_folder_without_weights_says_what_belongs_there(tmp_path):
    with pytest.raises(MissingError, match=r"ram_swin_large_14m\.pth, ram_plus_swin_large_14m\.pth"):
        of(tmp_path)

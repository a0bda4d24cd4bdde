"""The tagger: what goes into RAM, how it decides, and its text files."""

import hashlib
import logging
import pickle
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from iapas.config import load_config
from iapas.errors import ConfigError, MissingError, ModelNonfinite, OutOfMemory
from iapas.models import ram
from iapas.models.loading import Runtime
from iapas.models.ram import RamTagger, fired, prepared, read_tags, read_thresholds
from iapas.models.registry import locate, named_by
from iapas.settings import TaggerSettings

PARITY = Path(__file__).parents[1] / "parity"
KINDS = ("ram-swin-large", "ram-plus-swin-large")


def pictures(count):
    shapes = [(50, 70), (64, 64), (31, 200), (300, 20)]
    return [
        np.random.default_rng(i).integers(0, 256, (*shapes[i % 4], 3), dtype=np.uint8) // (1 + i) for i in range(count)
    ]


def tagger(tiny, kind="ram-swin-large", **settings):
    return RamTagger(tiny(kind), TaggerSettings(**settings), Runtime())


def test_pictures_are_prepared_as_by_the_official_code():
    known = np.load(PARITY / "ram_resize.npz")
    image = np.random.default_rng(7).integers(0, 256, (375, 500, 3), dtype=np.uint8)
    ours = prepared(image, 384)
    assert ours.shape == (3, 384, 384)
    assert ours.dtype == np.float32
    assert ours[:, ::12, ::12] == pytest.approx(known["normalised_every_12th"], abs=1e-6)
    back = ours.transpose(1, 2, 0) * np.array(ram.DEVIATION, np.float32) + np.array(ram.MEAN, np.float32)
    resized = np.rint(back * 255).astype(np.uint8)
    assert np.array_equal(resized[::12, ::12], known["resized_every_12th"])
    assert hashlib.sha256(resized.tobytes()).hexdigest() == str(known["resized_sha256"])
    assert ours.mean((1, 2), dtype=np.float64) == pytest.approx(known["channel_mean"], abs=1e-5)


def test_a_tag_fires_strictly_above_its_threshold():
    thresholds = np.array([0.5, 0.5, 0.5, 0.2, 1.0, 0.0], np.float32)
    assert fired(np.array([0.5, 0.6, 0.4, 0.3, 1.0, 0.0], np.float32), thresholds) == [1, 3]


def test_the_most_probable_comes_first_and_then_the_first_in_the_list():
    probabilities = np.array([0.6, 0.9, 0.7, 0.9, 0.6, 0.6], np.float32)
    assert fired(probabilities, np.full(6, 0.5, np.float32)) == [1, 3, 2, 0, 4, 5]


@pytest.mark.parametrize("kind", KINDS)
def test_tags_of_pictures(kind, tiny):
    """Names of those over the threshold, in the order of the probabilities."""
    own = tagger(tiny, kind)
    images = pictures(3)
    scores = own.tag_scores(images)
    assert scores.shape == (3, len(own.tags))
    assert scores.dtype == np.float32
    assert not np.array_equal(scores[0], scores[1])
    counts = []
    for tags, row in zip(own.tag(images), scores, strict=True):
        assert sorted(tags) == sorted(tag for tag, p in zip(own.tags, row, strict=True) if p > np.float32(0.2))
        counts.append(len(tags))
        certain = [row[own.tags.index(tag)] for tag in tags]
        assert certain == sorted(certain, reverse=True)
    assert 0 < min(counts) < len(own.tags)
    own.close()
    with pytest.raises(ValueError, match="closed"):
        own.tag(images)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_batches_equal_single_pictures(kind, at_once, tiny, monkeypatch):
    own = tagger(tiny, kind)
    singles = np.concatenate([own.tag_scores([image]) for image in pictures(5)])
    monkeypatch.setitem(ram._BATCH, "cpu", at_once)
    assert own.tag_scores(pictures(5)) == pytest.approx(singles, abs=1e-6)


def test_no_pictures_have_no_tags(tiny):
    assert tagger(tiny).tag([]) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_tags_in_parts_equal_all_at_once(kind, at_once, tiny):
    """Tags do not see each other: how many are looked at together is a matter of memory alone."""
    import torch

    network = tagger(tiny, kind)._open
    tokens = torch.randn(2, 5, network.shape.width, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole = network.head(tokens, at_once=network.shape.tags)
        assert torch.allclose(network.head(tokens, at_once=at_once), whole, atol=1e-5)
        assert float(whole.std()) > 0.01


def test_ram_plus_weighs_descriptions_by_the_picture(tiny):
    """Softmax of the likeness to the normalised mean token (written out here, a tag at a time)."""
    import torch

    head = tagger(tiny, "ram-plus-swin-large")._open.head
    tokens = torch.randn(2, 5, head.shape.width, generator=torch.Generator().manual_seed(1))
    labels = head.labels(tokens, slice(3, 6))
    for b in range(2):
        whole = tokens[b, 0] / tokens[b, 0].norm()
        for t in range(3, 6):
            rows = head.label_embed[t * 51 : (t + 1) * 51]
            weights = torch.softmax(rows @ whole * float(head.reweight_scale.exp()), 0)
            assert torch.allclose(labels[b, t - 3], weights @ rows, atol=1e-5)


def test_fault_29_infinite_values_are_told(tiny, monkeypatch):
    own = tagger(tiny)
    monkeypatch.setattr(own._open.backbone, "forward", lambda pixels: _Nothing(pixels))
    with pytest.raises(ModelNonfinite, match="RAM gave NaN"):
        own.tag(pictures(1))


class _Nothing:
    def __init__(self, pixels):
        import torch

        self.last_hidden_state = torch.full((len(pixels), 4, 128), float("nan"))


def test_fault_29_half_precision_is_tried_again_in_full(tiny, monkeypatch, caplog):
    own = tagger(tiny)
    wanted, asked = own.tag_scores(pictures(1)), []
    forward = own._open.backbone.forward
    monkeypatch.setattr(ram, "computing", lambda runtime: asked.append(runtime.precision) or nullcontext())
    monkeypatch.setattr(
        own._open.backbone, "forward", lambda pixels: _Nothing(pixels) if asked[-1] == "bf16" else forward(pixels)
    )
    own._backbone_runtime = Runtime(precision="bf16")
    with caplog.at_level(logging.WARNING, "iapas"):
        assert own.tag_scores(pictures(1)) == pytest.approx(wanted, abs=1e-6)
    assert asked == ["bf16", "fp32"]
    assert "once more in fp32" in caplog.text


def test_half_precision_of_the_backbone_says_nearly_the_same(tiny):
    own = tagger(tiny)
    wanted = own.tag_scores(pictures(2))
    own._backbone_runtime = Runtime(precision="bf16")
    half = own.tag_scores(pictures(2))
    assert not np.array_equal(half, wanted)
    assert half == pytest.approx(wanted, abs=0.02)


def test_on_a_cpu_everything_is_fp32(tiny):
    plain = tagger(tiny)
    half = RamTagger(tiny("ram-swin-large"), TaggerSettings(), Runtime(precision="bf16"))
    assert np.array_equal(plain.tag_scores(pictures(2)), half.tag_scores(pictures(2)))


def test_fault_31_out_of_memory_halves_the_batch(tiny, monkeypatch):
    own = tagger(tiny)
    wanted, sizes = own.tag_scores(pictures(5)), []
    forward = own._open.backbone.forward

    def limited(pixels):
        sizes.append(len(pixels))
        if len(pixels) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return forward(pixels)

    monkeypatch.setitem(ram._BATCH, "cpu", 5)
    monkeypatch.setattr(own._open.backbone, "forward", limited)
    assert own.tag_scores(pictures(5)) == pytest.approx(wanted, abs=1e-6)
    assert sizes == [5, 2, 2, 1]


def test_fault_31_one_picture_too_many_is_told(tiny, monkeypatch):
    own = tagger(tiny)

    def none(pixels):
        raise MemoryError

    monkeypatch.setattr(own._open.backbone, "forward", none)
    with pytest.raises(OutOfMemory):
        own.tag(pictures(2))


def test_tags_and_thresholds_of_ones_own(tiny, tmp_path):
    count = len(tagger(tiny).tags)
    (tmp_path / "t.txt").write_text("\n".join(f"tag {i}" for i in range(count)))
    (tmp_path / "h.txt").write_text("0\n" * (count - 1) + "1\n")
    own = tagger(tiny, tags=str(tmp_path / "t.txt"), thresholds=str(tmp_path / "h.txt"))
    assert sorted(own.tag(pictures(1))[0]) == sorted(f"tag {i}" for i in range(count - 1))  # at 1 it never fires


def test_counts_must_fit(tiny, tmp_path):
    (tmp_path / "t.txt").write_text("one\ntwo\n")
    with pytest.raises(ConfigError, match=r"\d+ thresholds for 2 tags .*recognize-anything"):
        tagger(tiny, tags=str(tmp_path / "t.txt"))
    (tmp_path / "h.txt").write_text("0.5\n0.5\n")
    with pytest.raises(ConfigError, match=r"has 2 tags, the weights in .* are of 28 \(.*recognize-anything"):
        tagger(tiny, tags=str(tmp_path / "t.txt"), thresholds=str(tmp_path / "h.txt"))


def test_absent_text_files_say_where_they_are(tiny, tmp_path):
    with pytest.raises(ConfigError, match=r"none\.txt cannot be read.*ram/data of github\.com/xinyu1205"):
        tagger(tiny, tags=str(tmp_path / "none.txt"))


def test_text_files_are_read_strictly(tmp_path):
    file = tmp_path / "x.txt"
    file.write_bytes("caf\u00e9 \r\ntraffic light\r\n\r\n".encode())
    assert read_tags(file) == ["caf\u00e9", "traffic light"]
    file.write_text("one\n\nthree\n")
    with pytest.raises(ConfigError, match="line 2: empty"):
        read_tags(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_tags(file)
    file.write_text("0.65\n1.0\n0\n")
    assert read_thresholds(file, 3).tolist() == [np.float32(0.65), 1.0, 0.0]
    for bad in ("nan", "inf", "-0.1", "1.1", "x", "0.5 0.6"):
        file.write_text(f"0.5\n{bad}\n")
        with pytest.raises(ConfigError, match="line 2"):
            read_thresholds(file, 2)


def test_it_is_found_by_its_name(tiny, tmp_path):
    root = tiny("ram-swin-large").parent
    assert locate("ram-swin-large", str(root)) == root / "ram-swin-large"
    config = load_config("iap-as", ["describe.tagger=ram", "tagger.model=ram-swin-large"])
    assert next(model.name for model in named_by(config)) == "ram-swin-large"
    folder = tmp_path / "ram-swin-large"
    folder.mkdir()
    with pytest.raises(MissingError, match=r"5\.6 GB, Apache-2\.0"):
        locate("ram-swin-large", str(tmp_path))
    (folder / "ram_swin_large_14m.pth").touch()
    assert locate("ram-swin-large", str(tmp_path)) == folder


def test_settings_pickle():
    settings = TaggerSettings(model="ram-swin-large")
    assert pickle.loads(pickle.dumps(settings)) == settings

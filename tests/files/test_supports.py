"""Folders of examples: what is read, and what is refused by name."""

import cv2
import numpy as np
import pytest

from iapas.errors import ConfigError
from iapas.files.supports import read_supports
from iapas.settings import Reading


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, array)[1].tobytes())
    return path


def picture(seed=0, height=40, width=48):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def defect(value=255, dtype=np.uint8, height=40, width=48):
    mask = np.zeros((height, width), dtype)
    mask[5:9, 6:20] = value
    return mask


def pair(root, stem="a", image=None, mask=None):
    write(root / f"images/{stem}.png", picture() if image is None else image)
    write(root / f"masks/{stem}.png", defect() if mask is None else mask)


def read(folder):
    return read_supports(folder, Reading())


def test_pairs_by_stem_whatever_their_formats(tmp_path):
    pair(tmp_path, "b")
    write(tmp_path / "images/a.bmp", picture(1))
    write(tmp_path / "masks/a.tif", defect())
    (tmp_path / "images/.hidden.png").write_bytes(b"")
    (tmp_path / "images/notes.txt").write_text("not a picture")
    first, second = read(tmp_path).examples
    assert np.array_equal(first.image, picture(1)[..., ::-1])
    assert first.mask.dtype == bool
    assert np.array_equal(second.mask, defect() > 0)
    assert {first.kind, second.kind} == {""}


@pytest.mark.parametrize(("value", "dtype"), [(1, np.uint8), (255, np.uint8), (1, np.uint16), (65535, np.uint16)])
def test_masks_of_any_depth(tmp_path, value, dtype):
    pair(tmp_path, mask=defect(value, dtype))
    assert np.array_equal(read(tmp_path).examples[0].mask, defect() > 0)


def test_a_folder_for_each_kind(tmp_path):
    pair(tmp_path / "scratch", "z")
    pair(tmp_path / "hole", "a", picture(1))
    pair(tmp_path / "hole", "b", picture(2))
    (tmp_path / "notes").mkdir()
    assert [example.kind for example in read(tmp_path).examples] == ["hole", "hole", "scratch"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda root: (root / "masks/a.png").unlink(), "images/a.png .* has no masks/ file"),
        (lambda root: (root / "images/a.png").unlink(), "masks/a.png .* has no images/ file"),
        (lambda root: write(root / "images/a.bmp", picture()), "a.bmp and a.png .* have one stem"),
        (lambda root: write(root / "masks/a.png", defect(0)), "a.png is empty"),
        (lambda root: write(root / "masks/a.png", defect(3)), "a.png is empty"),
        (lambda root: write(root / "masks/a.png", np.full((40, 48), 255, np.uint8)), "a.png is full"),
        (lambda root: write(root / "masks/a.png", defect(width=40)), "a.png has 40 x 40 pixels, its picture 48 x 40"),
        (lambda root: (root / "images/a.png").write_bytes(b"no picture"), "a.png"),
        (lambda root: (root / "masks/a.png").write_bytes(b"no picture"), "a.png"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, told):
    pair(tmp_path)
    pair(tmp_path, "b")
    change(tmp_path)
    with pytest.raises(ConfigError, match=told) as raised:
        read(tmp_path)
    assert raised.value.exit_status == 2
    assert "exemplars.support" in str(raised.value)


def test_a_folder_without_examples_is_told_what_it_must_hold(tmp_path):
    with pytest.raises(ConfigError, match="there is no folder"):
        read(tmp_path / "absent")
    with pytest.raises(ConfigError, match=r"no examples.*images/ and masks/"):
        read(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    with pytest.raises(ConfigError, match="no pictures"):
        read(tmp_path)


def test_the_digest_is_of_the_content_not_of_the_place_or_the_format(tmp_path):
    pair(tmp_path / "one")
    write(tmp_path / "two/images/a.bmp", picture())
    write(tmp_path / "two/masks/a.bmp", defect())
    digest = read(tmp_path / "one").digest
    assert digest == read(tmp_path / "two").digest
    mask = defect()
    mask[0, 0] = 255
    pair(tmp_path / "one", mask=mask)
    assert read(tmp_path / "one").digest != digest
    pair(tmp_path / "two/kind")
    assert read(tmp_path / "two").digest == digest  # images/ and masks/ of its own come first

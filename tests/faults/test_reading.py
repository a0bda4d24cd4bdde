"""Faults 1 to 19: what lies on the disk. One test for each number, on the files of scripts/make_fault_corpus.py."""

import os
import runpy
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageFile

from iapas import errors
from iapas.errors import UsageError
from iapas.files import images
from iapas.files.images import decode_image, read_image
from iapas.files.inputs import list_images
from iapas.settings import Reading

CORPUS = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "make_fault_corpus.py")))
READING = Reading()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    out = tmp_path_factory.mktemp("corpus") / "in"
    CORPUS.write(out)
    yield out
    os.chmod(out / "19-unreadable", 0o700)


def files(corpus, prefix):
    found = sorted(path for path in corpus.iterdir() if path.name.startswith(prefix))
    assert found, f"no {prefix} in the corpus"
    return found


def refused(path, kind, *words, **settings):
    with pytest.raises(kind) as caught:
        read_image(path, READING.model_copy(update=settings))
    message = str(caught.value)
    assert all(word in message for word in words), message
    return caught.value


def test_fault_01_truncated_jpeg(corpus):
    for path in files(corpus, "01-"):
        assert refused(path, errors.ImageTruncated, path.name).code == "image-truncated"


def test_fault_01_also_where_another_library_allows_truncated_images(corpus, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for path in (*files(corpus, "01-"), *files(corpus, "02-")):
        refused(path, errors.ImageTruncated)


def test_fault_02_truncated_png_and_others(corpus):
    for path in files(corpus, "02-"):
        refused(path, errors.ImageTruncated, path.name)


@pytest.mark.parametrize(
    ("name", "word"),
    [("empty.jpg", "empty"), ("text.jpg", "text"), ("html.jpg", "HTML"), ("zeros.png", "zero"), ("lfs", "Git LFS")],
)
def test_fault_03_no_image_at_all(corpus, name, word):
    refused(files(corpus, f"03-{name}")[0], errors.ImageUnreadable, word)


def test_fault_04_deep_images_keep_their_brightness(corpus):
    expected = CORPUS.plate().astype(float)
    for path in files(corpus, "04-"):
        picture = read_image(path, READING)
        assert picture.notes and ".." in picture.notes[0]
        if "declared" not in path.name:  # 10 of 16 bits: 4 * 255 of 1023 is white less a third of a per cent
            assert np.abs(picture.frames[0] - expected).max() <= 1, path.name
    declared = read_image(corpus / "04-grey10declared.png", READING).frames[0]
    assert np.abs(declared - expected / 8).max() <= 1


def test_fault_04_bit_depth_is_obeyed(corpus):
    picture = read_image(corpus / "04-grey10in16.tif", READING.model_copy(update={"bit_depth": 12}))
    assert np.abs(picture.frames[0] - CORPUS.plate() / 4).max() <= 1
    assert "0..4095 (reading.bit_depth" in picture.notes[0]


def test_fault_05_float(corpus):
    assert np.abs(read_image(corpus / "05-float.tif", READING).frames[0] - CORPUS.plate().astype(float)).max() <= 1
    stretched = read_image(corpus / "05-float-range.tif", READING)
    assert (stretched.frames[0].min(), stretched.frames[0].max()) == (0, 255)
    assert "-1000..20000" in stretched.notes[0]
    for settings in ({}, {"float_range": [0.0, 1.0]}):
        refused(corpus / "05-float-nan.tif", errors.ImageNonfinite, "2 of 4096", **settings)


def test_fault_06_orientation(corpus):
    shown = CORPUS.plate(64, 96)
    stored_as = {
        1: shown,
        2: shown[:, ::-1],
        3: shown[::-1, ::-1],
        4: shown[::-1],
        5: shown.swapaxes(0, 1),
        6: np.rot90(shown, -1),
        7: shown[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(shown),
    }
    for orientation, expected in stored_as.items():
        picture = read_image(corpus / f"06-orientation{orientation}.jpg", READING)
        assert picture.exif_orientation == orientation
        assert (picture.height, picture.width) == expected.shape[:2]
        assert np.abs(picture.frames[0].astype(int) - expected).max() < 40, orientation
    for kind in ("png", "tiff", "webp"):
        picture = read_image(corpus / f"06-orientation6.{kind}", READING)
        assert picture.exif_orientation == 6
        assert np.array_equal(picture.frames[0], stored_as[6]), kind


def test_fault_07_colour_models(corpus):
    expected = CORPUS.plate().astype(int)
    for path in files(corpus, "07-"):
        picture = read_image(path, READING)
        assert picture.frames[0].shape == expected.shape
        assert abs(picture.frames[0].mean() - expected.mean()) < 2, path.name
        if "1bit" not in path.name:
            assert np.abs(picture.frames[0] - expected).max() < 60, path.name
    assert "CMYK converted to RGB" in read_image(corpus / "07-cmyk.jpg", READING).notes
    assert "ICC profile ignored" in read_image(corpus / "07-icc.png", READING).notes


def test_fault_08_hidden_pixels_are_not_seen(corpus):
    picture = read_image(corpus / "08-hidden.png", READING.model_copy(update={"background": [1, 2, 3]}))
    assert (picture.frames[0][:, :32] == (1, 2, 3)).all()
    assert np.array_equal(picture.valid, np.arange(64)[None] >= np.full((64, 1), 32))
    assert "alpha composited on 1,2,3" in picture.notes


def test_fault_09_several_frames(corpus):
    formats = ["png", "webp", "tiff", "gif"]
    for path in files(corpus, "09-"):
        refused(path, errors.ImageMultiframe, "3 frames", formats=formats)
        refused(path, errors.ImageMultiframe, "0..2", formats=formats, frame=3)
        one = read_image(path, READING.model_copy(update={"formats": formats, "frame": 1}))
        every = read_image(path, READING.model_copy(update={"formats": formats, "frame": "all"}))
        assert (len(one.frames), len(every.frames)) == (1, 3)
        assert np.array_equal(one.frames[0], every.frames[1])
        assert not np.array_equal(every.frames[0], every.frames[1])
        assert "frames 1..1 of 3" in one.notes
        refused(path, errors.ImageTooLarge, formats=formats, frame="all", max_pixels=3 * 64 * 64 - 1)


def test_fault_10_extreme_sizes(corpus):
    refused(corpus / "10-1x1.png", errors.ImageTooSmall, "1 x 1", "16")
    refused(corpus / "10-1x5000.png", errors.ImageTooSmall)
    refused(corpus / "10-16x5000.png", errors.ImageTooSmall, "100")
    picture = read_image(corpus / "10-16x5000.png", READING.model_copy(update={"max_aspect": 400.0}))
    assert (picture.width, picture.height) == (16, 5000)


def test_fault_11_pixel_bomb_is_refused_before_decoding(corpus):
    begin = time.monotonic()
    refused(corpus / "11-20000x20000.png", errors.ImageTooLarge, "20000 x 20000", "100000000")
    assert time.monotonic() - begin < 1


def test_fault_11_the_limit_can_be_raised_above_pillows(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow would warn, and above twice this raise
    for kind, options in [("PNG", {}), ("JPEG", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("BMP", {})]:
        data = CORPUS.encoded(CORPUS.plate(), kind, **options)
        assert decode_image(data, "x", READING).width == 64


def test_fault_12_bombs_in_metadata(corpus):
    refused(corpus / "12-text-bomb.png", errors.ImageUnreadable)
    assert read_image(corpus / "12-endless.tif", READING).width == 64
    refused(corpus / "12-endless.tif", errors.ImageTooLarge, "max_bytes = 1000", max_bytes=1000)


def test_fault_13_documents_are_refused(corpus):
    for path, word in zip(files(corpus, "13-"), ("PDF", "SVG", "Photoshop", "PostScript"), strict=True):
        assert refused(path, errors.ImageFormatRefused, word).code == "image-format-refused"
    refused(corpus / "14-png-inside.jpg", errors.ImageFormatRefused, "PNG", formats=["jpeg"])


def test_fault_14_content_wins_over_the_extension(corpus):
    assert read_image(corpus / "14-png-inside.jpg", READING).notes == ("PNG content in a .jpg name",)
    assert read_image(corpus / "14-jpeg-inside.png", READING).notes == ("JPEG content in a .png name",)


def test_fault_15_names_that_are_not_utf8(corpus):
    (source,) = [source for source in list_images([os.fsdecode(corpus)]).sources if source.id.startswith("15-")]
    assert source.id == "15-latin1-%E4%FF.png"
    assert read_image(source.path, READING).width == 64
    with pytest.raises(errors.ImageUnreadable) as caught:
        decode_image(b"", os.path.basename(source.path), READING)
    str(caught.value).encode("utf-8")  # safe for any log


def test_fault_16_odd_names(corpus):
    sources = {source.id: source for source in list_images([str(corpus)]).sources if source.id.startswith("16")}
    long = "16-" + "x" * 248 + ".png"
    assert set(sources) == {"16-größe 漢字 🙂.png", "16-new\nline.png", "16/-leading.png", long}
    assert all(read_image(source.path, READING).width == 64 for source in sources.values())
    assert "255 bytes" in sources.pop(long).problem
    assert all(source.problem is None for source in sources.values())
    with pytest.raises(errors.ImageUnreadable, match=r"new\\nline"):
        decode_image(b"", "16-new\nline.png", READING)


def test_fault_17_same_stem_twice(corpus):
    ids = [source.id for source in list_images([str(corpus / "17")]).sources]
    assert ids == ["a/1.jpg", "a/1.png", "b/1.png"]


def test_fault_17_two_files_with_one_id(tmp_path):
    for name in (b"\xff.png", b"%FF.png"):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb"):
            pass
    with pytest.raises(UsageError, match=r"the same id '%FF\.png'"):
        list_images([str(tmp_path)])


def test_fault_18_only_regular_files_inside(corpus, tmp_path):
    listing = list_images([str(corpus)])
    ids = {source.id for source in listing.sources if source.id.startswith("18")}
    assert ids == {"18-fifo.png", "18-selfloop.png", "18-folder.png/inside.png"}
    assert any("3 links" in warning for warning in listing.warnings)
    refused(corpus / "18-fifo.png", errors.ReadDenied, "FIFO")
    refused(corpus / "18-selfloop.png", errors.ReadDenied, "links")
    refused(corpus / "18-folder.png", errors.ReadDenied, "directory")
    refused("/dev/zero", errors.ReadDenied, "device")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.png"))
        refused(tmp_path / "s.png", errors.ReadDenied, "socket")


def test_fault_19_vanished(corpus):
    assert refused(corpus / "19-vanished.png", errors.ReadVanished).code == "io-vanished"
    refused(corpus / "14-png-inside.jpg" / "x.png", errors.ReadVanished)


def test_fault_19_denied(tmp_path, monkeypatch):
    def denied(path, *_):
        raise PermissionError(13, "Permission denied", path)

    path = tmp_path / "a.png"
    path.write_bytes(CORPUS.encoded(CORPUS.plate(), "PNG"))
    monkeypatch.setattr(images.os, "open", denied)  # chmod would not stop root
    assert refused(path, errors.ReadDenied, "Permission denied").code == "io-denied"


def test_fault_19_an_unreadable_folder_is_not_passed_over(tmp_path, monkeypatch, caplog):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").touch()
    scandir = os.scandir

    def denied(path):
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    listing = list_images([str(tmp_path)])
    assert [(source.id, source.problem) for source in listing.sources] == [
        ("a/1.png", None),
        ("b", "this folder cannot be read"),
    ]
    assert str(tmp_path / "b") in listing.warnings[0] and str(tmp_path / "b") in caplog.text


def test_fault_19_changed_while_it_was_read(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(CORPUS.encoded(CORPUS.plate(), "PNG"))
    regular = images._require_regular

    def appended(status):
        regular(status)
        with path.open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr(images, "_require_regular", appended)
    assert refused(path, errors.ReadVanished, "changed").code == "io-vanished"

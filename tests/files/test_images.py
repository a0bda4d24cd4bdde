"""The one reader: depths, colour models, TIFF layouts, and whatever bytes may come."""

import hashlib
import io
import os
import runpy
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from iapas.errors import ImageError, ImageMultiframe, ImageNonfinite, ImageTooLarge, ImageTruncated, ImageUnreadable
from iapas.files.images import Picture, decode_image, read_image, read_mask
from iapas.files.pixels import Samples, to_rgb, upright
from iapas.settings import Reading

CORPUS = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "make_fault_corpus.py")))
READING = Reading()
EVERY = Reading(formats=["png", "jpeg", "bmp", "tiff", "webp", "gif"])
PLATE = CORPUS.plate(48, 64)


def reading(**update):
    return READING.model_copy(update=update)


def decode(data, **update):
    return decode_image(data, "x", reading(**update))


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_eight_bit_pixels_come_back_as_they_were(kind, options):
    data = CORPUS.encoded(PLATE, kind, **options)
    picture = decode(data)
    assert np.array_equal(picture.frames[0], PLATE)
    assert picture.frames[0].flags.writeable and picture.frames[0].flags.c_contiguous
    assert (picture.width, picture.height, picture.exif_orientation, picture.valid) == (64, 48, 1, None)
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    assert picture.notes == ()


def test_bytes_paths_and_files_agree(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(CORPUS.encoded(PLATE, "JPEG"))
    from_path, from_text = read_image(path, READING), read_image(os.fspath(path), READING)
    assert np.array_equal(from_path.frames[0], from_text.frames[0])
    assert np.array_equal(from_path.frames[0], decode(path.read_bytes()).frames[0])


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("packing", ["none", "deflate", "planar", "planar-deflate", "big-endian", "tiles", "bigtiff"])
def test_tiff_layouts(dtype, channels, packing):
    values = np.random.default_rng(0).integers(0, 256, (48, 64, channels)).astype(dtype)
    expected = values.astype(np.uint8)
    if np.dtype(dtype).kind == "f":
        values /= 255
    if channels == 4:
        opaque = {"u": np.iinfo(dtype).max, "i": np.iinfo(dtype).max} if np.dtype(dtype).kind != "f" else {"f": 1}
        values[..., 3] = opaque[np.dtype(dtype).kind]
    options = {"compression": "zlib"} if "deflate" in packing else {}
    if packing == "big-endian":
        options["byteorder"] = ">"
    if packing == "tiles":
        options["tile"] = (32, 32)
    if packing == "bigtiff":
        options["bigtiff"] = True
    if channels == 4:
        options["extrasamples"] = ["unassalpha"]
    if channels == 1:
        data = CORPUS.tiff(values[..., 0], photometric="minisblack", **options)
    elif "planar" in packing:
        data = CORPUS.tiff(np.moveaxis(values, -1, 0), photometric="rgb", planarconfig="separate", **options)
    else:
        data = CORPUS.tiff(values, photometric="rgb", **options)
    picture = decode(data)
    assert np.array_equal(picture.frames[0], np.broadcast_to(expected[..., :3], (48, 64, 3)))
    assert picture.valid is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("compression", [5, 8, 32773])
def test_compressed_tiffs_of_other_writers(dtype, channels, compression):
    values = np.random.default_rng(0).integers(0, 256, (48, 64, channels)).astype(dtype)
    stored = values / 255 if np.dtype(dtype).kind == "f" else values
    ok, data = cv2.imencode(".tif", stored.astype(dtype), [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    assert ok
    expected = np.broadcast_to(values[..., ::-1].astype(np.uint8), (48, 64, 3))
    assert np.array_equal(decode(data.tobytes()).frames[0], expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_tiff_decoder_turns_once(orientation, compression, dtype):
    for photometric in ("rgb", "minisblack", "miniswhite"):
        values = PLATE if photometric == "rgb" else PLATE[..., 0]
        data = CORPUS.tiff(
            values.astype(dtype),
            photometric=photometric,
            compression=compression,
            extratags=[(274, 3, 1, orientation, True)],
        )
        expected = PLATE if photometric != "miniswhite" else 255 - PLATE
        picture = decode(data)
        assert picture.exif_orientation == orientation
        assert np.array_equal(picture.frames[0], upright(expected, orientation)), photometric


def test_upright_agrees_with_pillow():
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture = decode(CORPUS.encoded(PLATE, "PNG", exif=exif))
        image = Image.open(io.BytesIO(CORPUS.encoded(PLATE, "PNG", exif=exif)))
        from PIL import ImageOps

        assert np.array_equal(picture.frames[0], np.array(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize(("highest", "white"), [(0, 255), (255, 255), (256, 1023), (4000, 4095), (4096, 16383)])
def test_deep_grey_is_scaled_by_the_full_scale_that_holds_it(highest, white):
    values = np.linspace(0, highest, 48 * 64).round().astype(np.uint16).reshape(48, 64)
    picture = decode(CORPUS.deep_png(values))
    assert np.abs(picture.frames[0][..., 0] - values * 255.0 / white).max() <= 0.5
    assert f"0..{white}" in picture.notes[0] and f"0..{highest}" in picture.notes[0]


def test_tiff_declares_its_depth():
    values = np.full((48, 64), 100, np.uint16)
    declared = CORPUS.tiff(values, extratags=[(281, 3, 1, 4095, True)])
    assert "0..4095 (declared" in decode(declared).notes[0]
    whole = CORPUS.tiff(values, extratags=[(281, 3, 1, 65535, True)])  # a default of writers, not a statement
    assert "0..255 (full scale of 8" in decode(whole).notes[0]


def test_values_above_the_declared_depth_are_clipped_and_noted():
    picture = decode(CORPUS.deep_png(np.full((48, 64), 2000, np.uint16)), bit_depth=10)
    assert (picture.frames[0] == 255).all()
    assert "clipped" in picture.notes[0]


def test_negative_integers_and_wide_floats():
    values = np.linspace(-500, 500, 48 * 64).reshape(48, 64)
    picture = decode(CORPUS.tiff(values.astype(np.int16)))
    assert (picture.frames[0].min(), picture.frames[0].max()) == (0, 255)
    wide = values / 500 * np.finfo(np.float64).max
    assert np.abs(decode(CORPUS.tiff(wide)).frames[0].astype(int) - picture.frames[0]).max() <= 1
    constant = decode(CORPUS.tiff(np.full((48, 64), 7, np.float32)))
    assert (constant.frames[0] == 0).all()


def test_float_range():
    values = np.linspace(-1, 3, 48 * 64, dtype=np.float32).reshape(48, 64)
    picture = decode(CORPUS.tiff(values), float_range=[0.0, 2.0])
    assert np.abs(picture.frames[0][..., 0] - np.clip(values / 2, 0, 1) * 255).max() <= 0.5
    assert "0..2 (reading.float_range" in picture.notes[0]


def test_deep_colour_with_alpha():
    values = np.full((48, 64, 4), 65535, np.uint16)
    values[..., :3] = PLATE.astype(np.uint16) * 257
    values[:, :8, 3] = 0
    data = cv2.imencode(".png", values[..., [2, 1, 0, 3]])[1].tobytes()
    for picture in (decode(data), decode(CORPUS.tiff(values, photometric="rgb", extrasamples=["unassalpha"]))):
        assert np.array_equal(picture.frames[0][:, 8:], PLATE[:, 8:])
        assert (picture.frames[0][:, :8] == 128).all()
        assert not picture.valid[:, :8].any() and picture.valid[:, 8:].all()


def test_alpha_is_composited_exactly_and_the_least_of_it_counts_as_there():
    values = np.dstack([np.full((2, 2, 3), 200, np.uint8), np.array([[0, 1], [128, 255]], np.uint8)])
    rgb, valid, _ = to_rgb(Samples(values), reading(background=[100, 100, 100]))
    assert rgb[..., 0].tolist() == [[100, 100], [150, 200]]
    assert valid.tolist() == [[False, True], [True, True]]
    deep = np.dstack([np.full((1, 1), 9, np.uint16), np.full((1, 1), 1, np.uint16)])
    assert to_rgb(Samples(deep), READING)[1] is None


def test_transparency_of_palettes_and_colour_keys():
    palette = Image.fromarray(PLATE).convert("P")
    palette.putpixel((0, 0), 3)
    picture = decode(CORPUS.encoded(palette, "PNG", transparency=bytes([255, 255, 255, 0])))
    assert not picture.valid[0, 0]
    keyed = decode(CORPUS.encoded(np.full((48, 64), 9, np.uint8), "PNG", transparency=9))
    assert not keyed.valid.any()
    assert (keyed.frames[0] == 128).all()


def test_associated_alpha_of_a_tiff():
    values = np.full((48, 64, 4), 100, np.uint8)
    data = CORPUS.tiff(values, photometric="rgb", extrasamples=["assocalpha"])
    assert (decode(data, background=[0, 0, 0]).frames[0] == 100).all()


def test_nan_in_alpha():
    values = np.full((48, 64, 4), 0.5, np.float32)
    values[0, 0, 3] = np.nan
    with pytest.raises(ImageNonfinite):
        decode(CORPUS.tiff(values, photometric="rgb", extrasamples=["unassalpha"]))


def test_thumbnails_in_a_tiff_are_no_pages():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(PLATE, photometric="rgb")
        file.write(PLATE[::4, ::4], photometric="rgb", subfiletype=1)
    picture = decode(buffer.getvalue())
    assert np.array_equal(picture.frames[0], PLATE)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_any_page_of_a_deep_tiff(compression):
    values = np.stack([PLATE.astype(np.uint16) * (257 - i) for i in range(3)])
    data = CORPUS.tiff(values, photometric="rgb", compression=compression)
    every = decode(data, frame="all").frames
    assert len(every) == 3
    assert np.array_equal(decode(data, frame=2).frames[0], every[2])
    assert np.array_equal(every[0], PLATE)


def test_pages_of_several_sizes():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(PLATE, photometric="rgb")
        file.write(PLATE[:32], photometric="rgb")
    with pytest.raises(ImageMultiframe, match="differ in size"):
        decode(buffer.getvalue(), frame="all")
    assert decode(buffer.getvalue(), frame=1).height == 32


def test_a_phone_picture_with_a_second_one_behind_it():
    buffer = io.BytesIO()
    Image.fromarray(PLATE).save(buffer, "MPO", save_all=True, append_images=[Image.fromarray(PLATE[::-1])])
    picture = decode(buffer.getvalue())
    assert len(picture.frames) == 1 and np.abs(picture.frames[0].astype(int) - PLATE).max() < 40
    assert "main picture of a file that holds several" in picture.notes


def test_an_adobe_cmyk_jpeg_is_not_inverted():
    white = decode(CORPUS.encoded(Image.new("CMYK", (64, 48)), "JPEG")).frames[0]
    assert white.min() > 250


def test_a_damaged_png_is_not_analysed():
    data = bytearray(CORPUS.encoded(PLATE, "PNG"))
    data[data.index(b"IDAT") + 20] ^= 1
    with pytest.raises(ImageUnreadable, match="checksum in its IDAT"):
        decode(bytes(data))


def test_a_gif_frame_cannot_enlarge_the_picture_past_the_limit():
    data = bytearray(CORPUS.frames("GIF"))
    last = data.rindex(b"\x2c\0\0\0\0\x40\0\x40\0")  # the descriptor of a frame of 64 x 64
    data[last + 6] = 0xFF
    with pytest.raises(ImageUnreadable, match="larger than the picture"):
        decode_image(bytes(data), "x", EVERY.model_copy(update={"frame": "all"}))


def test_a_png_that_claims_billions_of_frames_is_refused_at_once():
    animation = (b"acTL", b"\x7f\xff\xff\xff\0\0\0\0")
    data = CORPUS.png(64, 64, 8, 0, bytes(65 * 64), animation)
    with pytest.raises(ImageTooLarge, match=r"214748364[78] times 64 x 64"):
        decode(data, frame="all")


def test_a_tiff_with_channels_of_several_depths():
    data = bytearray(CORPUS.tiff(PLATE, photometric="rgb"))
    bits = data.index(b"\x08\0\x08\0\x08\0")
    data[bits] = 16
    with pytest.raises(ImageUnreadable, match="differ in depth"):
        decode(bytes(data))


def test_broken_exif_costs_nothing_but_the_orientation():
    for exif in (b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\xff", b"Exif\0\0" + b"\xff" * 60):
        assert decode(CORPUS.encoded(PLATE, "JPEG", exif=exif)).exif_orientation == 1
    wrong = Image.Exif()
    wrong[0x0112] = 9
    assert decode(CORPUS.encoded(PLATE, "JPEG", exif=wrong)).exif_orientation == 1


def test_masks(tmp_path):
    mask = np.zeros((48, 64), np.uint8)
    mask[:8], mask[8:16] = 255, 127
    expected = mask > 127
    for name, values in (("grey.png", mask), ("rgb.bmp", np.dstack([mask] * 3))):
        (tmp_path / name).write_bytes(CORPUS.encoded(values, name[-3:].upper()))
        assert np.array_equal(read_mask(tmp_path / name), expected)
    (tmp_path / "bits.png").write_bytes(CORPUS.encoded(Image.fromarray(expected), "PNG"))
    assert np.array_equal(read_mask(tmp_path / "bits.png", READING), expected)
    clear = np.dstack([np.full((4, 4, 3), 255, np.uint8), np.zeros((4, 4), np.uint8)])
    (tmp_path / "clear.png").write_bytes(CORPUS.encoded(clear, "PNG"))
    assert not read_mask(tmp_path / "clear.png").any()


def test_threads_leave_the_filters_of_warnings_as_they_were():
    before = list(warnings.filters)
    data = [CORPUS.encoded(PLATE, kind) for kind in ("PNG", "TIFF", "JPEG")] * 10
    threads = [threading.Thread(target=decode, args=(item,)) for item in data]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


VALID = {
    "png": CORPUS.encoded(PLATE, "PNG"),
    "deep-png": CORPUS.deep_png(PLATE.astype(np.uint16) * 257),
    "apng": CORPUS.frames("PNG"),
    "jpeg": CORPUS.oriented("JPEG", 6),
    "progressive": CORPUS.encoded(PLATE, "JPEG", progressive=True),
    "bmp": CORPUS.encoded(PLATE, "BMP"),
    "webp": CORPUS.encoded(PLATE, "WEBP"),
    "gif": CORPUS.frames("GIF"),
    "tiff": CORPUS.frames("TIFF", 2),
    "lzw": CORPUS.encoded(PLATE, "TIFF", compression="tiff_lzw"),
    "deep-tiff": CORPUS.tiff(PLATE.astype(np.uint16) * 257, photometric="rgb", compression="zlib"),
    "float": CORPUS.tiff(PLATE[..., 0].astype(np.float32)),
    "planar": CORPUS.tiff(np.moveaxis(PLATE, -1, 0), photometric="rgb", planarconfig="separate", compression="zlib"),
}


@pytest.mark.parametrize("kind", VALID)
def test_no_cut_goes_unseen(kind):
    data = VALID[kind]
    rng = np.random.default_rng(0)
    for length in {0, 1, 2, 8, len(data) - 1, *rng.integers(0, len(data), 60).tolist()}:
        if len(data) - length <= {"bmp": 2, "tiff": 4}.get(kind, 0):
            continue  # padding behind the last row
        with pytest.raises(ImageError) as caught:
            decode_image(data[:length], "x", EVERY.model_copy(update={"frame": 0}))
        if length > 16:
            assert isinstance(caught.value, ImageTruncated), (length, caught.value)


def picture_or_image_error(data, **update):
    """Whatever the bytes: a Picture, or an ImageError; no other exception, no warning (they are errors here)."""
    try:
        picture = decode_image(data, "x", EVERY.model_copy(update={"max_pixels": 200_000, **update}))
    except ImageError as error:
        assert str(error).isprintable() and error.code
    else:
        assert isinstance(picture, Picture)
        assert all(frame.dtype == np.uint8 and frame.ndim == 3 for frame in picture.frames)


@given(st.binary(max_size=400), st.sampled_from([b"", *(data[:40] for data in VALID.values())]))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes(data, start):
    picture_or_image_error(start + data)


@given(
    st.sampled_from(sorted(VALID)),
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), max_size=6),
    st.integers(0, 20_000),
    st.sampled_from(["error", "all", 0, 1]),
)
@settings(max_examples=600, deadline=None)
def test_mutated_files(kind, changes, cut, frame):
    data = bytearray(VALID[kind])
    for position, value in changes:
        data[position % len(data)] = value
    picture_or_image_error(bytes(data[: len(data) - (cut % len(data) if cut % 3 == 0 else 0)]), frame=frame)


@given(st.sampled_from(["tiff", "lzw", "deep-tiff", "float", "planar"]), st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_tiff_directories(kind, data):
    content = bytearray(VALID[kind])
    offset = int.from_bytes(content[4:8], "little")
    for _ in range(data.draw(st.integers(1, 4))):
        position = min(offset + data.draw(st.integers(0, 200)), len(content) - 1)
        content[position] = data.draw(st.integers(0, 255))
    picture_or_image_error(bytes(content), frame=0)

#!/usr/bin/env python
"""Writes the files that a batch segmenter must survive: ``make_fault_corpus.py OUT``.

Every name begins with the number of its fault. The same bytes come out each time. What the system cannot
hold (a FIFO on Windows, say) is left out, and said.
"""

# ruff: noqa: PTH100, PTH101, PTH103, PTH118, PTH119, PTH120, PTH123, PTH211
# Names that are not UTF-8 are bytes here, which pathlib does not take.

from __future__ import annotations

import io
import os
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

SIDE = 64
Array = npt.NDArray[Any]


def plate(height: int = SIDE, width: int = SIDE) -> Array:
    """(H, W, 3) uint8: a grey ramp with a dark scratch, brighter to the right, so that turns and flips show."""
    ramp = np.linspace(80, 200, width)[None, :, None] + np.linspace(0, 30, height)[:, None, None]
    image = np.repeat(ramp, 3, axis=2)
    image[height // 4 : height // 4 + 2, width // 8 : width // 2] = 20
    return image.astype(np.uint8)


def grey() -> Array:
    """(64, 64) uint8."""
    return plate()[..., 0]


def encoded(image: Array | Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as a file of Pillow's format ``kind``."""
    buffer = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(values: Array, **options: Any) -> bytes:
    """A TIFF of any sample type."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, metadata=None, software=False, datetime=False, **options)
    return buffer.getvalue()


def png(width: int, height: int, bits: int, colour: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG from its raw rows (each with its filter byte), with further chunks before the pixels."""
    head = (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    parts = [head, *chunks, (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def deep_png(values: Array, *chunks: tuple[bytes, bytes]) -> bytes:
    """A 16-bit PNG of (H, W) grey or (H, W, 3) RGB values, uint16."""
    height, width = values.shape[:2]
    lines = values.astype(">u2").reshape(height, -1)
    return png(
        width, height, 16, 0 if values.ndim == 2 else 2, b"".join(b"\0" + row.tobytes() for row in lines), *chunks
    )


def oriented(kind: str, orientation: int) -> bytes:
    """A 96 x 64 picture that says how to turn it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    return encoded(plate(64, 96), kind, exif=exif, **options)


def frames(kind: str, count: int = 3) -> bytes:
    """An animation, or a TIFF of several pages."""
    pictures = [Image.fromarray(np.roll(plate(), 8 * i, axis=0)) for i in range(count)]
    return encoded(pictures[0], kind, save_all=True, append_images=pictures[1:])


def hidden() -> Array:
    """(64, 64, 4) uint8: red below a fully transparent left half."""
    image = np.dstack([plate(), np.full((SIDE, SIDE), 255, np.uint8)])
    image[:, : SIDE // 2] = (255, 0, 0, 0)
    return image


def _cut(data: bytes, share: float = 0.6) -> bytes:
    return data[: int(len(data) * share)]


def _endless_tiff() -> bytes:
    """A chain of directories that bites its tail."""
    first = bytearray(tiff(grey()))
    (offset,) = struct.unpack_from("<I", first, 4)
    (count,) = struct.unpack_from("<H", first, offset)
    struct.pack_into("<I", first, offset + 2 + 12 * count, offset)
    return bytes(first)


def _nonfinite() -> Array:
    values = grey().astype(np.float32) / 255
    values[3, 5], values[7, 9] = np.nan, np.inf
    return values


def files() -> Iterator[tuple[bytes, Callable[[], bytes]]]:
    """Names (bytes, relative, with forward slashes) and what makes each file's content."""
    pillow = Image.fromarray(plate())
    camera = grey().astype(np.uint16) * 4  # 10 bits used of 16
    noise = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    html = b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n"
    text_bomb = (b"zTXt", b"Comment\0\0" + zlib.compress(b"A" * 10_000_000))
    table: list[tuple[str | bytes, Callable[[], bytes]]] = [
        ("01-truncated.jpg", lambda: _cut(encoded(noise, "JPEG"))),
        ("01-no-end-marker.jpg", lambda: encoded(noise, "JPEG")[:-2]),
        ("01-truncated-progressive.jpg", lambda: _cut(encoded(noise, "JPEG", progressive=True))),
        ("02-truncated.png", lambda: _cut(encoded(noise, "PNG"))),
        ("02-no-end-chunk.png", lambda: encoded(noise, "PNG")[:-12]),
        ("02-truncated.bmp", lambda: _cut(encoded(noise, "BMP"))),
        ("02-truncated.tif", lambda: _cut(encoded(noise, "TIFF"))),
        ("02-truncated-lzw.tif", lambda: _cut(encoded(noise, "TIFF", compression="tiff_lzw"))),
        ("02-truncated.webp", lambda: _cut(encoded(noise, "WEBP"))),
        ("03-empty.jpg", lambda: b""),
        ("03-text.jpg", lambda: b"this is no picture\n"),
        ("03-html.jpg", lambda: html),
        ("03-zeros.png", lambda: bytes(4096)),
        ("03-lfs-pointer.png", lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
        ("04-grey16.png", lambda: deep_png(grey().astype(np.uint16) * 257)),
        ("04-grey10in16.png", lambda: deep_png(camera)),
        ("04-grey10declared.png", lambda: deep_png(camera // 8, (b"sBIT", b"\x0a"))),
        ("04-grey16.tif", lambda: tiff(grey().astype(np.uint16) * 257)),
        ("04-grey10in16.tif", lambda: tiff(camera)),
        ("04-rgb16.png", lambda: deep_png(plate().astype(np.uint16) * 257)),
        ("04-rgb16.tif", lambda: tiff(plate().astype(np.uint16) * 257, photometric="rgb")),
        ("05-float.tif", lambda: tiff(grey().astype(np.float32) / 255)),
        ("05-float-range.tif", lambda: tiff(grey().astype(np.float64) * 100 - 3000)),
        ("05-float-nan.tif", lambda: tiff(_nonfinite())),
        *[(f"06-orientation{o}.jpg", lambda o=o: oriented("JPEG", o)) for o in range(1, 9)],
        *[(f"06-orientation6.{k.lower()}", lambda k=k: oriented(k, 6)) for k in ("PNG", "TIFF", "WEBP")],
        ("07-cmyk.jpg", lambda: encoded(pillow.convert("CMYK"), "JPEG")),
        ("07-palette.png", lambda: encoded(pillow.convert("P"), "PNG")),
        ("07-grey-alpha.png", lambda: encoded(pillow.convert("LA"), "PNG")),
        ("07-1bit.png", lambda: encoded(pillow.convert("1"), "PNG")),
        ("07-1bit.tif", lambda: encoded(pillow.convert("1"), "TIFF", compression="group4")),
        ("07-icc.png", lambda: encoded(pillow, "PNG", icc_profile=b"not really a profile")),
        ("08-hidden.png", lambda: encoded(hidden(), "PNG")),
        ("09-animated.gif", lambda: frames("GIF")),
        ("09-animated.webp", lambda: frames("WEBP")),
        ("09-animated.png", lambda: frames("PNG")),
        ("09-pages.tif", lambda: frames("TIFF")),
        ("10-1x1.png", lambda: encoded(plate(1, 1), "PNG")),
        ("10-1x5000.png", lambda: encoded(plate(5000, 1), "PNG")),
        ("10-16x5000.png", lambda: encoded(plate(5000, 16), "PNG")),
        ("11-20000x20000.png", lambda: png(20_000, 20_000, 1, 0, bytes(2501 * 20_000))),
        ("12-text-bomb.png", lambda: png(SIDE, SIDE, 8, 0, bytes(65 * SIDE), *[text_bomb] * 5)),
        ("12-endless.tif", _endless_tiff),
        ("13-postscript.jpg", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        ("13-document.png", lambda: b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n"),
        ("13-drawing.png", lambda: b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>\n'),
        ("13-photoshop.tif", lambda: b"8BPS\0\1" + bytes(40)),
        ("14-png-inside.jpg", lambda: encoded(pillow, "PNG")),
        ("14-jpeg-inside.png", lambda: encoded(pillow, "JPEG")),
        (b"15-latin1-\xe4\xff.png", lambda: encoded(pillow, "PNG")),
        ("16-größe 漢字 🙂.png", lambda: encoded(pillow, "PNG")),
        ("16-new\nline.png", lambda: encoded(pillow, "PNG")),
        ("16/-leading.png", lambda: encoded(pillow, "PNG")),
        ("16-" + "x" * 248 + ".png", lambda: encoded(pillow, "PNG")),
        ("17/a/1.png", lambda: encoded(pillow, "PNG")),
        ("17/b/1.png", lambda: encoded(pillow, "PNG")),
        ("17/a/1.jpg", lambda: encoded(pillow, "JPEG")),
        ("18-folder.png/inside.png", lambda: encoded(pillow, "PNG")),
        ("19-unreadable.png", lambda: encoded(pillow, "PNG")),
        ("19-unreadable/inside.png", lambda: encoded(pillow, "PNG")),
    ]
    for name, make in table:
        yield (name if isinstance(name, bytes) else name.encode()), make


def _special(out: bytes) -> Iterator[tuple[bytes, Callable[[bytes], object]]]:
    """What is no file with content."""
    yield b"18-fifo.png", os.mkfifo
    yield b"18-loop", lambda path: os.symlink(b".", path)
    yield b"18-selfloop.png", lambda path: os.symlink(os.path.basename(path), path)
    yield b"18-out.png", lambda path: os.symlink(os.path.abspath(os.path.join(out, b"..", b"outside.png")), path)
    yield b"18-out", lambda path: os.symlink(b"/", path)
    yield b"19-vanished.png", lambda path: os.symlink(b"never-there.png", path)
    yield b"19-unreadable.png", lambda path: os.chmod(path, 0)
    yield b"19-unreadable", lambda path: os.chmod(path, 0)


def write(out: str | os.PathLike[str]) -> list[str]:
    """Write the corpus into the folder ``out``, and outside.png beside it. The names that the system did not take."""
    root = os.fsencode(out)
    missing = []
    for name, make in files():
        path = os.path.join(root, name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(make())
        except OSError as error:
            missing.append(f"{name!r}: {error.strerror}")
    with open(os.path.join(root, b"..", b"outside.png"), "wb") as file:
        file.write(encoded(plate(), "PNG"))
    for name, make_special in _special(root):
        try:
            make_special(os.path.join(root, name))
        except (OSError, AttributeError, NotImplementedError) as error:
            missing.append(f"{name!r}: {error}")
    return missing


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for line in write(sys.argv[1]):
        print("left out", line, file=sys.stderr)

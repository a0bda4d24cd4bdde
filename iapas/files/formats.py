"""Recognises a file by its content and reads its header, before any decoder sees it.

The headers are read here so that a picture which is too large, or a file which is cut, is refused
without a byte being allocated for its pixels, whatever the decoder would have done.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from iapas.errors import ImageFormatRefused, ImageTooLarge, ImageTooSmall, ImageTruncated, ImageUnreadable
from iapas.settings import Reading

EXTENSIONS = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".bmp": "bmp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
    ".gif": "gif",
}
"""Lower-case extensions of the formats that can be decoded."""

_DECODED = (
    (rb"\x89PNG\r\n\x1a\n", "png"),
    (rb"\xff\xd8\xff", "jpeg"),
    (rb"II\*\0(?!....CR)|MM\0\*|II\+\0|MM\0\+", "tiff"),
    (rb"RIFF....WEBP", "webp"),
    (rb"GIF8[79]a", "gif"),
    (rb"BM(?=.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0|.{0,15}\Z)", "bmp"),
)
_REFUSED = (
    (rb"%PDF-", "PDF"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "EPS or PostScript"),
    (rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE svg[^>]*>|\s)*<svg", "SVG"),
    (rb"8BPS", "Photoshop"),
    (rb"....ftyp(?:hei|hev|mif|msf)", "HEIC"),
    (rb"....ftypavi[fs]", "AVIF"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL"),
    (rb"\0\0[\1\2]\0", "icon"),
    (rb"P[1-7]\s", "portable anymap"),
    (rb"v/1\x01", "OpenEXR"),
    (rb"#\?RADIANCE", "Radiance HDR"),
    (rb"II\*\0....CR", "Canon raw"),
    (rb"DDS ", "DDS"),
    (rb"qoif", "QOI"),
    (rb"gimp xcf", "GIMP"),
    (rb"SIMPLE  =", "FITS"),
    (rb"AT&TFORM", "DjVu"),
    (rb".{128}DICM", "DICOM"),
)
_OTHER = (
    (rb"version https://git-lfs", "a Git LFS pointer (run git lfs pull)"),
    (
        rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|head|body)",
        "HTML, perhaps a server's error page",
    ),
    (rb"\s*<\?xml", "XML"),
    (rb"PK\x03\x04", "a ZIP archive"),
    (rb"\x1f\x8b", "a gzip archive"),
    (rb"7z\xbc\xaf", "a 7z archive"),
    (rb"....ftyp", "a video"),
    (rb"\x93NUMPY", "a NumPy array"),
    (rb"\x89HDF", "HDF5"),
    (rb"\x7fELF|MZ", "a program"),
    (rb"\0+\Z", "zero bytes only, as an interrupted copy leaves them"),
)


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes of a file say.

    ``width``, ``height``: in stored pixels. ``bits``: of a channel. ``significant``: the bits that the
    camera used, where the file says so, else None. ``exif``: the EXIF block of a PNG, else empty.
    """

    width: int
    height: int
    bits: int = 8
    significant: int | None = None
    exif: bytes = b""


def recognise(data: bytes, allowed: Sequence[str]) -> str:
    """The format of a file by its content: one of ``allowed``.

    Raises ImageFormatRefused for other picture and document formats, ImageUnreadable for anything else.
    """
    if not data:
        raise ImageUnreadable("the file is empty")
    kind = _match(_DECODED, data)
    if kind in allowed:
        return str(kind)
    refused = kind.upper() if kind else _match(_REFUSED, data)
    if refused:
        raise ImageFormatRefused(f"this is {refused}; decoded are {', '.join(allowed)}")
    raise ImageUnreadable(f"not an image but {_match(_OTHER, data) or _plain(data)}")


def _match(table: Sequence[tuple[bytes, str]], data: bytes) -> str | None:
    head = data[:1024]
    return next((name for pattern, name in table if re.match(pattern, head, re.DOTALL | re.IGNORECASE)), None)


def _plain(data: bytes) -> str:
    head = data[:512]
    if not re.search(rb"[\0-\x08\x0e-\x1a\x7f]", head):
        return "text"
    return f"unknown data that begin with {head[:8].hex(' ')}"


def check_size(width: int, height: int, reading: Reading, frames: int = 1) -> None:
    """Refuse a picture by its size in pixels: ImageUnreadable, ImageTooLarge or ImageTooSmall."""
    short, long = sorted((width, height))
    if short < 1:
        raise ImageUnreadable(f"its header says {width} x {height} pixels")
    if width * height * frames > reading.max_pixels:
        times = f"{frames} times " if frames > 1 else ""
        raise ImageTooLarge(f"{times}{width} x {height} pixels are above reading.max_pixels = {reading.max_pixels}")
    if short < reading.min_side:
        raise ImageTooSmall(f"{width} x {height} pixels are below reading.min_side = {reading.min_side}")
    if long > short * reading.max_aspect:
        raise ImageTooSmall(f"{width} x {height} pixels are longer than reading.max_aspect = {reading.max_aspect:g}")


def read_header(kind: str, data: bytes) -> Header:
    """The header of a file that is not a TIFF. Raises ImageTruncated when the file is cut, ImageUnreadable."""
    try:
        return {"png": _png, "jpeg": _jpeg, "bmp": _bmp, "gif": _gif, "webp": _webp}[kind](data)
    except (struct.error, IndexError) as error:
        raise ImageTruncated(f"the {kind.upper()} ends too early, at byte {len(data)}") from error


def _png(data: bytes) -> Header:
    """Walks the chunks, to the end: a PNG is whole when IEND is there, and sound when the checksums are right.

    Decoders are laxer (Pillow skips the checksums of pixel data and does without IEND).
    """
    view, position, chunks = memoryview(data), 8, dict[bytes, bytes]()
    while True:
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            raise ImageTruncated(f"the PNG ends within its {kind.decode('latin-1')} chunk, at byte {len(data)}")
        critical = not kind[0] & 0x20
        if critical and zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise ImageUnreadable(
                f"the PNG is damaged: wrong checksum in its {kind.decode('latin-1')} chunk at byte {position}"
            )
        if kind in (b"IHDR", b"sBIT", b"eXIf"):
            chunks.setdefault(kind, data[position + 8 : end])
        if kind == b"IEND":
            break
        position = end + 4
        if position == len(data):
            raise ImageTruncated("the PNG ends before its IEND chunk")
    width, height, bits = struct.unpack_from(">IIB", chunks.get(b"IHDR", b""))
    return Header(width, height, bits, max(chunks.get(b"sBIT", b""), default=None), chunks.get(b"eXIf", b""))


def _jpeg(data: bytes) -> Header:
    """Walks the segments to the pixel data; after it there must be an end marker.

    Even if nothing but that marker is missing the file is called cut: where its end is missing nobody
    can say how much else is, and decoders fill the rest with invented pixels. In pixel data 0xFF is always
    followed by 0 or a restart marker, so the first end marker after its begin is the picture's own.
    """
    position, size = 2, None
    while True:
        position = data.find(b"\xff", position)
        marker = data[position + 1] if position >= 0 else data[len(data)]
        if marker in (0xFF, 0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            position += 1 if marker == 0xFF else 2
            continue
        if marker == 0xD9:
            raise ImageUnreadable("the JPEG has no pixel data")
        (length,) = struct.unpack_from(">H", data, position + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            size = struct.unpack_from(">BHH", data, position + 4)
        position += 2 + length
        if marker == 0xDA:
            break
    if data.find(b"\xff\xd9", position) < 0:
        raise ImageTruncated(f"the JPEG ends within its pixel data, at byte {len(data)}")
    if size is None:
        raise ImageUnreadable("the JPEG has no frame header")
    return Header(size[2], size[1], size[0])


def _bmp(data: bytes) -> Header:
    """The size field in the file header is often wrong, so what the pixels need is computed; RLE is the decoder's."""
    start, header = struct.unpack_from("<II", data, 10)
    if header == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    height = abs(height)
    row = (width * bits + 31) // 32 * 4
    if compression in (0, 3, 6) and start + row * (height - 1) + (width * bits + 7) // 8 > len(data):
        raise ImageTruncated(f"the BMP ends at byte {len(data)} of {start + row * height}")
    return Header(width, height)


def _gif(data: bytes) -> Header:
    """Walks the blocks to the end marker."""
    screen = struct.unpack_from("<HH", data, 6)
    position = 13 + _gif_table(data[10])
    while (mark := data[position]) != 0x3B:
        if mark not in (0x21, 0x2C):
            raise ImageUnreadable(f"the GIF is damaged: no block begins at byte {position}")
        if mark == 0x2C:
            x, y, width, height = struct.unpack_from("<HHHH", data, position + 1)
            if x + width > screen[0] or y + height > screen[1]:  # Pillow would make the picture larger
                raise ImageUnreadable("the GIF is damaged: a frame is larger than the picture")
        position += 2 if mark == 0x21 else 11 + _gif_table(data[position + 9])
        while size := data[position]:
            position += 1 + size
        position += 1
    return Header(*screen)


def _gif_table(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _webp(data: bytes) -> Header:
    size, _, kind = struct.unpack_from("<I4s4s", data, 4)
    if size + 8 > len(data):
        raise ImageTruncated(f"the WebP ends at byte {len(data)} of {size + 8}")
    if kind == b"VP8X":
        packed = data[24:30]
        return Header(1 + int.from_bytes(packed[:3], "little"), 1 + int.from_bytes(packed[3:], "little"))
    if kind == b"VP8L":
        (packed_size,) = struct.unpack_from("<I", data, 21)
        return Header(1 + (packed_size & 0x3FFF), 1 + (packed_size >> 14 & 0x3FFF))
    width, height = struct.unpack_from("<HH", data, 26)
    return Header(width & 0x3FFF, height & 0x3FFF)

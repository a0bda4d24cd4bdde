"""TIFF to samples.

tifffile reads the directories, and samples that are not compressed. What is compressed is unpacked by libtiff,
which never writes more than the size that the header states: through OpenCV, or where that is known to go wrong
(planes stored apart, alpha in 8 bits) or cannot (palettes, CMYK, 1 bit) through Pillow, which would
cut 16 bits a channel to 8. Before any of them, this module makes sure that the file is whole.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import TiffImagePlugin

from iapas.errors import ImageMultiframe, ImageTruncated, ImageUnreadable
from iapas.files.decoding import chosen_frames, decoding
from iapas.files.formats import check_size
from iapas.files.pixels import Array, Samples, from_pillow
from iapas.files.raster import Decoded
from iapas.settings import Reading

_TYPE_SIZES = (1, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 8, 8, 8, 8, 8)
_MAX_PAGES = 10_000
_GREY_OR_RGB = (0, 1, 2)
_DEFLATE = (8, 32946)
_DNG_VERSION, _ORIENTATION, _PHOTOMETRIC, _MAX_SAMPLE, _EXTRA_SAMPLES, _ICC = 50706, 274, 262, 281, 338, 34675


def decode(data: bytes, reading: Reading) -> Decoded:
    """The pages that ``reading.frame`` chooses, thumbnails and masks not counted. Raises ImageError."""
    _require_whole(data)
    with decoding("TIFF"), tifffile.TiffFile(io.BytesIO(data)) as file:
        pages: list[Any] = [file.pages.get(index) for index in range(len(file.pages))]
        # bit 0: a smaller version of another page, bit 2: a transparency mask
        pictures = [page for page in pages if not int(page.subfiletype) & 0b101] or pages[:1]
        for page in pictures:
            _require_pixels(page, len(data))
        indices = chosen_frames(len(pictures), reading.frame, "TIFF")
        chosen = [pictures[index] for index in indices]
        for page in chosen:
            check_size(page.imagewidth, page.imagelength, reading, len(chosen))
        if len({(page.imagewidth, page.imagelength) for page in chosen}) > 1:
            raise ImageMultiframe("the pages of the TIFF differ in size", "choose one with --set reading.frame=N")
        notes = [f"frames {indices[0]}..{indices[-1]} of {len(pictures)}"] if len(pictures) > 1 else []
        if _ICC in chosen[0].tags:
            notes.append("ICC profile ignored")
        frames = [_page(data, file, page) for page in chosen]
        return Decoded(frames, _orientation(chosen[0]), tuple(notes))


def _require_whole(data: bytes) -> None:
    """Every directory, and every value that one points to, must lie within the file."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    count_format, entry_format, entry_size = ("Q", "HHQ", 20) if big else ("H", "HHI", 12)
    offset_format, offset_size = ("Q", 8) if big else ("I", 4)
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(order + offset_format, data, 8 if big else 4)
        while offset and offset not in seen and len(seen) < _MAX_PAGES:
            seen.add(offset)
            (count,) = struct.unpack_from(order + count_format, data, offset)
            start = offset + struct.calcsize(count_format)
            for entry in range(start, start + count * entry_size, entry_size):
                tag, kind, number = struct.unpack_from(order + entry_format, data, entry)
                size = number * (_TYPE_SIZES[kind] if kind < len(_TYPE_SIZES) else 1)
                (value,) = struct.unpack_from(order + offset_format, data, entry + entry_size - offset_size)
                if size > offset_size and value + size > len(data):
                    raise ImageTruncated(f"the TIFF ends at byte {len(data)}, before the value of its tag {tag}")
            (offset,) = struct.unpack_from(order + offset_format, data, start + count * entry_size)
    except struct.error as error:
        raise ImageTruncated(f"the TIFF ends at byte {len(data)}, before its directory") from error


def _page(data: bytes, file: Any, page: Any) -> Samples:
    """The samples of one page, as stored."""
    if _DNG_VERSION in page.tags:
        raise ImageUnreadable("this is a camera's raw file (DNG)", "develop it to an RGB TIFF")
    bits, channels = int(page.bitspersample), int(page.samplesperpixel)
    simple = page.photometric in _GREY_OR_RGB and bits in (8, 16, 32, 64) and page.dtype is not None
    planar = channels > 1 and page.planarconfig == 2
    if simple and page.compression == 1:
        values = _chunky(page.asarray(maxworkers=1), planar)
    elif simple and not planar and page.dtype != np.float16 and not (bits == 8 and channels > 3):
        values = _with_opencv(data, file, page)
    elif simple and bits > 8 and page.compression in _DEFLATE:
        _require_modest(data, page)
        values = _chunky(page.asarray(maxworkers=1), planar)
    else:
        return _with_pillow(data, file, page)
    return _described(values, page)


def _described(values: Array, page: Any) -> Samples:
    """Keeps one channel of grey or three of RGB, and alpha where the page says that there is one."""
    extra = page.tags.valueof(_EXTRA_SAMPLES, ())
    kinds = tuple(int(kind) for kind in (extra if isinstance(extra, tuple) else (extra,)))
    colours = 3 if page.photometric == 2 else 1
    if values.shape[2] < colours:
        raise ImageUnreadable(f"{values.shape[2]} channels for an RGB picture")
    alpha = next(
        (colours + i for i, kind in enumerate(kinds) if kind in (1, 2) and colours + i < values.shape[2]), None
    )
    kept = list(range(colours)) + ([] if alpha is None else [alpha])
    notes = () if len(kept) == values.shape[2] else (f"{values.shape[2] - len(kept)} extra channels ignored",)
    return Samples(
        values if len(kept) == values.shape[2] else values[..., kept],
        _declared_bits(page),
        inverted=page.photometric == 0,
        associated=alpha is not None and kinds[alpha - colours] == 1,
        notes=notes,
    )


def _declared_bits(page: Any) -> int | None:
    value = page.tags.valueof(_MAX_SAMPLE)
    value = max(value) if isinstance(value, tuple) and value else value
    return value.bit_length() if isinstance(value, int) and value > 0 else None


def _orientation(page: Any) -> int:
    value = page.tags.valueof(_ORIENTATION)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _require_pixels(page: Any, length: int) -> None:
    """The strips or tiles must be there: readers fill what is missing with zeros."""
    layout = (page.imagewidth, page.imagelength, page.samplesperpixel, page.bitspersample, page.compression)
    if not all(isinstance(value, int) for value in layout):  # tuples: they would multiply without end
        raise ImageUnreadable("the TIFF's channels differ in depth, or its directory is damaged")
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if not parts:
        raise ImageUnreadable("the TIFF says nowhere where its pixels are")
    end = max(offset + count for offset, count in parts)
    if end > length:
        raise ImageTruncated(f"the TIFF ends at byte {length} of {end}")
    if min(offset for offset, _ in parts) == 0 or min(count for _, count in parts) == 0:
        raise ImageTruncated("a strip of the TIFF was never written")
    if page.compression == 1 and page.photometric in _GREY_OR_RGB:
        row = (page.imagewidth * page.samplesperpixel * page.bitspersample + 7) // 8
        stored, needed = sum(page.databytecounts), row * page.imagelength
        if stored < needed:
            raise ImageTruncated(f"the TIFF holds {stored} of {needed} bytes of pixels")


def _require_modest(data: bytes, page: Any) -> None:
    """No strip may unpack to more than the whole page needs."""
    limit = page.imagewidth * page.imagelength * page.samplesperpixel * page.bitspersample // 8 + 65536
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        unpack = zlib.decompressobj()
        unpack.decompress(data[offset : offset + count], limit)
        if unpack.unconsumed_tail:
            raise ImageUnreadable("a strip of the TIFF unpacks to more than the picture needs")


def _chunky(values: Array, planar: bool) -> Array:
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if planar:
        values = np.moveaxis(values, 0, -1)
    return values.reshape(*values.shape[:2], -1) if values.ndim == 2 else values


def _alone(data: bytes, file: Any, page: Any) -> bytes:
    """The file with this page first, as stored: not turned, not inverted.

    Decoders differ in whether they turn and invert, by version and by depth; here it is done once, by us.
    """
    copy = bytearray(data)
    offset = struct.pack(f"{file.byteorder}{'Q' if file.is_bigtiff else 'I'}", page.offset)
    start = 8 if file.is_bigtiff else 4
    copy[start : start + len(offset)] = offset
    for code in (_ORIENTATION, _PHOTOMETRIC):
        tag = page.tags.get(code)
        if tag is not None and (code == _ORIENTATION or tag.value == 0):
            size = {1: "B", 3: "H", 4: "I"}[int(tag.dtype)]
            struct.pack_into(file.byteorder + size, copy, tag.valueoffset, 1)
    return bytes(copy)


def _with_opencv(data: bytes, file: Any, page: Any) -> Array:
    values = cv2.imdecode(np.frombuffer(_alone(data, file, page), np.uint8), cv2.IMREAD_UNCHANGED)
    shape = (page.imagelength, page.imagewidth, page.samplesperpixel)
    if values is None or values.dtype != page.dtype or values.size != np.prod(shape):
        raise ImageUnreadable("the TIFF is damaged, or packed in a way that is not supported", "save it uncompressed")
    values = values.reshape(shape)
    return values[..., {3: [2, 1, 0], 4: [2, 1, 0, 3]}[shape[2]]] if shape[2] > 2 else values


def _with_pillow(data: bytes, file: Any, page: Any) -> Samples:
    with TiffImagePlugin.TiffImageFile(io.BytesIO(_alone(data, file, page))) as image:
        image.load()
        samples = from_pillow(image, _declared_bits(page))
    if samples.values.shape[:2] != (page.imagelength, page.imagewidth):
        raise ImageUnreadable("the TIFF is damaged: its directory and its pixels differ in size")
    inverted = page.photometric == 0 and samples.values.shape[2] == 1
    return Samples(samples.values, samples.bits, inverted, notes=samples.notes)

"""PNG, JPEG, BMP, WebP and GIF to samples."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import BmpImagePlugin, GifImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin
from PIL import Image as Pillow

from iapas.errors import ImageUnreadable
from iapas.files.decoding import chosen_frames, decoding
from iapas.files.formats import Header, check_size, read_header
from iapas.files.pixels import Samples, from_pillow
from iapas.settings import Reading

# Opened by class, not with Image.open: nothing but the recognised format is ever tried, and Pillow's
# process-wide pixel limit stays as it is for others, while ours (checked on the header) holds here.
_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "png": PngImagePlugin.PngImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "gif": GifImagePlugin.GifImageFile,
}
_ORIENTATION = 0x0112


@dataclass(frozen=True, eq=False)
class Decoded:
    """The frames taken of a file, as stored; ``orientation`` 1..8 says how they are displayed."""

    frames: list[Samples]
    orientation: int = 1
    notes: tuple[str, ...] = ()


def decode(kind: str, data: bytes, reading: Reading) -> Decoded:
    """The frames that ``reading.frame`` chooses. Raises ImageError."""
    header = read_header(kind, data)
    check_size(header.width, header.height, reading)
    with decoding(kind.upper()), _PLUGINS[kind](io.BytesIO(data)) as image:
        if image.size != (header.width, header.height):
            raise ImageUnreadable(f"its header says {header.width} x {header.height} pixels, the decoder {image.size}")
        count = getattr(image, "n_frames", 1)
        indices = chosen_frames(count, reading.frame, kind.upper())
        check_size(header.width, header.height, reading, len(indices))
        notes = _notes(image, count, indices)
        if kind == "png" and header.bits == 16 and image.mode in ("RGB", "RGBA", "LA"):
            if count > 1:
                raise ImageUnreadable("an animated PNG with 16 bits a channel is not supported")
            return Decoded([_deep_png(data, header)], _orientation(image, header), notes)
        frames = []
        for index in indices:
            if count > 1:
                image.seek(index)
            image.load()
            frames.append(from_pillow(image, header.significant))
        return Decoded(frames, _orientation(image, header), notes)


def _notes(image: Pillow.Image, count: int, indices: range) -> tuple[str, ...]:
    notes = []
    if count > 1:
        notes.append(f"frames {indices[0]}..{indices[-1]} of {count}")
    if image.info.get("icc_profile"):
        notes.append("ICC profile ignored")
    if "mp" in image.info or "mpoffset" in image.info:
        notes.append("main picture of a file that holds several")
    return tuple(notes)


def _orientation(image: Pillow.Image, header: Header) -> int:
    """From EXIF, or XMP, if the value is valid; a broken block is no reason to lose the picture."""
    try:
        value = image.getexif().get(_ORIENTATION)
        if value is None and header.exif:
            exif = Pillow.Exif()
            exif.load(header.exif)
            value = exif.get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - parsing hostile metadata may raise anything
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _deep_png(data: bytes, header: Header) -> Samples:
    """16 bits a channel, which Pillow cuts to 8."""
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.shape[:2] != (header.height, header.width):
        raise ImageUnreadable("the PNG is damaged")
    if values.ndim == 2:
        values = values[..., None]
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[values.shape[2]]
    return Samples(values[..., order], header.significant)

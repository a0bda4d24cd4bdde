"""From the samples of any format to 8-bit RGB: one rule for each depth and each colour model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from iapas.errors import ImageNonfinite, ImageUnreadable
from iapas.settings import Reading
from iapas.types import BoolMap, Image

Array = npt.NDArray[Any]

_DEPTHS = (8, 10, 12, 14, 16, 20, 24, 32, 48, 64)
_BAND = 256  # rows converted at a time: float64 copies of a whole picture would take ten times its memory


@dataclass(frozen=True, eq=False)
class Samples:
    """One frame as it is stored.

    ``values``: (H, W, C) of any integer or float type, C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and
    alpha. ``bits``: that the camera used, where the file says so. ``inverted``: 0 is white.
    ``associated``: the colours are multiplied by alpha already. ``notes``: rules applied so far.
    """

    values: Array
    bits: int | None = None
    inverted: bool = False
    associated: bool = False
    notes: tuple[str, ...] = ()


def from_pillow(image: Pillow.Image, bits: int | None = None) -> Samples:
    """The samples of a picture that Pillow has opened: palettes looked up, other colour models made RGB."""
    mode = image.mode
    notes: tuple[str, ...] = ()
    if mode == "I;16" and isinstance(image.info.get("transparency"), int):
        values = np.array(image, np.uint16)
        alpha = np.where(values == image.info["transparency"], 0, 65535).astype(np.uint16)
        return Samples(np.dstack([values, alpha]), bits)
    if "transparency" in image.info and mode in ("1", "L", "P", "RGB"):
        image = image.convert("RGBA")
    elif mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        image, notes = image.convert("RGB"), (f"{mode} converted to RGB",)
    elif mode in (other := {"1": "L", "P": "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB"}):
        image = image.convert(other[mode])
    values = np.array(image)  # a copy: Pillow's own memory is read-only, which others stumble over
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    return Samples(values.reshape(*values.shape[:2], -1), bits, notes=notes)


def to_rgb(samples: Samples, reading: Reading) -> tuple[Image, BoolMap | None, tuple[str, ...]]:
    """(H, W, 3) uint8 RGB; (H, W) bool, False where alpha is 0, or None; the rules applied. Raises ImageNonfinite."""
    values = samples.values
    channels = values.shape[2]
    if not 1 <= channels <= 4:
        raise ImageUnreadable(f"{channels} channels; a picture has 1 to 4")
    with_alpha = channels in (2, 4)
    colours = values[..., : channels - 1] if with_alpha else values
    eight, notes = _eight_bits(colours, samples.bits, reading)
    if samples.inverted:
        eight = np.subtract(255, eight, dtype=np.uint8)
    rgb = cv2.cvtColor(eight, cv2.COLOR_GRAY2RGB) if eight.shape[2] == 1 else np.ascontiguousarray(eight)
    notes = (*samples.notes, *notes)
    if not with_alpha:
        return rgb.astype(np.uint8, copy=False), None, notes
    alpha = _alpha(values[..., -1])
    if int(alpha.min()) == 255:
        return rgb.astype(np.uint8, copy=False), None, notes
    composed = _composite(rgb.astype(np.uint8, copy=False), alpha, reading.background, samples.associated)
    valid = alpha > 0
    note = f"alpha composited on {','.join(map(str, reading.background))}"
    return composed, None if bool(valid.all()) else valid, (*notes, note)


def upright(array: Array, orientation: int) -> Array:
    """The (H, W, ...) array as it is displayed, by its EXIF orientation 1..8; C-contiguous."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(array[::rows, ::columns])


def _eight_bits(values: Array, bits: int | None, reading: Reading) -> tuple[Image, tuple[str, ...]]:
    if values.dtype == np.uint8:
        return values, ()
    if values.dtype.kind == "f":
        _require_finite(values)
        black, white, why = _float_range(values, reading)
    elif values.dtype.kind in "iu":
        black, white, why = _integer_range(values, bits, reading)
    else:
        raise ImageUnreadable(f"samples of type {values.dtype} are not supported")
    low, high = values.min().item(), values.max().item()
    depth = f"{values.dtype.itemsize * 8}-bit {'float' if values.dtype.kind == 'f' else 'integer'} samples"
    clipped = "; values outside are clipped" if low < black or high > white else ""
    note = f"{depth} scaled from {black:.7g}..{white:.7g} ({why}; measured {low:.7g}..{high:.7g}{clipped})"
    return _scale(values, float(black), float(white)), (note,)


def _integer_range(values: Array, bits: int | None, reading: Reading) -> tuple[int, int, str]:
    """Black and white of integers deeper than 8 bits.

    Without a declared depth white is the full scale of the smallest usual depth that holds the maximum,
    and black is 0. A stretch from the minimum to the maximum would give every image of a series a
    brightness and a contrast of its own; with full scales the images of one camera agree as soon as
    each uses more than a quarter of its range. A file that declares the whole container (16 bits in 16)
    says nothing: that is the default of many writers, also for 10- and 12-bit cameras.
    """
    low, high = int(values.min()), int(values.max())
    if reading.bit_depth is not None:
        return 0, 2**reading.bit_depth - 1, "reading.bit_depth"
    if low < 0:
        return low, high, "measured range, as there are negative values"
    if bits is not None and bits < values.dtype.itemsize * 8 and high < 2**bits:
        return 0, 2**bits - 1, "declared in the file"
    depth = next(depth for depth in _DEPTHS if high < 2**depth)
    return (
        0,
        2**depth - 1,
        f"full scale of {depth} bits, the least that holds the maximum; reading.bit_depth overrides it",
    )


def _float_range(values: Array, reading: Reading) -> tuple[float, float, str]:
    if reading.float_range is not None:
        black, white = reading.float_range
        return black, white, "reading.float_range"
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        return 0.0, 1.0, "all values lie in 0..1"
    return low, high, "measured range; a fixed reading.float_range makes images comparable"


def _require_finite(values: Array) -> None:
    bad = values.size - int(np.count_nonzero(np.isfinite(values)))
    if bad:
        raise ImageNonfinite(f"{bad} of {values.size} values are NaN or infinite")


def _scale(values: Array, black: float, white: float) -> Image:
    """(v - black) / (white - black) in 0..255, rounded, clipped; all black where the range is empty."""
    if values.dtype == np.uint16:
        table = _scale(np.arange(65536, dtype=np.float64)[:, None, None], black, white).reshape(-1)
        return table[values]
    out = np.zeros(values.shape, np.uint8)
    span = white / 2 - black / 2  # halves: the range of float64 itself does not fit into float64
    if span <= 0:
        return out
    for start in range(0, len(values), _BAND):
        with np.errstate(over="ignore", under="ignore"):
            share = (values[start : start + _BAND].astype(np.float64) / 2 - black / 2) / span
        out[start : start + _BAND] = np.rint(np.clip(share, 0, 1) * 255)
    return out


def _alpha(values: Array) -> npt.NDArray[np.uint8]:
    """(H, W) uint8. Anything above 0 stays above 0, for only what is wholly transparent is not there."""
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind == "f":
        _require_finite(values)
    white = 1.0 if values.dtype.kind == "f" else float(np.iinfo(values.dtype).max)
    return np.maximum(_scale(values, 0.0, white), values > 0).astype(np.uint8)


def _composite(rgb: Image, alpha: npt.NDArray[np.uint8], background: list[int], associated: bool) -> Image:
    """Lays the colours over the background where they are not opaque; exact in integers."""
    out = rgb.copy()
    partial = alpha < 255
    opacity = alpha[partial].astype(np.uint32)[:, None]
    colours = rgb[partial].astype(np.uint32) * (255 if associated else opacity)
    behind = np.array(background, np.uint32) * (255 - opacity)
    out[partial] = np.minimum((colours + behind + 127) // 255, 255)
    return out

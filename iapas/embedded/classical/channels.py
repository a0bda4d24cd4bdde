"""Pixel channels: what is measured at each pixel before any region exists.

All arrays are float32 of the work image's size ``(h, w)`` unless a docstring says otherwise; lightness is CIE L in
0..100.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

# Below this chroma a picture is grey: JPEG noise alone reaches 2 to 4.
COLOURED = 6.0
# A longer side would leave the shorter one of a strip fewer pixels than a filter needs.
MAX_ASPECT = 8.0

REGULAR = (0.75, 0.9)  # second peak of the autocorrelation: steel, asphalt, fabric stay below, a thread is above
LINE_REACH = 6  # work pixels, to either side

FloatArray = npt.NDArray[Any]


@dataclass(frozen=True)
class Channels:
    """The work image and its residuals."""

    lightness: FloatArray  # L, 0..100
    chroma: FloatArray  # (h, w, 2) a and b; zeros for grey pictures
    coloured: bool
    residual: FloatArray  # G1(L) less a robust quadratic surface: uneven light removed
    rowcol: FloatArray  # G1(L) less row and column medians: streaks and weaves removed
    texture: FloatArray  # (h, w, 4) log energies: fine, coarse, vertical streaks, horizontal streaks
    oddness: FloatArray  # length of the texture vector, each map in units of its noise: how unusual the texture is
    gradient: FloatArray  # gradient magnitude of G1(L), per pixel
    surface: np.ndarray | None  # (h, w) uint8: pixels of the part; None where the surface fills the frame
    regularity: float  # 0 a random or plain surface .. 1 a repeating pattern
    maps: dict[str, FloatArray]  # normalised maps z in units of their own noise, one for each detector channel


def blur(image: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur with reflected borders."""
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def sample(values: FloatArray, surface: np.ndarray | None) -> FloatArray:
    """Every second pixel of the surface (all without one): enough for a median, at a quarter of the cost."""
    step = 2 if values.shape[0] * values.shape[1] > 20000 else 1
    thin = values[::step, ::step]
    if surface is None:
        return thin.reshape(-1, *values.shape[2:])
    inside = surface[::step, ::step] > 0
    return thin[inside] if inside.any() else thin.reshape(-1, *values.shape[2:])


def mad(values: FloatArray, surface: np.ndarray | None = None) -> float:
    """Robust standard deviation: 1.4826 times the median absolute deviation."""
    some = sample(values, surface)
    return 1.4826 * float(np.median(np.abs(some - np.median(some))))


def work_image(image: np.ndarray, work_size: int) -> FloatArray:
    """Resize (H, W, 3) uint8 to about ``work_size`` squared pixels, float32 in 0..1."""
    height, width = image.shape[:2]
    aspect = min(max(height, width) / min(height, width), MAX_ASPECT)
    scale = work_size * aspect**0.5 / max(height, width)
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=mode).astype(np.float32) / np.float32(255)


def polynomial_surface(field: FloatArray, degree: int = 2) -> FloatArray:
    """Fit a polynomial surface of degree 1 or 2, robustly: pixels far from it lose their weight."""
    height, width = field.shape
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    one = np.ones_like(field)
    terms = [one, one * x, one * y]
    if degree == 2:
        terms += [one * x * x, x * y * one, one * y * y]
    step = 3 if field.size > 20000 else 1
    basis = np.stack([t[::step, ::step].ravel() for t in terms], axis=1).astype(np.float64)
    target = field[::step, ::step].ravel().astype(np.float64)
    weight = np.ones_like(target)
    ridge = 1e-6 * len(target) * np.eye(len(terms))
    for _ in range(4):
        weighted = basis * weight[:, None]
        coefficients = np.linalg.solve(weighted.T @ basis + ridge, weighted.T @ target)
        deviation = target - basis @ coefficients
        scale = 1.4826 * float(np.median(np.abs(deviation))) + 1e-3
        weight = 1 / (1 + (deviation / (2 * scale)) ** 2)
    c = coefficients.astype(np.float32)
    surface = c[0] + c[1] * x + c[2] * y
    if degree == 2:
        surface = surface + c[3] * x * x + c[4] * (x * y) + c[5] * y * y
    return np.ascontiguousarray(np.broadcast_to(surface, field.shape), dtype=np.float32)


def without_rows_and_columns(field: FloatArray, rounds: int = 2) -> FloatArray:
    """Subtract row medians, then column medians, twice."""
    rest = field.copy()
    for _ in range(rounds):
        rest -= np.median(rest, axis=1, keepdims=True)
        rest -= np.median(rest, axis=0, keepdims=True)
    return rest


def local_median(field: FloatArray) -> FloatArray:
    """Median over about a third of the picture, from a thumbnail of 64 pixels."""
    height, width = field.shape
    scale = 64 / max(height, width)
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    thumb = cv2.resize(field, size, interpolation=cv2.INTER_AREA)
    low, high = float(thumb.min()), float(thumb.max())
    unit = max(high - low, 1e-3) / 255
    levels = np.clip(np.rint((thumb - low) / unit), 0, 255).astype(np.uint8)
    smooth = cv2.medianBlur(levels, 23).astype(np.float32) * unit + low
    whole: FloatArray = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    return whole


def log_energy(detail: FloatArray, sigma: float, floor: float) -> FloatArray:
    """Log of the local RMS of a band of detail."""
    energy: FloatArray = np.log(floor + np.sqrt(np.maximum(blur(detail * detail, sigma), 0)))
    return energy


def streak_energy(lightness: FloatArray) -> FloatArray:
    """Log energy of vertical streaks: long along y, narrow along x."""
    along = cv2.blur(lightness, (1, 15), borderType=cv2.BORDER_REFLECT)
    return log_energy(along - cv2.blur(along, (9, 1), borderType=cv2.BORDER_REFLECT), 4, 0.3)


def lines(lightness: FloatArray) -> FloatArray:
    """Signed contrast averaged along the best of eight directions: grain cancels, a hairline does not."""
    height, width = lightness.shape
    detail = blur(lightness, 0.7) - blur(lightness, 3)
    reach = LINE_REACH
    padded = cv2.copyMakeBorder(detail, reach, reach, reach, reach, cv2.BORDER_REFLECT)
    low, high = np.zeros_like(detail), np.zeros_like(detail)
    for k in range(8):
        dy, dx = np.sin(np.pi * k / 8), np.cos(np.pi * k / 8)
        total = np.zeros_like(detail)
        for t in range(-reach, reach + 1):
            y, x = reach + round(t * dy), reach + round(t * dx)
            total += padded[y : y + height, x : x + width]
        np.minimum(low, total, out=low)
        np.maximum(high, total, out=high)
    best: FloatArray = np.where(high > -low, high, low)
    return best / np.float32(2 * reach + 1)


def regularity(lightness: FloatArray) -> float:
    """0 on a plain or random surface, 1 on a repeating pattern: the height of the autocorrelation's second peak.

    What joins on to the central peak does not count: a streak is like itself all along, and repeats nothing.
    """
    height, width = lightness.shape
    size = (max(8, width // 2), max(8, height // 2))
    small = cv2.resize(lightness, size, interpolation=cv2.INTER_AREA)
    window = np.outer(np.hanning(size[1]), np.hanning(size[0]))
    detail = (small - blur(small, 6)) * window
    power = np.abs(np.fft.rfft2(detail)) ** 2
    correlation = np.fft.fftshift(np.fft.irfft2(power, s=detail.shape))
    centre = (size[1] // 2, size[0] // 2)
    if correlation[centre] <= 1e-6 * detail.size:
        return 0.0
    correlation = correlation / correlation[centre]
    reach = [max(2, n // 3) for n in centre]
    near = correlation[centre[0] - reach[0] : centre[0] + reach[0] + 1, centre[1] - reach[1] : centre[1] + reach[1] + 1]
    _, labels = cv2.connectedComponents((near > 0.3).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    apart = near[labels != labels[reach[0], reach[1]]]
    second = float(apart.max()) if apart.size else 0.0
    return float(np.clip((second - REGULAR[0]) / (REGULAR[1] - REGULAR[0]), 0, 1))


def irregularity(lightness: FloatArray) -> FloatArray:
    """What a flat spectrum leaves: whatever is regular, from a weave to a thread, cancels; what occurs once stays.

    The phase-only transform, at half the size: amplitudes set to one, squared and smoothed.
    """
    height, width = lightness.shape
    size = (max(8, width // 2), max(8, height // 2))
    small = cv2.resize(lightness, size, interpolation=cv2.INTER_AREA)
    spectrum = np.fft.rfft2(small - small.mean())
    amplitude = np.abs(spectrum)
    flat = np.fft.irfft2(spectrum / (amplitude + 1e-6 * amplitude.max() + 1e-9), s=small.shape)
    energy = blur(np.square(flat).astype(np.float32), 2) * np.float32(small.size)
    return cv2.resize(np.sqrt(np.maximum(energy, 0)), (width, height), interpolation=cv2.INTER_LINEAR)


def normalised(field: FloatArray, floor: float, surface: np.ndarray | None) -> FloatArray:
    """Deviation from the median in units of the surface's own noise."""
    some = sample(field, surface)
    centre = np.median(some)
    noise = 1.4826 * np.median(np.abs(some - centre))
    deviation: FloatArray = field - centre
    return deviation / np.float32(noise + floor)


def channels(work: FloatArray, surface: np.ndarray | None = None) -> Channels:
    """Measure every channel of a work image (h, w, 3) float32 RGB in 0..1."""
    lab = cv2.cvtColor(np.ascontiguousarray(work), cv2.COLOR_RGB2LAB)
    light = np.ascontiguousarray(lab[..., 0])
    chroma = np.ascontiguousarray(lab[..., 1:])
    smooth = blur(light, 1)
    residual = smooth - polynomial_surface(smooth)
    rowcol = without_rows_and_columns(smooth)
    fine = light - blur(light, 1.5)
    texture = np.dstack(
        [
            log_energy(fine, 4, 0.4),
            log_energy(smooth - blur(light, 4), 4, 0.4),
            streak_energy(light),
            np.ascontiguousarray(streak_energy(np.ascontiguousarray(light.T)).T),
        ]
    )
    texture -= np.median(sample(texture, surface), axis=0)
    spread = 1.4826 * np.median(np.abs(sample(texture, surface)), axis=0) + 0.08
    gx = cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1 / 32)
    gy = cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1 / 32)
    coloured = bool(np.abs(chroma).max() > COLOURED)
    maps = {
        "residual": normalised(residual, 0.6, surface),
        "median": normalised(smooth - local_median(smooth), 0.5, surface),
        "rowcol": normalised(rowcol, 0.5, surface),
        "texture": normalised(np.ascontiguousarray(texture[..., 0]), 0.08, surface),
    }
    maps["line"] = normalised(lines(light), 0.3, surface)
    maps["phase"] = normalised(irregularity(light), 0.05, surface)
    if coloured:
        maps["red-green"] = normalised(blur(np.ascontiguousarray(chroma[..., 0]), 1.5), 0.5, surface)
        maps["yellow-blue"] = normalised(blur(np.ascontiguousarray(chroma[..., 1]), 1.5), 0.5, surface)
    return Channels(
        lightness=light,
        chroma=chroma,
        coloured=coloured,
        residual=residual,
        rowcol=rowcol,
        texture=texture,
        oddness=np.sqrt(np.square(texture / spread.astype(np.float32)).sum(axis=2)),
        gradient=np.sqrt(gx * gx + gy * gy),  # cv2.magnitude's last bit hangs on where in memory its arrays lie
        surface=surface,
        regularity=regularity(light),
        maps=maps,
    )

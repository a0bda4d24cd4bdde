"""The camera that looks at generated scenes: exposure, light fall-off, lens, sensor, curve, noise, JPEG.

Its parameters are drawn once; the picture with and without a defect then differ by the defect alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from iapas.synthesis.texture import Map, Rng
from iapas.types import Image

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_STEPS = 2048


@dataclass(frozen=True)
class Camera:
    """The parameters of one shot.

    ``gain``: (H, W) what multiplies the light of each pixel; ``balance``: of white; ``grey``: weights of red, green
    and blue, or None in colour; ``blur``: pixels; ``sharpen``: amount of an unsharp mask; ``curve``: levels of light
    0..1 in equal steps; ``shrink``: the picture is taken that much smaller and enlarged; ``noise``: deviation in grey
    levels at middle grey; ``grain``: pixels over which it is correlated; ``quality``: of JPEG, 0 for none;
    ``seed`` of the noise.
    """

    gain: Map
    balance: Map
    grey: Map | None
    blur: float
    sharpen: float
    curve: Map
    shrink: float
    noise: float
    grain: float
    quality: int
    seed: int

    def develop(self, colour: Map, top: int = 0, left: int = 0) -> Map:
        """(h, w, 1 or 3) float32 grey levels of a window of the scene at (``top``, ``left``), without noise."""
        height, width = colour.shape[:2]
        gain = self.gain[top : top + height, left : left + width]
        if self.grey is None:
            light = colour * gain[..., None]
            light *= self.balance
        else:
            light = cv2.transform(np.ascontiguousarray(colour), self.grey[None]) * gain
        if self.shrink < 1:
            small = max(1, round(width * self.shrink)), max(1, round(height * self.shrink))
            light = cv2.resize(cv2.resize(light, small, interpolation=cv2.INTER_AREA), (width, height))
        if self.blur > 0.25:
            light = cv2.GaussianBlur(light, (0, 0), self.blur)
        if self.sharpen > 0:
            light = light + np.float32(self.sharpen) * (light - cv2.GaussianBlur(light, (0, 0), 1.2 + self.blur))
        steps = (cv2.sqrt(np.clip(light, 0, 1)) * np.float32(_STEPS)).astype(np.uint16)
        levels: Map = self.curve.take(steps).reshape(height, width, -1)
        return levels

    def finish(self, levels: Map) -> Image:
        """The picture, (H, W, 3) uint8 RGB: with noise, rounded, and through JPEG."""
        rng = np.random.default_rng(self.seed)
        size = levels.shape[:2]
        noise = rng.standard_normal(size, dtype=np.float32)
        if self.grain > 0:
            noise = cv2.GaussianBlur(noise, (0, 0), self.grain) * np.float32(1 + 2.2 * self.grain)
        light = levels[..., 0] if levels.shape[2] == 1 else cv2.cvtColor(levels, cv2.COLOR_RGB2GRAY)
        noise *= cv2.sqrt(np.maximum(light, 0) * np.float32(self.noise**2 / 128) + np.float32(0.15 * self.noise**2))
        seen = levels + noise[..., None]
        if levels.shape[2] == 3:
            half = rng.standard_normal(((size[0] + 1) // 2, (size[1] + 1) // 2, 3), dtype=np.float32)
            seen += cv2.resize(half * np.float32(0.5 * self.noise), size[::-1])
        if self.quality:
            seen = _jpeg(seen, self.quality)
        np.clip(seen, 0, 255, out=seen)
        picture: Image = (seen + np.float32(0.5)).astype(np.uint8)
        if picture.shape[2] == 1:
            picture = np.repeat(picture, 3, axis=2)
        return picture


def draw_camera(rng: Rng, colour: Map) -> Camera:
    """A camera, set up in front of the scene ``colour`` (H, W, 3)."""
    size = colour.shape[0], colour.shape[1]
    grey = None
    if rng.random() < 0.5:
        weights = _LUMA if rng.random() < 0.5 else rng.dirichlet([2, 2, 2]).astype(np.float32)
        grey = (weights / weights.sum()).astype(np.float32)
    scale = (min(size) / 256) ** 0.5
    return Camera(
        gain=_gain(rng, colour),
        balance=np.exp(rng.normal(0, 0.06, 3)).astype(np.float32),
        grey=grey,
        blur=float(np.exp(rng.normal(np.log(0.55), 0.5))) * scale,
        sharpen=float(rng.uniform(0.2, 1.0)) if rng.random() < 0.3 else 0.0,
        curve=_curve(rng),
        shrink=float(rng.uniform(0.5, 0.95)) if rng.random() < 0.2 else 1.0,
        noise=float(np.exp(rng.uniform(np.log(0.4), np.log(6.0)))),
        grain=float(rng.uniform(0.4, 0.9)) if rng.random() < 0.3 else 0.0,
        quality=int(rng.integers(35, 96)) if rng.random() < 0.55 else 0,
        seed=int(rng.integers(0, 2**63)),
    )


def photograph(rng: Rng, colour: Map) -> Image:
    """The scene ``colour`` (H, W, 3) as a camera sees it: (H, W, 3) uint8 RGB."""
    camera = draw_camera(rng, colour)
    return camera.finish(camera.develop(colour))


def _gain(rng: Rng, colour: Map) -> Map:
    """Exposure, vignette, light that falls off to one side: (H, W)."""
    size = colour.shape[:2]
    some = colour[::4, ::4] @ _LUMA
    exposure = float(np.exp(rng.normal(0, 0.25)))
    if rng.random() < 0.7:  # exposed by what it sees
        exposure *= rng.uniform(0.07, 0.42) / max(float(some.mean()), 0.01)
        exposure = min(exposure, rng.uniform(0.8, 1.5) / max(float(np.quantile(some, 0.97)), 0.01))
    down = np.linspace(-1, 1, size[0], dtype=np.float32)[:, None]
    right = np.linspace(-1, 1, size[1], dtype=np.float32)[None]
    tilt = rng.normal(0, 0.1, 2).astype(np.float32)
    fall = np.float32(rng.choice([0.0, rng.uniform(0, 0.25)]))
    gain = np.float32(exposure) * (1 + tilt[0] * down + tilt[1] * right) * (1 - fall * (down * down + right * right))
    bounded: Map = np.maximum(gain, np.float32(0.2 * exposure)).astype(np.float32)
    return bounded


def _curve(rng: Rng) -> Map:
    """Grey levels of light; the table's steps are equal in the root of the light."""
    root = np.linspace(0, 1, _STEPS + 1)
    light = root * root
    if rng.random() < 0.5:  # a shoulder: highlights roll off
        knee = rng.uniform(0.6, 0.9)
        light = np.where(light > knee, knee + (1 - knee) * np.tanh((light - knee) / (1 - knee)), light)
    curve = light ** (1 / rng.uniform(1.7, 2.6))
    black, white = rng.uniform(0, 18) * (rng.random() < 0.4), rng.uniform(225, 255)
    return (black + (white - black) * curve).astype(np.float32)


_AT = np.arange(8)
_COSINES = np.sqrt(np.where(_AT[:, None] == 0, 1, 2) / 8) * np.cos((2 * _AT[None] + 1) * _AT[:, None] * np.pi / 16)
_COSINES = _COSINES.astype(np.float32)
_LUMA_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
"""The quantisation of luminance in annex K of ITU-T T.81."""


def _jpeg(levels: Map, quality: int) -> Map:
    """What JPEG of ``quality`` leaves of (H, W, 1 or 3) grey levels."""
    factor = 5000 / quality if quality < 50 else 200 - 2 * quality
    table = np.clip(_LUMA_TABLE * np.float32(factor / 100), 1, 255)
    if levels.shape[2] == 1:
        return _quantised(levels[..., 0], table)[..., None]
    parts = cv2.cvtColor(levels / np.float32(255), cv2.COLOR_RGB2YCrCb)
    parts = parts * np.float32(255)
    half = (max(1, levels.shape[1] // 2), max(1, levels.shape[0] // 2))
    planes = [_quantised(np.ascontiguousarray(parts[..., 0]), table)]
    for k in (1, 2):
        small = cv2.resize(np.ascontiguousarray(parts[..., k]), half, interpolation=cv2.INTER_AREA)
        planes.append(cv2.resize(_quantised(small, np.clip(1.6 * table, 1, 255)), levels.shape[1::-1]))
    back: Map = cv2.cvtColor(cv2.merge(planes) / np.float32(255), cv2.COLOR_YCrCb2RGB) * np.float32(255)
    return back


def _quantised(plane: Map, table: npt.NDArray[np.float32]) -> Map:
    """A plane after its cosine coefficients, 8 x 8 pixels at a time, were rounded to multiples of ``table``."""
    height, width = plane.shape
    wide = cv2.copyMakeBorder(plane, 0, -height % 8, 0, -width % 8, cv2.BORDER_REPLICATE) - np.float32(128)
    rows, columns = wide.shape
    waves = _along(_along(wide, _COSINES.T).T, _COSINES.T).reshape(columns // 8, 8, rows // 8, 8)
    steps = table.T[None, :, None, :]
    rounded: Map = np.rint(waves / steps) * steps
    back = _along(_along(rounded.reshape(columns, rows), _COSINES).T, _COSINES)
    return back[:height, :width] + np.float32(128)


def _along(plane: Map, matrix: Map) -> Map:
    """Each eight pixels of a row times ``matrix``; OpenCV's product, as that of NumPy may wake a thread per core."""
    eights = np.ascontiguousarray(plane).reshape(-1, 8)
    product = cv2.gemm(eights, np.ascontiguousarray(matrix), 1, None, 0)  # type: ignore[call-overload]
    back: Map = product.reshape(plane.shape)
    return back

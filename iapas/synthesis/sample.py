"""A picture to learn from: a scene, defects on it or none, and the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iapas.synthesis.camera import draw_camera
from iapas.synthesis.defects import Defect, draw_defects
from iapas.synthesis.scenes import draw_scene
from iapas.types import Image

CLEAN = 0.3
"""The share of pictures without a defect."""
_SCENES = 12


@dataclass(frozen=True)
class Sample:
    """A generated picture and what is wrong on it.

    ``image``: (H, W, 3) uint8 RGB; ``labels``: (H, W) uint8, 0 where nothing is wrong, k on the k-th of
    ``defects``, counted from 1; ``scene``: what is photographed; ``seed``: what it was drawn from.
    """

    image: Image
    labels: npt.NDArray[np.uint8]
    defects: tuple[Defect, ...]
    scene: str
    seed: int


def draw(
    seed: int, size: tuple[int, int] = (256, 256), clean_share: float = CLEAN, kinds: Sequence[str] | None = None
) -> Sample:
    """The picture of this seed, (height, width) pixels; the same for the same arguments, whatever was drawn before.

    ``kinds``: the kinds of defect that may be drawn (:data:`iapas.synthesis.defects.KINDS`), all if None. Where
    twelve scenes took no defect that can be seen, the picture is clean though one was wanted.
    """
    rng = np.random.default_rng(seed)
    wanted = rng.random() >= clean_share
    defects: list[Defect] = []
    for _ in range(_SCENES):  # some kinds need elements, which not every scene has
        scene = draw_scene(rng, size)
        camera = draw_camera(rng, scene.colour)
        levels = camera.develop(scene.colour)
        if wanted:
            levels, defects = draw_defects(rng, scene, camera, levels, kinds)
        if defects or not wanted:
            break
    labels = np.zeros(size, np.uint8)
    for k, defect in enumerate(defects, 1):
        labels[defect.mask] = k
    return Sample(camera.finish(levels), labels, tuple(defects), scene.kind, seed)

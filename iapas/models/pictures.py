"""Pictures as models want them: resized, of mean 0 and deviation 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from iapas.types import Image

Channels = tuple[float, float, float]

IMAGENET: tuple[Channels, Channels] = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of ImageNet's channels, in 0..1."""


def pixels(
    images: Sequence[Image], size: tuple[int, int], device: str, normal: tuple[Channels, Channels] = IMAGENET
) -> Any:
    """(B, 3, H, W) float32 tensor: the images at ``size`` (height, width), bilinear, antialiased; then normalised.

    ``normal``: mean and deviation of the channels, in 0..1. The numbers of transformers' PIL processors, up to
    rounding.
    """
    import torch
    from PIL import Image as Pillow

    height, width = size
    resized = [
        image
        if image.shape[:2] == size
        else Pillow.fromarray(image).resize((width, height), Pillow.Resampling.BILINEAR)
        for image in images
    ]
    stack = torch.from_numpy(np.stack([np.asarray(image) for image in resized])).to(device)
    mean, std = (torch.tensor(channels, device=device) * 255 for channels in normal)
    return ((stack.float() - mean) / std).permute(0, 3, 1, 2).contiguous()

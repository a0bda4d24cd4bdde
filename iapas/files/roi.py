"""The region of interest that a config names, read."""

from __future__ import annotations

import re

from iapas.config import Config
from iapas.core.roi import Roi
from iapas.errors import ConfigError, ImageError
from iapas.files.images import read_mask

_RECTANGLE = re.compile(r"\s*-?\d+(\s*,\s*-?\d+){3}\s*")


def roi_file(config: Config) -> str | None:
    """The file that ``verdict.roi`` names; None when it is a rectangle, or empty."""
    text = config.verdict.roi
    return None if not text or _RECTANGLE.fullmatch(text) else text


def parse_roi(config: Config) -> Roi | None:
    """The region of interest of ``verdict.roi``. Raises ConfigError when it is neither a rectangle nor a mask."""
    text = config.verdict.roi
    if not text:
        return None
    if roi_file(config) is None:
        x, y, width, height = (int(number) for number in text.split(","))
        if width <= 0 or height <= 0:
            raise ConfigError(f"verdict.roi {text!r}: width and height must be above 0")
        return Roi(rectangle=(x, y, width, height))
    try:
        return Roi(mask=read_mask(text))
    except ImageError as error:
        raise ConfigError(f"verdict.roi {text!r} is neither x,y,width,height nor a mask image: {error}") from error

"""Defects on generated scenes: some forty kinds, with exact masks, words and polarity."""

from __future__ import annotations

from iapas.synthesis.defects.drawing import Defect, draw_defects
from iapas.synthesis.defects.kinds import KINDS

__all__ = ["KINDS", "Defect", "draw_defects"]

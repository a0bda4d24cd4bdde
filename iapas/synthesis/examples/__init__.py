"""The pictures of ``examples/``: they look photographed, most with visible defects, some clean.

Nothing is drawn by chance: every picture has its seed, and ``scripts/make_examples.py`` writes the same files again.
"""

from __future__ import annotations

from collections.abc import Callable

from iapas.synthesis.examples.circuit import circuit_board
from iapas.synthesis.examples.parts import chipped_tile, rubber_seal, turned_disc
from iapas.synthesis.examples.surfaces import (
    brushed_steel,
    brushed_steel_clean,
    cracked_concrete,
    oak_board_clean,
    painted_panel,
    scuffed_leather,
    woven_fabric,
    woven_fabric_clean,
)
from iapas.synthesis.texture import Picture

EXAMPLES: dict[str, Callable[[], Picture]] = {
    "brushed_steel": brushed_steel,
    "brushed_steel_clean": brushed_steel_clean,
    "chipped_tile": chipped_tile,
    "circuit_board": circuit_board,
    "cracked_concrete": cracked_concrete,
    "oak_board_clean": oak_board_clean,
    "painted_panel": painted_panel,
    "rubber_seal": rubber_seal,
    "scuffed_leather": scuffed_leather,
    "turned_disc": turned_disc,
    "woven_fabric": woven_fabric,
    "woven_fabric_clean": woven_fabric_clean,
}
"""File stem -> what draws it; the mask of a clean picture is empty."""

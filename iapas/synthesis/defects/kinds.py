"""The kinds of defect: who paints them, how large, how often, where, and what words hold of them by nature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from iapas.synthesis.defects import areas, lines, shapes, spots
from iapas.synthesis.defects.patch import Painted, Patch
from iapas.synthesis.texture import Rng

Where = Literal["part", "outline", "element"]

PRINTED = ("print", "label", "name plate", "motif", "keypad")
"""Words in the name of a scene whose elements are ink."""

BRITTLE = ("asphalt", "pavement", "concrete", "glaze", "tiles", "ground block")
"""Surfaces on which cracks are what is wrong most often."""


@dataclass(frozen=True)
class Kind:
    """One kind of defect.

    ``paint``: draws it on a window; ``nouns``: what people call it; ``radius``: half its length as a share of the
    picture's (or the part's) shorter side, from and to; ``weight``: how often; ``where`` it lies; ``smooth``: pixels
    over which its change is taken together; ``fades``: may be made fainter; ``confined`` to the part; ``claims``:
    attributes that hold or do not by nature; ``unsaid``: attributes that cannot be said.
    """

    paint: Callable[[Rng, Patch], Painted | None]
    nouns: tuple[str, ...]
    radius: tuple[float, float]
    weight: float
    where: Where = "part"
    smooth: float = 1.0
    fades: bool = True
    confined: bool = True
    claims: Mapping[str, bool] = field(default_factory=dict)
    unsaid: tuple[str, ...] = ()


_FOREIGN = {"foreign": True}
_BENT = {"bent": True}
_PRINT = {"print": True}
_TEXTURE = {"texture": True}

KINDS: dict[str, Kind] = {
    "scratch": Kind(lines.scratch, ("scratch", "scratch mark", "line"), (0.06, 0.5), 1.7, smooth=0.5),
    "crack": Kind(lines.crack, ("crack", "fracture", "hairline crack"), (0.08, 0.55), 1.5, smooth=0.4),
    "network": Kind(lines.network, ("network of cracks", "crazing", "alligator cracks"), (0.1, 0.4), 0.35, smooth=0.6),
    "cut": Kind(lines.cut, ("cut", "tear", "slit"), (0.04, 0.22), 0.6, smooth=0.6),
    "streaks": Kind(lines.streaks, ("inclusion", "streak", "streaks"), (0.03, 0.35), 0.9, smooth=0.8),
    "fibre": Kind(
        lines.fibre, ("fibre", "hair", "thread"), (0.04, 0.25), 0.8, smooth=0.5, confined=False, claims=_FOREIGN
    ),
    "fray": Kind(lines.fray, ("fray", "frayed threads"), (0.04, 0.15), 0.4, confined=False, claims=_TEXTURE),
    "fold": Kind(lines.fold, ("fold", "wrinkle", "crease"), (0.08, 0.45), 0.5, smooth=1.5),
    "glue": Kind(lines.glue, ("glue", "glue strip", "tape"), (0.06, 0.3), 0.35, confined=False, claims=_FOREIGN),
    "smear": Kind(lines.smear, ("smear", "wiped line", "blurred line"), (0.06, 0.3), 0.25, smooth=2.0),
    "scuff": Kind(lines.scuff, ("scuff", "abrasion", "worn mark"), (0.06, 0.25), 0.45, smooth=1.2, claims=_TEXTURE),
    "hole": Kind(spots.hole, ("hole", "blowhole", "cavity"), (0.012, 0.11), 1.0, unsaid=("missing",)),
    "pit": Kind(spots.pit, ("pit", "pore", "small hole"), (0.008, 0.05), 0.7),
    "dots": Kind(spots.dots, ("pits", "specks", "pinholes"), (0.06, 0.28), 0.8, smooth=0.5),
    "poke": Kind(spots.poke, ("poke", "needle mark", "puncture"), (0.012, 0.045), 0.35),
    "spot": Kind(spots.spot, ("spot", "dot", "speck"), (0.008, 0.07), 0.8),
    "stain": Kind(spots.stain, ("stain", "blotch", "mark"), (0.03, 0.35), 1.1, smooth=1.5),
    "discoloured": Kind(spots.discoloured, ("discolouration", "colour fault"), (0.05, 0.4), 0.7, smooth=1.5),
    "rust": Kind(spots.rust, ("rust", "corrosion"), (0.03, 0.25), 0.45, smooth=1.5),
    "burn": Kind(spots.burn, ("burn", "scorch mark"), (0.04, 0.2), 0.3, smooth=1.5),
    "oil": Kind(spots.oil, ("oil stain", "wet patch"), (0.05, 0.3), 0.35, smooth=1.5, unsaid=("foreign",)),
    "dent": Kind(spots.dent, ("dent", "dimple", "impression"), (0.025, 0.18), 0.8, smooth=1.0),
    "bump": Kind(spots.bump, ("bump", "blister", "bulge"), (0.02, 0.14), 0.5, smooth=1.0),
    "particle": Kind(
        spots.particle,
        ("particle", "foreign object", "chip of metal"),
        (0.012, 0.1),
        0.9,
        smooth=0.7,
        fades=False,
        confined=False,
        claims=_FOREIGN,
    ),
    "drop": Kind(spots.drop, ("drop", "bubble", "droplet"), (0.015, 0.1), 0.4, confined=False, claims=_FOREIGN),
    "splash": Kind(
        spots.splash,
        ("splash", "paint drop", "spatter"),
        (0.02, 0.12),
        0.4,
        smooth=0.6,
        confined=False,
        claims=_FOREIGN,
    ),
    "rough": Kind(areas.rough, ("rough patch", "roughness", "rough area"), (0.06, 0.3), 0.6, smooth=3, claims=_TEXTURE),
    "worn": Kind(
        areas.worn, ("worn patch", "rubbed area", "smooth patch"), (0.06, 0.3), 0.5, smooth=3, claims=_TEXTURE
    ),
    "uneven": Kind(areas.uneven, ("uneven area", "unevenness", "shading"), (0.16, 0.5), 2.2, smooth=4),
    "other texture": Kind(
        areas.other_texture,
        ("patch", "foreign patch", "contamination"),
        (0.04, 0.42),
        1.3,
        smooth=2,
        unsaid=("foreign",),
    ),
    "peeled": Kind(
        areas.peeled, ("peeled paint", "flaking", "peeling"), (0.03, 0.38), 0.8, smooth=1.5, unsaid=("missing",)
    ),
    "pasted": Kind(
        areas.pasted,
        ("patch", "wrong area", "misplaced patch"),
        (0.05, 0.2),
        0.45,
        smooth=2,
        fades=False,
        unsaid=("foreign", "bent"),
    ),
    "turned": Kind(
        areas.turned,
        ("wrong texture", "misaligned weave", "disturbed grain"),
        (0.06, 0.3),
        0.4,
        smooth=3,
        fades=False,
        unsaid=("bent",),
    ),
    "frost": Kind(areas.frost, ("dust", "haze", "milky veil"), (0.08, 0.35), 0.3, smooth=3, unsaid=("foreign",)),
    "chip": Kind(
        shapes.chip,
        ("chip", "broken edge", "chipped edge"),
        (0.025, 0.2),
        1.4,
        "outline",
        fades=False,
        confined=False,
        claims={"border": True, "missing": True},
    ),
    "thread": Kind(
        shapes.thread,
        ("missing thread", "broken line", "weaving fault"),
        (0.1, 0.8),
        0.5,
        smooth=0.8,
        unsaid=("missing",),
    ),
    "bent": Kind(
        shapes.bent,
        ("bent", "deformed", "misshapen"),
        (0.06, 0.3),
        0.7,
        "outline",
        2,
        False,
        False,
        _BENT,
        unsaid=("border", "missing"),
    ),
    "squeezed": Kind(
        shapes.squeezed,
        ("squeezed", "twisted", "deformed"),
        (0.06, 0.25),
        0.5,
        smooth=2.5,
        fades=False,
        confined=False,
        claims=_BENT,
    ),
    "missing": Kind(
        shapes.missing,
        ("missing part", "missing element", "missing"),
        (0, 0),
        2.5,
        "element",
        2,
        False,
        False,
        {"missing": True},
    ),
    "displaced": Kind(
        shapes.displaced,
        ("misplaced part", "shifted part", "displaced"),
        (0, 0),
        1.2,
        "element",
        2,
        False,
        False,
        _BENT,
        unsaid=("missing",),
    ),
    "swapped": Kind(
        shapes.swapped,
        ("wrong part", "swapped part"),
        (0, 0),
        0.8,
        "element",
        2,
        False,
        False,
        {},
        unsaid=("foreign", "missing", "bent"),
    ),
    "smeared print": Kind(
        shapes.smeared, ("smeared print", "smudged print"), (0, 0), 0.8, "element", 1, False, False, _PRINT
    ),
    "doubled print": Kind(
        shapes.doubled, ("double print", "ghost print"), (0, 0), 0.6, "element", 1, False, False, _PRINT
    ),
    "faded print": Kind(
        shapes.faded,
        ("faded print", "incomplete print", "missing print"),
        (0, 0),
        1.0,
        "element",
        1,
        False,
        False,
        {"print": True, "missing": True},
    ),
    "ink blot": Kind(shapes.blot, ("ink blot", "ink stain"), (0.015, 0.12), 0.3),
}
"""Every kind by its name."""


def on_print(scene_kind: str) -> bool:
    """Whether the elements of a scene of this name are ink."""
    return any(word in scene_kind for word in PRINTED)


def likely(scene_kind: str, elements: bool, parts: bool) -> tuple[list[str], list[float]]:
    """The kinds that can be drawn on such a scene, and how often each is."""
    names, weights = [], []
    for name, kind in KINDS.items():
        weight = kind.weight
        if kind.where == "element":
            printed = on_print(scene_kind)
            if not elements or ("print" in name and not printed):
                continue
            weight *= 2.0 if printed == ("print" in name) else 1.0
        if name == "ink blot":
            weight *= 4 if on_print(scene_kind) else 1
        if name in ("crack", "network") and scene_kind in BRITTLE:
            weight *= 3
        if kind.where == "outline":
            weight *= 2.0 if parts else 0.6
        if name in ("bent",) and not parts:
            weight *= 0.6
        names.append(name)
        weights.append(weight)
    return names, weights

"""What words can mean to a detector that cannot read: attributes of a region that can be measured.

A lexicon maps words to the names in :data:`ATTRIBUTES`; :func:`fit` says how well each region agrees with a phrase.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

Measured = Mapping[str, np.ndarray]

ATTRIBUTES: dict[str, str] = {
    "dark": "darker than its surroundings",
    "bright": "brighter than its surroundings",
    "elongated": "long and thin: a line",
    "compact": "about as long as wide",
    "small": "a small share of the picture",
    "large": "a large share of the picture",
    "texture": "rougher or smoother than its surroundings",
    "border": "lies on the border of the picture or of the part",
    "colour": "of another colour than its surroundings",
    "faint": "hardly differs from its surroundings in lightness",
    "warm": "redder and yellower than its surroundings",
    "relief": "a bright and a dark side next to each other",
    # only the compact model can tell these
    "missing": "something that belongs there is not there",
    "foreign": "something lies there that does not belong",
    "bent": "misshapen, displaced or folded",
    "print": "print or a label is wrong",
}

# Each from -1 (contradicts the word) to 1 (agrees), a little beyond for "large"; 0 about where candidates usually are.
_PHI: dict[str, Callable[[Measured], np.ndarray]] = {
    "dark": lambda m: m["side"],
    "bright": lambda m: -m["side"],
    "elongated": lambda m: np.tanh((m["lel"] - 1.1) / 0.4),
    "compact": lambda m: 0.6 * np.tanh((0.9 - m["lel"]) / 0.3) + 0.4 * np.tanh((m["ext"] - 0.5) / 0.2),
    "small": lambda m: np.tanh((-5 - m["la"]) / 0.8),
    # what is large often goes on beyond the picture: that it lies on the frame speaks less against it
    "large": lambda m: np.tanh((m["la"] + 4) / 0.8) + 2 * np.minimum(m["bt"], 0.4),
    "texture": lambda m: np.tanh((m["dT"] - 0.5) / 0.35),
    "border": lambda m: np.tanh((m["bt"] - 0.12) / 0.08),
    "colour": lambda m: np.tanh((m["dC"] - 0.8) / 0.4),
    "faint": lambda m: np.tanh((1.2 - m["cL"]) / 0.5),
    "warm": lambda m: np.tanh((m["warm"] - 0.4) / 0.4),
    "relief": lambda m: np.tanh((m["relief"] - 0.4) / 0.25),
}


MEASURED = frozenset(_PHI)
"""The attributes that classical vision measures of a region; there the compact model's opinion of them was worse."""

TOLD = frozenset({"dark", "bright", "elongated", "compact", "small", "large", "texture"})
"""Those that the compact model is asked of each pixel. It has learnt on parts of pictures, so not what a border is, and
tells the rest apart badly."""


def fit(attributes: Sequence[str], measured: Measured, told: Measured | None = None) -> np.ndarray:
    """How well each region agrees with a phrase: the mean phi of its attributes, (N,); 0 without any.

    ``told``: what a model says of attributes, -1..1; it is heard where nothing is measured.
    """
    values = [_PHI[name](measured) for name in attributes if name in MEASURED]
    values += [told[name] for name in attributes if told and name in told and name not in MEASURED]
    mean: np.ndarray = np.mean(values, axis=0) if values else np.zeros(len(measured["side"]))
    return mean

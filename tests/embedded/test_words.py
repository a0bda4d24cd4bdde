"""What words mean: every attribute the lexicon names is measured, and points the right way."""

from __future__ import annotations

import numpy as np
import pytest

from iapas.embedded import words
from iapas.embedded.classical.attributes import NAMES
from iapas.prompting.lexicons import load_lexicon

SEEN_ALONE = {"missing", "foreign", "bent", "print"}


def regions(**columns: tuple[float, float]) -> dict[str, np.ndarray]:
    """Two regions, alike but for the columns given."""
    return {name: np.array(columns.get(name, (0.5, 0.5)), float) for name in NAMES}


@pytest.mark.parametrize(
    ("attribute", "column", "low", "high"),
    [
        ("dark", "side", -1, 1),
        ("elongated", "lel", 0.5, 2.5),
        ("large", "la", -6, -1),
        ("texture", "dT", 0.2, 2),
        ("border", "bt", 0, 0.5),
        ("colour", "dC", 0, 2),
        ("warm", "warm", 0, 2),
        ("relief", "relief", 0, 1),
    ],
)
def test_attributes_rise_with_what_they_name(attribute: str, column: str, low: float, high: float) -> None:
    less, more = words.fit([attribute], regions(**{column: (low, high)}))
    assert more > 0.5 and less < 0


@pytest.mark.parametrize(("one", "other"), [("dark", "bright"), ("small", "large"), ("elongated", "compact")])
def test_opposites_disagree(one: str, other: str) -> None:
    measured = regions(side=(1, -1), la=(-7, -1), lel=(2.5, 0.2), ext=(0.2, 0.8))
    assert (words.fit([one], measured) * words.fit([other], measured) < 0).all()


def test_every_attribute_has_a_measure_and_stays_gentle() -> None:
    measured = regions(side=(1, -1), la=(-9, 0), bt=(0, 1), dT=(0, 9), dC=(0, 9), lel=(0, 9), cL=(0, 9))
    for name in set(words.ATTRIBUTES) - SEEN_ALONE:
        values = words.fit([name], measured)
        assert values.any() and (np.abs(values) <= 2).all()


def test_a_model_is_heard_where_nothing_is_measured() -> None:
    measured, told = regions(side=(1, 1)), {"dark": np.array([1.0, -1.0]), "foreign": np.array([0.2, 0.9])}
    assert words.fit(["dark"], measured, told).tolist() == [1.0, 1.0]
    for name in SEEN_ALONE:
        assert not words.fit([name], measured).any()
    assert words.fit(["foreign"], measured, told).tolist() == [0.2, 0.9]


def test_nothing_known_fits_nothing() -> None:
    assert not words.fit([], regions()).any()
    assert not words.fit(["no such attribute"], regions()).any()


def test_the_default_lexicon_speaks_of_attributes_alone() -> None:
    lexicon = load_lexicon("default")
    assert {a for meaning in lexicon.words.values() for a in meaning} == set(words.ATTRIBUTES)
    assert len(lexicon.phrases) >= 8
    assert not [word for phrase in lexicon.phrases for word in lexicon.unknown(phrase)]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("small dark hole", {"small", "dark", "compact"}),
        ("thin dark cracks", {"elongated", "dark"}),
        ("broken edge", {"border", "missing"}),
        ("large rough", {"large", "texture"}),
        ("rusty patches", {"warm", "large"}),
        ("gizmo", set()),
    ],
)
def test_what_people_type(text: str, meant: set[str]) -> None:
    assert set(load_lexicon("default").attributes(text)) == meant

"""What a compact model adds to the classical detector: regions of its own, surer ones, and names."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from iapas import Segmenter
from iapas.config import load_config
from iapas.embedded.classical.clusters import Cluster
from iapas.embedded.classical.view import View, clusters, total, view
from iapas.embedded.compact.model import FILE, TERMS, Sight
from iapas.embedded.compact.picture import CERTAIN, log_odds
from iapas.embedded.detector import EmbeddedDetector
from iapas.embedded.evidence import (
    FAINT,
    NEUTRAL,
    REACH,
    SCALES,
    SEEN,
    SEEN_BESIDE_WORDS,
    Opinion,
    asked,
    corrected,
    dealt,
    heard,
    opinion,
)
from iapas.errors import ConfigError, MissingError
from iapas.run.contents import contents
from iapas.types import Phrase, Regions

PLACE = (slice(60, 100), slice(140, 200))


def picture() -> np.ndarray:
    """Plain noise, (256, 256, 3) uint8."""
    noise = np.random.default_rng(3).normal(128, 6, (256, 256, 1))
    return np.clip(np.repeat(noise, 3, axis=2), 0, 255).astype(np.uint8)


class Believer:
    """A model that sees something foreign at PLACE, and nothing elsewhere."""

    def __call__(self, seen: View, scale: float = 1.0) -> Sight:
        wrong = np.full(seen.work.shape[:2], -8, np.float32)
        wrong[PLACE] = 4
        cells = round(64 * scale)
        terms = np.full((len(TERMS), cells, cells), -4, np.float32)
        terms[TERMS.index("foreign")] = 4
        return Sight(wrong, terms, (np.zeros((32, 64, 64), np.float32), np.zeros((64, 32, 32), np.float32)))


def found(phrases: list[Phrase], model: Believer | None) -> Regions:
    detector = EmbeddedDetector(model=model)  # type: ignore[arg-type]
    return detector.detect(detector.encode([picture()]), phrases)[0]


def score_map(regions: Regions) -> np.ndarray:
    total = np.zeros(regions.size)
    for box, score, crop in zip(regions.boxes.astype(int), regions.scores, regions.crops or (), strict=True):
        x0, y0 = box[:2]
        h, w = crop.shape
        total[y0 : y0 + h, x0 : x0 + w] += score * crop / 255
    return total


def test_what_only_the_model_sees_becomes_a_region() -> None:
    alone, both = (score_map(found([Phrase("defect", "lexicon")], model)) for model in (None, Believer()))
    assert both[PLACE].mean() > 0.2 > alone[PLACE].mean()
    outside = np.ones((256, 256), bool)
    outside[PLACE] = False
    assert both[outside].mean() < 0.05


def test_it_is_named_by_what_the_model_says() -> None:
    phrases = [Phrase("dark hole", "lexicon", ("dark", "compact")), Phrase("fibre", "lexicon", ("foreign",))]
    regions = found(phrases, Believer())
    best = int(
        np.argmax([(b[2] - b[0]) * (b[3] - b[1]) * s for b, s in zip(regions.boxes, regions.scores, strict=True)])
    )
    assert regions.phrases[best] == "fibre"


def test_typed_words_shift_what_the_model_adds() -> None:
    seen = view(picture(), 256)
    said = opinion(seen, Believer())  # type: ignore[arg-type]

    def at_place(wanted: list[tuple[str, ...]]) -> float:
        return float(total(corrected([], seen, said, wanted, 1.0, 30), (256, 256))[80, 170])

    # what is dark is measured where there are candidates, and nowhere else
    plain, right, wrong = (at_place(wanted) for wanted in ([("dark",)], [("foreign",)], [("print",)]))
    assert wrong < plain < right
    assert at_place([("print",), ("foreign",)]) == right  # the phrase that fits best counts


def test_where_the_words_do_not_hold_the_model_is_heard_less() -> None:
    terms = np.full((len(TERMS), 64, 64), -3, np.float32)
    terms[TERMS.index("dark"), :, :32] = 3
    said = Opinion(np.zeros((256, 256), np.float32), terms, 1.0)

    def sides(*wanted: tuple[str, ...]) -> tuple[float, float]:
        wrong = asked(said, wanted).wrong
        return float(wrong[:, :100].mean()), float(wrong[:, 156:].mean())

    left, right = sides(("dark",))
    assert -0.5 < left < 0 and right < -10  # ASKED times the log of a chance of one in twenty
    assert sides(("dark", "elongated"))[0] < left - 5  # every word of a phrase has to hold
    assert sides(("elongated",), ("dark",)) == (left, right)  # and those of the phrase that fits best
    for silent in ([], [()], [("foreign",)], [("dark",), ("border",)]):  # what it is not asked for takes nothing away
        assert asked(said, silent) is said


def test_the_model_looks_from_near_and_from_further_off() -> None:
    scales: list[float] = []

    class Noting(Believer):
        def __call__(self, seen: View, scale: float = 1.0) -> Sight:
            scales.append(scale)
            sight = super().__call__(seen, scale)
            return Sight(sight.wrong * np.float32(scale), sight.terms, sight.features)

    seen = view(picture(), 256)
    said = opinion(seen, Noting())  # type: ignore[arg-type]
    assert scales == list(SCALES)
    assert said.wrong[80, 170] == pytest.approx(4 * np.mean(SCALES)) and said.terms.shape == (len(TERMS), 64, 64)


def test_the_model_is_heard_less_the_larger_a_region_is() -> None:
    image = picture()
    image[20:32, 20:32] -= 60
    image[60:220, 60:220] -= 60
    seen = view(image, 256)
    sure = Opinion(np.full((256, 256), 2, np.float32), np.zeros((1, 64, 64)), 1.0)
    shift = heard(seen, sure, typed=False).logits - seen.logits
    areas = seen.measured["la"]
    assert np.allclose(shift[areas < np.log(REACH[0])], SEEN * (2 - NEUTRAL)) and (areas < np.log(REACH[0])).any()
    assert np.allclose(shift[areas > np.log(REACH[1])], 0) and (areas > np.log(REACH[1])).any()
    unheard = Opinion(np.full((256, 256), 2, np.float32), np.zeros((1, 64, 64)), 0.0)  # a regular pattern
    assert np.array_equal(heard(seen, unheard, typed=False).logits, seen.logits)
    beside = heard(seen, sure, typed=True).logits - seen.logits
    assert np.allclose(beside, shift * SEEN_BESIDE_WORDS / SEEN)


def test_the_shipped_model_is_the_one_of_the_model_card() -> None:
    shipped = (files("iapas.embedded.compact") / FILE).read_bytes()
    assert len(shipped) < 8e6
    card = Path(__file__).parents[2] / "docs" / "compact.md"
    assert hashlib.sha256(shipped).hexdigest() in card.read_text()


def test_the_default_asks_the_shipped_model_and_says_the_same_twice() -> None:
    image = picture()
    image[60:70, 140:200] -= 40
    pair, alone = Segmenter.from_config("embedded"), Segmenter.from_config("embedded-classical")
    first, second = (pair.segment(image).score_map for _ in range(2))
    assert np.array_equal(first, second) and not np.array_equal(first, alone.segment(image).score_map)
    assert first[60:70, 140:200].mean() > 0.5 > first[:50].mean()


def test_a_map_that_the_model_agrees_with_stays_as_it_is() -> None:
    image = picture()
    image[30:50, 30:60] -= 60
    seen = view(image, 256)
    agreeing = Opinion(log_odds(seen.score_map), np.zeros((len(TERMS), 64, 64), np.float32), 1.0)
    both = total(corrected(clusters(seen, 0.0, 30), seen, agreeing, [], 1.0, 30), (256, 256))
    assert both[40, 45] > 0.5
    np.testing.assert_allclose(both, np.minimum(seen.score_map, CERTAIN), atol=1e-3)
    surer = Opinion(agreeing.wrong + 1, agreeing.terms, 1.0)
    more = total(corrected(clusters(seen, 0.0, 30), seen, surer, [], 1.0, 30), (256, 256))
    assert more[40, 45] >= both[40, 45] and more.sum() > both.sum()
    blind = Opinion(agreeing.wrong - 5, agreeing.terms, 1.0)  # what it does not see may lie there all the same
    np.testing.assert_array_equal(total(corrected(clusters(seen, 0.0, 30), seen, blind, [], 1.0, 30), (256, 256)), both)


def test_pixels_go_to_the_cluster_that_lies_there_and_the_rest_to_new_ones() -> None:
    cluster = Cluster([0], (10, 10, 20, 20), np.full((10, 10), 0.3, np.float32))
    seen = np.zeros((64, 64), np.float32)
    seen[15:25, 15:25] = 0.4  # reaches out of the cluster
    seen[40:50, 40:50] = 0.2  # apart
    seen[60, 60] = 0.4  # one pixel: noise
    grown, own = dealt([cluster], seen, limit=30)
    assert grown.box == (10, 10, 25, 25) and own.box == (40, 40, 50, 50)
    total = np.zeros((64, 64), np.float32)
    for c in (grown, own):
        x0, y0, x1, y1 = c.box
        total[y0:y1, x0:x1] += c.values
    expected = seen.copy()
    expected[10:20, 10:20] += 0.3
    expected[60, 60] = 0
    np.testing.assert_allclose(total, expected, atol=1e-6)
    assert len(dealt([cluster], seen, limit=1)) == 1 and not dealt([], seen * 0 + FAINT / 2, 30)


def test_the_config_asks_for_the_models_file(tmp_path: Path) -> None:
    chosen = ["detector.name=compact", f"detector.model={tmp_path / 'no.onnx'}"]
    with pytest.raises(MissingError, match=r"no\.onnx"):
        Segmenter(load_config("embedded", chosen))
    (tmp_path / "no.onnx").write_bytes(b"1")
    before = contents(load_config("embedded", chosen))
    assert "detector.model" not in contents(load_config("embedded"))  # what is shipped goes with the version
    (tmp_path / "no.onnx").write_bytes(b"2")
    assert "detector.model" in before and contents(load_config("embedded", chosen)) != before
    with pytest.raises(ConfigError, match="ONNX"):
        Segmenter(load_config("embedded", chosen)).segment(picture())

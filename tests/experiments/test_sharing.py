"""What does not depend on the prompt is computed once, and nothing else changes."""

import numpy as np
import pytest

from iapas import Segmenter
from iapas.config import load_config
from iapas.experiments.sharing import Shared
from iapas.prompting.lexicons import load_lexicon
from iapas.types import ObjectProfile, Phrase


def profiles():
    lexicon = load_lexicon("default")
    typed = [(), ("dark line",), ("bright spot", "large rough")]
    return [ObjectProfile(phrases=tuple(lexicon.phrase(text, "user") for text in texts)) for texts in typed]


class Counting:
    """A detector or decoder that counts what it is asked."""

    def __init__(self, inner):
        self.inner, self.calls = inner, []

    def __getattr__(self, name):
        def call(*given, **more):
            self.calls.append((name, len(given[0])))
            return getattr(self.inner, name)(*given, **more)

        return call


@pytest.mark.parametrize("above", [1536, 150])  # whole, and in tiles
def test_the_results_are_those_of_the_plain_segmenter(surface, above):
    config = load_config("embedded", overrides={"tile.above": above, "tile.size": 128, "detector.work_size": 64})
    shared, plain = Shared(), Segmenter(config)
    segmenter = shared.segmenter(config)
    for seed in range(2):
        image = surface(160, 160, seed)
        for profile in profiles():
            one, two = segmenter.segment(image, profile), plain.segment(image, profile)
            np.testing.assert_array_equal(one.score_map, two.score_map)
            assert one.regions.phrases == two.regions.phrases
        shared.forget()


def test_an_image_is_encoded_once_for_all_prompts(surface):
    shared = Shared()
    segmenter = shared.segmenter(load_config("embedded"))
    counting = Counting(segmenter._detector.inner)
    segmenter._detector.inner = counting
    for profile in profiles():
        segmenter.segment(surface(), profile)
    # the object is looked for once, the words of each prompt once
    assert counting.calls == [("encode", 1), ("detect", 1), ("detect", 1), ("detect", 1), ("detect", 1)]
    shared.forget()
    segmenter.segment(surface(), profiles()[0])
    assert counting.calls[-3:] == [("encode", 1), ("detect", 1), ("detect", 1)]


def test_segmenters_share_what_their_configs_have_in_common():
    shared = Shared()
    first = shared.segmenter(load_config("embedded"))
    other = shared.segmenter(load_config("embedded", overrides={"size.object": "none"}))
    third = shared.segmenter(load_config("embedded", overrides={"detector.max_regions": 3}))
    assert first is not other
    assert first._detector is other._detector
    assert first._detector is not third._detector


def test_models_share_encodings(tiny, surface):
    root = tiny("grounding-dino-tiny").parent
    tiny("sam2.1-hiera-tiny")
    settings = {"models.root": str(root), "detector.object_pass": "separate", "size.limit": 100.0, "run.offline": True}
    settings |= {"detector.shorter_side": 96, "detector.longer_side": 160, "detector.max_regions": 3}
    config = load_config("fast", overrides=settings)
    shared, plain = Shared(), Segmenter(config)
    segmenter = shared.segmenter(config)
    detector, decoder = segmenter._detector, segmenter._decoder
    detector.inner, decoder.inner = Counting(detector.inner), Counting(decoder.inner)
    image = surface(96, 128)
    for text in ("scratch", "dent"):
        profile = ObjectProfile("plate", (Phrase(text), Phrase("plate", "object")))
        one = segmenter.segment(image, profile)
        np.testing.assert_array_equal(one.score_map, plain.segment(image, profile).score_map)
    assert [name for name, _ in detector.inner.calls].count("encode") == 1
    assert [name for name, _ in detector.inner.calls].count("detect") == 3
    assert [name for name, _ in decoder.inner.calls].count("encode") == 1

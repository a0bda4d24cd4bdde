"""Prints the profile that stage 1 makes with fakes for all models: two products, one of whose questions fails.

PYTHONPATH=tests/stages python tests/stages/golden_profile.py > tests/stages/golden_profile.json
"""

import sys

import numpy as np
from stage_fakes import FakeDetector, FakeTagger

from iapas.files.profiles import profiles_text
from iapas.prompting.asking import ChatPrompts
from iapas.prompting.lexicons import LexiconPrompts, load_lexicon
from iapas.prompting.templates import load_template
from iapas.settings import GeneratorSettings
from iapas.stages.describe import describe

BOXES = {
    "metal nut": [((0, 0, 33.3, 33.3), 0.81234567)],
    "table": [((0, 0, 100, 50), 0.8123456)],
    "bolt": [((10, 10, 20, 20), 0.3)],
}


class Chat:
    name = "llama-3-8b-instruct"

    def __init__(self, *replies):
        self.replies = iter(replies)

    def reply(self, system, user, seed):
        return next(self.replies)

    def close(self):
        pass


def product(*replies):
    lexicon = LexiconPrompts(load_lexicon("none"))
    generator = ChatPrompts(Chat(*replies), load_template("paper"), GeneratorSettings(), lexicon, 111)
    tagger = FakeTagger(["close-up", "Table", "metal nut", "bolt", "number"])
    images = [np.zeros((100, 100, 3), np.uint8)] * 2
    return describe(images, FakeDetector(BOXES), generator, tagger, append=("abnormal", "defect", "{object}"))


def main():
    refusal = "I cannot help with that."
    listed = product(refusal, "Scratch, dent, part of crack, metal nuts, 'image', none, dent, rust, corrosion.")
    sys.stdout.write(
        profiles_text({"nuts": listed, "other": product(refusal, refusal, "It is a nut, and it is fine.")})
    )


if __name__ == "__main__":
    main()

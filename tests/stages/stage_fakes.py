"""Fakes for every role of the stages."""

import numpy as np

from iapas.protocols import Answer, PromptContext
from iapas.types import MaskCrop, Phrase, Regions


def image(height=100, width=100):
    return np.zeros((height, width, 3), np.uint8)


class FakeDetector:
    """Answers with fixed boxes for each phrase: {text: [(box, score)]}; no masks, as Grounding DINO."""

    def __init__(self, answers):
        self.answers = answers
        self.passes = []

    def encode(self, images):
        return [img.shape[:2] for img in images]

    def detect(self, encoded, phrases):
        self.passes.append([phrase.text for phrase in phrases])
        return [self.regions(size, phrases) for size in encoded]

    def regions(self, size, phrases):
        found = [(box, score, p.text) for p in phrases for box, score in self.answers.get(p.text, ())]
        boxes = np.array([box for box, _, _ in found], np.float32).reshape(-1, 4)
        scores = np.array([score for _, score, _ in found], np.float32)
        return Regions(size, boxes, scores, [text for _, _, text in found])


class FakeDecoder:
    """Draws the ellipse in each box."""

    def __init__(self):
        self.calls = 0

    def encode(self, images):
        return [img.shape[:2] for img in images]

    def decode(self, encoded, *, boxes=None, points=None):
        self.calls += 1
        asked = zip(encoded, boxes, strict=True)
        return [[MaskCrop.of(self.draw(size, box)) for box in image_boxes] for size, image_boxes in asked]

    def draw(self, size, box):
        ys, xs = np.mgrid[: size[0], : size[1]]
        cx, cy, rx, ry = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
        return ((xs + 0.5 - cx) / rx) ** 2 + ((ys + 0.5 - cy) / ry) ** 2 <= 1


class FakeGenerator:
    def __init__(self):
        self.contexts = []

    def phrases(self, context: PromptContext, images):
        self.contexts.append(context)
        return Answer((Phrase(f"broken {context.object}", "model"),), {"phrases": "by a fake"})


class FakeTagger:
    def __init__(self, tags=("close-up", "screw", "table")):
        self.tags = list(tags)

    def tag(self, images):
        return [self.tags] * len(images)

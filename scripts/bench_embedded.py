"""Measure the embedded default on the visible sets, and write the tables of docs/benchmarks.md.

    python scripts/bench_embedded.py --data DIR [--sets MTD CrackForest ...] [--limit N] [--seeds FILE FILE ...]
        [--out docs/benchmarks.md]

Through the public path (``Segmenter``), with the default lexicon, and again with the class's words typed by a user:
classical vision alone, the compact model alone (its map as it is), and both. ``--seeds``: compact models of the same
recipe and other seeds, each in place of the shipped one, on at most 100 images of a set.
The pictures belong to others, and are not part of this project; docs/benchmarks.md says which they are.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported: figures are for one thread

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from benchmark_page import write_section  # noqa: E402

from iapas import Segmenter  # noqa: E402
from iapas.config import load_config  # noqa: E402
from iapas.core.metrics import PixelFigures, count, iou_f1  # noqa: E402
from iapas.core.saliency import Saliency, sharpen  # noqa: E402
from iapas.core.scoring import calibrated_threshold  # noqa: E402
from iapas.embedded.classical.view import view  # noqa: E402
from iapas.embedded.compact.model import CompactModel  # noqa: E402
from iapas.embedded.evidence import asked, opinion  # noqa: E402
from iapas.evaluation.pixels import PixelPool  # noqa: E402
from iapas.files.images import read_image  # noqa: E402
from iapas.prompting.lexicons import load_lexicon  # noqa: E402
from iapas.protocols import Detector  # noqa: E402
from iapas.types import ObjectProfile, Phrase, Regions  # noqa: E402

LONG_SIDE = 512  # maps and masks are measured at this size where they are larger
SETS = ("SD-saliency-900", "CrackForest", "CRACK500", "HSST-fabric", "MTD", "TwinCAT-screw")
SALIENCY = ("SD-saliency-900", "MTD")
MTD_CLASSES = ("Blowhole", "Break", "Crack", "Fray", "Uneven")
WAYS = {"classical": "embedded-classical", "both": "embedded"}
SEED_LIMIT = 100  # images of a set, for the models of other seeds
EVERY_FREE = 5  # of the normal tiles, by sorted name: with all of them the share of defect pixels halves
WORDS = {
    "Blowhole": "small dark hole",
    "Break": "broken edge",
    "Crack": "thin dark crack",
    "Fray": "large rough",
    "Uneven": "large uneven",
    "In": "dark thin",
    "Pa": "large dark",
    "Sc": "bright thin",
    "crack": "dark thin",
}


@dataclass(frozen=True)
class Item:
    """One picture: its class (whose words it gets), its file, and the file of its mask, if any."""

    group: str
    image: Path
    mask: Path | None


@dataclass(frozen=True)
class Measured:
    """A picture's maps at the measured size, by variant; with its class's words, if it has any; the truth."""

    group: str
    plain: dict[str, np.ndarray]
    typed: dict[str, np.ndarray] | None
    truth: np.ndarray


def items(name: str, data: Path) -> Iterator[Item]:
    """The pictures of a set, in the order of their names."""
    if name == "MTD":
        for group in MTD_CLASSES:
            for path in sorted((data / f"MTD/MT_{group}/Imgs").glob("*.jpg")):
                yield Item(group, path, path.with_suffix(".png"))
        for k, path in enumerate(sorted((data / "MTD/MT_Free/Imgs").glob("*.jpg"))[::EVERY_FREE]):
            yield Item(MTD_CLASSES[k % 5], path, None)
    elif name == "SD-saliency-900":
        for path in sorted((data / name / "Source Images").glob("*.bmp")):
            yield Item(path.name[:2], path, data / name / "Ground truth" / f"{path.stem}.png")
    elif name == "CrackForest":
        for path in sorted((data / name / "groundTruth").glob("*.mat")):
            yield Item("crack", data / name / "image" / f"{path.stem}.jpg", path)
    elif name == "CRACK500":
        for path in sorted((data / name).glob("*crop/*.jpg")):
            yield Item("crack", path, path.with_suffix(".png"))
    elif name == "HSST-fabric":
        for path in sorted((data / name / "images").glob("*.jpg")):
            yield Item("", path, data / name / "annotations" / f"{path.stem}.png")
    elif name == "TwinCAT-screw":
        for path in sorted((data / name).glob("*/images/*")):
            yield Item("", path, next((path.parents[1] / "masks").glob(f"{path.stem}.*"), None))


def read_truth(path: Path | None, size: tuple[int, int]) -> np.ndarray:
    """(H, W) float32, 0 or 1."""
    if path is None:
        return np.zeros(size, np.float32)
    if path.suffix == ".mat":
        from scipy.io import loadmat

        return (loadmat(str(path))["groundTruth"]["Segmentation"][0, 0] == 2).astype(np.float32)
    grey = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    return (grey > 127).astype(np.float32)


def shrink(field: np.ndarray) -> np.ndarray:
    """Area-resized to a long side of ``LONG_SIDE`` where larger."""
    height, width = field.shape
    scale = LONG_SIDE / max(height, width)
    if scale >= 1:
        return field
    return cv2.resize(field, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)


def profile(words: str | None) -> ObjectProfile:
    """What a user who types these words gets; the lexicon's phrases without any."""
    lexicon = load_lexicon("default")
    if words is None:
        return ObjectProfile(phrases=tuple(lexicon.phrase(text, "lexicon") for text in lexicon.phrases))
    return ObjectProfile(phrases=(lexicon.phrase(words, "user"),))


class EncodedOnce:
    """A detector that measures the same picture once, however often it is asked what it sees there."""

    def __init__(self, detector: Detector) -> None:
        self.detector, self.last = detector, (b"", [])

    def encode(self, images: Sequence[np.ndarray]) -> list[Any]:
        """As the detector's own."""
        key = b"".join(image.tobytes() for image in images)
        if key != self.last[0]:
            self.last = (key, self.detector.encode(images))
        return self.last[1]

    def detect(self, encoded: Sequence[Any], phrases: Sequence[Phrase]) -> list[Regions]:
        """As the detector's own."""
        return self.detector.detect(encoded, phrases)

    def close(self) -> None:
        """As the detector's own."""
        self.detector.close()


@cache
def segmenter(config: str, model: str = "") -> Segmenter:
    """One for each config and process."""
    made = Segmenter(load_config(config, [f"detector.model={model}"] if model else []))
    made.__dict__["_detector"] = EncodedOnce(made._detector)
    return made


@cache
def compact() -> CompactModel:
    """The shipped model."""
    return CompactModel()


def alone(image: np.ndarray, words: str | None) -> np.ndarray:
    """The compact model's own map, (H, W), of what the words ask for."""
    seen = view(image, 256)
    named = load_lexicon("default").attributes(words or "")
    odds = asked(opinion(seen, compact()), [named] if named else []).wrong
    x0, y0, x1, y1 = seen.frame
    whole = np.zeros(image.shape[:2], np.float32)
    whole[y0:y1, x0:x1] = cv2.resize(1 / (1 + np.exp(-odds)), (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
    return whole


def measure(item: Item) -> Measured:
    """Segment one picture in every way, twice if its class has words."""
    cv2.setNumThreads(1)
    image, words = read_image(item.image, load_config("embedded").reading).frames[0], WORDS.get(item.group)
    truth = read_truth(item.mask, image.shape[:2])

    def maps(words: str | None) -> dict[str, np.ndarray]:
        ways = {
            name: shrink(segmenter(config).segment(image, profile(words)).score_map) for name, config in WAYS.items()
        }
        return {**ways, "model": shrink(alone(image, words))}

    return Measured(item.group, maps(None), maps(words) if words else None, shrink(truth) >= 0.5)


def measure_seed(job: tuple[Item, str]) -> Measured:
    """Segment one picture with classical vision and another compact model, twice if its class has words."""
    item, model = job
    cv2.setNumThreads(1)
    words = WORDS.get(item.group)
    plain = segmenter("embedded", model).segment(item.image, profile(None)).score_map
    typed = segmenter("embedded", model).segment(item.image, profile(words)).score_map if words else None
    truth = shrink(read_truth(item.mask, plain.shape)) >= 0.5
    return Measured(item.group, {"both": shrink(plain)}, None if typed is None else {"both": shrink(typed)}, truth)


def figures(maps: list[np.ndarray], truths: list[np.ndarray]) -> PixelFigures:
    """AP and F1-max over the pooled pixels."""
    with PixelPool() as pool:
        for score_map, truth in zip(maps, truths, strict=True):
            pool.add(score_map, truth)
        return pool.figures()


def at_default(maps: list[np.ndarray], truths: list[np.ndarray], threshold: float) -> list[str]:
    """F1 and IoU at the default threshold."""
    pooled = np.zeros(3, int)
    for score_map, truth in zip(maps, truths, strict=True):
        pooled += count(score_map >= np.float32(threshold), truth)
    iou, f1 = iou_f1(*pooled.tolist())
    return [f"{f1:.3f}", f"{iou:.3f}"]


def saliency(maps: list[np.ndarray], truths: list[np.ndarray]) -> str:
    """S-measure, MAE and max F over the pictures that have a defect."""
    means = Saliency()
    for score_map, truth in zip(maps, truths, strict=True):
        if truth.any():
            means.add(sharpen(score_map), truth)
    result = means.result()
    return f"{result['s_measure']:.3f} / {result['mae']:.3f} / {result['f_max']:.3f}"


def rows(name: str, results: list[Measured], threshold: float) -> Iterator[list[str]]:
    """The table rows of a set: all of it, then each of its classes; without words, then with them."""
    groups = sorted({r.group for r in results})
    for group in [None, *(groups if len(groups) > 1 else [])]:
        chosen = [r for r in results if group in (None, r.group)]
        truths = [r.truth for r in chosen]
        title = name if group is None else f"&nbsp; {group}"
        variants = [("", [r.plain for r in chosen])]
        typed = [r.typed for r in chosen if r.typed is not None]
        if len(typed) == len(chosen):
            variants.append((WORDS[group] if group else "by class" if len(groups) > 1 else WORDS[groups[0]], typed))
        for words, maps in variants:
            found = {way: figures([m[way] for m in maps], truths) for way in ("classical", "model", "both")}
            both = [m["both"] for m in maps]
            measures = saliency(both, truths) if name in SALIENCY and group is None else ""
            row = [title, str(len(chosen)), words, *(f"{f.ap:.3f} / {f.f1_max:.3f}" for f in found.values())]
            yield [*row, f"{found['both'].f1_threshold:.2f}", *at_default(both, truths, threshold), measures]


def seed_rows(name: str, by_seed: list[list[Measured]]) -> Iterator[list[str]]:
    """AP of a set with each seed's model, without and with words, and their spread."""
    for words in (False, True):
        aps = []
        for results in by_seed:
            maps = [(r.typed if words else r.plain) for r in results]
            if any(m is None for m in maps):
                return
            aps.append(figures([m["both"] for m in maps if m], [r.truth for r in results]).ap)
        spread = f"{max(aps) - min(aps):.3f}"
        yield [name, str(len(by_seed[0])), "by class" if words else "", *(f"{ap:.3f}" for ap in aps), spread]


def worst(path: Path) -> float:
    """The greatest score of a picture."""
    cv2.setNumThreads(1)
    return float(segmenter("embedded").segment(path, profile(None)).score_map.max())


def false_alarms(pool: multiprocessing.pool.Pool, data: Path, threshold: float) -> Iterator[str]:
    """How many normal tiles get a mask, at the default threshold and at one calibrated on a hundred of them."""
    paths = sorted((data / "MTD/MT_Free/Imgs").glob("*.jpg"))
    scores = np.array(pool.map(worst, paths, chunksize=8))
    chosen = np.zeros(len(paths), bool)
    chosen[np.linspace(0, len(paths) - 1, 100).round().astype(int)] = True
    calibrated = calibrated_threshold(scores[chosen], 0.05)
    yield f"{len(paths)} normal tiles (MT_Free): {(scores >= threshold).mean():.1%} get a mask at {threshold:g}."
    yield (
        f"Calibrated to 5 % on 100 of them, evenly spaced ({calibrated:.3f}): "
        f"{(scores[~chosen] >= calibrated).mean():.1%} of the other {(~chosen).sum()}."
    )


def cost(data: Path) -> tuple[float, float]:
    """CPU milliseconds for a picture of 512 x 512, decoding included, and the process's peak memory in MB."""
    cv2.setNumThreads(1)
    made, known = Segmenter.from_config("embedded"), profile(None)
    chosen = list(items("HSST-fabric", data))
    made.segment(chosen[0].image, known)
    start = time.process_time()
    for item in chosen:
        made.segment(item.image, known)
    spent = (time.process_time() - start) / len(chosen)
    return 1000 * spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


HEAD = """## The embedded default

Made by `{command}`; do not edit. Single thread per process, {versions}.

{extent} of each set, pixels pooled; AP and F1-max exact. MTD is its five defect classes and every fifth MT_Free by
name. Maps and masks are area-resized to a long side of 512 where larger. Saliency: per-image min-max, then
p -> 1 / (1 + exp(-14 (p - 0.5))), over the images with a defect. "Words" are typed by a user for each class; without
them nothing but the picture is known. F1 and IoU are at the default threshold, {threshold:g}.

**These are the sets the constants, and one of three seeds of the model, were chosen on: expect less on pictures of your
own.** The model has learnt on generated pictures alone.

AP / F1-max of classical vision alone (`embedded-classical`), of the compact model alone, and of both (`embedded`);
"at", F1, IoU and saliency are of both.

| set | images | words | classical | model | both | at | F1 | IoU | S / MAE / max F |
|---|---|---|---|---|---|---|---|---|---|
"""


SEEDS_HEAD = """
### Seeds

The same recipe, other seeds of training: AP of both together, at most {limit} images of a set, evenly spaced.

| set | images | words | {names} | spread |
|---|---|---|{bars}---|
"""


def evenly(chosen: list[Item], limit: int | None) -> list[Item]:
    """At most ``limit`` of them, evenly spaced."""
    if not limit or limit >= len(chosen):
        return chosen
    return [chosen[k] for k in np.linspace(0, len(chosen) - 1, limit).round().astype(int)]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds the sets")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--limit", type=int, help="at most so many images of a set, evenly spaced")
    parser.add_argument("--seeds", nargs="+", default=[], metavar="FILE", help="compact models of other seeds")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    threshold = segmenter("embedded").threshold(profile(None))
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, OpenCV {cv2.__version__}"
    hidden = {options.data: "DIR", **{Path(file): "FILE" for file in options.seeds}}
    command = "python scripts/bench_embedded.py " + " ".join(hidden.get(Path(word), word) for word in sys.argv[1:])
    extent = f"At most {options.limit} images, evenly spaced," if options.limit else "All images"
    lines = [HEAD.format(extent=extent, command=command, versions=versions, threshold=threshold)]
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as single:
        spent, memory = single.apply(cost, (options.data,))
    with context.Pool(options.processes) as pool:
        for name in options.sets:
            chosen = evenly(list(items(name, options.data)), options.limit)
            for row in rows(name, pool.map(measure, chosen, chunksize=4), threshold):
                lines.append("| " + " | ".join(row) + " |\n")
                print(lines[-1], end="", flush=True)
        if "MTD" in options.sets:
            lines += ["\n", *(line + "\n" for line in false_alarms(pool, options.data, threshold))]
        if options.seeds:
            names = " | ".join(f"model {k}" for k in range(1, len(options.seeds) + 1))
            lines.append(SEEDS_HEAD.format(limit=SEED_LIMIT, names=names, bars="---|" * len(options.seeds)))
            for name in options.sets:
                chosen = evenly(list(items(name, options.data)), SEED_LIMIT)
                jobs = [[(item, str(Path(model).resolve())) for item in chosen] for model in options.seeds]
                for row in seed_rows(name, [pool.map(measure_seed, one, chunksize=4) for one in jobs]):
                    lines.append("| " + " | ".join(row) + " |\n")
                    print(lines[-1], end="", flush=True)
    lines.append(
        f"\n{spent:.0f} ms of CPU for a picture of 512 x 512, decoding included; peak memory {memory:.0f} MB.\n"
    )
    print("".join(lines[1:]))
    if options.out:
        write_section(options.out, "bench_embedded.py", "".join(lines))


if __name__ == "__main__":
    main()

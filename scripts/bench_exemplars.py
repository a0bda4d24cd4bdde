#!/usr/bin/env python3
"""Measure the few-shot branch of the embedded default: F1-max with and without examples, on the same pictures.

python scripts/bench_exemplars.py --data DIR --out docs/benchmarks.md

DIR holds SD-saliency-900 and MTD in their published layouts. For each class a random draw of examples is made three
times; no drawn picture is a query of any draw. Pixels are pooled over the queries of a class.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from benchmark_page import write_section

from iapas import Segmenter
from iapas.embedded.exemplars import PairFeatures
from iapas.evaluation.pixels import PixelPool
from iapas.files.images import read_image
from iapas.files.supports import read_supports
from iapas.files.truth import read_truth
from iapas.prompting.lexicons import load_lexicon
from iapas.settings import Reading
from iapas.stages.exemplars import FeatureMatching, combined
from iapas.types import FloatMap, ObjectProfile

SEED, DRAWS, MOST = 7, 3, 5
LONG_SIDE = 512
SETS = {
    "SD-saliency-900": {"In": "inclusions", "Pa": "patches", "Sc": "scratches"},
    "MTD": {name: name for name in ("Blowhole", "Break", "Crack", "Fray", "Uneven")},
}
COLUMNS = ("zero-shot", "alone, 1", "odds, 1", "max, 1", "alone, 5", "odds, 5")


@dataclass(frozen=True)
class Item:
    """A picture and its mask file."""

    image: Path
    mask: Path


def items(name: str, group: str, data: Path) -> list[Item]:
    """The defective pictures of a class, by name."""
    if name == "MTD":
        pictures = sorted((data / f"MTD/MT_{group}/Imgs").glob("*.jpg"))
        pairs = [Item(path, path.with_suffix(".png")) for path in pictures]
    else:
        root = data / name
        pictures = sorted((root / "Source Images").glob(f"{group}_*.bmp"))
        pairs = [Item(path, root / "Ground truth" / f"{path.stem}.png") for path in pictures]
    return [pair for pair in pairs if read_truth(pair.mask).any()]


def shrink(score_map: np.ndarray) -> FloatMap:
    """Area-resized to a long side of 512 where larger."""
    scale = LONG_SIDE / max(score_map.shape)
    if scale >= 1:
        return score_map.astype(np.float32)
    size = (round(score_map.shape[1] * scale), round(score_map.shape[0] * scale))
    return np.asarray(cv2.resize(score_map.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def support_folder(chosen: Sequence[Item], root: Path) -> Path:
    """A folder with these examples, as a user makes it."""
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True)
    for item in chosen:
        (root / "images" / item.image.name).symlink_to(item.image.resolve())
        (root / "masks" / item.mask.name).symlink_to(item.mask.resolve())
    return root


@cache
def zero_shot() -> tuple[Segmenter, ObjectProfile]:
    """The embedded default, and what it knows without words."""
    lexicon = load_lexicon("default")
    phrases = tuple(lexicon.phrase(text, "lexicon") for text in lexicon.phrases)
    return Segmenter.from_config("embedded"), ObjectProfile(phrases=phrases)


@cache
def matching(folder: Path) -> FeatureMatching:
    """The few-shot default, prepared with the examples of a folder."""
    made = FeatureMatching(PairFeatures())
    made.prepare([(one.image, one.mask) for one in read_supports(folder, Reading()).examples])
    return made


def maps(item: Item, folders: Sequence[Path]) -> tuple[np.ndarray, list[FloatMap]]:
    """The truth, and a map for zero-shot, then for each folder: alone, odds, max."""
    cv2.setNumThreads(1)
    image = read_image(item.image, Reading()).frames[0]
    default, profile = zero_shot()
    zero = default.segment(image, profile).score_map
    kept, found = np.minimum(zero, 1), [zero]
    for folder in folders:
        (one,) = matching(folder).score([image])
        found += [one, combined(kept, one, "odds"), combined(kept, one, "max")]
    return shrink(read_truth(item.mask)) >= 0.5, [shrink(one) for one in found]


def f1_max(results: Sequence[tuple[np.ndarray, list[FloatMap]]], column: int) -> float:
    """Exact, over the pooled pixels."""
    with PixelPool() as pool:
        for truth, found in results:
            pool.add(found[column], truth)
        return pool.figures().f1_max


def row(name: str, group: str, options: argparse.Namespace, pool: multiprocessing.pool.Pool) -> list[float]:
    """F1-max of one class in each of COLUMNS, means over the draws."""
    everything = items(name, group, options.data)
    order = np.random.default_rng(SEED).permutation(len(everything))
    drawn, rest = order[: DRAWS * MOST], sorted(order[DRAWS * MOST :])
    if options.limit and options.limit < len(rest):
        rest = [rest[k] for k in np.linspace(0, len(rest) - 1, options.limit).round().astype(int)]
    with tempfile.TemporaryDirectory() as temporary:
        folders: list[Path] = []
        for draw in range(DRAWS):
            chosen = [everything[k] for k in drawn[draw * MOST : (draw + 1) * MOST]]
            folders += [support_folder(chosen[:shots], Path(temporary) / f"{draw}-{shots}") for shots in (1, MOST)]
        results = pool.map(partial(maps, folders=folders), [everything[k] for k in rest], chunksize=8)
    values = [f1_max(results, 0)]
    for at in range(len(COLUMNS) - 1):  # alone, odds, max of one example; alone, odds of five
        draws = [f1_max(results, 1 + 6 * draw + at) for draw in range(DRAWS)]
        values += [float(np.mean(draws))]
    return values


def cost(item: Item, folder: Path) -> float:
    """CPU seconds of features and matching for a query of 512 x 512."""
    cv2.setNumThreads(1)
    image = cv2.resize(read_image(item.image, Reading()).frames[0], (512, 512))
    matching(folder).score([image])
    start = time.process_time()
    for _ in range(5):
        matching(folder).score([image])
    return (time.process_time() - start) / 5


def rows(options: argparse.Namespace, pool: multiprocessing.pool.Pool) -> Iterator[str]:
    """The table, a class at a time, with the mean of each set."""
    for name in options.sets:
        table = []
        for group, title in SETS[name].items():
            table.append(row(name, group, options, pool))
            yield f"| {name}, {title} | " + " | ".join(f"{value:.3f}" for value in table[-1]) + " |\n"
        means = np.mean(table, axis=0)
        yield f"| **{name}, mean** | " + " | ".join(f"**{value:.3f}**" for value in means) + " |\n"


HEAD = """## Few-shot

Made by `{command}`; do not edit. Embedded default, single thread per process, {versions}.

F1-max, exact, pixels pooled over the queries of a class{limited}; maps and masks are area-resized to a long side of 512
where larger. "Zero-shot": no examples. "Alone": the few-shot map by itself; "odds", "max": together with the zero-shot
map (`exemplars.combine`, odds is the default); the number is that of examples, drawn at random three times (means
over the draws); drawn pictures are never queries. The weights in the filter bank were chosen on 60 queries of each
class of SD-saliency-900, with other draws: expect less on pictures of your own.

| class | {columns} |
|---|{rules}|
"""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds the sets")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--limit", type=int, help="at most so many queries of a class, evenly spaced")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    command = "python scripts/bench_exemplars.py " + " ".join(
        "DIR" if before == "--data" else word for before, word in zip(sys.argv, sys.argv[1:], strict=False)
    )
    lines = [
        HEAD.format(
            command=command,
            versions=f"Python {platform.python_version()}, NumPy {np.__version__}, OpenCV {cv2.__version__}",
            limited=f" (at most {options.limit}, evenly spaced)" if options.limit else "",
            columns=" | ".join(COLUMNS),
            rules="|".join(["---"] * len(COLUMNS)),
        )
    ]
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.processes) as pool:
        for line in rows(options, pool):
            lines.append(line)
            print(line, end="", flush=True)
        first = items(options.sets[0], next(iter(SETS[options.sets[0]])), options.data)
        with tempfile.TemporaryDirectory() as temporary:
            seconds = []
            for shots in (1, MOST):
                folder = support_folder(first[:shots], Path(temporary) / str(shots))
                seconds.append(pool.apply(cost, (first[-1], folder)))
    lines.append(
        f"\nFeatures and matching for a query of 512 x 512: {1000 * seconds[0]:.0f} ms of CPU with one example, "
        f"{1000 * seconds[1]:.0f} ms with five.\n"
    )
    print(lines[-1])
    if options.out:
        write_section(options.out, "bench_exemplars.py", "".join(lines))


if __name__ == "__main__":
    main()

"""Compare prompts on the visible sets, and measure what a further prompt costs; write the tables of docs/benchmarks.md.

    python scripts/bench_prompts.py sets --data DIR [--sets mtd ...] [--limit N] [--work DIR] [--out docs/benchmarks.md]
    python scripts/bench_prompts.py models [--prompts 10] [--models DIR] [--out docs/benchmarks.md]

``sets``: ``iapas prompts compare`` with the embedded default on MTD and SD-saliency-900 by class: a class's own words,
another class's, none, and shipped lexicons. The pictures belong to others; docs/benchmarks.md says which they are.
``models``: foundation models at full size with random weights; what they find is noise, what they cost is not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before NumPy is imported: figures are for one thread
os.environ["HF_HUB_OFFLINE"] = "1"

from benchmark_page import write_section  # noqa: E402

WORDS = {
    "mtd": {
        "Blowhole": "small dark hole",
        "Break": "broken edge",
        "Crack": "thin dark crack",
        "Fray": "large rough",
        "Uneven": "large uneven",
    },
    "sd-saliency-900": {"inclusion": "dark thin", "patches": "large dark", "scratches": "bright thin"},
}
"""What a user who knows the class would type; the same as in bench_embedded.py."""

FOLDERS = {"mtd": "MTD", "sd-saliency-900": "SD-saliency-900"}
LEXICONS = ("default", "metal", "casting", "fabric", "saa", "winclip")
BOXES = 20
PROMPTS = (
    "scratch",
    "crack",
    "hole",
    "dark stain",
    "bright spot",
    "dent",
    "broken edge",
    "rough patch",
    "rust",
    "burr",
)


def experiment_of(name: str, data: Path, limit: int | None) -> dict[str, Any]:
    """The experiment file of a set. Another class's words: those of the next one by name."""
    words = WORDS[name]
    others = [*list(words.values())[1:], next(iter(words.values()))]
    variants: dict[str, Any] = {
        "no words": {"lexicon": "none"},
        "the class's words": {"words": words},
        "another class's words": {"words": dict(zip(words, others, strict=True))},
    }
    variants |= {f"lexicon {lexicon}": {"lexicon": lexicon} for lexicon in LEXICONS}
    plan: dict[str, Any] = {"title": f"Words on {name}", "data": [f"{name}={data / FOLDERS[name]}"], "group": "defect"}
    plan |= {"variants": variants, "every_normal": 5}
    return plan | ({"limit": limit} if limit else {})


def compare(plan: dict[str, Any], out: Path, workers: int, alone: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the command; what it wrote: experiment.json and timings.json."""
    file = out.parent / f"{out.name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(plan), encoding="utf-8")
    command = [sys.executable, "-m", "iapas", "prompts", "compare", str(file), "--out", str(out)]
    command += ["--workers", str(workers), *([] if alone else ["--no-leave-one-out"])]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return tuple(json.loads((out / name).read_bytes()) for name in ("experiment.json", "timings.json"))  # type: ignore[return-value]


def sets(given: argparse.Namespace) -> str:
    """Compare on each set; as Markdown."""
    import cv2
    import numpy as np

    from iapas.experiments.told import categories_md, table_md

    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, OpenCV {cv2.__version__}"
    limit = f" --limit {given.limit}" if given.limit else ""
    which = f"At most {given.limit} images of each class and as many normal ones" if given.limit else "All images"
    lines = [
        "## Prompts",
        "",
        f"Made by `python scripts/bench_prompts.py sets --data DIR{limit} --out docs/benchmarks.md`; do not edit.",
        f"`iapas prompts compare`, the embedded default, {versions}. {which}, of MT_Free every",
        "fifth by name, dealt out among the classes. AP and F1-max in per cent, exact, pixels pooled in a class,",
        "the mean over classes; differences to no words with 95 % intervals (paired bootstrap, 1000 draws).",
        "Another class's words are those of the next class by name. Time: segmentation alone, in per cent of the first",
        "prompt's, CPU seconds.",
    ]
    for name in given.sets:
        out = given.work / name
        found, timings = compare(experiment_of(name, given.data, given.limit), out, given.workers, given.leave_one_out)
        images = sum(row["images"] for row in found["rows"] if row["category"] is None and row["variant"] == "no words")
        lines += ["", f"### {name}, {images} images", "", table_md(found, timings), "", "AP by class:", ""]
        lines += [categories_md(found), "", told_words(found)]
        print("\n".join(lines[-8:]), file=sys.stderr, flush=True)
    return "\n".join(lines) + "\n"


def told_words(found: dict[str, Any]) -> str:
    """The words of each class in a sentence."""
    (mine,) = (variant for variant in found["variants"] if variant["name"] == "the class's words")
    words = "; ".join(f"{category}: {' . '.join(texts)}" for category, texts in mine["phrases"].items())
    return f"The classes' words: {words}."


def child(given: argparse.Namespace) -> None:
    """Ask one picture for each prompt in turn, and print what each took."""
    import numpy as np
    import torch

    from iapas import ObjectProfile, Phrase
    from iapas.config import load_config
    from iapas.experiments.sharing import Shared
    from iapas.models.memory import settle

    settle()
    torch.set_num_threads(1)
    settings = {
        "models.root": str(given.models),
        "detector.object_pass": "separate",
        "detector.max_regions": BOXES,
        "detector.nms": 1.0,  # overlapping boxes stay: as many as may
        "size.limit": 1e9,
        "run.device": "cpu",
        "run.offline": True,
    }
    config = load_config("fast", overrides=settings)
    shared = Shared()
    segmenter = shared.segmenter(config)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(2):  # the first picture warms up, with one prompt
        image = np.clip(rng.normal(130, 12, (800, 1333, 3)), 0, 255).astype(np.uint8)
        shared.forget()
        for prompt in PROMPTS[: given.prompts if number else 1]:
            shared.watch.seconds = {}
            profile = ObjectProfile(
                "metal plate", (Phrase(prompt), Phrase("abnormal"), Phrase("metal plate", "object"))
            )
            start = time.process_time()
            found = segmenter.segment(image, profile)
            total = time.process_time() - start
            if number:
                rows.append({"total": total, "boxes": len(found.regions), **shared.watch.seconds})
    print(json.dumps(rows))


def models(given: argparse.Namespace) -> str:
    """What each prompt took with foundation models; as Markdown."""
    with tempfile.TemporaryDirectory() as place:
        root = given.models or Path(place)
        from full_size_models import make

        for name in ("grounding-dino-tiny", "sam2.1-hiera-tiny"):
            if not (root / name).is_dir():
                make(name, root)
        command = [sys.executable, __file__, "child", "--models", str(root), "--prompts", str(given.prompts)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    rows = json.loads(done.stdout.splitlines()[-1])
    import torch
    import transformers

    lines = [
        "## A further prompt with foundation models",
        "",
        f"Made by `python scripts/bench_prompts.py models --prompts {given.prompts} --out docs/benchmarks.md`; do not",
        f"edit. torch {torch.__version__}, transformers {transformers.__version__}, one thread, 1333 x 800 pixels,",
        "the config `fast` with `object_pass: separate` (Grounding DINO Swin-T at 400 x 666, SAM 2.1 tiny), at most",
        f"{BOXES} boxes, full size, random weights. CPU seconds; one other picture before to warm up.",
        "",
        "| prompt | boxes | detector encodes | detects | mask decoder encodes | decodes | all | of the first |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for number, row in enumerate(rows, start=1):
        steps = [row.get(key, 0.0) for key in ("detector_encode", "detect", "decoder_encode", "decode", "total")]
        cells = [str(number), str(row["boxes"]), *(f"{value:.2f}" for value in steps)]
        lines.append("| " + " | ".join([*cells, f"{100 * row['total'] / rows[0]['total']:.0f} %"]) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write with ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sets", "models", "child"])
    parser.add_argument("--data", type=Path, help="sets: the folder that holds the sets")
    parser.add_argument("--sets", nargs="+", choices=list(WORDS), default=list(WORDS))
    parser.add_argument("--limit", type=int, help="sets: at most so many images of each class, and normal ones")
    parser.add_argument("--work", type=Path, help="sets: where the experiments stay; default: a temporary folder")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--leave-one-out", action="store_true", help="sets: also without each phrase in turn")
    parser.add_argument("--prompts", type=int, default=10, help="models: how many prompts")
    parser.add_argument("--models", type=Path, help="models: where the random checkpoints stay")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    if given.what == "child":
        child(given)
        return
    if given.what == "sets" and given.data is None:
        parser.error("sets needs --data")
    with tempfile.TemporaryDirectory() as place:
        given.work = given.work or Path(place)
        # a cache of its own: what another version of the detector left under the same number counts for nothing
        os.environ["IAPAS_CACHE"] = str(given.work / "cache")
        text = sets(given) if given.what == "sets" else models(given)
    print(text)
    if given.out:
        write_section(given.out, f"bench_prompts.py {given.what}", text)


if __name__ == "__main__":
    main()

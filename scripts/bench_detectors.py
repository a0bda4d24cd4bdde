"""What the detectors of foundation models cost beside each other, with full-size models of random weights.

    python scripts/bench_detectors.py [--images 2] [--device cpu] [--out docs/benchmarks.md]

Each is asked for the object, then for twelve phrases, as stage 2 does; the picture is encoded once, the phrases' texts
once for all pictures, before time is taken. No masks are drawn but those that the detector gives itself. Weights are
random: times and memory are those of the real models, what is found is noise. Each detector has a process of its own.
On a CPU the seconds are those of the processor, all threads together.
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

os.environ["HF_HUB_OFFLINE"] = "1"

from bench_pipeline import APPENDED, OBJECT, PHRASES, peak_mb, pictures
from benchmark_page import write_section

DETECTORS = {
    "iap-as": "Grounding DINO Swin-T, 800 x 1333",
    "fast": "the same, 400 x 666, one pass",
    "clipseg": "CLIPSeg, 352 x 352",
    "owlv2": "OWLv2 ViT-B/16, 960 x 960",
    "sam3": "SAM 3, 1008 x 1008, with masks",
}
"""By the config that has it."""


def child(config_name: str, given: argparse.Namespace) -> None:
    """Run one detector over the pictures, and print what it took."""
    import torch

    from iapas import Phrase, roles
    from iapas.config import load_config

    settings = {"models.root": str(given.models), "run.device": given.device, "run.offline": True}
    config = load_config(config_name, overrides=settings)
    detector = roles.detector(config, lambda: roles.runtime(config))
    torch.set_num_threads(given.threads)
    named = [Phrase(OBJECT, "object")]
    phrases = [Phrase(text, "lexicon") for text in (*PHRASES, *APPENDED)]
    asked = [phrases] if config_name == "fast" else [named, phrases]
    clock = time.process_time if given.device == "cpu" else time.perf_counter
    seconds, found = [], 0
    width, height = (int(side) for side in given.size.split("x"))
    for image in pictures(given.images + 1, width, height):
        start = clock()
        encoded = detector.encode([image])
        found = sum(len(detector.detect(encoded, each)[0]) for each in asked)
        if given.device != "cpu":
            torch.cuda.synchronize()
        seconds.append(clock() - start)
    print(json.dumps({"seconds": seconds[1:], "first": seconds[0], "peak_mb": peak_mb(), "found": found}))


def measure(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """What one detector took, in a process of its own."""
    command = [sys.executable, __file__, "--child", name, "--models", str(given.models), "--device", given.device]
    command += ["--images", str(given.images), "--size", given.size, "--threads", str(given.threads)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(rows: dict[str, dict[str, Any]], given: argparse.Namespace, computed: str) -> str:
    """What all of them took as Markdown; ``computed``: the versions and the precision."""
    unit = "CPU seconds" if given.device == "cpu" else "seconds"
    base = min(rows["iap-as"]["seconds"])
    lines = [
        f"Made by `python scripts/bench_detectors.py --images {given.images} --device {given.device}`; {computed}, "
        f"{given.threads} threads, Python {platform.python_version()}, pictures of {given.size}, an object and "
        f"{len(PHRASES + APPENDED)} phrases. Random weights: what is found is noise.",
        "",
        f"| config | detector | {unit} per image, best | times as long as iap-as's | first image | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        best = min(row["seconds"])
        lines.append(
            f"| {name} | {DETECTORS[name]} | {best:.1f} | {best / base:.2f} | {row['first']:.1f} "
            f"| {row['peak_mb'] / 1024:.1f} GB |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it with ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--size", default="1333x800", help="width x height of the pictures")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--models", type=Path, help="folder of checkpoints; made, where it has none")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", choices=DETECTORS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child:
        child(given.child, given)
        return
    with tempfile.TemporaryDirectory() as place:
        given.models = given.models or Path(place)
        from full_size_models import make

        for name in ("grounding-dino-tiny", "clipseg-rd64-refined", "owlv2-base-ensemble", "sam3"):
            if not (given.models / name).is_dir():
                make(name, given.models)
        rows = {}
        for name in DETECTORS:
            rows[name] = measure(name, given)
            print(name, rows[name], file=sys.stderr, flush=True)
    import torch
    import transformers

    from iapas.models import precision

    computed = f"torch {torch.__version__}, transformers {transformers.__version__}"
    computed += f", {precision.choose('auto', given.device)}"
    text = f"## Detectors of foundation models\n\n{table(rows, given, computed)}\n"
    print(text)
    if given.out:
        write_section(given.out, Path(__file__).name, text)


if __name__ == "__main__":
    main()

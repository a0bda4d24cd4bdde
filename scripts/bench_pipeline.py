"""Stage 2 of the paper beside a plain reference, with full-size models of random weights.

    python scripts/bench_pipeline.py [--images 3] [--sam sam-vit-base] [--device cpu] [--out docs/benchmarks.md]

The reference is written as transformers' documentation shows: float32, two passes of Grounding DINO (the object, then
the anomalies), one call of SAM with all boxes. Ours is ``Segmenter`` with ``object_pass: separate`` (as the paper) and
``joint``, and the config ``fast`` (400 x 666, SAM 2.1 tiny). Same weights, pictures, phrases, thresholds and number of
boxes; each in a process of its own, in turn. Weights are random: times and memory are those of the real models, what
is found is noise. ``--models DIR`` keeps the random checkpoints. On a CPU the seconds are those of the processor, all
threads together.
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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import cv2
import numpy as np
from benchmark_page import write_section

BOXES = 20
OBJECT = "metal plate"
PHRASES = ("scratch", "crack", "hole", "dark stain", "bright spot", "dent", "broken edge", "rough patch", "rust")
APPENDED = ("abnormal", "defect", OBJECT)
WAYS = ("reference", "separate", "joint", "fast")


def pictures(count: int, width: int, height: int) -> list[np.ndarray]:
    """(H, W, 3) uint8 pictures: clouds and grain, the same each time."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        clouds = cv2.resize(rng.random((height // 32, width // 32, 3), np.float32), (width, height))
        made.append(np.clip(clouds * 160 + rng.normal(40, 12, clouds.shape), 0, 255).astype(np.uint8))
    return made


def reference(models: Path, sam: str, device: str) -> Callable[[np.ndarray], int]:
    """As transformers' documentation shows; returns the number of masks."""
    import torch
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor, SamModel, SamProcessor

    processor = AutoProcessor.from_pretrained(models / "grounding-dino-tiny")
    detector = AutoModelForZeroShotObjectDetection.from_pretrained(models / "grounding-dino-tiny").to(device).eval()
    sam_processor = SamProcessor.from_pretrained(models / sam)
    decoder = SamModel.from_pretrained(models / sam).to(device).eval()

    def detect(image: np.ndarray, text: str) -> dict[str, Any]:
        inputs = processor(images=image, text=text, return_tensors="pt").to(device)
        with torch.no_grad():
            outputs = detector(**inputs)
        found = processor.post_process_grounded_object_detection(
            outputs, inputs["input_ids"], threshold=0.1, text_threshold=0.1, target_sizes=[image.shape[:2]]
        )
        return dict(found[0])

    def run(image: np.ndarray) -> int:
        detect(image, f"{OBJECT}.")
        found = detect(image, ". ".join((*PHRASES, *APPENDED)) + ".")
        best = found["scores"].argsort(descending=True)[:BOXES]
        boxes = found["boxes"][best].cpu().tolist()
        inputs = sam_processor(image, input_boxes=[boxes], return_tensors="pt").to(device)
        with torch.no_grad():
            outputs = decoder(**inputs, multimask_output=False)
        masks = sam_processor.image_processor.post_process_masks(
            outputs.pred_masks.cpu(), inputs["original_sizes"].cpu(), inputs["reshaped_input_sizes"].cpu()
        )
        return len(masks[0])

    return run


def ours(models: Path, sam: str, device: str, way: str) -> Callable[[np.ndarray], int]:
    """The public path; returns the number of masks."""
    from iapas import ObjectProfile, Phrase, Segmenter
    from iapas.config import load_config

    own = {} if way == "fast" else {"decoder.model": sam, "detector.object_pass": way}
    settings = {
        **own,
        "models.root": str(models),
        "detector.max_regions": BOXES,
        "detector.nms": 1.0,  # overlapping boxes stay, so that both sides decode the same number
        "size.limit": 1e9,
        "run.device": device,
    }
    segmenter = Segmenter.from_config(load_config("fast" if way == "fast" else "iap-as", overrides=settings))
    phrases = tuple(Phrase(text, "lexicon") for text in PHRASES + APPENDED)
    profile = ObjectProfile(OBJECT, phrases)
    return lambda image: len(segmenter.segment(image, profile).regions)


def child(way: str, sam: str, given: argparse.Namespace) -> None:
    """Run one way over the pictures, and print what it took."""
    import torch

    from iapas.models.memory import settle

    settle()  # glibc keeps freed tensors otherwise: the reference would not fit
    torch.set_num_threads(given.threads)
    prepare = reference if way == "reference" else ours
    run = prepare(given.models, sam, given.device, *([] if way == "reference" else [way]))
    width, height = (int(side) for side in given.size.split("x"))
    seconds, masks = [], 0
    warm_up, *images = pictures(given.images + 1, width, height)
    if given.device != "cpu":
        run(warm_up)  # kernels are chosen on the first picture
    # on a CPU the processor's time: the machine may be busy with other things
    clock = time.process_time if given.device == "cpu" else time.perf_counter
    for image in images:
        start = clock()
        masks = run(image)
        if given.device != "cpu":
            torch.cuda.synchronize()
        seconds.append(clock() - start)
    gpu = torch.cuda.max_memory_allocated() / 2**20 if given.device != "cpu" else None
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb(), "gpu_mb": gpu, "masks": masks}))


def peak_mb() -> float:
    """The most memory that this process has held. Not ``ru_maxrss``, which begins at what its parent had held."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def measure(way: str, sam: str, given: argparse.Namespace) -> dict[str, Any]:
    """What ``way`` took, in a process of its own."""
    command = [sys.executable, __file__, "--child", way, "--models", str(given.models), "--sam", sam]
    command += ["--images", str(given.images), "--size", given.size, "--device", given.device]
    done = subprocess.run([*command, "--threads", str(given.threads)], check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def section(sam: str, given: argparse.Namespace) -> str:
    """Measure every way with one mask decoder, in turn; as Markdown."""
    rows: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(given.rounds):
        for way in WAYS:
            rows[way].append(measure(way, sam, given))
            print(way, rows[way][-1], file=sys.stderr, flush=True)
    return f"### {sam}, {given.device}\n\n{table(rows, sam, given)}"


def table(rows: dict[str, list[dict[str, Any]]], sam: str, given: argparse.Namespace) -> str:
    """The rounds of each way as Markdown."""
    import torch
    import transformers

    from iapas.models import precision

    unit = "CPU seconds" if given.device == "cpu" else "seconds"
    base = min(second for run in rows["reference"] for second in run["seconds"])
    lines = [
        f"Made by `python scripts/bench_pipeline.py --images {given.images} --sam {sam} --device "
        f"{given.device}`; "
        f"torch {torch.__version__}, transformers {transformers.__version__}, {given.threads} threads, Python "
        f"{platform.python_version()}, pictures of {given.size}, Grounding DINO Swin-T at 800 x 1333, {BOXES} boxes. "
        f"The reference computes in fp32, ours as `models.precision: auto` chooses here: "
        f"{precision.choose('auto', given.device)}. Random weights: what is found is noise.",
        "",
        f"| stage 2 | {unit} per image, best | all | times as quick | peak memory |",
        "|---|---|---|---|---|",
    ]
    for way, runs in rows.items():
        seconds = [second for run in runs for second in run["seconds"]]
        every = ", ".join(f"{second:.1f}" for second in seconds)
        peak = max(run["peak_mb"] for run in runs) / 1024
        gpu = max(run["gpu_mb"] or 0 for run in runs) / 1024
        memory = f"{peak:.1f} GB" + (f", GPU {gpu:.1f} GB" if gpu else "")
        lines.append(f"| {way} | {min(seconds):.2f} | {every} | {base / min(seconds):.2f} | {memory} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it with ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--size", default="1333x800", help="width x height of the pictures")
    parser.add_argument("--sam", nargs="+", default=["sam-vit-base"], choices=["sam-vit-base", "sam-vit-huge"])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child:
        child(given.child, given.sam[0], given)
        return
    with tempfile.TemporaryDirectory() as place:
        given.models = given.models or Path(place)
        from full_size_models import make  # here: a child settles its memory before torch is imported

        for name in ("grounding-dino-tiny", "sam2.1-hiera-tiny", *given.sam):
            make(name, given.models)
        text = "\n\n".join(["## Foundation models, stage 2", *(section(sam, given) for sam in given.sam)])
    print(text)
    if given.out:
        write_section(given.out, Path(__file__).name, text + "\n")


if __name__ == "__main__":
    main()

"""Measure the pixel metrics against scikit-learn and torchmetrics, and write the section of docs/benchmarks.md.

    python scripts/bench_metrics.py [--maps 100] [--size 1024] [--rounds 3] [--torchmetrics [PYTHON]]
                                    [--stream 2000] [--out docs/benchmarks.md]

Each figure is taken in a process of its own, on one thread. torchmetrics is measured where ``--torchmetrics`` names the
Python of an environment that has it beside torch and this package (without a name: the running one).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
from benchmark_page import write_section

from iapas.evaluation.pixels import PixelPool

METHODS = {
    "piecewise constant": ("iapas", "scikit-learn", "torchmetrics", "torchmetrics, maps scaled"),
    "continuous": ("iapas", "scikit-learn", "torchmetrics"),  # no value is over 1
}
Map = tuple[np.ndarray, np.ndarray]

HEAD = """## Metrics

Made by `{command}`; do not edit. {versions}; one thread each; medians of
{rounds} rounds, each with the methods in turn.

{maps} maps of {size} x {size}; every fifth without a defect, the others with a square of 1/36 of the picture. Piecewise
constant: the sum of twelve rectangles with scores, as our score maps are, so some values pass 1. Continuous: uniform
random float32. Each method gets the maps one by one. Seconds: for what it does with them, not for making them. Memory:
the peak of its process above that before the first map. iapas gives AP, F1-max, AUROC and AUPRO in that time;
scikit-learn (`average_precision_score`) and torchmetrics (`BinaryAveragePrecision`, exact) AP alone.

| maps | method | seconds | times iapas | memory, MB | times iapas | AP | difference |
|---|---|---|---|---|---|---|---|
"""

SIGMOID = """
torchmetrics puts a map through a sigmoid where any value of it is over 1, and leaves the others as they are: the order
over several maps is lost, and with it AP. "Maps scaled" divides by the greatest value of all maps first.
"""


def maps(kind: str, count: int, size: int) -> Iterator[Map]:
    """Score maps (size, size) float32 >= 0 and truths bool, made from their numbers alone."""
    for i in range(count):
        rng = np.random.default_rng(i)
        truth = np.zeros((size, size), bool)
        if i % 5:
            y, x = rng.integers(0, size - size // 6, 2)
            truth[y : y + size // 6, x : x + size // 6] = True
        if kind == "continuous":
            yield rng.random((size, size), np.float32), truth
            continue
        scores = np.zeros((size, size), np.float32)
        for k in range(12):
            height, width = rng.integers(size // 32, size // 3, 2)
            y, x = rng.integers(0, size - height), rng.integers(0, size - width)
            scores[y : y + height, x : x + width] += np.float32(rng.integers(5, 40) / 100)
            if k == 0 and i % 5:
                scores[truth] += np.float32(rng.integers(20, 80) / 100)
        yield scores, truth


def with_iapas(source: Iterator[Map]) -> float:
    """AP, and all other figures."""
    with PixelPool() as pool:
        for scores, truth in source:
            pool.add(scores, truth)
        return pool.figures().ap


def with_sklearn(source: Iterator[Map]) -> float:
    """AP of the pooled pixels."""
    from sklearn.metrics import average_precision_score

    kept = list(source)
    scores, truth = (np.concatenate([one[side].ravel() for one in kept]) for side in (0, 1))
    kept.clear()
    return float(average_precision_score(truth, scores))


def with_torchmetrics(source: Iterator[Map], greatest: float = 1.0) -> float:
    """AP of updates map by map."""
    import torch
    from torchmetrics.classification import BinaryAveragePrecision

    torch.set_num_threads(1)
    metric = BinaryAveragePrecision()
    for scores, truth in source:
        metric.update(torch.from_numpy(scores / np.float32(greatest)), torch.from_numpy(truth.astype(np.int64)))
    return float(metric.compute())


def peak() -> float:
    """The most memory that this process has held, in MB (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def work(method: str, kind: str, count: int, size: int) -> dict[str, float]:
    """One figure, in this process: ``ap``, ``seconds``, ``memory`` in MB."""
    run: Callable[[Iterator[Map]], float] = {"iapas": with_iapas, "scikit-learn": with_sklearn}.get(
        method, with_torchmetrics
    )
    run(maps(kind, 2, 64))  # imports, first calls
    if method.endswith("scaled"):
        greatest = max(float(scores.max()) for scores, _ in maps(kind, count, size))
        run = lambda source: with_torchmetrics(source, greatest)  # noqa: E731
    making = [0.0]

    def timed() -> Iterator[Map]:
        source = maps(kind, count, size)
        for _ in range(count):
            begin = time.perf_counter()
            made = next(source)
            making[0] += time.perf_counter() - begin
            yield made

    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak()
    begin = time.perf_counter()
    ap = run(timed())
    seconds = time.perf_counter() - begin - making[0]
    return {"ap": ap, "seconds": seconds, "memory": peak() - before}


def measured(python: str, *arguments: object) -> dict[str, float]:
    """What :func:`work` gives in a new process."""
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [python, __file__, "--work", json.dumps(arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    if ended.returncode:
        raise SystemExit(f"{arguments}: {ended.stderr}")
    return dict(json.loads(ended.stdout))


def torchmetrics_version(python: str | None) -> str:
    """What the interpreter can import, "" where it cannot."""
    if not python:
        return ""
    ask = "import torch, torchmetrics; print(f'torchmetrics {torchmetrics.__version__}, torch {torch.__version__}')"
    return subprocess.run([python, "-c", ask], capture_output=True, text=True).stdout.strip()


def rows(kind: str, given: argparse.Namespace) -> Iterator[str]:
    """The table rows of one kind of maps."""
    taken: dict[str, list[dict[str, float]]] = {}
    possible = [m for m in METHODS[kind] if not m.startswith("torch") or torchmetrics_version(given.torchmetrics)]
    for _ in range(given.rounds):
        for method in possible:
            python = given.torchmetrics if method.startswith("torch") else sys.executable
            taken.setdefault(method, []).append(measured(python, method, kind, given.maps, given.size))
    ours = {key: statistics.median(one[key] for one in taken["iapas"]) for key in ("ap", "seconds", "memory")}
    for method in METHODS[kind]:
        if method not in taken:
            yield f"| {kind} | {method} | not installed | | | | | |\n"
            continue
        seconds, memory, ap = (
            statistics.median(one[key] for one in taken[method]) for key in ("seconds", "memory", "ap")
        )
        yield (
            f"| {kind} | {method} | {seconds:.2f} | {seconds / ours['seconds']:.1f} | {memory:.0f} "
            f"| {memory / max(ours['memory'], 0.1):.1f} | {ap:.6f} | {abs(ap - ours['ap']):.0e} |\n"
        )


def streamed(given: argparse.Namespace) -> str:
    """A sentence about many continuous maps."""
    one = measured(sys.executable, "iapas", "continuous", given.stream, given.size)
    return (
        f"\n{given.stream} continuous maps of {given.size} x {given.size}, what is over 200 million pixels in a "
        f"temporary file: {one['seconds']:.0f} s, {one['memory']:.0f} MB (one run).\n"
    )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", type=int, default=100)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stream", type=int, default=0, help="also so many continuous maps with iapas alone")
    parser.add_argument("--torchmetrics", nargs="?", const=sys.executable, metavar="PYTHON")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        print(json.dumps(work(*json.loads(given.work))))
        return
    versions = [
        f"Python {platform.python_version()}",
        f"NumPy {np.__version__}",
        f"scikit-learn {version('scikit-learn')}",
    ]
    versions += filter(None, [torchmetrics_version(given.torchmetrics)])
    words = ["PYTHON" if before == "--torchmetrics" else word for before, word in zip(sys.argv, sys.argv[1:])]  # noqa: B905
    lines = [
        HEAD.format(
            command=" ".join(["python scripts/bench_metrics.py", *words]),
            versions=", ".join(versions),
            rounds=given.rounds,
            maps=given.maps,
            size=given.size,
        )
    ]
    for kind in METHODS:
        lines += rows(kind, given)
    lines.append(SIGMOID)
    if given.stream:
        lines.append(streamed(given))
    print("".join(lines))
    if given.out:
        write_section(given.out, "bench_metrics.py", "".join(lines))


if __name__ == "__main__":
    main()

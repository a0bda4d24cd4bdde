"""``iapas eval``: a data set, score maps, a protocol; figures, tables and a page."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iapas import __version__
from iapas.config import Config
from iapas.core.metrics import judge, rank_values
from iapas.errors import ImageError, OutputError, UsageError
from iapas.evaluation.data import Item, by_category, categories_of, described, items_of, limited
from iapas.evaluation.datasets import DataSet, open_dataset
from iapas.evaluation.datasets.opening import SEED
from iapas.evaluation.fewshot import SEED as SHOT_SEED
from iapas.evaluation.fewshot import fewshot_results, name_of, run_episodes, side_of, title_of, with_examples
from iapas.evaluation.judging import Judge, Judged, examples
from iapas.evaluation.oracle import METHOD as ORACLE
from iapas.evaluation.oracle import oracle_maps
from iapas.evaluation.protocols import FEWSHOT, Protocol, protocol_of
from iapas.evaluation.results import (
    HEADS,
    cell,
    json_text,
    results_of,
    sentences,
    table_csv,
    table_md,
    write_results,
)
from iapas.evaluation.sources import Maps, Unjudged, folder_maps, run_maps
from iapas.files.atomic import write_text
from iapas.files.images import read_image
from iapas.files.inputs import Source
from iapas.files.provenance import new_run
from iapas.files.results import thumbnail_jpeg
from iapas.files.truth import read_truth
from iapas.run import segment_sources
from iapas.run.progress import progress
from iapas.segmenter import Segmenter
from iapas.types import BoolMap
from iapas.views.eval_page import Example, eval_html
from iapas.views.eval_pictures import draw_judged

log = logging.getLogger("iapas")

SALIENCY_SETS = ("sd-saliency-900", "mtd", "nrsd-mn")
METHODS = (ORACLE,)


@dataclass(frozen=True)
class Order:
    """What is to be evaluated, as ``iapas eval`` is told. One of ``config``, ``run`` and ``maps``."""

    dataset: str
    root: Path
    out: Path
    config: Config | None = None
    run: Path | None = None
    maps: Path | None = None
    protocol: str | None = None
    method: str | None = None
    split: str = ""
    folders: tuple[str, str] | None = None
    """Of images and of masks, where a data set lets them be named."""
    limit: int | None = None
    shots: int = 1
    seed: int = SHOT_SEED
    """Few-shot: how many examples each query has, and the seed of their draw."""
    restart: bool = False
    retry_failed: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class Evaluation:
    """How an evaluation ended. ``results``: what results.json holds; None when it was interrupted before."""

    out: Path
    results: Mapping[str, Any] | None
    exit_status: int
    seconds: Mapping[str, float | None]
    """What timing.json holds."""


def evaluate(order: Order) -> Evaluation:
    """Get the score maps of a data set's test images, judge them, and write everything into ``order.out``.

    Maps of a config, or of an oracle, are made there first, or gone on with. Raises MissingError when the data set is
    not there, UsageError, ConfigError, and OutputError.
    """
    start = time.monotonic()
    protocol = protocol_of(order.protocol, order.dataset)
    _require_one_source(order, protocol)
    dataset = open_dataset(order.dataset, order.root, protocol=protocol.name, split=order.split, folders=order.folders)
    items = items_of(sorted(limited(dataset.test, order.limit), key=lambda sample: sample.id))
    if protocol is FEWSHOT:
        return _evaluate_shots(order, described(dataset, items, order.split, order.limit), items)
    maps, stopped, seconds = _maps(order, dataset, items)
    if maps is None:
        return Evaluation(order.out, None, stopped, {})
    made = time.monotonic()
    saliency = order.dataset in SALIENCY_SETS
    with progress(len(items), order.quiet) as report:
        told = _counter(report)
        judging = Judge(maps, protocol, _truth, saliency, order.out, told)
        judged = [judging.judge(category, members) for category, members in by_category(items).items()]
    provenance = _provenance(order, protocol, maps, described(dataset, items, order.split, order.limit), saliency)
    results = results_of(dataset.name, protocol, maps.about.method, judged, provenance)
    write_results(order.out, results, judged)
    _write_page(order.out, results, judging, judged)
    ended = time.monotonic()
    timing = {"making_maps": round(made - start, 3), "judging": round(ended - made, 3), "per_image": seconds}
    write_text(order.out / "timing.json", json_text(timing))
    return Evaluation(order.out, results, 3 if results["failed"] else 0, timing)


def _evaluate_shots(order: Order, data: Mapping[str, Any], items: Sequence[Item]) -> Evaluation:
    """The same with examples, that are drawn for each image."""
    assert order.config is not None  # noqa: S101
    config = with_examples(order.config)
    data = {**data, "notes": [note for note in data["notes"] if "stage 1" not in note]}  # there is none
    segmenter = Segmenter(config)
    parts = segmenter.mask_generator() if config.exemplars.fusion != "none" else None
    method = segmenter.exemplars()
    try:
        with progress(sum(item.defective for item in items), order.quiet) as report:
            ended = run_episodes(items, _truth, method, config, order.shots, order.seed, parts, _counter(report))
    finally:
        method.close()
        if parts is not None:
            parts.close()
    told = {
        "iapas": __version__,
        "versions": new_run(Config(), {})["versions"],
        "title": title_of(config, order.shots),
        "protocol": FEWSHOT.told,
        "maps": f"at {side_of(config)} x {side_of(config)} pixels, as are the masks",
        "made_with": new_run(config, {})["made_with"],
        "data": data,
        "seeds": {"examples": order.seed} | ({"split": SEED} if order.split else {}),
        "shots": order.shots,
    }
    results = fewshot_results(order.dataset, name_of(config, order.shots), ended, items, told)
    write_text(order.out / "results.csv", table_csv(results))
    write_text(order.out / "results.md", table_md(results))
    write_text(order.out / "images.jsonl", "".join(json.dumps(row) + "\n" for row in ended.queries))
    write_text(order.out / "results.json", json_text(results))
    lines = [*sentences(results), *results["notes"], *data["notes"]]
    write_text(order.out / "report.html", eval_html(results, HEADS, cell, lines, {}, []))
    per_image = round(float(np.mean(ended.seconds)), 5) if ended.seconds else None
    timing = {"per_image": per_image, "fps": round(1 / per_image, 2) if per_image else None}
    write_text(order.out / "timing.json", json_text(timing))
    return Evaluation(order.out, results, 3 if results["failed"] else 0, timing)


def _require_one_source(order: Order, protocol: Protocol) -> None:
    given = [name for name in ("run", "maps") if getattr(order, name) is not None]
    if len(given) + (order.config is not None) != 1:
        raise UsageError("say what to evaluate: one of --config, --run and --maps")
    if order.method is not None and order.method not in METHODS:
        raise UsageError(f"there is no method {order.method!r}", f"known are: {', '.join(METHODS)}")
    if order.method is not None and order.config is None:
        raise UsageError(f"--method {order.method} makes maps of its own", "leave --run and --maps out")
    if order.limit is not None and order.limit < 1:
        raise UsageError(f"--limit {order.limit}: at least 1")
    if order.shots < 1:
        raise UsageError(f"--shots {order.shots}: at least 1")
    if protocol is FEWSHOT and (order.config is None or order.method is not None):
        raise UsageError("the few-shot protocol draws examples for each image", "leave --run, --maps and --method out")
    if (order.out / "manifest.jsonl").exists():
        raise OutputError(f"{order.out} is a run folder, whose report would be replaced", "choose another with --out")


def _maps(order: Order, dataset: DataSet, items: Sequence[Item]) -> tuple[Maps | None, int, float | None]:
    """The score maps, or None and the exit status of an interrupted run; and the mean seconds for an image."""
    if order.maps is not None:
        return folder_maps(order.maps), 0, None
    if order.run is not None:
        found = run_maps(order.run)
        if not any(item.sample.id in found.rows or item.image_hash in found.same for item in items):
            raise UsageError(
                f"the run {order.run} is of other images", f"its ids, or contents, must be those of {order.root}"
            )
        return found, 0, _seconds(found.rows)
    assert order.config is not None  # noqa: S101
    if order.method == ORACLE:
        return oracle_maps(
            order.config,
            items,
            _truth,
            order.out,
            restart=order.restart,
            retry_failed=order.retry_failed,
            quiet=order.quiet,
        )
    log.info("%s", order.config.title)
    output = order.config.output.model_copy(update={"overlay": "none", "thumbnails": False, "score_map": "tiff"})
    category = categories_of(items)
    summary = segment_sources(
        [Source(item.sample.id, item.sample.path) for item in items],
        order.config.model_copy(update={"output": output}),
        order.out / "run",
        product_of=lambda image_id: category.get(image_id, ""),
        stage1=dataset.stage1,
        restart=order.restart,
        retry_failed=order.retry_failed,
        quiet=order.quiet,
    )
    if summary.interrupted:
        return None, summary.exit_status, None
    made = run_maps(order.out / "run")
    return made, 0, _seconds(made.rows)


def _truth(item: Item) -> BoolMap | None:
    """The truth of an image; None: a normal one."""
    mask = item.sample.mask
    if mask == "":
        raise Unjudged(f"{item.sample.id}: its mask is missing")
    return None if mask is None else read_truth(mask, item.sample.rule)


def _provenance(
    order: Order, protocol: Protocol, maps: Maps, data: Mapping[str, Any], saliency: bool
) -> dict[str, Any]:
    """What the figures depend on, without times, hosts and folders."""
    kind = maps.about.kind
    if protocol.rescaled and maps.about.per_image:
        kind += ", each min-max scaled first, as the last step of IAP-AS is"
    told: dict[str, Any] = {
        "iapas": __version__,
        "versions": new_run(Config(), {})["versions"],
        "title": maps.about.title,
        "protocol": protocol.told,
        "maps": kind,
        "made_with": dict(maps.about.made_with),
        "data": dict(data),
        "seeds": ({"stage 1": order.config.describe.seed} if order.config else {})
        | ({"split": SEED} if order.split else {}),
    }
    if saliency:
        values = (
            "the maps as they are"
            if maps.about.finished
            else "each map min-max scaled, then 1 / (1 + exp(-14 (p - 0.5)))"
        )
        told["saliency"] = f"of the images with a defect, at their own size; {values}; weighted F with beta^2 = 1"
    return told


def _write_page(out: Path, results: Mapping[str, Any], judging: Judge, judged: Sequence[Judged]) -> None:
    told = [*sentences(results), *results["notes"], *results["provenance"]["data"]["notes"]]
    shown = [example for part in judged for example in _examples(judging, part)]
    curves = {part.category: part.curve for part in judged}
    write_text(out / "report.html", eval_html(results, HEADS, cell, told, curves, shown))


def _examples(judging: Judge, part: Judged) -> Iterator[Example]:
    """The best, the median and the worst image, and the normal one with the highest score."""
    most = float(part.scores.max(initial=0.0))
    for why, place in examples(part):
        item = part.items[place]
        try:
            picture = read_image(item.sample.path, judging.maps.about.reading)
            scores, truth = judging.pair(item, part.limits)
        except ImageError:  # it was judged by its map; the picture itself may be gone
            continue
        figures = f"highest score {part.scores[place]:.2f}"
        if truth.any():
            ranking, totals = rank_values(scores, truth)
            figures = f"AP {100 * judge([ranking], totals).ap:.1f}, {figures}"
        strip = draw_judged(picture.frames[0], truth, scores, most)
        yield Example(part.category, why, item.sample.id, item.sample.defect, figures, thumbnail_jpeg(strip))


def _seconds(rows: Mapping[str, Mapping[str, Any]]) -> float | None:
    """The mean over the finished images of a run."""
    known = [row["seconds"] for row in rows.values() if row["status"] == "ok"]
    return round(float(np.mean(known)), 4) if known else None


def _counter(report: Any) -> Any:
    done = 0

    def told() -> None:
        nonlocal done
        done += 1
        report(done, 0)

    return told

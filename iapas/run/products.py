"""Stage 1 of a run: a profile for each product, made in the workers from a sample of its images."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from iapas.config import Config
from iapas.errors import RunError
from iapas.files.inputs import Source
from iapas.run.tasks import DescribeTask
from iapas.run.worker import Done, Failure
from iapas.run.workers import Pool
from iapas.types import ObjectProfile

log = logging.getLogger("iapas")

_SPARE = 3  # for each sample so many images are drawn: unreadable ones are passed over


ProductOf = Callable[[str], str]
"""The product that the image of an id belongs to."""


def by_config(config: Config) -> ProductOf:
    """An image's first folder with ``output.per_folder``, else ""."""
    return partial(_first_folder, config.output.per_folder)


def _first_folder(per_folder: bool, image_id: str) -> str:
    return image_id.partition("/")[0] if per_folder and "/" in image_id else ""


def sample_paths(sources: Sequence[Source], products: Iterable[str], product_of: ProductOf) -> dict[str, Sequence[str]]:
    """The paths that each of ``products`` can be described from: those of its own ``sources``, in their order."""
    paths: dict[str, list[str]] = {product: [] for product in sorted(products)}
    for source in sources:
        if not source.problem and (product := product_of(source.id)) in paths:
            paths[product].append(source.path)
    return dict(paths)


def describe_products(
    pool: Pool, paths: Mapping[str, Sequence[str]], config: Config, stop: Callable[[], bool] = lambda: False
) -> dict[str, ObjectProfile]:
    """The profile of each product, from a sample of its ``paths``, drawn by seed from their order.

    An image that cannot be read is passed over; one that makes stage 1 fail or kills the worker is left out.
    """
    tasks = [_sample(product, found, config) for product, found in sorted(paths.items())]
    profiles, failed = _run(pool, tasks, config, stop)
    for task, why in failed:
        log.warning("stage 1 failed on a sample of %r (%s): finding the image", task.product, why.message)
        singles = [DescribeTask(task.product, (path,), 1) for path in task.paths]
        bad = {single.paths[0] for single, _ in _run(pool, singles, config, stop)[1]}
        good = tuple(path for path in task.paths if path not in bad)
        again, broken = _run(pool, [DescribeTask(task.product, good, task.samples)], config, stop)
        if broken:
            raise RunError(f"the product {task.product!r} could not be described: {broken[0][1].message}")
        profiles |= again
    return profiles


def _run(
    pool: Pool, tasks: list[DescribeTask], config: Config, stop: Callable[[], bool]
) -> tuple[dict[str, ObjectProfile], list[tuple[DescribeTask, Failure]]]:
    """The profiles made, and what failed: at the first try, as the image is looked for then."""
    profiles, failed = {}, []
    limit = config.run.time_limit * max((task.samples for task in tasks), default=1)
    for task, outcome in pool.run(tasks, stop=stop, time_limit=limit, tries=1):
        if isinstance(outcome, Done):
            profiles[task.product] = outcome.value
        else:
            failed.append((task, outcome))
    return profiles, sorted(failed, key=lambda pair: pair[0].product)


def _sample(product: str, paths: Sequence[str], config: Config) -> DescribeTask:
    """The same images for the same paths and seed."""
    samples = config.describe.samples
    places = random.Random(config.describe.seed).sample(range(len(paths)), min(len(paths), samples * _SPARE))  # noqa: S311
    return DescribeTask(product, tuple(paths[place] for place in places), samples)

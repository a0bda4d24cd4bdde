"""Stage 1 of a run: a profile for each product, made in the workers from a sample of its images."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Sequence

from iapas.config import Config
from iapas.errors import RunError
from iapas.files.inputs import Source
from iapas.run.tasks import DescribeTask
from iapas.run.worker import Done, Failure
from iapas.run.workers import Pool
from iapas.types import ObjectProfile

log = logging.getLogger("iapas")

_SPARE = 3  # for each sample so many images are drawn: unreadable ones are passed over


def product_of(image_id: str, config: Config) -> str:
    """The product that an image belongs to: its first folder with ``output.per_folder``, else ""."""
    return image_id.partition("/")[0] if config.output.per_folder and "/" in image_id else ""


def describe_products(
    pool: Pool,
    sources: Sequence[Source],
    products: Iterable[str],
    config: Config,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, ObjectProfile]:
    """The profile of each of ``products``, from a sample of its ``sources``, which are in the order of their ids.

    An image that cannot be read is passed over; one that makes stage 1 fail or kills the worker is left out.
    """
    places: dict[str, list[int]] = {product: [] for product in sorted(products)}
    for place, source in enumerate(sources):
        if not source.problem and (product := product_of(source.id, config)) in places:
            places[product].append(place)
    tasks = [_sample(product, found, sources, config) for product, found in places.items()]
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


def _sample(product: str, places: Sequence[int], sources: Sequence[Source], config: Config) -> DescribeTask:
    """The same images for the same ids and seed."""
    samples = config.describe.samples
    drawn = random.Random(config.describe.seed).sample(places, min(len(places), samples * _SPARE))  # noqa: S311
    return DescribeTask(product, tuple(sources[place].path for place in drawn), samples)

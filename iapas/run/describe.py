"""``iapas describe``: stage 1 alone, by the same workers."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from iapas.config import Config
from iapas.files.inputs import list_images
from iapas.files.profiles import write_profiles
from iapas.roles import check
from iapas.run.capacity import open_pool
from iapas.run.loop import Inputs, log_profile_warnings
from iapas.run.products import by_config, describe_products, sample_paths
from iapas.run.signals import Signals
from iapas.run.tasks import MakeSegmenter, set_up, work
from iapas.segmenter import Segmenter


def describe_run(
    inputs: Inputs, config: Config, out: str | os.PathLike[str], *, make: MakeSegmenter = Segmenter.from_config
) -> dict[str, Any]:
    """Write the profile of each product among ``inputs`` to the file ``out``; what it says in short."""
    sources = list_images([os.fspath(given) for given in inputs]).sources
    product_of = by_config(config)
    products = {product_of(source.id) for source in sources}
    check(config, (1,))
    setup = partial(set_up, make, config, Path())
    with Signals() as signals, open_pool(config, setup, work, len(products)) as pool:
        paths = sample_paths(sources, products, product_of)
        profiles = describe_products(pool, paths, config, lambda: bool(signals))
        signals.raise_noted()
    log_profile_warnings(profiles)
    write_profiles(Path(out), profiles)
    short = {
        product: {"object": known.object, "phrases": len(known.phrases), "object_size": known.object_size}
        for product, known in sorted(profiles.items())
    }
    return {"profile": os.fspath(out), "images": len(sources), "products": short}

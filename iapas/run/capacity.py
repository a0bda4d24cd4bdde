"""How much at once: processes, threads in each, images in a group.

The embedded default runs in one process for each core, each with one thread. Foundation models run in one process with
all cores, which takes images in groups: it reads ahead and writes behind while the models work.
"""

from __future__ import annotations

import os

from iapas.config import Config
from iapas.run.worker import Work
from iapas.run.workers import Pool, Setup

_GROUP = 16  # images that a process with models is given at once; in memory are those of three batches


def open_pool(config: Config, setup: Setup, work: Work, tasks: int, *, grouped: bool = False) -> Pool:
    """The pool for so many ``tasks``; ``grouped``: ``work`` makes use of groups."""
    count = min(worker_count(config), tasks)
    threads = max(1, cores() // max(1, count)) if config.uses_models else 1
    group = _GROUP if grouped and config.uses_models else 1
    return Pool(setup, work, count, config.run.time_limit, group=group, threads=threads)


def worker_count(config: Config) -> int:
    """``run.workers``; for 0 one for each core that this process may use, with models one."""
    return config.run.workers or (1 if config.uses_models else cores())


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

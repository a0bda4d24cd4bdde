"""Distillation of a large extractor into PDN: Liu et al., "Exploring Few-Shot Defect Segmentation...", FM.

The teacher's patch tokens of its last block are what the student is to give: mean squared difference, Adam, learning
rate 1e-4, weight decay 1e-5, batches of 12, 160 000 steps; the student sees 256 x 256 pixels, DINO ViT-S/8 512 x 512,
so that both grids are 64 x 64 cells.
"""

from __future__ import annotations

import io
import json
import logging
import pickle
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from iapas import __version__
from iapas.config import fingerprint
from iapas.errors import ConfigError, OutputError, RunError
from iapas.files.atomic import write_bytes, write_text
from iapas.files.inputs import Source, list_images
from iapas.models import memory, precision
from iapas.models.checksums import folder_digest
from iapas.models.exemplars import pdn
from iapas.models.exemplars.extractors import KINDS, squares
from iapas.models.loading import Runtime, load, model_kind
from iapas.settings import Reading
from iapas.training.curve import Point, curve_csv, curve_svg
from iapas.training.feeding import Batch, Stream

log = logging.getLogger("iapas")

TELL = 10.0  # seconds between two lines of progress


@dataclass(frozen=True)
class Recipe:
    """How a student is taught; the defaults are the paper's."""

    size: pdn.Size = "small"
    iterations: int = 160_000
    batch: int = 12
    side: int = 256
    rate: float = 1e-4
    decay: float = 1e-5
    seed: int = 0
    save_every: int = 1000
    """Steps between two checkpoints: what a crash costs at most."""
    point_every: int = 100
    """Steps that a point of the loss curve is the mean of."""


@dataclass(frozen=True)
class Distilled:
    """How it ended. ``steps``: done in all; ``losses``: the curve; ``skipped``: ids that could not be read."""

    steps: int
    losses: list[Point]
    skipped: list[str]
    finished: bool


def distil(
    inputs: Sequence[str],
    teacher: Path,
    out: Path,
    recipe: Recipe,
    runtime: Runtime,
    *,
    reading: Reading | None = None,
    restart: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Distilled:
    """Teach PDN what the model in the folder ``teacher`` makes of the pictures in ``inputs``; write it into ``out``.

    ``out/training`` holds checkpoint.pt, loss.csv, loss.svg and training.json; what lies there is gone on with. On
    ``stop()`` it ends after the step in hand, with a checkpoint. Raises OutputError where ``out`` was made with
    another recipe, teacher or list of pictures; ConfigError for a teacher that does not fit; UsageError without a
    picture that can be read; RunError when the loss is no longer a number, or memory runs out.
    """
    sources = list_images(inputs).sources
    made_with = _made_with(sources, teacher, recipe)
    if restart:
        shutil.rmtree(out / "training", ignore_errors=True)
    course = _Course(teacher, out, recipe, runtime, made_with)
    stream = Stream(sources, reading or Reading(), recipe.seed, course.place, course.skipped)
    course.save()  # a folder that cannot be written is told of now
    if course.step < recipe.iterations:
        with closing(stream.batches(recipe.batch)) as batches:
            _learn(course, stream, batches, stop)
    finished = course.step >= recipe.iterations
    if finished:
        course.finish()
    return Distilled(course.step, course.losses, course.skipped, finished)


def _learn(course: _Course, stream: Stream, batches: Iterable[Batch], stop: Callable[[], bool]) -> None:
    """Steps until all are done, or ``stop()``; with checkpoints, and a line now and then."""
    total, first = course.recipe.iterations, course.step
    start = told = time.monotonic()
    for batch in batches:
        try:
            course.learn(batch.images)
        except RuntimeError as error:
            if not memory.is_out_of_memory(error):
                raise
            raise RunError("memory ran out", "take a smaller --batch") from error
        course.place, course.skipped = batch.place, list(stream.skipped)
        halted = stop() or course.step >= total
        if halted or course.step % course.recipe.save_every == 0:
            course.save()
        now = time.monotonic()
        if halted or now - told > TELL:
            told, pace = now, (course.step - first) / max(now - start, 1e-9)
            left = (total - course.step) / pace
            said = (course.step, total, course.recent, pace, left)
            log.info("step %d of %d, loss %.5g, %.2f steps/s, %.0f s left", *said)
        if halted:
            return


class _Course:
    """Teacher, student, optimiser, and how far they are."""

    def __init__(self, teacher: Path, out: Path, recipe: Recipe, runtime: Runtime, made_with: dict[str, Any]) -> None:
        import torch

        self._out, self.recipe, self._runtime, self._made_with = out, recipe, runtime, made_with
        self._look, self._teacher_side = _teacher(teacher, recipe, runtime)
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            torch.manual_seed(recipe.seed)
            self._student = pdn.network(recipe.size).to(runtime.device).train()
        self._adam = torch.optim.Adam(self._student.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
        self._scaler = torch.amp.GradScaler(runtime.device, enabled=runtime.precision == "fp16")
        self.step, self.place, self.recent = 0, 0, float("nan")
        self.skipped: list[str] = []
        self.losses: list[Point] = []
        self._since: list[float] = []
        self._failures = 0
        self._resume()

    def learn(self, images: Sequence[Any]) -> None:
        """One step on a batch."""
        import torch
        from torch.nn.functional import mse_loss

        device = self._runtime.device
        with torch.inference_mode(), precision.computing(self._runtime):
            wanted = self._look(squares(images, self._teacher_side, device)).float()
        wanted = wanted.clone()  # a tensor of inference mode cannot take part in gradients
        given = squares(images, self.recipe.side, device)
        with precision.computing(self._runtime):
            found = self._student(given)
        loss = mse_loss(found.float(), wanted)
        self._adam.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        self._scaler.step(self._adam)
        self._scaler.update()
        self._note(float(loss.detach()))

    def save(self) -> None:
        """Checkpoint and curve; each file is whole or as before."""
        import torch

        state = {
            "made_with": json.dumps(self._made_with, sort_keys=True),
            "step": self.step,
            "place": self.place,
            "skipped": self.skipped,
            "losses": [list(point) for point in self.losses],
            "since": self._since,
            "student": self._student.state_dict(),
            "adam": self._adam.state_dict(),
            "scaler": self._scaler.state_dict(),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        folder = self._out / "training"
        write_bytes(folder / "checkpoint.pt", buffer.getvalue())
        write_text(folder / "loss.csv", curve_csv(self.losses))
        write_text(folder / "loss.svg", curve_svg(self.losses))

    def finish(self) -> None:
        """The network as it is loaded for matching, and what it was made with."""
        pdn.save(self._student, self.recipe.size, self._out)
        told = {
            "iapas": __version__,
            "made_with": self._made_with,
            "iterations": self.step,
            "precision": self._runtime.precision,
            "pictures_left_out": self.skipped,
        }
        write_text(self._out / "training" / "training.json", json.dumps(told, indent=2) + "\n")

    def _note(self, loss: float) -> None:
        self.step, self.recent = self.step + 1, loss
        # scaled fp16 has single steps that overflow and are left out; many in a row are a loss that has run away
        self._failures = 0 if loss - loss == 0 else self._failures + 1
        if self._failures > (10 if self._scaler.is_enabled() else 0):
            raise RunError(f"the loss of step {self.step} is {loss}", "try --set models.precision=fp32")
        if not self._failures:
            self._since.append(loss)
        if self.step % self.recipe.point_every == 0 and self._since:
            self.losses.append((self.step, sum(self._since) / len(self._since)))
            self._since = []

    def _resume(self) -> None:
        """Go on where the checkpoint is, if there is one."""
        import torch

        file = self._out / "training" / "checkpoint.pt"
        if not file.is_file():
            return
        try:
            state = torch.load(file, map_location=self._runtime.device, weights_only=True)
            before = json.loads(state["made_with"])
        except (OSError, RuntimeError, ValueError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
            raise OutputError(f"{file} cannot be read: {error}", "begin anew with --restart") from error
        changed = [key for key in self._made_with if before.get(key) != self._made_with[key]]
        if changed:
            raise OutputError(
                f"{self._out} was made with another {', '.join(changed)}", "take another --out, or --restart"
            )
        self._student.load_state_dict(state["student"])
        self._adam.load_state_dict(state["adam"])
        self._scaler.load_state_dict(state["scaler"])
        self.step, self.place = state["step"], state["place"]
        self.skipped, self._since = state["skipped"], state["since"]
        self.losses = [(int(step), float(loss)) for step, loss in state["losses"]]
        log.info("going on after step %d", self.step)


def _made_with(sources: Sequence[Source], teacher: Path, recipe: Recipe) -> dict[str, Any]:
    """What a training that is gone on with must have been begun with. Of the pictures their ids alone."""
    chosen = asdict(recipe)
    for key in ("iterations", "save_every", "point_every"):  # more steps may be asked for later
        del chosen[key]
    pictures = {"count": len(sources), "ids": fingerprint([source.id for source in sources])}
    return {"recipe": chosen, "teacher": folder_digest(teacher), "list of pictures": pictures}


def _teacher(folder: Path, recipe: Recipe, runtime: Runtime) -> tuple[Callable[[Any], Any], int]:
    """Pixels to (B, 384, h, w), and the side that pictures must have for the student's h and w."""
    kind = model_kind(folder)
    if kind not in ("vit", "dinov2"):
        raise ConfigError(
            f"a model of type {kind!r} cannot be the teacher", "take DINO or DINOv2, for instance dino-vits8"
        )
    found = KINDS[kind]
    model = load(found.model_class, folder, runtime, **({"add_pooling_layer": False} if kind == "vit" else {}))
    if model.config.hidden_size != pdn.DEPTH:
        raise ConfigError(
            f"the teacher gives {model.config.hidden_size} channels, PDN {pdn.DEPTH}", "ViT-S models have as many"
        )
    return (lambda given: found.look(model, given)), recipe.side // pdn.STRIDE * int(model.config.patch_size)

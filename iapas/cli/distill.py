"""``iapas distill``: a small network for few-shot matching, taught by a large one on pictures of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from iapas.cli.options import Assignments, DeviceName, Inputs, Json, Offline, Quiet, settings


def distill(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("--out", help="The model's folder.", show_default=False)],
    teacher: Annotated[
        str, typer.Option("--teacher", metavar="NAME|DIR", help="DINO or DINOv2 with 384 channels.")
    ] = "facebook/dino-vits8",
    student: Annotated[
        Literal["pdn-small", "pdn-large"], typer.Option("--student", help="FM-s or FM-l.")
    ] = "pdn-small",
    iterations: Annotated[int, typer.Option("--iterations", min=1, help="Steps in all.")] = 160_000,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Pictures in a step.")] = 12,
    side: Annotated[int, typer.Option("--side", min=32, help="Pixels that the student sees, a multiple of 4.")] = 256,
    rate: Annotated[float, typer.Option("--rate", min=0, help="Adam's learning rate.")] = 1e-4,
    decay: Annotated[float, typer.Option("--decay", min=0, help="Adam's weight decay.")] = 1e-5,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of first weights and the order of pictures.")] = 0,
    save_every: Annotated[int, typer.Option("--save-every", min=1, help="Steps between checkpoints.")] = 1000,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew.")] = False,
    assignments: Assignments = None,
    device: DeviceName = None,
    offline: Offline = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Teach a small network what a large one makes of pictures, to compare exemplars by. Goes on where it stopped."""
    import json

    from iapas.errors import UsageError
    from iapas.models.loading import Runtime
    from iapas.models.registry import REGISTRY, locate
    from iapas.run.signals import Signals
    from iapas.training.distil import Recipe, distil

    if side % 4:
        raise UsageError(f"--side {side}: must be a multiple of 4")
    config = settings("embedded", assignments, quiet, {"run.device": device, "run.offline": offline or None})
    names = {entry.repository: entry.name for entry in REGISTRY.values()}
    size: Literal["small", "large"] = "small" if student == "pdn-small" else "large"
    point_every = min(100, max(1, iterations // 10))
    recipe = Recipe(size, iterations, batch, side, rate, decay, seed, save_every, point_every)
    runtime = Runtime.of(config)
    folder = locate(teacher if Path(teacher).is_dir() else names.get(teacher, teacher), config.models.root)
    with Signals() as signals:
        ended = distil(
            inputs,
            folder,
            out,
            recipe,
            runtime,
            reading=config.reading,
            restart=restart,
            stop=lambda: bool(signals),
        )
    if as_json:
        last = ended.losses[-1][1] if ended.losses else None
        told = {
            "steps": ended.steps,
            "loss": last,
            "left_out": ended.skipped,
            "finished": ended.finished,
            "out": str(out),
        }
        typer.echo(json.dumps(told))
    else:
        left_out = f"; {len(ended.skipped)} pictures could not be read" if ended.skipped else ""
        typer.echo(f"{ended.steps} of {iterations} steps{left_out}\ncurve  {out / 'training' / 'loss.svg'}")
        typer.echo(f"model  {out}" if ended.finished else "interrupted: the same command goes on")
    if not ended.finished:
        raise typer.Exit(128 + (signals.number or 2))

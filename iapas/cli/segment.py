"""``iapas segment``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from iapas.cli.options import (
    Assignments,
    BatchSize,
    ConfigName,
    DeviceName,
    Inputs,
    Json,
    MinArea,
    ObjectName,
    Offline,
    PerFolder,
    Prompt,
    PromptsFolder,
    Quiet,
    RegionOfInterest,
    Support,
    Workers,
    settings,
)

if TYPE_CHECKING:
    from iapas.run import RunSummary


def segment(
    inputs: Inputs,
    out: Annotated[
        Path | None, typer.Option("--out", help="The run folder; default: runs/<first input's name>.")
    ] = None,
    config: ConfigName = "embedded",
    assignments: Assignments = None,
    object_name: ObjectName = None,
    prompt: Prompt = None,
    prompts: PromptsFolder = "",
    profile: Annotated[Path | None, typer.Option("--profile", help="A profile to use (JSON, editable).")] = None,
    per_folder: PerFolder = False,
    support: Support = None,
    threshold: Annotated[
        str | None, typer.Option("--threshold", metavar="auto|FLOAT", help="Scores at or above it are defects.")
    ] = None,
    overlay: Annotated[
        Literal["none", "defects", "all"] | None, typer.Option("--overlay", help="Pictures with outlined defects.")
    ] = None,
    score_map: Annotated[
        Literal["tiff", "none"] | None, typer.Option("--score-map", help="How score maps are written.")
    ] = None,
    roi: RegionOfInterest = None,
    min_area: MinArea = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Delete what an earlier run wrote, and begin anew.")
    ] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try failed images again.")] = False,
    device: DeviceName = None,
    workers: Workers = None,
    batch_size: BatchSize = None,
    offline: Offline = False,
    quiet: Quiet = False,
    as_json: Json = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")] = False,
) -> None:
    """Find defects: masks, score maps, regions and a report for each image of INPUTS."""
    from iapas.run import dry_run as plan
    from iapas.run import segment_run

    chosen = settings(
        config,
        assignments,
        quiet,
        {
            "describe.product": object_name,
            "describe.prompt": prompt,
            "describe.prompts_folder": prompts or None,
            "exemplars.support": support,
            "verdict.threshold": number_or_word(threshold),
            "verdict.roi": roi,
            "verdict.min_area": min_area,
            "output.overlay": overlay,
            "output.score_map": score_map,
            "output.per_folder": per_folder or None,
            "run.device": device,
            "run.workers": workers,
            "run.batch_size": batch_size,
            "run.offline": offline or None,
        },
    )
    if dry_run:
        show(plan(inputs, chosen, out, profile=profile), as_json)
        return
    summary = segment_run(inputs, chosen, out, profile=profile, restart=restart, retry_failed=retry_failed, quiet=quiet)
    if as_json:
        show(summary.as_dict(), as_json)
    else:
        typer.echo(_in_words(summary))
    raise typer.Exit(summary.exit_status)


def _in_words(summary: RunSummary) -> str:
    """What is in the run folder now, for a person."""
    good = summary.ok - summary.defect
    lines = [
        f"{summary.images} images: {summary.defect} with defects, {good} without, {summary.failed} failed "
        f"({summary.done_now} done now, in {summary.seconds:.1f} s)",
        f"results  {summary.out}",
        f"report   {summary.report}",
    ]
    if summary.left:
        lines.insert(1, f"interrupted: {summary.left} images are left; the same command continues")
    return "\n".join(lines)


def number_or_word(text: str | None) -> float | str | None:
    """The number that ``text`` is, else the text: the config says which words it knows."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def show(result: dict[str, Any], as_json: bool) -> None:
    """Print a result: as JSON, or a line for each of its entries."""
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
        return
    width = max(map(len, result), default=0)
    for key, value in result.items():
        typer.echo(f"{key:<{width}}  {value}")

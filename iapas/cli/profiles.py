"""``iapas describe`` and ``iapas calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iapas.cli.options import (
    Assignments,
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
    Workers,
    settings,
)
from iapas.cli.segment import show


def describe(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("--out", help="The profile to write.")] = Path("profile.json"),
    config: ConfigName = "embedded",
    assignments: Assignments = None,
    object_name: ObjectName = None,
    prompt: Prompt = None,
    prompts: PromptsFolder = "",
    per_folder: PerFolder = False,
    roi: RegionOfInterest = None,
    device: DeviceName = None,
    workers: Workers = None,
    offline: Offline = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Stage 1 alone: what the product is and what could be wrong with it, as a profile that can be edited."""
    from iapas.run import describe_run

    chosen = settings(
        config,
        assignments,
        quiet,
        {
            "describe.product": object_name,
            "describe.prompt": prompt,
            "describe.prompts_folder": prompts or None,
            "verdict.roi": roi,
            "output.per_folder": per_folder or None,
            "run.device": device,
            "run.workers": workers,
            "run.offline": offline or None,
        },
    )
    show(describe_run(inputs, chosen, out), as_json)


def calibrate(
    inputs: Annotated[
        list[str], typer.Argument(metavar="GOOD...", help="Images without a defect.", show_default=False)
    ],
    profile: Annotated[Path, typer.Option("--profile", help="The profile to write the threshold into, in place.")],
    false_alarms: Annotated[
        float, typer.Option("--false-alarms", min=0, max=1, help="The share of good images that may get a mask.")
    ] = 0.05,
    config: ConfigName = "embedded",
    assignments: Assignments = None,
    roi: RegionOfInterest = None,
    min_area: MinArea = None,
    device: DeviceName = None,
    workers: Workers = None,
    offline: Offline = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Measure the threshold at which at most that share of good images gets a mask, for each product in a profile."""
    from iapas.run import calibrate_run

    chosen = settings(
        config,
        assignments,
        quiet,
        {
            "verdict.roi": roi,
            "verdict.min_area": min_area,
            "run.device": device,
            "run.workers": workers,
            "run.offline": offline or None,
        },
    )
    result = calibrate_run(inputs, chosen, profile, false_alarms, quiet=quiet)
    show(result, as_json)
    raise typer.Exit(3 if result["failed"] else 0)

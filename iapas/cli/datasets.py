"""``iapas datasets list`` and ``iapas datasets check``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iapas.cli.options import Json, Quiet

if TYPE_CHECKING:
    from iapas.evaluation.datasets import Report

datasets_app = typer.Typer(no_args_is_help=True)


@datasets_app.command("list")
def datasets_list(as_json: Json = False) -> None:
    """The data sets that iapas knows by name: where to get them, and what their licences allow."""
    from iapas.evaluation.datasets import described_datasets

    known = described_datasets()
    if as_json:
        typer.echo(json.dumps(known))
        return
    for entry in known:
        typer.echo(f"{entry['name']:<16} {entry['title']}")
        typer.echo(f"{'':<16} {entry['where']}; licence: {entry['licence']}; commercial use: {entry['commercial']}")
        for note in [*(["layout unverified"] if entry["unverified"] else []), *entry["notes"]]:
            typer.echo(f"{'':<16} {note}")


@datasets_app.command("check")
def datasets_check(
    target: Annotated[
        str, typer.Argument(metavar="ROOT|NAME", help="The set's own top folder; with --root: its name.")
    ],
    root: Annotated[str, typer.Option("--root", metavar="DIR", help="The set's own top folder.")] = "",
    name: Annotated[str, typer.Option("--name", help="The set's name; without it the layout is recognised.")] = "",
    images: Annotated[
        str, typer.Option("--images", metavar="NAME", help="Of folder and nrsd-mn: the folder of images in ROOT.")
    ] = "images",
    masks: Annotated[
        str, typer.Option("--masks", metavar="NAME", help="Of folder and nrsd-mn: the folder of masks in ROOT.")
    ] = "masks",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Read every image and mask of a data set: what is missing, broken, doubled or odd. Exit code 3: unusable."""
    from iapas.evaluation.datasets import check_dataset, open_dataset, recognise_dataset

    place = root or target
    named = None if (images, masks) == ("images", "masks") else (images, masks)
    chosen = name or (target if root else "folder" if named else recognise_dataset(place))
    report = check_dataset(open_dataset(chosen, place, folders=named), quiet=quiet)
    typer.echo(json.dumps(report.as_json()) if as_json else _in_words(report))
    raise typer.Exit(0 if report.usable else 3)


def _in_words(report: Report) -> str:
    """Counts, what was found, and what was chosen in opening the set."""
    facts: dict[str, Any] = report.as_json()
    lines = [f"{facts['name']}: {facts['images']} test images, {facts['defective']} with a defect"]
    for category, counts in facts["counts"].items():
        words = ", ".join(f"{count} {defect or 'normal'}" for defect, count in counts.items())
        lines.append(f"  {category}: {words}; stage 1 sees {facts['stage1'][category]}")
    for finding in facts["findings"]:
        lines.append(f"{'unusable: ' if finding['unusable'] else ''}{finding['count']} {finding['what']}")
        lines += [f"  {example}" for example in finding["examples"]]
    lines += [f"note: {note}" for note in facts["notes"]]
    return "\n".join([*lines, "every image can be judged" if facts["usable"] else "some images cannot be judged"])

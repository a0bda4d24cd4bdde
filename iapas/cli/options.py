"""The options that several verbs share, written once, and the settings that they make."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from iapas.config import Config


Inputs = Annotated[list[str], typer.Argument(help="Files, folders (recursive), globs, @list.txt.", show_default=False)]
ConfigName = Annotated[str, typer.Option("--config", help="A shipped config's name, or a YAML file.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="section.key=value", help="Any config field; repeatable.")
]
ObjectName = Annotated[str | None, typer.Option("--object", metavar="TEXT", help="The product's name.")]
Prompt = Annotated[
    str | None, typer.Option("--prompt", metavar='"a . b"', help="What could be wrong, in words parted by full stops.")
]
PromptsFolder = Annotated[
    str,
    typer.Option(
        "--prompts", metavar="DIR", help="Templates and lexicons of yours: DIR/templates/*.yaml, DIR/lexicons/*.yaml."
    ),
]
RegionOfInterest = Annotated[
    str | None,
    typer.Option("--roi", metavar="X,Y,W,H|MASK.png", help="Look only here: a rectangle, or white in a mask."),
]
Support = Annotated[
    str | None, typer.Option("--support", metavar="DIR", help="Examples of a defect: images/ and masks/, equal stems.")
]
MinArea = Annotated[int | None, typer.Option("--min-area", metavar="PX", help="Drop defects of fewer pixels.")]
PerFolder = Annotated[bool, typer.Option("--per-folder", help="Every sub-folder is a product of its own.")]
Workers = Annotated[int | None, typer.Option("--workers", metavar="N", help="Processes; 0: one for each core.")]
DeviceName = Annotated[Literal["auto", "cpu", "cuda"] | None, typer.Option("--device", help="Where models run.")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", metavar="N", help="Images a model takes at once.")]
Offline = Annotated[bool, typer.Option("--offline", help="Never ask the network for anything.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Only warnings and errors.")]
Json = Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")]


def settings(config: str, assignments: list[str] | None, quiet: bool, overrides: dict[str, Any]) -> Config:
    """The config that the options ask for; ``overrides``: section.key -> value, None where not given."""
    from iapas.config import load_config

    if quiet:
        logging.getLogger().setLevel(logging.WARNING)
    return load_config(config, assignments or (), overrides)

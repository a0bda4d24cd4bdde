"""``iapas export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from iapas.cli.options import Json
from iapas.cli.segment import show


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that iapas segment wrote.", show_default=False)],
    form: Annotated[Literal["coco", "labelme", "yolo", "mvtec"], typer.Option("--format", help="What to write.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PATH", help="Where; default: export/ in the run folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write what a run found in a format that other tools read. Exit code 3: some image has no results."""
    from iapas.run import export_run

    result = export_run(run, form, out)
    show(result, as_json)
    raise typer.Exit(3 if result["failed"] or result["left"] != 0 else 0)

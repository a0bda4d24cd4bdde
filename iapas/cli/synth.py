"""``iapas synth``: pictures that we generate, with masks and words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from iapas.cli.options import Json, Quiet


def synth(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new or empty folder.", show_default=False)],
    count: Annotated[int, typer.Option("--n", min=1, help="How many pictures.")] = 500,
    size: Annotated[str, typer.Option("--size", metavar="N|WxH", help="Pixels, 64 to 1024 a side.")] = "256",
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed, the same pictures.")] = 0,
    kinds: Annotated[
        str, typer.Option("--kinds", metavar="A,B", help="Kinds of defect, parted by commas; default: all.")
    ] = "",
    clean_share: Annotated[
        float, typer.Option("--clean-share", min=0, max=1, help="The share of pictures without a defect.")
    ] = 0.3,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Draw a data set of surfaces and parts with defects, in the layout of MVTec AD, with masks and words."""
    from iapas.run.progress import progress
    from iapas.synthesis.dataset import Order, parsed_size, write_dataset

    wanted = tuple(kind.strip().replace("_", " ") for kind in kinds.split(",") if kind.strip())
    order = Order(count, parsed_size(size), seed, wanted, clean_share)
    with progress(count, quiet) as report:
        counts = write_dataset(out, order, lambda done: report(done, 0))
    if as_json:
        typer.echo(json.dumps({"out": str(out), "pictures": count, "kinds": counts}))
        return
    typer.echo(f"{count} pictures, {counts.get('good', 0)} without a defect\nwords    {out / 'words.json'}")
    typer.echo(f"judge    iapas eval mvtec-ad --root {out} --out {out.with_name(out.name + '-eval')}")

"""``iapas eval`` and ``iapas compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from iapas.cli.options import Assignments, BatchSize, DeviceName, Json, Offline, PromptsFolder, Quiet, Workers, settings
from iapas.cli.segment import show

if TYPE_CHECKING:
    from iapas.config import Config
    from iapas.evaluation.evaluate import Evaluation


def evaluate(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="iapas datasets list shows the names.", show_default=False)
    ],
    root: Annotated[Path, typer.Option("--root", help="The data set's own top folder.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Where results and tables go.", show_default=False)],
    config: Annotated[
        str | None, typer.Option("--config", help="Segment with it first: a name or a YAML file; default: embedded.")
    ] = None,
    assignments: Assignments = None,
    prompts: PromptsFolder = "",
    run: Annotated[Path | None, typer.Option("--run", help="The score maps of a finished run instead.")] = None,
    maps: Annotated[Path | None, typer.Option("--maps", help="A folder of <id>.tiff instead.")] = None,
    protocol: Annotated[
        Literal["standard", "iap-as", "fewshot"] | None, typer.Option("--protocol", help="How it is judged.")
    ] = None,
    method: Annotated[
        str | None, typer.Option("--method", metavar="sam-everything-oracle", help="A study instead of the pipeline.")
    ] = None,
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="A part of the data set, as in papers.")] = "",
    images: Annotated[
        str, typer.Option("--images", metavar="NAME", help="Of folder and nrsd-mn: the folder of images in --root.")
    ] = "images",
    masks: Annotated[
        str, typer.Option("--masks", metavar="NAME", help="Of folder and nrsd-mn: the folder of masks in --root.")
    ] = "masks",
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", help="At most N images, evenly spaced.")] = None,
    shots: Annotated[int, typer.Option("--shots", metavar="K", help="Of fewshot: examples for each image.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Of fewshot: of the draw of examples.")] = 2,
    restart: Annotated[bool, typer.Option("--restart", help="Segment anew what an earlier one has done.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try failed images again.")] = False,
    device: DeviceName = None,
    workers: Workers = None,
    batch_size: BatchSize = None,
    offline: Offline = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Measure how well defects are found, on a data set with ground truth."""
    from iapas.errors import UsageError
    from iapas.evaluation.evaluate import Order
    from iapas.evaluation.evaluate import evaluate as measure

    overrides: dict[str, Any] = {
        "describe.prompts_folder": prompts or None,
        "run.device": device,
        "run.workers": workers,
        "run.batch_size": batch_size,
        "run.offline": offline or None,
    }
    chosen: Config | None = None
    if run is None and maps is None:
        chosen = settings(config or "embedded", assignments, quiet, overrides)
    elif config is not None or assignments or prompts:
        raise UsageError("--run and --maps bring their results along", "leave --config, --set and --prompts out")
    named = None if (images, masks) == ("images", "masks") else (images, masks)
    ended = measure(
        Order(
            dataset=dataset,
            root=root,
            out=out,
            config=chosen,
            run=run,
            maps=maps,
            protocol=protocol,
            method=method,
            split=split,
            folders=named,
            limit=limit,
            shots=shots,
            seed=seed,
            restart=restart,
            retry_failed=retry_failed,
            quiet=quiet,
        )
    )
    if ended.results is None:
        typer.echo("interrupted: the same command continues", err=True)
    elif as_json:
        show(dict(ended.results), as_json)
    else:
        typer.echo(_in_words(ended, ended.results))
    raise typer.Exit(ended.exit_status)


def compare(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Folders that iapas eval wrote.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option("--out", help="A folder for compare.json, .csv and .md.")] = None,
    as_json: Json = False,
) -> None:
    """Evaluations side by side, with intervals of their differences to the first."""
    from iapas.evaluation.compare import compare as put_together
    from iapas.evaluation.compare import compared_md

    compared = put_together(results, out)
    if as_json:
        show(compared, as_json)
    else:
        typer.echo(compared_md(compared), nl=False)


def _in_words(ended: Evaluation, results: Any) -> str:
    """The table, what is missing, and where everything is."""
    from iapas.evaluation.results import table_md

    seconds = ended.seconds["per_image"]
    lines = [table_md(results)]
    if seconds is not None:
        lines.append(f"seconds per image: {seconds:.3f}")
    if results["failed"]:
        first = results["failed"][0]
        lines.append(f"not judged: {len(results['failed'])}, the first: {first['message']}")
    return "\n".join([*lines, f"results  {ended.out / 'results.json'}", f"report   {ended.out / 'report.html'}"])

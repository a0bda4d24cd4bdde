"""``iapas prompts compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from iapas.cli.options import Assignments, DeviceName, Json, ObjectName, Offline, Quiet, Workers

if TYPE_CHECKING:
    from iapas.experiments.compare import Ended


def compare(
    variants: Annotated[
        list[str],
        typer.Argument(
            metavar="VARIANT...",
            help='Templates, lexicons, words ("a . b"), each as NAME=... or not; or an experiment file (YAML).',
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder of the experiment.", show_default=False)],
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="NAME=ROOT|FOLDER", help="A data set, or any folder; repeatable."),
    ] = None,
    config: Annotated[
        list[str] | None, typer.Option("--config", help="A config's name or file; repeatable; default: embedded.")
    ] = None,
    assignments: Assignments = None,
    prompts: Annotated[
        Path | None, typer.Option("--prompts", metavar="DIR", help="A folder of templates/ and lexicons/ of your own.")
    ] = None,
    object_name: ObjectName = None,
    by: Annotated[
        Literal["category", "defect"] | None,
        typer.Option("--by", help="What has words and figures of its own: the set's categories, or defect types."),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="KEY=A,B",
            help="Each prompt with each value: prompt=image-aware,fixed, object-from=tags,user, size-filter=on,off, "
            "stage1-images=N, max-phrases=N, or a config field; repeatable.",
        ),
    ] = None,
    search: Annotated[
        bool, typer.Option("--search", help="Look for a better list of phrases, from the first variant's.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="At most N images of each defect type.")
    ] = None,
    page_images: Annotated[int, typer.Option("--page-images", metavar="N", min=0, help="Images that are shown.")] = 30,
    alone: Annotated[
        bool, typer.Option("--leave-one-out/--no-leave-one-out", help="Also without each phrase in turn.")
    ] = True,
    plots: Annotated[
        bool, typer.Option("--plots", help="Plots for papers too, as SVG and PNG; needs matplotlib.")
    ] = False,
    title: Annotated[str, typer.Option("--title", help="Of the page.")] = "",
    device: DeviceName = None,
    workers: Workers = None,
    offline: Offline = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compare prompts on the same pictures: figures with intervals, what each phrase does, and what it costs."""
    import logging

    from iapas.experiments.compare import compare as run
    from iapas.experiments.plan import Given, plan

    if quiet:
        logging.getLogger().setLevel(logging.WARNING)
    overrides: dict[str, Any] = {"run.device": device, "run.workers": workers, "run.offline": offline or None}
    experiment = plan(
        Given(
            words=tuple(variants),
            data=tuple(data or ()),
            configs=tuple(config or ()),
            assignments=tuple(assignments or ()),
            overrides=overrides,
            object=object_name or "",
            group=by,
            limit=limit,
            vary=tuple(vary or ()),
            search=search,
            title=title,
            prompts=str(prompts) if prompts else "",
        )
    )
    ended = run(experiment, out, page_images=page_images, alone=alone, plots=plots, quiet=quiet)
    if ended.experiment is None:
        typer.echo("interrupted: the same command continues", err=True)
    elif as_json:
        import json

        typer.echo(json.dumps(ended.experiment, ensure_ascii=False))
    else:
        typer.echo(_in_words(ended))
    raise typer.Exit(ended.exit_status)


def _in_words(ended: Ended) -> str:
    """The table, and where everything is."""
    from iapas.experiments.told import table_md

    assert ended.experiment is not None and ended.timings is not None  # noqa: S101
    lines = [table_md(ended.experiment, ended.timings), ""]
    failed = ended.experiment["provenance"]["failed"]
    if failed:
        lines.append(f"not judged: {len(failed)}, the first: {failed[0]['message']}")
    search = ended.experiment["search"]
    if search:
        lines += [f"proposed  {' . '.join(search['proposed'])}"]
    return "\n".join([*lines, f"results   {ended.out / 'experiment.json'}", f"page      {ended.out / 'index.html'}"])

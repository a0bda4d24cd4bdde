"""The app: all verbs together, and how errors and broken pipes end."""

from __future__ import annotations

import json
import logging
import os
import sys

import typer

from iapas import __version__
from iapas.cli import (
    cache,
    datasets,
    distill,
    doctor,
    evaluate,
    export,
    inspect,
    models,
    profiles,
    prompts,
    segment,
    synth,
)
from iapas.errors import IapasError

app = typer.Typer(
    name="iapas",
    help="Finds defects in photographs of industrial products without being trained on them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("segment")(segment.segment)
app.command("describe")(profiles.describe)
app.command("calibrate")(profiles.calibrate)
app.command("eval")(evaluate.evaluate)
app.command("compare")(evaluate.compare)
app.command("export")(export.export)
app.command("distill")(distill.distill)
app.command("synth")(synth.synth)
app.command("doctor")(doctor.doctor)
app.add_typer(cache.cache_app, name="cache", help="What is kept between runs.")
app.add_typer(datasets.datasets_app, name="datasets", help="Data sets that are known, and a look at yours.")
app.add_typer(inspect.config_app, name="config", help="Show the settings.")
app.add_typer(models.models_app, name="models", help="Foundation models: licences, downloads, checks.")
app.add_typer(prompts.prompts_app, name="prompts", help="Words to ask for, and the questions that bring them.")


@app.callback(invoke_without_command=True)
def _main(version: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    if version:
        typer.echo(f"iapas {__version__}")
        raise typer.Exit


def run() -> int:
    """Run the command line; return the exit code."""
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names can hold what the terminal cannot show
    try:
        app()
    except IapasError as error:
        if "--json" in sys.argv:
            typer.echo(json.dumps({"error": error.code, "message": str(error)}))
        typer.echo(f"iapas: {error}", err=True)
        return error.exit_status
    except BrokenPipeError:
        # whoever read our output has left; nothing is wrong with the results
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0

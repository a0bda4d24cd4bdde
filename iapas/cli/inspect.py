"""``iapas config show|list``: the settings, as YAML or a table."""

from __future__ import annotations

from typing import Annotated

import typer

from iapas.cli.options import Assignments, ConfigName, Json

config_app = typer.Typer(no_args_is_help=True)


@config_app.command("list")
def config_list(as_json: Json = False) -> None:
    """The shipped configs and what each of them runs."""
    import json

    from iapas import shipped
    from iapas.config import load_config

    titles = {name: load_config(name).title for name in shipped.names("configs")}
    if as_json:
        typer.echo(json.dumps(titles))
        return
    for name, title in titles.items():
        typer.echo(f"{name:<12}  {title}")


@config_app.command("show")
def config_show(
    name: Annotated[str, typer.Argument(help="A shipped config's name, or a YAML file.")] = "embedded",
    config: ConfigName = "",
    assignments: Assignments = None,
    as_json: Json = False,
) -> None:
    """Every setting with its value and meaning, as YAML that --config reads."""
    import json

    from iapas.config import config_text, load_config

    settings = load_config(config or name, assignments or ())
    typer.echo(json.dumps(settings.model_dump(mode="json")) if as_json else config_text(settings), nl=as_json)

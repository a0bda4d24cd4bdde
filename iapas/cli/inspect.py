"""``iapas config show|list`` and ``iapas prompts list|show``: what is there, as YAML or a table."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from iapas.cli.options import Assignments, ConfigName, Json

config_app = typer.Typer(no_args_is_help=True)
prompts_app = typer.Typer(no_args_is_help=True)


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


@prompts_app.command("list")
def prompts_list(as_json: Json = False) -> None:
    """The shipped lexicons with what they ask for, and the shipped prompt templates with their purpose."""
    import json

    from iapas import shipped
    from iapas.prompting.lexicons import load_lexicon
    from iapas.prompting.templates import load_template

    lexicons = {name: list(load_lexicon(name).phrases) for name in shipped.names("prompts/lexicons")}
    templates = {name: load_template(name).purpose for name in shipped.names("prompts/templates")}
    if as_json:
        typer.echo(json.dumps({"lexicons": lexicons, "templates": templates}))
        return
    for name, texts in lexicons.items():
        typer.echo(f"lexicon   {name:<12}  {' . '.join(texts)}")
    for name, purpose in templates.items():
        typer.echo(f"template  {name:<12}  {purpose}")


@prompts_app.command("show")
def prompts_show(
    name: Annotated[str, typer.Argument(help="A lexicon's or a template's name, or a YAML file.")] = "default",
    as_json: Json = False,
) -> None:
    """Of a lexicon the phrases and the words it knows, with what they mean; of a template its question."""
    import json

    from iapas.prompting.templates import is_template

    shown = _template(name) if is_template(name) else _lexicon(name)
    if as_json:
        typer.echo(json.dumps(shown))
        return
    for key, value in shown.items():
        if isinstance(value, dict):
            for word, attributes in value.items():
                typer.echo(f"{word:<16}  {' '.join(attributes)}")
        elif key != "name" or "words" not in shown:
            typer.echo(f"{key}: {value if isinstance(value, str) else ' . '.join(value)}")


def _template(name: str) -> dict[str, Any]:
    from dataclasses import asdict

    from iapas.prompting.templates import load_template

    return asdict(load_template(name))


def _lexicon(name: str) -> dict[str, Any]:
    from iapas.prompting.lexicons import load_lexicon

    lexicon = load_lexicon(name)
    words = {word: list(attributes) for word, attributes in sorted(lexicon.words.items())}
    return {"name": lexicon.name, "phrases": list(lexicon.phrases), "words": words}

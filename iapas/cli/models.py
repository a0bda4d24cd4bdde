"""``iapas models list|fetch|verify|convert``: the foundation models, their licences and their files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iapas.cli.options import Json, Offline

if TYPE_CHECKING:
    from iapas.models.registry import Entry

models_app = typer.Typer(no_args_is_help=True)

Root = Annotated[
    str,
    typer.Option("--root", metavar="DIR", help="A folder with a folder for each model; default: Hugging Face's cache."),
]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME|CONFIG...", help="Models, or configs whose models are meant.", show_default=False),
]


@models_app.command("list")
def models_list(root: Root = "", as_json: Json = False) -> None:
    """The models that configs can name: licence, size, and whether they are here."""
    import json
    from dataclasses import asdict

    from iapas.models.registry import REGISTRY

    here = {name: _folder(entry, root) for name, entry in REGISTRY.items()}
    if as_json:
        found = {name: {**asdict(entry), "folder": _text(here[name])} for name, entry in REGISTRY.items()}
        typer.echo(json.dumps(found))
        return
    for name, entry in REGISTRY.items():
        typer.echo(f"{name:<24}{entry.role:<10}{entry.terms}; {here[name] or 'not here'}")


@models_app.command("fetch")
def models_fetch(names: Names = None, root: Root = "", offline: Offline = False, as_json: Json = False) -> None:
    """Download models, after showing licence, commercial use and size. Exit code 4: something could not be fetched."""
    import json

    from iapas.errors import UsageError
    from iapas.models.hub import fetch

    if not names:
        raise UsageError("nothing to fetch: name models or configs", "iapas models list shows the models")
    folders = {}
    for entry in _entries(names):
        typer.echo(f"{entry.name}: {entry.terms}; {entry.licence_url}; {entry.page}", err=True)
        folders[entry.name] = str(fetch(entry, root, offline=offline))
        if not as_json:
            typer.echo(f"{entry.name}  {folders[entry.name]}")
    if as_json:
        typer.echo(json.dumps(folders))


@models_app.command("verify")
def models_verify(names: Names = None, root: Root = "", as_json: Json = False) -> None:
    """Compare files with their checksums; without names, of all models that are here. Exit code 4: some are wrong."""
    import json

    from iapas.models.registry import REGISTRY

    chosen = _entries(names) if names else [entry for entry in REGISTRY.values() if _folder(entry, root)]
    states = {entry.name: _state(entry, root) for entry in chosen}
    if as_json:
        typer.echo(json.dumps({name: {"ok": ok, "message": message} for name, (ok, message) in states.items()}))
    else:
        for name, (ok, message) in states.items():
            typer.echo(f"{name:<24}{'ok' if ok else 'WRONG'}: {message}")
        if not states:
            typer.echo("no models are here")
    raise typer.Exit(0 if all(ok for ok, _ in states.values()) else 4)


@models_app.command("convert")
def models_convert(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .pth file of the authors.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder.", show_default=False)],
    claimed: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The model that it must be; else that is found out.")
    ] = "",
    tokenizer: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The vocabulary of bert-base-uncased; else of a fetched Grounding DINO."),
    ] = None,
    root: Root = "",
    as_json: Json = False,
) -> None:
    """Make of the authors' Grounding DINO, SAM, RAM or FM file a folder that configs can name. Asks no network.

    What the file is, is told by its tensors. Exit code 4: it is broken, not known, not whole, or holds more.
    """
    import json
    from dataclasses import asdict

    from iapas.models.conversion.convert import convert

    done = convert(file, out, claimed=claimed, tokenizer=tokenizer, root=root)
    typer.echo(f"{file}: {done.words}, {done.tensors} tensors, {len(done.unused)} of them not needed", err=True)
    for note in done.notes:
        typer.echo(note, err=True)
    typer.echo(json.dumps({**asdict(done), "folder": str(done.folder)}) if as_json else str(done.folder))


def _state(entry: Entry, root: str) -> tuple[bool, str]:
    """Whether the files of a model are right, and why."""
    from iapas.errors import MissingError
    from iapas.models.checksums import verify
    from iapas.models.registry import locate

    try:
        against = verify(locate(entry.name, root))
    except MissingError as error:
        return False, str(error)
    return True, f"as {against} says" if against else "there, but with nothing to compare with"


def _entries(names: list[str]) -> list[Entry]:
    """The models of these names, and those that configs of these names use; each once."""
    from iapas import shipped
    from iapas.config import load_config
    from iapas.models.registry import REGISTRY, Entry, find, named_by

    entries: list[Entry] = []
    for name in names:
        if name not in REGISTRY and (name in shipped.names("configs") or "/" in name or name.endswith(_YAML)):
            entries += [model for model in named_by(load_config(name)) if isinstance(model, Entry)]
        else:
            entries.append(find(name))
    return list(dict.fromkeys(entries))


_YAML = (".yaml", ".yml", ".json")


def _folder(entry: Entry, root: str) -> Path | None:
    """Where a model lies; None where it is not, or not whole."""
    from iapas.errors import MissingError
    from iapas.models.registry import locate

    try:
        return locate(entry.name, root)
    except MissingError:
        return None


def _text(folder: Path | None) -> str | None:
    return None if folder is None else str(folder)

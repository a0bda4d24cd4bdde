"""``iapas cache info|clear``: what is kept between runs."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from iapas.cli.options import Json

cache_app = typer.Typer(no_args_is_help=True)


@cache_app.command("info")
def cache_info(as_json: Json = False) -> None:
    """Where it lies, and for each kind the number of entries, their size and its limit."""
    from iapas import shipped
    from iapas.files import cache

    kinds = cache.cache_info()
    if as_json:
        typer.echo(json.dumps({"folder": str(shipped.cache_root()), "kinds": kinds}))
        return
    typer.echo(f"folder      {shipped.cache_root()}")
    for kind, found in kinds.items():
        limit = "" if found["limit"] is None else f" of {_size(found['limit'])}"
        typer.echo(f"{kind:<10}  {found['entries']} entries, {_size(found['bytes'] or 0)}{limit}")


@cache_app.command("clear")
def cache_clear(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="One kind; default: all.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """Remove what is kept. It is made again when it is needed."""
    from iapas.files.cache import clear_cache

    number, freed = clear_cache(kind)
    typer.echo(json.dumps({"removed": number, "bytes": freed}) if as_json else f"removed {number}, {_size(freed)}")


def _size(number: int) -> str:
    """``number`` bytes in words.

    >>> _size(950), _size(1_500_000), _size(4_000_000_000)
    ('950 B', '1.5 MB', '4.0 GB')
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} B"

"""Looks at templates and lexicons before anything is run with them: each file, what it is, what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iapas import shipped
from iapas.errors import ConfigError
from iapas.prompting.folders import KINDS, Kind, is_file, own_files
from iapas.prompting.lexicons import read_lexicon
from iapas.prompting.templates import CHAINED, is_template, read_template


@dataclass(frozen=True)
class Checked:
    """One file: ``wrong`` says with its key what is wrong, or ""; ``told`` what it does and what is odd about it."""

    file: str
    kind: str
    wrong: str = ""
    told: str = ""


def check_folder(folder: str = "") -> list[Checked]:
    """Every template and lexicon in a user's ``folder``, or all the shipped ones. Raises ConfigError without any."""
    found = []
    for kind in KINDS:
        found += [check_file(file, kind, bool(folder)) for file in _files(kind, folder)]
        if folder:
            misnamed = sorted((Path(folder).expanduser() / kind).glob("*.yml"))
            found += [Checked(str(file), kind[:-1], "is not read: its name must end in .yaml") for file in misnamed]
    if not found:
        raise ConfigError(f"{folder}: there is no templates/*.yaml and no lexicons/*.yaml in it")
    return found


def check_named(files: Sequence[str]) -> list[Checked]:
    """The files that are named; what holds a question is a template, all else a lexicon."""
    found = []
    for name in files:
        try:
            kind: Kind = "templates" if is_template(name if is_file(name) else f"./{name}") else "lexicons"
        except ConfigError as error:
            found.append(Checked(name, "file", str(error).removeprefix(f"{name}: ")))
            continue
        found.append(check_file(Path(name), kind, own=False))
    return found


def check_file(file: Path, kind: Kind, own: bool = True) -> Checked:
    """One file; ``own``: it is the user's, and could stand in the place of a shipped one."""
    try:
        told = _template(file) if kind == "templates" else _lexicon(file)
    except ConfigError as error:
        return Checked(str(file), kind[:-1], str(error).removeprefix(f"{file}: "))
    if own and file.stem in shipped.names(f"prompts/{kind}"):
        told += "; stands in the place of the shipped one"
    return Checked(str(file), kind[:-1], told=told)


def _files(kind: Kind, folder: str) -> list[Path]:
    if folder:
        return own_files(kind, folder)
    return [shipped.path(f"prompts/{kind}", name) for name in shipped.names(f"prompts/{kind}")]


def _template(file: Path) -> str:
    template = read_template(file)
    texts = " ".join((template.system, template.before, template.user))
    used = [f"{{{name}}}" for name in CHAINED if f"{{{name}}}" in texts]
    told = f"{template.name}: {'two questions' if template.before else 'one question'}, reply {template.reply}, "
    return told + (f"with {', '.join(used)}" if used else "the same whatever the product")


def _lexicon(file: Path) -> str:
    lexicon = read_lexicon(file)
    if file != shipped.path("prompts/lexicons", "default"):
        known = {attribute for meaning in _default_meanings() for attribute in meaning}
        for word, meaning in lexicon.words.items():
            bad = [attribute for attribute in meaning if attribute not in known]
            if bad:
                raise ConfigError(
                    f"{file}: words: {word}: nothing measures {bad[0]!r}; attributes are: {', '.join(sorted(known))}"
                )
    told = f"{lexicon.name}: {len(lexicon.phrases)} phrases"
    unknown = dict.fromkeys(word for text in lexicon.phrases for word in lexicon.unknown(text))
    return told + (f"; without a meaning are: {', '.join(unknown)}" if unknown else "")


def _default_meanings() -> list[tuple[str, ...]]:
    return list(read_lexicon(shipped.path("prompts/lexicons", "default")).words.values())

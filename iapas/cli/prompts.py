"""``iapas prompts list|show|check|render|compare``: the words that are asked for, and the questions that bring them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iapas.cli.compare_prompts import compare
from iapas.cli.options import Json, ObjectName, PromptsFolder

if TYPE_CHECKING:
    from iapas.prompting.templates import Template
    from iapas.protocols import PromptContext

prompts_app = typer.Typer(no_args_is_help=True)
prompts_app.command("compare")(compare)


@prompts_app.command("list")
def prompts_list(folder: PromptsFolder = "", as_json: Json = False) -> None:
    """The lexicons with what they ask for, and the prompt templates with their purpose."""
    from iapas.prompting.folders import names
    from iapas.prompting.lexicons import load_lexicon
    from iapas.prompting.templates import load_template

    lexicons = {name: list(load_lexicon(name, folder).phrases) for name in names("lexicons", folder)}
    templates = {name: load_template(name, folder).purpose for name in names("templates", folder)}
    if as_json:
        typer.echo(json.dumps({"lexicons": lexicons, "templates": templates}))
        return
    for name, texts in lexicons.items():
        typer.echo(f"lexicon   {name:<14}  {' . '.join(texts)}")
    for name, purpose in templates.items():
        typer.echo(f"template  {name:<14}  {purpose}")


@prompts_app.command("show")
def prompts_show(
    name: Annotated[str, typer.Argument(help="A lexicon's or a template's name, or a YAML file.")] = "default",
    folder: PromptsFolder = "",
    as_json: Json = False,
) -> None:
    """Of a lexicon the phrases and the words it knows, with what they mean; of a template its question."""
    from iapas.prompting.templates import is_template, load_template

    shown = asdict(load_template(name, folder)) if is_template(name, folder) else _lexicon(name, folder)
    if as_json:
        typer.echo(json.dumps(shown))
        return
    for key, value in shown.items():
        if isinstance(value, dict):
            for word, attributes in value.items():
                typer.echo(f"{word:<16}  {' '.join(attributes)}")
        elif value and (key != "name" or "words" not in shown):
            typer.echo(f"{key}: {value if isinstance(value, str) else ' . '.join(value)}")


@prompts_app.command("check")
def prompts_check(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE...", help="Files in place of a folder.", show_default=False)
    ] = None,
    folder: PromptsFolder = "",
    as_json: Json = False,
) -> None:
    """Read every template and lexicon of a folder, by default the shipped ones. Exit code 2: one of them is wrong."""
    from iapas.errors import ConfigError
    from iapas.prompting.checking import check_folder, check_named

    checked = check_named(files) if files else check_folder(folder)
    wrong = [one for one in checked if one.wrong]
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in checked]))
        raise typer.Exit(2 if wrong else 0)
    for one in checked:
        typer.echo(f"{'WRONG' if one.wrong else 'ok':<5}  {one.kind:<8}  {one.file}  {one.wrong or one.told}")
    if wrong:
        raise ConfigError(f"{len(wrong)} of {len(checked)} files: {wrong[0].file}: {wrong[0].wrong}")


@prompts_app.command("render")
def prompts_render(
    name: Annotated[
        str, typer.Argument(metavar="TEMPLATE", help="A template's or lexicon's name, or a YAML file.")
    ] = "paper",
    product: ObjectName = None,
    tags: Annotated[str, typer.Option("--tags", metavar="a,b", help="What a tagger saw.")] = "",
    material: Annotated[str, typer.Option("--material", metavar="TEXT", help="What the product is made of.")] = "",
    process: Annotated[
        str, typer.Option("--process", metavar="TEXT", help="Of a chain: how it is made, as the first reply says.")
    ] = "",
    model: Annotated[
        str, typer.Option("--model", metavar="NAME|DIR", help="Show the text in this model's chat format.")
    ] = "",
    folder: PromptsFolder = "",
    as_json: Json = False,
) -> None:
    """The exact text that a language model gets for a product; of a lexicon the phrases that a detector gets."""
    from iapas.prompting.lexicons import load_lexicon
    from iapas.prompting.templates import is_template, load_template
    from iapas.protocols import PromptContext
    from iapas.types import normalise_phrase

    seen = tuple(filter(None, map(normalise_phrase, tags.split(","))))
    context = PromptContext(normalise_phrase(product or ""), seen, material)
    if is_template(name, folder):
        texts = _questions(load_template(name, folder), context, process)
        texts = _in_chat(texts, model) if model else texts
    else:
        phrases = load_lexicon(name, folder).ask(context.object)
        texts = {"phrases": " . ".join(phrase.text for phrase in phrases)}
    if as_json:
        typer.echo(json.dumps(texts, ensure_ascii=False))
        return
    for part, text in texts.items():
        typer.echo(f"[{part}]\n{text}\n")


def _lexicon(name: str, folder: str) -> dict[str, Any]:
    from iapas.prompting.lexicons import load_lexicon

    lexicon = load_lexicon(name, folder)
    words = {word: list(attributes) for word, attributes in sorted(lexicon.words.items())}
    return {"name": lexicon.name, "phrases": list(lexicon.phrases), "purpose": lexicon.purpose, "words": words}


def _questions(template: Template, context: PromptContext, process: str) -> dict[str, str]:
    """The texts of each turn, in their order."""
    from iapas.prompting.facts import Facts

    texts = {}
    if template.before:
        texts["before: system"], texts["before: user"] = template.question_before(context)
    texts["system"], texts["user"] = template.question(context, Facts(process=process))
    return texts


def _in_chat(texts: dict[str, str], model: str) -> dict[str, str]:
    """The same with the control tokens of a model, one text for each question."""
    from iapas.config import load_config
    from iapas.models.llm import LlmChat
    from iapas.models.loading import Runtime
    from iapas.models.registry import locate

    config = load_config(overrides={"generator.model": model})
    chat = LlmChat(locate(model, config.models.root), config.generator, Runtime.of(config))
    before = {"before": chat.rendered(texts["before: system"], texts["before: user"])} if len(texts) > 2 else {}
    return {**before, "question": chat.rendered(texts["system"], texts["user"])}

"""Where the vocabulary of a converted Grounding DINO comes from: its files hold none. Nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from iapas.errors import MissingError
from iapas.models.captions import CLS, QUESTION, SEP, STOP
from iapas.models.registry import REGISTRY, locate

FILES = ("tokenizer.json", "vocab.txt")
"""Of which one is enough."""

REPOSITORIES = ("google-bert/bert-base-uncased", "bert-base-uncased")
"""On the hub; in its cache wherever the authors' own programs have run."""

_HINT = (
    "give a folder with the vocab.txt or tokenizer.json of bert-base-uncased (Apache-2.0; they are at "
    "https://huggingface.co/google-bert/bert-base-uncased, and beside each Grounding DINO that models fetch brings): "
    "--tokenizer DIR of iapas models convert, or for the authors' code the folder of their .pth file"
)


def find(given: Path | None, root: str = "") -> Path:
    """The folder that the vocabulary is taken from: the given one, else that of a Grounding DINO that was fetched.

    ``root`` is where fetched models lie, "" for the cache of Hugging Face, which is looked at for bert-base-uncased
    too. Raises MissingError where there is none.
    """
    if given is not None:
        if not any((given / name).is_file() for name in FILES):
            raise MissingError(f"{given} has neither {' nor '.join(FILES)}", _HINT)
        return given
    for entry in REGISTRY.values():
        if entry.kind in ("grounding-dino", "mm-grounding-dino"):
            try:
                folder = locate(entry.name, root)
            except MissingError:
                continue
            if any((folder / name).is_file() for name in FILES):
                return folder
    cached = _cached()
    if cached is None:
        raise MissingError("the file has no vocabulary, and no Grounding DINO that has one was fetched", _HINT)
    return cached


def read(folder: Path, rows: int) -> Any:
    """The tokenizer in a folder, checked: the words of ``rows`` embeddings, with the special ids of bert-base-uncased.

    Raises MissingError for another one: the network would read other words than were written.
    """
    from transformers import BertTokenizer

    try:
        tokenizer = BertTokenizer.from_pretrained(folder, local_files_only=True, model_max_length=512)
    except (OSError, ValueError, TypeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MissingError(f"{folder} has no vocabulary that can be read: {reason}", _HINT) from error
    special = tokenizer.convert_tokens_to_ids(["[CLS]", "[SEP]", ".", "?"])
    if special != [CLS, SEP, STOP, QUESTION] or len(tokenizer) != rows:
        raise MissingError(
            f"{folder} has {len(tokenizer)} words, with [CLS], [SEP], '.' and '?' at {special}: "
            f"the network has {rows}, with these at {[CLS, SEP, STOP, QUESTION]}",
            _HINT,
        )
    return tokenizer


def _cached() -> Path | None:
    """The snapshot of bert-base-uncased in the cache of Hugging Face."""
    from huggingface_hub import try_to_load_from_cache

    for repository in REPOSITORIES:
        for name in FILES:
            file = try_to_load_from_cache(repository, name)
            if isinstance(file, str):
                return Path(file).parent
    return None

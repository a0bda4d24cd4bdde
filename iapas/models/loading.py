"""Where models compute, and the one way to load them: local safetensors files, strictly, without running their code."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from iapas.config import Config
from iapas.errors import MissingError
from iapas.models import checksums, memory, precision
from iapas.models.registry import absent_files, go_offline, require_packages

log = logging.getLogger("iapas")

_NAMED = 5  # tensors that a message names


@dataclass(frozen=True)
class Runtime:
    """Where and how models compute: the device, the precision of heavy layers, the threads on a CPU."""

    device: Literal["cpu", "cuda"] = "cpu"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    threads: int = 1

    @classmethod
    def of(cls, config: Config) -> Runtime:
        """What ``run.device`` and ``models.precision`` come to on this machine.

        Raises MissingError when packages are missing, or for ``--device cuda`` where CUDA cannot be used.
        """
        require_packages()
        if config.run.offline:
            go_offline()
        memory.settle()
        import torch

        device = _device(config.run.device)
        return cls(device, precision.choose(config.models.precision, device), torch.get_num_threads())

    def __str__(self) -> str:
        return f"{self.device}, {self.precision}" + (f", {self.threads} threads" if self.device == "cpu" else "")


def load(model_class: str, folder: Path, runtime: Runtime, **options: Any) -> Any:
    """The model of transformers' class ``model_class`` (a name), fp32, in eval mode, without gradients, on the device.

    ``options`` go to ``from_pretrained`` in place of ours; with a ``device_map`` the model stays where that puts it.

    Strict: raises MissingError when a file is not what its checksum says, or a tensor is missing, of another shape, or
    cannot be read; tensors too many are logged. Never runs code or unpickles from ``folder``.
    """
    require_packages()
    memory.settle()
    absent = absent_files(folder)
    if absent:
        raise MissingError(f"{folder} has no {absent[0]}", _AGAIN)
    checksums.verify(folder)
    with quiet():
        import torch
        import transformers

        try:
            model, found = getattr(transformers, model_class).from_pretrained(
                folder,
                **{"dtype": torch.float32, **options},
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # so that they are told below, and by name
            )
        except Exception as error:  # of many kinds, for whatever is wrong with the files
            if memory.is_out_of_memory(error):
                raise
            raise MissingError(f"{folder} cannot be loaded as {model_class}: {_first_line(error)}", _AGAIN) from error
    _check(found, folder, model_class)
    model = model.eval().requires_grad_(False)
    return model if "device_map" in options else model.to(runtime.device)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer that lies beside a model. Raises MissingError where none can be read."""
    if not any((folder / name).is_file() for name in _VOCABULARIES):  # transformers would make an empty one
        raise MissingError(f"{folder} has no tokenizer: none of {', '.join(_VOCABULARIES)}", _AGAIN)
    with quiet():
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # of many kinds, for whatever is wrong with the files
            raise MissingError(f"{folder} has no tokenizer that can be read", _AGAIN) from error


def model_kind(folder: Path) -> str:
    """The ``model_type`` of a folder's config.json: ``grounding-dino``, ``sam``, ``sam_hq``, ``sam2``..."""
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "a .pth file of the authors wants iapas models convert first" if any(folder.glob("*.pth")) else _AGAIN
        raise MissingError(f"{folder}/config.json does not say what model it is: {error}", hint) from error
    return str(kind)


_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt")
_AGAIN = "fetch or copy it again; iapas models verify says which file is wrong"


def _device(wanted: str) -> Literal["cpu", "cuda"]:
    """``auto``: CUDA where it works. Looks closely: an old driver, or a GPU unknown to this torch, fails late."""
    if wanted == "cpu":
        return "cpu"
    problem = _cuda_problem()
    if not problem:
        return "cuda"
    if wanted == "cuda":
        raise MissingError(f"--device cuda: {problem}", "leave --device out, or say cpu; iapas doctor tells more")
    log.info("Models run on the CPU: %s.", problem)
    return "cpu"


def _cuda_problem() -> str:
    """Why CUDA cannot be used, in words; "" when it can."""
    import warnings

    import torch

    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        return f"torch {torch.__version__} is built for the CPU alone"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            if torch.cuda.is_available():
                torch.zeros(1, device="cuda").add_(1).item()  # kernels for this GPU are there
                return ""
        except RuntimeError as error:
            return f"the GPU cannot be used: {_first_line(error)}"
    return f"no GPU can be used: {_first_line(told[0].message)}" if told else "there is no GPU"


def _check(found: dict[str, Any], folder: Path, model_class: str) -> None:
    """Raise MissingError unless every tensor of the model came from the files."""
    missing = sorted(str(key) for key in found.get("missing_keys") or ())
    mismatched = sorted(str(key[0] if isinstance(key, tuple) else key) for key in found.get("mismatched_keys") or ())
    errors = found.get("error_msgs") or ()
    for what, names in (("are missing", missing), ("have another shape", mismatched)):
        if names:
            shown = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
            raise MissingError(
                f"{folder} does not fit {model_class}: {len(names)} tensors {what}: {shown}",
                "it is another model, or its config.json is of another one",
            )
    if errors:
        raise MissingError(f"{folder} cannot be loaded as {model_class}: {_first_line(errors[0])}", _AGAIN)
    unexpected = sorted(str(key) for key in found.get("unexpected_keys") or ())
    if unexpected and (folder, model_class) not in _told:
        _told.add((folder, model_class))
        log.warning("%s: %d tensors are not used, %s among them", folder, len(unexpected), unexpected[0])


_told: set[tuple[Path, str]] = set()


@contextmanager
def quiet() -> Iterator[None]:
    """Without the progress bars and warnings of transformers on stderr: what matters is told by ``load``."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from transformers.utils import logging as transformers_logging

    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

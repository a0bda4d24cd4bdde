"""A language model on this machine that answers one question (LLaMA-3 in IAP-AS), by transformers.

Unverified here: Meta's weights are gated and could not be had, so what was run is a tiny model of the same classes.
"""

from __future__ import annotations

import importlib.util
import logging
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from iapas.errors import ConfigError, MissingError
from iapas.models import memory
from iapas.models.loading import Runtime, load, quiet
from iapas.settings import GeneratorSettings

ENDS = ("<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>")
"""Tokens that end a turn in known chat formats: early configs of LLaMA-3 do not name theirs, and never end."""

_SMALLER = "set generator.quantization=4bit, or use a smaller model"


class LlmChat:
    """Protocol Chat: AutoModelForCausalLM with its tokenizer's chat template.

    The weights are in the runtime's precision, or quantised by bitsandbytes: ``8bit`` LLM.int8, ``4bit`` nf4. Sampling
    keeps to ``temperature`` and ``top_p`` (top_k, 50 by default in transformers, is off); temperature 0 is greedy.
    With ``settings.constrained`` only replies in the ``form`` of the template are possible.
    Loaded when it is first asked: users who bring phrases of their own need not wait. Raises MissingError for a package
    that is not there; when asked, for what is no chat model or does not fit into memory.
    """

    def __init__(
        self, folder: Path, settings: GeneratorSettings, runtime: Runtime, form: Literal["list", "json"] = "list"
    ) -> None:
        self.name = Path(settings.model).name or folder.name
        self._folder, self._settings, self._runtime, self._form = folder, settings, runtime, form
        if settings.constrained:
            _require("outlines_core", "generator.constrained", "constrained")
        if settings.quantization != "none":
            _require("bitsandbytes", f"generator.quantization={settings.quantization}", "4bit")

    def reply(self, system: str, user: str, seed: int) -> str:
        """The reply, without special tokens. The same seed gives the same reply on the same machine.

        Raises ModelNonfinite when the model gives NaN, and MissingError when it runs out of memory.
        """
        import torch

        ids = self._question(system, user).to(self._model.device)
        room = self._model.config.max_position_embeddings - ids.shape[1]
        if room < 1:
            raise ConfigError(f"{self.name}: the question has {ids.shape[1]} tokens, which is all it can hold or more")
        devices = [self._model.device] if self._model.device.type == "cuda" else []
        with torch.random.fork_rng(devices), torch.inference_mode(), quiet():
            torch.manual_seed(seed)
            done = memory.attempt(lambda: self._generate(ids, min(room, self._settings.max_new_tokens)))
        if done is None:
            raise MissingError(f"{self.name} does not fit into the memory that is free", _SMALLER)
        return str(self._tokenizer.decode(done[0][0, ids.shape[1] :], skip_special_tokens=True)).strip()

    def rendered(self, system: str, user: str) -> str:
        """The text that the model gets for a question, with the control tokens of its chat template."""
        return str(self._tokenizer.decode(self._question(system, user)[0]))

    def close(self) -> None:
        """Give the memory back; it is loaded again when it is asked again."""
        for loaded in ("_tokenizer", "_model", "_ends", "_index"):
            self.__dict__.pop(loaded, None)
        memory.free()

    @cached_property
    def _tokenizer(self) -> Any:
        return _tokenizer(self._folder)

    @cached_property
    def _model(self) -> Any:
        return _model(self._folder, self._settings, self._runtime)

    @cached_property
    def _ends(self) -> list[int]:
        """The tokens that end a reply."""
        known = self._tokenizer.get_vocab()
        ends = [self._model.generation_config.eos_token_id, self._tokenizer.eos_token_id, *map(known.get, ENDS)]
        flat = [end for item in ends for end in (item if isinstance(item, list) else [item]) if end is not None]
        return list(dict.fromkeys(flat))

    def _generate(self, ids: Any, most: int) -> Any:
        from transformers import GenerationConfig

        from iapas.models.llm_forms import processors

        settings = self._settings
        sampling: dict[str, Any] = {"do_sample": False}
        if settings.temperature > 0:
            sampling = {
                "do_sample": True,
                "temperature": settings.temperature,
                "top_p": settings.top_p,
                "top_k": 0,
            }
        return self._model.generate(
            ids,
            attention_mask=ids.new_ones(ids.shape),
            generation_config=GenerationConfig(
                max_new_tokens=most, eos_token_id=self._ends, pad_token_id=self._ends[0], **sampling
            ),
            logits_processor=processors(self.name, self._index, self._ends),
        )

    @cached_property
    def _index(self) -> Any:
        """The automaton of the form, or None; seconds to make for a large vocabulary."""
        if not self._settings.constrained:
            return None
        from iapas.models.llm_forms import form_index

        return form_index(self._form, self._tokenizer, self._ends)

    def _question(self, system: str, user: str) -> Any:
        """(1, n) token ids of the chat. The texts are data: no control token can stand in them."""
        ids = self._chat(self._data(system), self._data(user))
        if self._controls(ids) != self._controls(self._chat("x", "x")):
            raise ConfigError(f"the question holds control tokens of {self.name}: {user[:100]!r}")
        return ids

    def _data(self, text: str) -> str:
        """``text`` without the strings that the tokenizer takes for control tokens, those that come up included."""
        names = {str(token) for token in self._tokenizer.added_tokens_decoder.values()}
        names = {name for name in names | set(self._tokenizer.all_special_tokens) if len(name.strip()) > 1}
        before = ""
        while before != text:
            before = text
            for name in sorted(names, key=lambda name: (-len(name), name)):
                text = text.replace(name, " ")
        return text

    def _chat(self, system: str, user: str) -> Any:
        from jinja2 import TemplateError

        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        try:
            return self._encode(messages)
        except TemplateError:  # of models without a system's turn
            return self._encode([{"role": "user", "content": f"{system}\n\n{user}"}])

    def _encode(self, messages: list[dict[str, str]]) -> Any:
        encoded = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        return encoded["input_ids"]

    def _controls(self, ids: Any) -> list[int]:
        controls = set(self._tokenizer.all_special_ids) | set(self._tokenizer.added_tokens_decoder)
        return [token for token in ids[0].tolist() if token in controls]


def _tokenizer(folder: Path) -> Any:
    with quiet():
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # of many kinds, for whatever is wrong with the files
            raise MissingError(
                f"{folder}: its tokenizer cannot be loaded: {error}", "fetch or copy it again"
            ) from error
    if not tokenizer.chat_template:
        raise MissingError(
            f"{folder} is no chat model: its tokenizer has no chat template", "use the Instruct or Chat variant of it"
        )
    return tokenizer


def _model(folder: Path, settings: GeneratorSettings, runtime: Runtime) -> Any:
    import torch

    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[runtime.precision]
    # accelerate spreads what one GPU cannot hold over several and the main memory
    options: dict[str, Any] = {"dtype": dtype, "device_map": "auto" if runtime.device == "cuda" else {"": "cpu"}}
    if settings.quantization != "none":
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it praises kernels that are on no registry
        from transformers import BitsAndBytesConfig

        if settings.quantization == "8bit":
            options |= {"dtype": torch.float16, "quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
        else:
            options["quantization_config"] = BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
            )
    done = memory.attempt(lambda: load("AutoModelForCausalLM", folder, runtime, **options))
    if done is None:
        raise MissingError(f"{folder} does not fit into the memory that is free", _SMALLER)
    return done[0]


def _require(package: str, setting: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise MissingError(f"{setting} needs {package}, not installed here", f'pip install "iapas[models,{extra}]"')

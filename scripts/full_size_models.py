"""Models of the real sizes with random weights, to measure time and memory where no checkpoint is at hand.

    python scripts/full_size_models.py OUT [NAME...]      write them as checkpoints

What they find is noise; what they cost is what the real ones cost.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from make_tiny_models import bert_tokenizer, clip_tokenizer


def grounding_dino_tiny(seed: int = 0) -> tuple[Any, Any]:
    """Grounding DINO, Swin-T (172 million parameters), with the tokenizer of the tiny models."""
    torch.manual_seed(seed)
    backbone = transformers.SwinConfig(
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=7,
        image_size=224,
        out_indices=[2, 3, 4],
    )
    config = transformers.GroundingDinoConfig(backbone_config=backbone, text_config=transformers.BertConfig())
    model = transformers.GroundingDinoForObjectDetection(config).eval().requires_grad_(False)
    images = transformers.GroundingDinoImageProcessorPil()
    return model, transformers.GroundingDinoProcessor(images, bert_tokenizer())


def sam_vit_base(kind: str = "Sam", seed: int = 0) -> tuple[Any, Any]:
    """SAM, ViT-B (94 million parameters), or with ``SamHQ`` the variant with finer masks."""
    torch.manual_seed(seed)
    config = getattr(transformers, f"{kind}Config")(vision_config=_not_flat({}))
    return _sam(kind, config)


def sam_vit_huge(seed: int = 0) -> tuple[Any, Any]:
    """SAM, ViT-H (641 million parameters)."""
    torch.manual_seed(seed)
    huge = {
        "hidden_size": 1280,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "global_attn_indexes": [7, 15, 23, 31],
        "mlp_dim": 5120,
    }
    return _sam("Sam", transformers.SamConfig(vision_config=_not_flat(huge)))


def _not_flat(vision: dict[str, Any]) -> dict[str, Any]:
    return vision | {"initializer_range": 0.02}  # the default makes masks of one tone


def _sam(kind: str, config: Any) -> tuple[Any, Any]:
    model = getattr(transformers, f"{kind}Model")(config).eval().requires_grad_(False)
    return model, getattr(transformers, f"{kind}Processor")(transformers.SamImageProcessorPil())


def sam2_hiera_tiny(seed: int = 0) -> tuple[Any, None]:
    """SAM 2.1, Hiera-T (31 million parameters without its memory); its processor needs torchvision: none is saved."""
    torch.manual_seed(seed)
    return transformers.Sam2Model(transformers.Sam2Config()).eval().requires_grad_(False), None


def _with_vocabulary(text: dict[str, Any], tokenizer: Any) -> dict[str, Any]:
    """A text encoder's configuration whose special tokens are the tokenizer's, in a vocabulary of the real size."""
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    return {**text, **ends, "pad_token_id": tokenizer.pad_token_id, "vocab_size": 49408}


def clipseg(seed: int = 0) -> tuple[Any, Any]:
    """CLIPSeg, ViT-B/16 with the refined decoder of 64 channels (151 million parameters)."""
    torch.manual_seed(seed)
    tokenizer = clip_tokenizer(77)
    config = transformers.CLIPSegConfig(
        text_config=_with_vocabulary({"max_position_embeddings": 77}, tokenizer),
        vision_config={"patch_size": 16},
        reduce_dim=64,
        use_complex_transposed_convolution=True,
    )
    return transformers.CLIPSegForImageSegmentation(config).eval().requires_grad_(False), tokenizer


def owlv2_base(seed: int = 0) -> tuple[Any, Any]:
    """OWLv2, ViT-B/16 at 960 x 960 (155 million parameters)."""
    torch.manual_seed(seed)
    tokenizer = clip_tokenizer(16)
    config = transformers.Owlv2Config(
        text_config=_with_vocabulary({}, tokenizer), vision_config={"image_size": 960, "patch_size": 16}
    )
    return transformers.Owlv2ForObjectDetection(config).eval().requires_grad_(False), tokenizer


def sam3(seed: int = 0) -> tuple[Any, Any]:
    """SAM 3's image model alone, without the tracker."""
    torch.manual_seed(seed)
    tokenizer = clip_tokenizer(32)
    text = {"hidden_size": 1024, "intermediate_size": 4096, "projection_dim": 512, "num_hidden_layers": 24}
    text |= {"num_attention_heads": 16, "max_position_embeddings": 32, "hidden_act": "gelu"}
    config = transformers.Sam3Config(text_config=transformers.CLIPTextConfig(**_with_vocabulary(text, tokenizer)))
    return transformers.Sam3Model(config).eval().requires_grad_(False), tokenizer


MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "grounding-dino-tiny": grounding_dino_tiny,
    "clipseg-rd64-refined": clipseg,
    "owlv2-base-ensemble": owlv2_base,
    "sam3": sam3,
    "sam-vit-base": sam_vit_base,
    "sam-vit-huge": sam_vit_huge,
    "sam-hq-vit-base": lambda: sam_vit_base("SamHQ"),
    "sam2.1-hiera-tiny": sam2_hiera_tiny,
}
"""By the names of the registry; a model, and its processor or None."""


def make(name: str, root: Path) -> Path:
    """Write the full-size random model ``name`` below ``root``; its folder."""
    folder = root / name
    model, processor = MODELS[name]()
    model.save_pretrained(folder)
    if processor is not None:
        processor.save_pretrained(folder)
    return folder


def main() -> None:
    """Make those named, or all."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    for name in sys.argv[2:] or MODELS:
        print(make(name, Path(sys.argv[1])))


if __name__ == "__main__":
    main()

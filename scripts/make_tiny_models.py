"""Make tiny random checkpoints, one for each model that a shipped config names.

    python scripts/make_tiny_models.py OUT
    iapas segment images/ --config iap-as --set models.root=OUT

They have the files, classes and tensor names of the real ones, so that the real loading code runs; what they find is
noise. Tests use them, and so can you, to see that an installation works before gigabytes are fetched.
"""

from __future__ import annotations

import hashlib
import os
import string
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import BertConfig, BertTokenizer, SwinConfig

from iapas.models import ram_checkpoint, ram_names
from iapas.models.exemplars import pdn

SIDE = 64  # pixels that the image encoders of SAM and SAM2 look at
SPECIAL = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?"}
"""Grounding DINO's code holds these ids of bert-base-uncased."""
WORDS = (
    "a scratch scratched dent dented crack hole stain stained spot rust broken defect abnormal object on metal surface "
    "bottle tile screw black white dark bright thin small large"
)


def bert_tokenizer() -> BertTokenizer:
    """A WordPiece vocabulary of a few words and all letters, with the special tokens at their real ids."""
    tokens = {i: f"[unused{i}]" for i in range(1040)} | SPECIAL
    letters = string.ascii_lowercase + string.digits + ",-'"
    words = [*WORDS.split(), *letters, *(f"##{letter}" for letter in letters)]
    tokens |= {200 + i: word for i, word in enumerate(dict.fromkeys(words))}
    return BertTokenizer(vocab={token: i for i, token in tokens.items()}, model_max_length=256)


def grounding_dino(kind: str = "GroundingDino") -> tuple[Any, Any]:
    """Grounding DINO, or with ``MMGroundingDino`` the retrained one."""
    tokenizer = bert_tokenizer()
    config = getattr(transformers, f"{kind}Config")(
        backbone_config=SwinConfig(
            embed_dim=8,
            depths=[1, 1, 1, 1],
            num_heads=[1, 1, 2, 2],
            window_size=4,
            image_size=64,
            out_indices=[2, 3, 4],
        ),
        text_config=BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=256,
        ),
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        num_queries=20,
    )
    model = getattr(transformers, f"{kind}ForObjectDetection")(config)
    images = transformers.GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96})
    return model, transformers.GroundingDinoProcessor(images, tokenizer)


def sam(kind: str = "Sam") -> tuple[Any, Any]:
    """SAM, or with ``SamHQ`` the variant with finer masks."""
    vision: dict[str, Any] = {
        "hidden_size": 16 if kind == "Sam" else 32,
        "output_channels": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 16,
        "window_size": 2,
        "global_attn_indexes": [1],
        "num_pos_feats": 8,
        "mlp_dim": 16,
        "initializer_range": 0.2,  # the default makes masks of one tone
    }
    prompts = {"hidden_size": 16, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 4}
    decoder = {
        "hidden_size": 16,
        "mlp_dim": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "iou_head_hidden_dim": 16,
        "iou_head_depth": 2,
        **({"vit_dim": 32} if kind == "SamHQ" else {}),
    }
    config = getattr(transformers, f"{kind}Config")(
        vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder
    )
    images = transformers.SamImageProcessorPil(
        size={"longest_edge": SIDE},
        pad_size={"height": SIDE, "width": SIDE},
        mask_size={"longest_edge": SIDE // 4},
        mask_pad_size={"height": SIDE // 4, "width": SIDE // 4},
    )
    return getattr(transformers, f"{kind}Model")(config), getattr(transformers, f"{kind}Processor")(images)


def sam2(video: bool = False) -> tuple[Any, None]:
    """SAM2.1, with ``video`` as it is published. Its processors need torchvision; ours do not, so none is saved."""
    backbone = transformers.Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[SIDE, SIDE],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[4, 2, 2, 2],
        global_attention_blocks=[3],
        num_query_pool_stages=3,
        window_positional_embedding_background_size=[2, 2],
    )
    vision = transformers.Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[SIDE // 4] * 2, [SIDE // 8] * 2, [SIDE // 16] * 2],
        fpn_hidden_size=128,
    )
    parts: dict[str, Any] = {
        "vision_config": vision,
        "prompt_encoder_config": {"hidden_size": 128, "image_size": SIDE, "mask_input_channels": 4},
        "mask_decoder_config": {
            "hidden_size": 128,
            "mlp_dim": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 32,
        },
    }
    if not video:
        return transformers.Sam2Model(transformers.Sam2Config(**parts)), None
    config = transformers.Sam2VideoConfig(
        **parts,
        image_size=SIDE,
        memory_attention_hidden_size=128,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=128,
        memory_attention_rope_feat_sizes=[SIDE // 16] * 2,
        memory_encoder_hidden_size=128,
        memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=128,
        memory_fuser_embed_dim=128,
        memory_fuser_intermediate_dim=32,
        memory_fuser_num_layers=1,
        initializer_range=0.2,  # the default makes memories that all look the same
    )
    model = transformers.Sam2VideoModel(config)
    torch.nn.init.constant_(model.mask_decoder.pred_obj_score_head.proj_out.bias, 10)  # always sure to see something
    return model, None


def clip_tokenizer(limit: int) -> Any:
    """CLIP's: a token for each byte, inside or at the end of a word."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *(f"{character}</w>" for character in alphabet), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    return transformers.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=limit)


def clip_text(tokenizer: Any, side: int) -> dict[str, Any]:
    """The configuration of a text encoder."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": side,
        "intermediate_size": side,
        "projection_dim": side,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": tokenizer.model_max_length,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def lively(model: Any, gain: float = 1.5) -> Any:
    """``model`` with matrices that keep what goes through them apart: its own are so small that all looks the same."""
    for weights in model.parameters():
        if weights.dim() > 1:
            torch.nn.init.normal_(weights, std=gain / weights[0].numel() ** 0.5)
    return model


def sam3() -> tuple[Any, Any]:
    """SAM 3 as it is published: the video model, in which the image model is. Its processor needs torchvision."""
    tokenizer, side = clip_tokenizer(32), 56
    grid = side // 14
    backbone = transformers.Sam3ViTConfig(
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=side,
        patch_size=14,
        window_size=2,
        global_attn_indexes=[1],
        pretrain_image_size=28,
    )
    vision = transformers.Sam3VisionConfig(
        backbone_config=backbone,
        fpn_hidden_size=32,
        backbone_feature_sizes=[[grid * 4] * 2, [grid * 2] * 2, [grid] * 2],
    )
    small = {"hidden_size": 32, "num_layers": 1, "num_attention_heads": 4, "intermediate_size": 32}
    image = transformers.Sam3Config(
        vision_config=vision,
        text_config=transformers.CLIPTextConfig(**clip_text(tokenizer, 32)),
        geometry_encoder_config=small,
        detr_encoder_config=small,
        detr_decoder_config={"num_queries": 10, **small},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 4},
    )
    tracker = transformers.Sam3TrackerVideoConfig(
        vision_config=vision.to_dict(),
        image_size=side,
        prompt_encoder_config={"hidden_size": 32, "image_size": side, "patch_size": 14, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 32,
        },
        memory_attention_hidden_size=32,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[grid, grid],
        memory_encoder_hidden_size=32,
        memory_encoder_output_channels=16,
        mask_downsampler_embed_dim=32,
        memory_fuser_embed_dim=32,
        memory_fuser_intermediate_dim=32,
        memory_fuser_num_layers=1,
    )
    config = transformers.Sam3VideoConfig(detector_config=image.to_dict(), tracker_config=tracker.to_dict())
    return lively(transformers.Sam3VideoModel(config)), tokenizer


def clipseg() -> tuple[Any, Any]:
    """CLIPSeg."""
    tokenizer = clip_tokenizer(77)
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 16,
    }
    config = transformers.CLIPSegConfig(
        text_config=clip_text(tokenizer, 16),
        vision_config=vision,
        projection_dim=16,
        reduce_dim=8,
        extract_layers=[0, 1],
        decoder_num_attention_heads=2,
        decoder_intermediate_size=16,
        use_complex_transposed_convolution=True,
    )
    return lively(transformers.CLIPSegForImageSegmentation(config)), tokenizer


def owlv2() -> tuple[Any, Any]:
    """OWLv2."""
    tokenizer = clip_tokenizer(16)
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 64,
        "patch_size": 8,
    }
    config = transformers.Owlv2Config(text_config=clip_text(tokenizer, 16), vision_config=vision, projection_dim=16)
    return lively(transformers.Owlv2ForObjectDetection(config)), tokenizer


def dino(patch: int) -> tuple[Any, None]:
    """DINO's ViT."""
    config = transformers.ViTConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=patch,
        initializer_range=0.2,
    )
    return transformers.ViTModel(config, add_pooling_layer=False), None


def dinov2() -> tuple[Any, None]:
    """DINOv2."""
    config = transformers.Dinov2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        mlp_ratio=1,
        initializer_range=0.2,
    )
    return transformers.Dinov2Model(config), None


def resnet(layer: str) -> tuple[Any, None]:
    """ResNet of ``basic`` (18) or ``bottleneck`` (50) layers."""
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 32, 32], depths=[1, 1, 2, 1], layer_type=layer
    )
    return transformers.ResNetModel(config), None


class Pdn:
    """PDN as ``iapas distill`` writes it; there is no smaller one than the small one."""

    def save_pretrained(self, folder: Path) -> None:
        """As the models of transformers do."""
        pdn.save(pdn.network("small"), "small", folder)

    def eval(self) -> Pdn:
        """As the models of transformers do."""
        return self


TURN = "{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}"
CHAT = (
    f"<|begin_of_text|>{{% for m in messages %}}{TURN}{{% endfor %}}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
"""What the chat template of LLaMA-3 makes."""


def llama() -> tuple[Any, Any]:
    """LLaMA-3: a token for each byte, its control tokens, its chat template; its replies are noise."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = Tokenizer(BPE(vocab={character: i for i, character in enumerate(alphabet)}, merges=[]))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.decoder = decoders.ByteLevel()
    names = ("begin_of_text", "end_of_text", "start_header_id", "end_header_id", "eot_id")
    tokens.add_special_tokens([f"<|{name}|>" for name in names])
    ends = {"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=tokens, chat_template=CHAT, **ends)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return transformers.LlamaForCausalLM(config), tokenizer


class Ram:
    """RAM, or with ``descriptions`` of 51 RAM++; the files that ``ram_checkpoint.convert`` writes, and a few tags."""

    def __init__(self, descriptions: int = 1) -> None:
        tags = WORDS.split()
        shape = ram_names.Shape(len(tags), descriptions, 16, 16, 2, 32, 16, 4, 2, (2, 2, 2, 2), (1, 2, 2, 4))
        self.tags = tags
        self.state = {name: self.tensor(name, size) for name, size in ram_names.expected(shape)}

    @staticmethod
    def tensor(name: str, size: tuple[int, ...]) -> torch.Tensor:
        """Such that tags and pictures differ."""
        if not size:
            return torch.tensor(1.0)
        scale = {"label_embed": 2.0, "image_proj.weight": 0.05}.get(name, 0.4)
        return torch.randn(size) * scale + (1 if "norm" in name.lower() and name.endswith("weight") else 0)

    def save_pretrained(self, folder: Path) -> None:
        """As the models of transformers do."""
        with tempfile.TemporaryDirectory() as name:
            official = Path(name) / "ram_swin_large_14m.pth"
            torch.save({"model": self.state}, official)
            official.with_name(ram_checkpoint.TAGS).write_text("\n".join(self.tags) + "\n")
            official.with_name(ram_checkpoint.THRESHOLDS).write_text("0.2\n" * len(self.tags))
            ram_checkpoint.convert(official, folder)

    def eval(self) -> Ram:
        """As the models of transformers do."""
        return self


MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "grounding-dino-tiny": grounding_dino,
    "mm-grounding-dino-tiny": lambda: grounding_dino("MMGroundingDino"),
    "sam3": sam3,
    "clipseg-rd64-refined": clipseg,
    "owlv2-base-ensemble": owlv2,
    "sam-vit-base": sam,
    "sam-vit-huge": sam,
    "sam-hq-vit-base": lambda: sam("SamHQ"),
    "sam2.1-hiera-tiny": sam2,
    "sam2.1-hiera-small": lambda: sam2(video=True),
    "dino-vits8": lambda: dino(8),
    "dino-vits16": lambda: dino(16),
    "dinov2-small": dinov2,
    "resnet18": lambda: resnet("basic"),
    "resnet50": lambda: resnet("bottleneck"),
    "pdn-small": lambda: (Pdn(), None),
    "ram-swin-large": lambda: (Ram(), None),
    "ram-plus-swin-large": lambda: (Ram(51), None),
    "llama-3-8b-instruct": llama,
}
"""By the names of the registry: those of the shipped configs, and one of each other kind."""


def make(name: str, root: Path) -> Path:
    """Write the tiny model ``name`` below ``root``, the same bytes each time; its folder."""
    folder = root / name
    torch.manual_seed(0)
    model, processor = MODELS[name]()
    model.eval().save_pretrained(folder)
    if processor is not None:
        processor.save_pretrained(folder)
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in files]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    return folder


def main() -> None:
    """Make all of them."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    for name in MODELS:
        print(make(name, Path(sys.argv[1])))


if __name__ == "__main__":
    main()

"""Tiny networks of the authors' packages, with random weights, as the files that they would give out."""

import numpy as np

WORDS = ["scratch", "dented", "metal", "rust", "hole", "abnormal", "defect"]
SPECIAL = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?"}


def pictures():
    """Two of different shapes: grain, a dark line, a bright spot."""
    rng = np.random.default_rng(3)
    made = []
    for height, width in ((96, 128), (150, 90)):
        grey = 140 + rng.normal(0, 12, (height, width, 3))
        grey[height // 3 : height // 3 + 4, 10:-10] -= 90
        grey[-30:-15, 20:40] += 90
        made.append(np.clip(grey, 0, 255).astype(np.uint8))
    return made


def vocabulary(folder):
    """As that of bert-base-uncased, with few words."""
    words = [SPECIAL.get(i, f"[unused{i}]") for i in range(1040)]
    words[200 : 200 + len(WORDS)] = WORDS
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    return len(words)


def _random(model, seed, gain=1.0):
    """Weights such that pictures, words and boxes differ."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            drawn = torch.randn(tensor.shape, generator=generator)
            plain = tensor.ndim == 1
            scale = 0.05 if plain else gain / tensor[0].numel() ** 0.5  # larger ones make chaos of rounding
            tensor.copy_(drawn * scale + (1 if plain and name.endswith("weight") else 0))
    return model.state_dict()


def grounding_dino(folder):
    import torch

    from iapas.models.conversion import vocabulary as vocabularies
    from iapas.models.conversion.grounding_dino import Shape
    from iapas.models.original import packages
    from iapas.models.original.grounding_dino import network

    shape = Shape(
        embed=16,
        patch=4,
        depths=(2, 2, 2, 2),
        swin_heads=(1, 2, 2, 4),
        window=4,
        width=256,  # their code takes no other
        levels=4,
        heads=8,
        queries=30,
        feed_forward=64,
        encoder_layers=2,
        decoder_layers=2,
        vocabulary=vocabulary(folder),
        bert_width=128,
        bert_layers=2,
        bert_feed_forward=64,
        bert_positions=512,
    )
    with packages.silent():
        state = _random(network(shape, vocabularies.read(folder, shape.vocabulary)), 5)
    # what released files hold besides
    more = {"label_enc.weight": torch.zeros(5, 256), "bert.embeddings.position_ids": torch.arange(512)[None]}
    return {"model": {f"module.{name}": tensor for name, tensor in (state | more).items()}}


def sam(_folder):
    from iapas.models.conversion.sam import Shape
    from iapas.models.original.sam import network

    shape = Shape(
        width=32,
        layers=3,
        heads=2,
        patch=16,
        grid=8,
        window=3,
        full=(1,),
        feed_forward=64,
        channels=32,
        mask_channels=4,
        decoder_layers=2,
        decoder_feed_forward=64,
        iou_width=32,
        masks=3,
    )
    return _random(network(shape), 6)

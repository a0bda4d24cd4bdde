"""Few-shot segmentation as tracking in a film: the examples are its first frames, the query is the last one.

SAM 2 (Ravi et al. 2024) as Liu et al. (GFDS) use it: each example is given with its mask, and the mask tracked to
the query is the result. The model's session is filled by hand: no frame is ever a file, nor has a name. Real
checkpoints have not been run here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from iapas.errors import ConfigError
from iapas.models import memory, precision
from iapas.models.exemplars.masks import classes, fitted, probabilities
from iapas.models.loading import Runtime, load, model_kind, quiet
from iapas.models.pictures import pixels
from iapas.types import FloatMap, Image

Memories = dict[int, dict[int, dict[str, Any]]]
"""By class, by frame: what the model keeps of an example."""


class Sam2Video:
    """The protocol Exemplars, by SAM 2.1's video model at ``side`` pixels squared (the paper's best: 1024).

    Examples are remembered once; a query sees them alone, never another query. Masks of integers hold several classes,
    each an object of its own to track; the score is that of the likeliest. The image encoder runs in the runtime's
    precision, the rest in fp32.
    """

    def __init__(self, folder: Path, side: int, runtime: Runtime) -> None:
        kind = model_kind(folder)
        if kind != "sam2_video":
            raise ConfigError(f"a model of type {kind!r} tracks nothing", "exemplars.model can be sam2.1-hiera-small")
        self._model = load("Sam2VideoModel", folder, runtime, config=_config(folder, side))
        self._side, self._runtime = side, runtime
        self._memories: Memories = {}
        self._frames = 0

    def prepare(self, supports: Sequence[tuple[Image, npt.NDArray[Any]]]) -> None:
        """Remember the examples: images, each with its mask, (H, W) bool or integers. Raises OutOfMemory.

        Raises ValueError when no mask has a pixel.
        """
        memories: Memories = {}
        kept = memory.in_chunks(
            len(supports), 1, lambda part: self._remember(*supports[part][0], part.start, len(supports))
        )
        for frame, of_classes in enumerate(kept):
            for label, what in of_classes.items():
                memories.setdefault(label, {})[frame] = what
        if not memories:
            raise ValueError("the examples have no foreground")
        self._memories, self._frames = memories, len(supports)

    def score(self, images: Sequence[Image]) -> list[FloatMap]:
        """(H, W) float32 in 0..1 for each image: the probability of the tracked mask, 0 where nothing is found.

        Raises OutOfMemory, ModelNonfinite.
        """
        return memory.in_chunks(len(images), 1, lambda part: self._score(images[part][0]))

    def close(self) -> None:
        """Give the model's memory back."""
        self._model, self._memories = None, {}
        memory.free()

    def _remember(self, image: Image, mask: npt.NDArray[Any], frame: int, count: int) -> dict[int, dict[str, Any]]:
        """What the model keeps of each class in one example."""
        import torch

        found, kept = classes(mask), {}
        features = self._look(image) if found else {}
        for label, where in found.items():
            session = self._session(image, features, frame, count)
            shape = torch.from_numpy(fitted(where, (self._side, self._side)))[None, None].float()
            session.add_mask_inputs(session.obj_id_to_idx(1), frame, shape)
            session.obj_with_new_inputs = [1]
            with torch.inference_mode():
                self._model(session, frame_idx=frame)
            kept[label] = session.output_dict_per_obj[0]["cond_frame_outputs"][frame]
            del kept[label]["high_res_masks"]  # not looked at again, and large
        return kept

    def _score(self, image: Image) -> FloatMap:
        import torch

        features = self._look(image)

        def run(_: Runtime) -> Any:
            session = self._session(image, features, self._frames, self._frames + 1)
            for label, frames in self._memories.items():
                known = session.output_dict_per_obj[session.obj_id_to_idx(label)]
                known["cond_frame_outputs"] = dict(sorted(frames.items()))
            with torch.inference_mode():
                # the query is the last frame: nothing has to be kept of it
                found = self._model(session, frame_idx=self._frames, run_mem_encoder=False)
            return found.pred_masks[:, 0]

        logits = precision.finite(run, Runtime(self._runtime.device), "the video model")
        return probabilities(logits, (image.shape[0], image.shape[1]))

    def _session(self, image: Image, features: dict[str, Any], frame: int, count: int) -> Any:
        """A film of ``count`` frames, of which the model sees one: its ``features`` are there already."""
        import torch
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

        device = self._runtime.device
        session = Sam2VideoInferenceSession(
            video_height=image.shape[0],
            video_width=image.shape[1],
            inference_device=device,
            inference_state_device=device,
            video_storage_device=device,
            dtype=torch.float32,
        )
        session.processed_frames = dict.fromkeys(range(count))
        session.cache.cache_vision_features(frame, features)
        return session

    def _look(self, image: Image) -> dict[str, Any]:
        """The image encoder's features, as the model caches them."""
        import torch

        given = pixels([image], (self._side, self._side), self._runtime.device)

        def run(runtime: Runtime) -> dict[str, Any]:
            with torch.inference_mode(), precision.computing(runtime):
                found = self._model.get_image_features(given, return_dict=True)
            return {
                "vision_feats": [level.float() for level in found.fpn_hidden_states],
                "vision_pos_embeds": [level.float() for level in found.fpn_position_encoding],
            }

        return precision.finite(run, self._runtime, "the image encoder of the video model")


def _config(folder: Path, side: int) -> Any:
    """The model's configuration for pictures of ``side``, a multiple of 32: grids follow, weights do not change."""
    with quiet():
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    config.image_size = side
    config.prompt_encoder_config.image_size = side
    config.memory_attention_rope_feat_sizes = [side // 16] * 2
    config.vision_config.backbone_feature_sizes = [[side // step] * 2 for step in (4, 8, 16)]
    config.vision_config.backbone_config.image_size = [side, side]
    return config

"""The sections of a config: every setting with its range, default and meaning."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Section(BaseModel):
    """Frozen; unknown keys and wrong types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Reading(Section):
    """How files become pictures."""

    formats: list[Literal["png", "jpeg", "bmp", "tiff", "webp", "gif"]] = Field(
        ["png", "jpeg", "bmp", "tiff", "webp", "gif"], description="formats that are decoded, recognised by content"
    )
    max_pixels: int = Field(100_000_000, gt=0, description="larger pictures are refused before they are decoded")
    max_bytes: int = Field(1_000_000_000, gt=0, description="larger files are refused before they are read")
    min_side: int = Field(16, ge=1, description="pictures with a shorter side, in pixels, are refused")
    max_aspect: float = Field(100.0, ge=1, description="pictures longer than this many times their width are refused")
    bit_depth: int | None = Field(
        None, ge=1, le=32, description="bits that the camera uses; null: by the measured range"
    )
    float_range: list[float] | None = Field(
        None, min_length=2, max_length=2, description="[black, white] of float pictures; null: by the measured range"
    )
    frame: int | Literal["error", "all"] = Field(
        "error", description="of files with several frames: refuse, take this one (from 0), or all together"
    )
    background: list[int] = Field([128, 128, 128], min_length=3, max_length=3, description="RGB behind alpha")

    @field_validator("float_range")
    @classmethod
    def _ordered(cls, value: list[float] | None) -> list[float] | None:
        if value is not None and not value[0] < value[1]:
            raise ValueError("the first value (black) must be below the second (white)")
        return value

    @field_validator("background")
    @classmethod
    def _bytes(cls, value: list[int]) -> list[int]:
        if not all(0 <= channel <= 255 for channel in value):
            raise ValueError("each channel must be in 0..255")
        return value


class Describe(Section):
    """Stage 1: what the product is and what could be wrong with it."""

    product: str = Field("", description="the product's name; empty: found by the tagger, if there is one")
    prompt: str = Field("", description='anomaly phrases, "a . b"; empty: from the prompt generator')
    samples: int = Field(10, ge=1, le=1000, description="images that a profile is made from")
    seed: int = Field(111, ge=0, description="of the choice of these images, and of the generator's first try")
    tagger: Literal["none", "ram"] = Field("none", description="the model that names the product; ram: RAM, RAM++")
    object: Literal["phrase", "tags"] = Field(
        "phrase", description="what the generator is told of the product: its name, or all its tags"
    )
    material: str = Field("", description="what the product is made of, for templates with {material}")
    generator: Literal["lexicon", "llm", "endpoint"] = Field(
        "lexicon", description="what names the possible defects; llm: a model here, endpoint: one at generator.url"
    )
    lexicon: str = Field("default", description="a lexicon's name (iapas prompts list), or a YAML file")
    prompts_folder: str = Field(
        "", description="a folder of your own with templates/*.yaml and lexicons/*.yaml, beside the shipped ones"
    )
    append: list[str] = Field(
        [], description="phrases asked for beside the generator's; {object} stands for the product's name"
    )


class TaggerSettings(Section):
    """The model that says what is in a picture, for describe.tagger ram."""

    model: str = Field("", description="a model's name (iapas models list), or its folder")
    tags: str = Field("", description="its tags, a line each; empty: ram_tag_list.txt beside the weights")
    thresholds: str = Field("", description="of its tags, a line each; empty: ram_tag_list_threshold.txt beside them")


class GeneratorSettings(Section):
    """The language model that is asked what could be wrong, for describe.generator llm and endpoint."""

    model: str = Field("", description="llm: a model's name (iapas models list), or its folder")
    template: str = Field("paper", description="the question: a template's name (iapas prompts list), or a YAML file")
    quantization: Literal["none", "8bit", "4bit"] = Field(
        "none", description="llm: of the weights, by bitsandbytes; less memory, other replies"
    )
    temperature: float = Field(0.6, ge=0, le=5, description="of the sampling; 0: always the likeliest word")
    top_p: float = Field(0.9, gt=0, le=1, description="words are drawn from the likeliest of this total probability")
    max_new_tokens: int = Field(512, ge=1, le=8192, description="longest reply")
    retries: int = Field(2, ge=0, le=20, description="further tries, each with the next seed, for a useless reply")
    max_phrases: int = Field(30, ge=1, le=1000, description="phrases taken of a reply, the first ones")
    constrained: bool = Field(False, description="llm: only words in the reply's form can be drawn (outlines)")
    url: str = Field("", description="endpoint: of an OpenAI-compatible server; its key is taken from IAPAS_API_KEY")
    served_model: str = Field("", description="endpoint: the model's name there")
    timeout: float = Field(120.0, gt=0, le=3600, description="endpoint: seconds for one reply")


class DetectorSettings(Section):
    """What finds regions."""

    name: Literal["classical", "compact", "grounding-dino", "grounding-dino-original", "sam3", "clipseg", "owlv2"] = (
        Field(
            "classical",
            description="the detector; compact: classical vision and the compact model; grounding-dino and owlv2 want "
            "a mask decoder; -original: by the authors' own code",
        )
    )
    work_size: int = Field(
        256, ge=64, le=1024, description="classical, compact: look at about this many pixels squared"
    )
    max_regions: int = Field(30, ge=1, le=1000, description="regions kept of an image or tile, the best ones")
    model: str = Field(
        "",
        description="models: a model's name (iapas models list), or its folder; "
        "compact: an ONNX file of your own (scripts/train_compact.py) in place of the shipped one",
    )
    side: int = Field(
        352, ge=32, le=2048, multiple_of=16, description="clipseg: pictures are resized to this many pixels squared"
    )
    shorter_side: int = Field(800, ge=64, le=4096, description="grounding-dino: pictures are resized to this side...")
    longer_side: int = Field(1333, ge=64, le=8192, description="... unless their longer one would pass this")
    box_threshold: float = Field(
        0.1, ge=0, le=1, description="models: boxes, or parts of a map, of a lower score are dropped"
    )
    text_threshold: float = Field(0.1, ge=0, le=1, description="grounding-dino: words of a lower score do not count")
    nms: float = Field(0.5, gt=0, le=1, description="models: of boxes that overlap more (IoU) the best is kept")
    object_pass: Literal["separate", "joint"] = Field(
        "separate", description="the object in a pass of its own (the paper), or together with the anomaly phrases"
    )

    @property
    def embedded(self) -> bool:
        """Whether OpenCV alone runs it: nothing to download, no torch, the CPU alone."""
        return self.name in ("classical", "compact")


class DecoderSettings(Section):
    """What draws masks for regions that have none."""

    name: Literal["none", "sam", "sam-original"] = Field(
        "none", description="the mask decoder; sam: SAM, SAM-HQ, SAM 2.1; sam-original: SAM by the authors' own code"
    )
    model: str = Field("", description="sam: a model's name (iapas models list), or its folder")
    chunk: int = Field(64, ge=1, le=4096, description="sam: boxes or points decoded at once")


class EverythingSettings(Section):
    """Cutting a picture into all its parts with the mask decoder (SAM, section 5 and the released defaults)."""

    points_per_side: int = Field(32, ge=1, le=256, description="a grid of so many points squared is asked for masks")
    chunk: int = Field(64, ge=1, le=4096, description="points decoded at once")
    iou: float = Field(0.88, ge=0, le=1, description="masks of a lower predicted IoU are dropped")
    stability: float = Field(0.95, ge=0, le=1, description="masks are dropped whose cut is less steady than this, ...")
    stability_offset: float = Field(1.0, ge=0, description="... when the threshold on the logits moves by this")
    nms: float = Field(0.7, gt=0, le=1, description="of boxes that overlap more (IoU) the best is kept")
    crop_layers: int = Field(0, ge=0, le=4, description="layer i looks once more at 4^i overlapping cut-outs")
    crop_overlap: float = Field(512 / 1500, ge=0, lt=1, description="of these, as a share of the shorter side")
    crop_points_divisor: int = Field(1, ge=1, le=8, description="layer i has a grid coarser by this to the power of i")
    min_area: int = Field(0, ge=0, description="smaller holes and islands of a mask, in pixels, are removed")


class ExemplarSettings(Section):
    """Finding what looks like given examples of a defect; off without a folder of them."""

    support: str = Field("", description="folder with images/ and masks/ of equal stems, or one such for each defect")
    name: Literal["fm", "sam2-video", "sam2-refine", "persam", "matcher", "ssp"] = Field(
        "fm", description="the method; fm: matching of features, all others need models"
    )
    extractor: str = Field(
        "embedded",
        description="fm: what makes features; embedded: filters and the compact model, or pdn-small, dino-vits8, ...",
    )
    model: str = Field(
        "", description="sam2-*, persam, matcher: a model's name (iapas models list), or its folder; empty: their own"
    )
    model_side: int = Field(
        1024, ge=64, le=2048, multiple_of=32, description="sam2-video: pictures are resized to this for the model"
    )
    side: int = Field(256, ge=64, le=2048, description="pictures are resized to this many pixels squared")
    foreground: Literal["patch", "dense", "pool"] = Field(
        "patch", description="prototypes of the defect: means of three cells in a row, every cell, or one mean of all"
    )
    background: Literal["patch", "dense", "pool"] = Field("dense", description="prototypes of what is around it")
    shots: Literal["auto", "mean", "joined"] = Field(
        "auto",
        description="of several examples: the mean of their scores, or all prototypes together (the paper); auto: mean "
        "with what is found without examples, joined by itself",
    )
    fusion: Literal["none", "sam", "union", "replace"] = Field(
        "none", description="the matched mask with those of the mask decoder's everything mode, or of the detector"
    )
    tau1: float = Field(0.2, ge=0, le=1, description="fusion: masks that the match covers by more than this are taken")
    tau2: float = Field(
        0.9, ge=0, le=1, description="fusion: a part is replaced by a mask that covers more of it than this, ..."
    )
    dilation: int = Field(21, ge=1, le=255, description="... when the mask is widened by a square of this side")
    area_condition: bool = Field(
        True, description="fusion: a mask of 40 % of the picture needs a coverage above 0.6 (the released code)"
    )
    erase_ring: bool = Field(
        True, description="fusion: the widening is erased around a mask that replaces (the released code)"
    )
    refine: Literal["points", "points-8x", "centres", "boxes", "centres-boxes", "everything-32", "everything-64"] = (
        Field("points", description="sam2-refine: what the model is asked with, taken of the matched mask")
    )
    combine: Literal["alone", "odds", "max"] = Field(
        "odds", description="with the zero-shot regions: not at all, shifting their odds, or the greater score"
    )


class Size(Section):
    """The size rule (IAP-AS, section 3): what is nearly as large as the object is the object, not a defect."""

    object: Literal["image", "profile", "none"] = Field(
        "image", description="the object's size: of each image, or the profile's; none: no size rule"
    )
    limit: float = Field(0.8, gt=0, description="regions of this share of the object's box, or more, are dropped")


class Tile(Section):
    """Large pictures are looked at whole and in overlapping tiles."""

    size: int = Field(768, ge=128, description="side of a tile in pixels")
    overlap: int = Field(96, ge=0, description="pixels that neighbouring tiles share")
    above: int = Field(1536, ge=128, description="pictures with a longer side than this are tiled")


class Verdict(Section):
    """When a picture counts as defective."""

    threshold: float | Literal["auto"] = Field(
        "auto", description="on the score map; auto: the profile's, else default"
    )
    default: float | Literal["positive"] = Field(0.5, description="threshold of an uncalibrated profile")
    with_examples: float = Field(
        0.5, description="in default's place where exemplars.support is given: the examples are nearer than the rest"
    )
    min_area: int = Field(0, ge=0, description="connected defects of fewer pixels are dropped")
    roi: str = Field(
        "", description="x,y,width,height in pixels, or a mask image (white: look here); empty: everywhere"
    )

    @field_validator("threshold", "default", "with_examples")
    @classmethod
    def _positive(cls, value: float | str) -> float | str:
        if isinstance(value, float) and not value > 0:
            raise ValueError("a threshold must be > 0: at 0 every pixel would be a defect")
        return value


class Output(Section):
    """What is written."""

    score_map: Literal["tiff", "none"] = Field("tiff", description="score maps as float32 TIFF, or none")
    overlay: Literal["none", "defects", "all"] = Field("defects", description="pictures with outlined regions")
    thumbnails: bool = Field(True, description="small pictures for the report")
    per_folder: bool = Field(False, description="each sub-folder is a product with a profile of its own")


class Models(Section):
    """Where models come from and how they compute."""

    root: str = Field(
        "", description="folder with a folder of local files for each model; empty: the Hugging Face cache"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="of heavy layers; auto: bf16 or fp16 where the device gains by it, else fp32"
    )


class RunSettings(Section):
    """How the work is done; nothing here changes a result."""

    workers: int = Field(0, ge=0, le=1024, description="processes; 0: one for each core")
    batch_size: int = Field(0, ge=0, le=1024, description="images that a model takes at once; 0: 1, on a GPU 4")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where models run")
    offline: bool = Field(False, description="never ask the network for anything")
    time_limit: float = Field(300.0, gt=0, description="seconds for one image before its worker is replaced")
    fsync: bool = Field(True, description="wait until each file is on the disk (survives a power cut)")

"""Whether pages and pictures without text are read by a model, by which one, and how many."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared.domain.catalog import VISION_MODELS, VisionModel
from shared.runtime.environment import Setting


class OcrSettings(Struct, frozen=True, kw_only=True):
    """Whether scanned pages and pictures are read, and by which model."""

    mode: Annotated[
        Literal["off", "auto", "all"],
        Setting(
            "OCR",
            "off: scans and pictures are refused. auto: pictures, and pages without text, are read by OCR_MODEL, "
            "which is billed for each. all: large pictures inside documents with text too.",
        ),
    ] = "off"
    model_name: Annotated[str, Setting("OCR_MODEL", "Model that reads pages and pictures.")] = "qwen-vl-ocr"
    description_model_name: Annotated[
        str,
        Setting("IMAGE_DESCRIPTION_MODEL", "Model that describes pictures, such as qwen3-vl-flash; empty: none does."),
    ] = ""
    max_pages: Annotated[
        int,
        Meta(ge=1, le=20_000),
        Setting("OCR_MAX_PAGES", "Pages and pictures read of one document; what follows is left out, with a warning."),
    ] = 1_000
    concurrency: Annotated[
        int, Meta(ge=1, le=32), Setting("OCR_CONCURRENCY", "Pages read at once in one instance.")
    ] = 4
    timeout: Annotated[
        float,
        Meta(gt=0, le=300),
        Setting("OCR_TIMEOUT", "Seconds one page may take before it is given up and retried."),
    ] = 90.0

    def __post_init__(self) -> None:
        for variable, name in (
            ("OCR_MODEL", self.model_name),
            ("IMAGE_DESCRIPTION_MODEL", self.description_model_name),
        ):
            if name and name not in VISION_MODELS:
                raise ValueError(f"{variable} must be one of {', '.join(VISION_MODELS)}, not {name!r}")
        if not self.model_name:
            raise ValueError("OCR_MODEL must name a model; OCR=off reads no page")
        if self.description_model_name and VISION_MODELS[self.description_model_name].has_tasks:
            raise ValueError("IMAGE_DESCRIPTION_MODEL must be a model that describes pictures, not one that only reads")

    @property
    def is_on(self) -> bool:
        """Whether anything is read by a model."""
        return self.mode != "off"

    @property
    def model(self) -> VisionModel:
        """Limits and price of the model that reads."""
        return VISION_MODELS[self.model_name]

    @property
    def description_model(self) -> VisionModel | None:
        """Limits and price of the model that describes, if one does."""
        return VISION_MODELS[self.description_model_name] if self.description_model_name else None

"""The generated corpus: every kind of document in two languages, twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from benchmarks.readings import delimited, docx, html, json, markdown, pdf, plain, pptx, xlsx
from benchmarks.readings.truth import Sample
from benchmarks.readings.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.readings.truth import Truth

_ONLY: Final = re.compile(r" \((en|zh)\)$")
_FORMATS: Final = tuple(
    (module.SUFFIX, module.KINDS) for module in (docx, xlsx, pptx, pdf, html, markdown, plain, delimited, json)
)


def make_corpus(seed: int, variants: int = 2) -> Iterator[Sample]:
    """Every kind in English and Chinese, so many times; the same seed gives the same documents."""
    for suffix, kinds in _FORMATS:
        for name, make in kinds.items():
            for variant in range(variants):
                yield from _make(suffix, name, make, f"{seed}-{variant}")


def _make(suffix: str, name: str, make: Callable[[Vocabulary], tuple[bytes, Truth]], seed: str) -> Iterator[Sample]:
    only = _ONLY.search(name)
    name = _ONLY.sub("", name)
    stem, dot, own = name.partition(".")
    for language in ("en", "zh"):
        if only and only[1] != language:
            continue
        content, truth = make(Vocabulary(f"{suffix} {name} {language} {seed}", is_chinese=language == "zh"))
        file = f"{stem.replace(' ', '-')}-{language}-{seed}.{own if dot else suffix}"
        yield Sample(f"{suffix}-{file}", f"{suffix}: {stem}", content, truth)

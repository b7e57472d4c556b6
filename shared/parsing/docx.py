"""Word documents (OOXML): headers, the body, notes, comments, footers.

Element names are those of ECMA-376 part 1, section 17: https://ecma-international.org/publications-and-standards/standards/ecma-376/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import ParsedDocument, digest
from shared.parsing.archive import Archive
from shared.parsing.docx_parts import Parts
from shared.parsing.inclusion import Inclusion
from shared.parsing.inner_pictures import InnerPictures
from shared.parsing.numbering import Numbering
from shared.parsing.outline import Outline
from shared.parsing.story import Context, Story
from shared.parsing.style_reduction import reduce_styles
from shared.parsing.styles import ELEMENTS, Styles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

_NOTES = ("footnotes", "endnotes", "comments")
_EMBEDDED = frozenset({"package", "oleObject"})


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a Word document; its property gives the title when no heading does."""
    archive = Archive(path, limits)
    warnings = archive.warnings
    with archive.closed_on_error():
        return ParsedDocument(archive.title(), _blocks(archive, limits, warnings, 0), "docx", warnings)


def parse_embedded(
    path: Path, limits: Limits, warnings: list[str], depth: int, count: Callable[[int], None]
) -> Iterator[Block]:
    """The blocks of a document embedded in another one.

    Args:
        depth: how many documents it is embedded in.
        count: takes the bytes it unpacked to.
    """
    archive = Archive(path, limits, warnings)
    yield from _blocks(archive, limits, warnings, depth)
    count(archive.unpacked)


def _blocks(archive: Archive, limits: Limits, warnings: list[str], depth: int) -> Iterator[Block]:
    with archive:
        parts = Parts(archive)
        pictures = InnerPictures(limits, warnings)
        styles = Styles(archive.readable_events(parts.named("styles"), ELEMENTS, reduce_styles))
        context = Context(
            archive=archive,
            limits=limits,
            styles=styles,
            numbering=Numbering(lambda: archive.readable_events(parts.named("numbering")), styles.lists()),
            outline=Outline(),
            pictures=pictures,
            warnings=warnings,
            is_template=parts.is_template(),
            include=Inclusion(archive, limits, warnings, parse_embedded, depth).read,
        )
        yield from pictures.unpack(_stories(context, parts), is_whole=depth == 0)
        if any(kind in _EMBEDDED for kind, _ in parts.relations.values()):
            warnings.append("Files embedded as objects in the document are not read.")


def _stories(context: Context, parts: Parts) -> Iterator[Block]:
    yield from _margins(context, parts.all("header"))
    yield from Story(context, parts.main).blocks(context.archive.events(parts.main))
    for kind in _NOTES:
        part = parts.named(kind)
        yield from Story(context, part).blocks(context.archive.readable_events(part))
    yield from _margins(context, parts.all("footer"))


def _margins(context: Context, parts: list[str]) -> Iterator[Block]:
    """The text of headers or footers, what several have in common once."""
    seen: set[str] = set()
    for part in parts:
        for block in Story(context, part, is_marginal=True).blocks(context.archive.readable_events(part)):
            key = digest(" ".join(block.text.split()))
            if key not in seen:
                seen.add(key)
                yield block

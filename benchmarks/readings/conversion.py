"""Old and open formats: LibreOffice writes the corpus in them, and its own export tells the words they hold.

Needs ``soffice`` (Debian: libreoffice-writer, -calc and -impress without their windows: ``libreoffice-core-nogui``).
Messages are made of web pages of the corpus, and judged by their truth.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

from benchmarks.readings import own
from benchmarks.readings.extraction import share
from benchmarks.readings.judges import judge, split_tokens
from benchmarks.report import Figure, at_least, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.readings.truth import Sample

_PROGRAM: Final = "soffice"
# Format of the corpus -> formats it is written in, and the filter that exports the text of each.
_TARGETS: Final = {
    "docx": (("doc", "rtf", "odt", "epub"), "txt:Text (encoded):UTF8"),
    "xlsx": (("xls", "ods"), "html"),
    "pptx": (("ppt", "odp"), "fodp"),
}
# LibreOffice cannot open books.
_ONLY_WRITTEN: Final = frozenset({"epub"})
_MOST_FILES: Final = 12
_SECONDS: Final = 300
_TARGET: Final = 0.99
# What a flat presentation holds besides the text of its slides and comments: who wrote a comment, and when, is no text.
_ASIDE: Final = frozenset(
    {"draw:object", "draw:object-ole", "office:binary-data", "office:forms", "text:page-number"}
    | {"dc:creator", "dc:date", "meta:creator-initials"}
)
_BREAKS: Final = frozenset({"text:p", "text:h", "text:tab", "text:line-break", "text:s", "tr", "td", "p", "br"})


def measure(samples: Sequence[Sample]) -> list[Figure]:
    """Word recall of each format; nothing but a note where LibreOffice is missing."""
    figures = [_measure_mail([sample for sample in samples if sample.name.endswith(".html")])]
    if shutil.which(_PROGRAM) is None:
        print(f"{_PROGRAM} is missing: old and open formats are left out", file=sys.stderr)
        return [*figures, plain("LibreOffice: not installed", 1, "")]
    for suffix, (targets, export) in _TARGETS.items():
        chosen = [sample for sample in samples if sample.name.endswith(f".{suffix}")][:_MOST_FILES]
        with TemporaryDirectory(prefix="benchmark-") as name:
            figures += _measure_format(Path(name), chosen, targets, export)
    return figures


def _measure_mail(samples: Sequence[Sample]) -> Figure:
    """Pages of the corpus as bodies of messages, and again as their attachments."""
    counts: list[tuple[int, int]] = []
    with TemporaryDirectory(prefix="benchmark-") as name:
        for sample in samples[:_MOST_FILES]:
            for is_attached in (False, True):
                path = Path(name, "message.eml")
                path.write_bytes(_write_message(sample, is_attached=is_attached))
                counts.append(judge(sample.truth, own.read(path)).found)
    return at_least("eml: words found", share(counts), "", _TARGET)


def _write_message(sample: Sample, *, is_attached: bool) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "Page"
    if is_attached:
        message.set_content("See the attachment.")
        message.add_attachment(sample.content, maintype="text", subtype="html", filename=sample.name)
    else:
        message.set_content(sample.content, maintype="text", subtype="html")
    return message.as_bytes()


def _measure_format(folder: Path, samples: Sequence[Sample], targets: Sequence[str], export: str) -> Iterator[Figure]:
    sources = []
    for number, sample in enumerate(samples):
        source = folder / f"{number}.{sample.name.rpartition('.')[2]}"
        source.write_bytes(sample.content)
        sources.append(source)
    _convert(sources, export, folder / "original")
    for target in targets:
        written = _convert(sources, target, folder / target)
        truths = folder / "original"
        if target not in _ONLY_WRITTEN:
            truths = folder / f"{target}-text"
            _convert(written, export, truths)
        counts = [_compare(path, truth) for path in written for truth in truths.glob(f"{path.stem}.*")]
        yield at_least(f"{target}: words of LibreOffice's export found", share(counts), "", _TARGET)
        yield plain(f"{target}: files", len(counts), "")


def _convert(sources: Sequence[Path], target: str, folder: Path) -> list[Path]:
    """The files that LibreOffice wrote; one that it cannot read is left out."""
    folder.mkdir(exist_ok=True)
    profile = f"-env:UserInstallation=file://{folder.parent}/profile"
    command = [_PROGRAM, profile, "--headless", "--convert-to", target, "--outdir", str(folder), *map(str, sources)]
    subprocess.run(command, check=False, timeout=_SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return sorted(folder.glob(f"*.{target.partition(':')[0]}"))


def _compare(path: Path, truth: Path) -> tuple[int, int]:
    """Words of the export that were found, and how many there are; of sheets each counts once, as labels repeat."""
    expected, found = Counter(split_tokens(_read_export(truth))), Counter(split_tokens(own.read(path).text))
    if truth.suffix == ".html":
        expected = Counter(dict.fromkeys(expected, 1))
    return sum((expected & found).values()), sum(expected.values())


def _read_export(path: Path) -> str:
    text = path.read_text("utf-8-sig", errors="replace")
    if path.suffix == ".txt":
        return text
    if path.suffix == ".html":
        body = text[text.find("<body") :]
        # The names of sheets are links and headings that LibreOffice adds.
        return unescape(" ".join(part.rpartition(">")[2] for part in body.split("<")))
    return _read_presentation(text)


def _read_presentation(text: str) -> str:
    parts: list[str] = []
    state = {"skipped": 0, "slides": 0}

    def begin(name: str, _: dict[str, str]) -> None:
        if state["skipped"] or name in _ASIDE:
            state["skipped"] += 1
        state["slides"] += name == "office:presentation"
        parts.append(" " if name in _BREAKS else "")

    def end(name: str) -> None:
        state["skipped"] -= bool(state["skipped"])
        state["slides"] -= name == "office:presentation"
        parts.append(" " if name in _BREAKS else "")

    def add(data: str) -> None:
        if state["slides"] and not state["skipped"]:
            parts.append(data)

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, add
    parser.Parse(text.encode(), True)
    return "".join(parts)

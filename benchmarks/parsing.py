"""How long parsing takes and how much memory, each file in a process of its own.

Run as ``python -m benchmarks.parsing``. The inputs are made in a temporary folder. Time is that of ``parse`` and of
reading every block, imports of the parser included, as the first document of an instance pays for them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import Figure, at_most, plain, report
from shared.parsing import parse

_SENTENCE = "平台读取上传的文件，把它分成可以单独理解的段落，"
_LINES_PER_PAGE = 40
_TEXT_BYTES = 100 << 20


def _chinese_pdf(folder: Path) -> Path:
    """100 pages of 40 full lines, about a thousand characters a page."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    path = folder / "chinese.pdf"
    canvas = Canvas(str(path))
    for page in range(100):
        canvas.setFont("STSong-Light", 12)
        for line in range(_LINES_PER_PAGE):
            canvas.drawString(50, 800 - 18 * line, f"{_SENTENCE}{page * _LINES_PER_PAGE + line:05}号。")
        canvas.showPage()
    canvas.save()
    return path


def _workbook(folder: Path) -> Path:
    """20,000 rows of six columns, texts and numbers."""
    from openpyxl import Workbook

    path = folder / "rows.xlsx"
    book = Workbook(write_only=True)
    sheet = book.create_sheet("数据")
    sheet.append(["编号", "名称", "说明", "数量", "单价", "状态"])
    for row in range(20_000):
        sheet.append([row, f"零件{row}", f"第 {row} 号零件的说明文字", row % 97, row * 0.25, "有效"])
    book.save(path)
    return path


def _text(folder: Path) -> Path:
    """100 MiB of Chinese and English paragraphs."""
    path = folder / "large.txt"
    paragraph = (f"{_SENTENCE * 8}\n\n" + "A chunk keeps where it comes from. " * 8 + "\n\n").encode() * 100
    with path.open("wb") as stream:
        while stream.tell() < _TEXT_BYTES:
            stream.write(paragraph)
    return path


def _measured(path: Path) -> dict[str, float]:
    """Seconds, peak memory in MiB and blocks of parsing ``path`` in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.parsing", str(path)]
    finished = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    figures: dict[str, float] = json.loads(finished.stdout)
    return figures


def _measure(path: Path) -> None:
    """The child's part: parse one file and print what it took."""
    started = time.perf_counter()
    blocks = sum(1 for _ in parse(path, path.name).blocks)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak": _peak(), "blocks": blocks}))


def _peak() -> float:
    """Most memory this process held, in MiB; ``ru_maxrss`` would count the parent's, which survives the fork."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def main() -> int:
    """Make the inputs, measure each, report."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pdf, workbook, text = (_measured(make(folder)) for make in (_chinese_pdf, _workbook, _text))
    figures.append(at_most("100-page Chinese PDF", pdf["seconds"], "s", 0.5))
    figures.append(at_most("20,000-row xlsx", workbook["seconds"], "s", 1.0))
    figures.append(at_most("100 MB text file, peak memory", text["peak"], "MiB", 300))
    figures.append(plain("100 MB text file", text["seconds"], "s"))
    for label, measured in (("PDF", pdf), ("xlsx", workbook)):
        figures.append(plain(f"{label}, peak memory", measured["peak"], "MiB"))
    return report("parsing", figures)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _measure(Path(sys.argv[1]))
    else:
        sys.exit(main())

"""A peer reads files: run by the interpreter of the peer's own environment, so it imports nothing of the project.

Run as ``python converting.py PEER FOLDER OUTPUT``: each file of FOLDER becomes a JSON line of OUTPUT with its name, its
text, the seconds and, where nothing was read, the reason. What the peer needs to start is not counted.
"""

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SECONDS = 30
_FIRST = "txt-utf-8"


def _markitdown() -> Callable[[str], str]:
    from markitdown import MarkItDown

    converter = MarkItDown()
    return lambda path: str(converter.convert(path).text_content)


def _kreuzberg() -> Callable[[str], str]:
    import kreuzberg

    config = kreuzberg.ExtractionConfig(use_cache=False, output_format="markdown")
    return lambda path: str(kreuzberg.extract_file_sync(path, config=config).content)


def _docling() -> Callable[[str], str]:
    from docling.document_converter import DocumentConverter

    converter = DocumentConverter()
    return lambda path: str(converter.convert(path).document.export_to_markdown())


_PEERS = {"markitdown": _markitdown, "kreuzberg": _kreuzberg, "docling": _docling}


def main(peer: str, folder: str, output: str) -> None:
    """Read every file of a folder."""
    read = _PEERS[peer]()
    signal.signal(signal.SIGALRM, _stop)
    paths = sorted(path for path in Path(folder).iterdir() if path.is_file())
    for path in paths:
        if path.name.startswith(_FIRST):
            _read(read, path)
    with Path(output).open("w") as stream:
        for path in paths:
            print(json.dumps(_read(read, path)), file=stream, flush=True)


def _read(read: Callable[[str], str], path: Path) -> dict[str, Any]:
    text = failure = ""
    signal.alarm(_SECONDS)
    started = time.perf_counter()
    try:
        text = read(str(path))
    except Exception as error:  # noqa: BLE001 - whatever a peer raises is its answer
        failure = f"{type(error).__name__}: {error}"[:300]
    seconds = time.perf_counter() - started
    signal.alarm(0)
    return {"name": path.name, "text": text, "failure": failure, "seconds": seconds}


def _stop(*_: object) -> None:
    raise TimeoutError(f"not read within {_SECONDS} s")


if __name__ == "__main__":
    main(*sys.argv[1:])

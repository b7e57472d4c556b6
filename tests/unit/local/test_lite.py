"""What Milvus Lite does as a server does, as far as no server is needed to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy
import pyarrow
import pytest
from milvus_lite.index import factory
from milvus_lite.index.scalar import ScalarInvertedIndex
from milvus_lite.index.spec import IndexSpec
from milvus_lite.schema.types import DataType

from local import lite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def as_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factory, "build_index_from_spec", factory.build_index_from_spec)
    lite._save_whole()


def build(kind: str) -> Any:
    if kind == "INVERTED":
        return ScalarInvertedIndex.build(pyarrow.table({"page": [3, 1, 2]}), "page", DataType.INT64)
    spec = IndexSpec(field_name="vector", index_type=kind, metric_type="COSINE", build_params={}, search_params={})
    return factory.build_index_from_spec(spec, numpy.ones((4, 8), dtype=numpy.float32))


@pytest.mark.parametrize("kind", ["INVERTED", "FLAT", "HNSW"])
def test_the_file_of_an_index_is_written_whole(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, written = tmp_path / "1.page.idx", list[str]()
    index, write = build(kind), lite._write_whole

    def record(save: Callable[[str], object], to: str) -> None:
        written.append(to)
        write(save, to)

    monkeypatch.setattr(lite, "_write_whole", record)
    index.save(str(path))
    assert written == [str(path)]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_file_that_cannot_be_written_is_not_there(tmp_path: Path) -> None:
    seen: list[bool] = []

    def write(path: str) -> None:
        (tmp_path / path).write_bytes(b"ARROW1")
        seen.append((tmp_path / "index").exists())
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        lite._write_whole(write, str(tmp_path / "index"))
    assert seen == [False]
    assert not list(tmp_path.iterdir())

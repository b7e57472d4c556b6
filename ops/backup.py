"""The index as Parquet files, written and read back: a backup, or a move to another Milvus.

A folder holds ``chunks.parquet`` (with vectors), ``documents.parquet`` (the registry) and ``index.json``, which is
written last and names the model: a folder without it is not whole. Nothing is embedded or parsed on either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ops import parquet
from ops.template import DeploymentError
from shared.domain.errors import ConfigurationError, PlatformError
from shared.runtime.retrying import Deadline
from shared.runtime.settings import SearchSettings, read_settings
from shared.store.client import split
from shared.store.directory import StoreDirectory
from shared.store.expressions import all_of, compile_filter, select_tenants
from shared.store.schema import LAYOUT, Space

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ops.deployment import Deployment
    from shared.store.store import Store

_FILE: Final = "index.json"
_FIND_SECONDS: Final = 60.0
_MAX_SECONDS: Final = 86_400.0
_ROWS_PER_WRITE: Final = 1_000


class Backup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a folder holds.

    Attributes:
        model: of the vectors.
        layout: version of the collections' fields.
    """

    model: str
    dimension: int
    layout: int
    chunks: int
    documents: int


def open_index(deployment: Deployment) -> tuple[Store, Space]:
    """Open the index of a deployment.

    Raises:
        DeploymentError: the settings cannot be used, or Milvus cannot be asked.
    """
    try:
        settings = read_settings(SearchSettings, deployment.functions["search"].environment_variables)
    except ConfigurationError as error:
        raise DeploymentError(f"the settings of search: {error.message}") from None
    space = Space(settings.dashscope.model_name, settings.dashscope.dimension)
    try:
        store = StoreDirectory(settings.milvus, space).find_current(Deadline.after(_FIND_SECONDS))
    except PlatformError as error:
        raise DeploymentError(f"the index cannot be opened: {error.message}") from None
    return store, store.space


def write_backup(deployment: Deployment, folder: Path, *, tenant: str = "", prefix: str = "") -> Backup:
    """Write the index into a new or empty folder.

    Args:
        tenant: only documents of this tenant; empty for all.
        prefix: only documents with keys that begin with this.

    Raises:
        DeploymentError: the folder cannot be written, or Milvus cannot be read.
    """
    store, space = open_index(deployment)
    select = compile_filter({"prefix": {"key": prefix}}) if prefix else ""
    chosen = all_of(select_tenants(frozenset({tenant}) if tenant else None), select)

    def write() -> Backup:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DeploymentError(f"{folder} is not empty: name another folder")
        until = Deadline.after(_MAX_SECONDS)
        exists = store.check(until)
        # Records first: a chunk that is written meanwhile is one too many, which the next reconcile removes.
        listed = store.registry.iterate(chosen, until) if exists else iter(())
        documents = parquet.write_documents(folder / "documents.parquet", listed)
        rows = store.chunks.read_rows(chosen, until) if exists else iter(())
        chunks = parquet.write_chunks(folder / "chunks.parquet", rows, space.dimension)
        backup = Backup(space.model, space.dimension, LAYOUT, chunks, documents)
        (folder / _FILE).write_bytes(msgspec.json.format(msgspec.json.encode(backup)))
        return backup

    return _explain(folder, write)


def read_backup(deployment: Deployment, folder: Path, *, over: bool = False) -> Backup:
    """Write a backup into the index of a deployment; done twice, it equals once.

    Args:
        over: also into an index that holds documents; those of the backup replace them.

    Raises:
        DeploymentError: the folder is not whole, holds vectors of another model or layout, or the index is not empty.
    """
    store, space = open_index(deployment)

    def read() -> Backup:
        backup = _read_description(folder, space)
        until = Deadline.after(_MAX_SECONDS)
        store.prepare(until)
        held = store.chunks.count(until)
        if held and not over:
            raise DeploymentError(f"the index holds {held} chunks already: add --over to write over it")
        for rows in split(parquet.read_chunks(folder / "chunks.parquet"), _ROWS_PER_WRITE):
            store.chunks.write(rows, until)
        # A record says that its chunks are there, so it comes after them.
        for documents in split(parquet.read_documents(folder / "documents.parquet"), _ROWS_PER_WRITE):
            store.registry.write(documents, until)
        return backup

    return _explain(folder, read)


def _read_description(folder: Path, space: Space) -> Backup:
    try:
        backup = msgspec.json.decode((folder / _FILE).read_bytes(), type=Backup)
    except (OSError, msgspec.MsgspecError):
        raise DeploymentError(f"{folder} holds no whole backup: its {_FILE} cannot be read") from None
    if (backup.model, backup.dimension, backup.layout) != (space.model, space.dimension, LAYOUT):
        raise DeploymentError(
            f"{folder} holds vectors of {backup.model} with {backup.dimension} dimensions (layout {backup.layout}), "
            f"the deployment has {space.model} with {space.dimension} (layout {LAYOUT}): set EMBEDDING_MODEL and "
            "EMBEDDING_DIMENSION as they were"
        )
    return backup


def _explain(folder: Path, work: Callable[[], Backup]) -> Backup:
    """Do the work; what fails becomes a sentence."""
    try:
        return work()
    except PlatformError as error:
        raise DeploymentError(f"the index cannot be used: {error.message} ({error.code})") from None
    except OSError as error:
        raise DeploymentError(f"{folder}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
        if isinstance(error, DeploymentError):
            raise
        raise DeploymentError(f"{folder} cannot be read: {error}") from None

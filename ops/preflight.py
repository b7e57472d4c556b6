"""Asks everything a deployment depends on whether it is there and fits, before the deployment does: one line each.

The settings are those that ``s.yaml`` gives the functions, and the questions go through the functions' own clients, so
what is well here is well there, but for two things that only the cloud has: its network (the addresses inside a VPC do
not answer outside it) and the functions' roles (the bucket is read with the caller's own keys).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ops import checks
from ops.account import look_at_account
from ops.checks.variables import find_unread, list_passed, list_read
from ops.credentials import VARIABLES as _CREDENTIALS
from ops.estimation.sizing import estimate_memory, recommend_index
from ops.findings import Finding, Verdict
from ops.local_stack import is_local
from shared.domain.errors import ConfigurationError, PlatformError
from shared.embedding.embedder import Embedder
from shared.embedding.parameters import TextType
from shared.ingestion.bucket import Bucket
from shared.language.counting import count_of
from shared.runtime.retrying import Deadline
from shared.runtime.settings import EmbedSettings, IngestSettings, SearchSettings, read_settings
from shared.runtime.settings.addresses import name_place
from shared.store.directory import StoreDirectory
from shared.store.schema import LAYOUT, Space
from shared.store.store import Store
from shared.store.vector_index import VECTOR_INDEXES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from ops.deployment import Deployment
    from shared.runtime.settings import BucketSettings, DashScopeSettings, MilvusSettings

_PATIENCE_SECONDS = 20.0
_KINDS: dict[str, type[Any]] = {
    "embed": EmbedSettings,
    "ingest": IngestSettings,
    "search": SearchSettings,
}


def findings(deployment: Deployment, environ: Mapping[str, str], file: Mapping[str, str]) -> Iterator[Finding]:
    """Everything that was looked at, in the order in which one thing needs another.

    Args:
        deployment: as ``s.yaml`` renders with ``environ``.
        environ: all variables, those of the file included.
        file: those of the ``.env`` file, which were all set on purpose.
    """
    yield from _declared(deployment, is_local=is_local(environ))
    yield from _names(deployment, environ, file)
    settings: dict[str, Any] = {}
    for name in _KINDS.keys() & deployment.functions.keys():
        settings[name] = yield from _settings(name, deployment, environ)
    usable = [it for name in sorted(settings) if (it := settings[name]) is not None]
    if usable:
        yield from _asked("DashScope", _dashscope(usable[0].dashscope))
        served = next((it for it in usable if it.milvus is not None), None)
        if served:
            yield from _asked("Milvus", _milvus(served))
    if settings.get("ingest"):
        yield from _asked("bucket", _bucket(settings["ingest"].bucket))
    yield from look_at_account(deployment, environ)


def _declared(deployment: Deployment, *, is_local: bool) -> Iterator[Finding]:
    problems = checks.problems(deployment, is_local=is_local)
    yield from (Finding(Verdict.PROBLEM, "s.yaml", problem) for problem in problems)
    yield from (Finding(Verdict.WARNING, "s.yaml", warning) for warning in checks.find_warnings(deployment))
    if not problems:
        yield Finding(Verdict.OK, "s.yaml", f"{len(deployment.functions)} functions, nothing to complain about")


def _names(deployment: Deployment, environ: Mapping[str, str], file: Mapping[str, str]) -> Iterator[Finding]:
    for sentence, is_misspelt in find_unread(deployment, environ, file):
        yield Finding(Verdict.PROBLEM if is_misspelt else Verdict.WARNING, "variables", sentence)
    passed, read = list_passed(deployment), list_read()
    for name in sorted(file.keys() & (read - passed - set(_CREDENTIALS))):
        hint = "add it to the function's environmentVariables there"
        yield Finding(Verdict.WARNING, "variables", f"s.yaml passes no {name} to any function: {hint}")


def read_function_settings(name: str, deployment: Deployment, environ: Mapping[str, str]) -> Any:
    """Return the settings of a function as it will read them.

    Raises:
        ConfigurationError: ``invalid_settings``: all that are missing or wrong, separated by semicolons.
    """
    declared = deployment.functions[name].environment_variables
    # In the cloud the role provides these; here the caller's own do the reading.
    keys = {variable: environ.get(variable) or "unset" for variable in _CREDENTIALS[:2]}
    keys[_CREDENTIALS[2]] = environ.get(_CREDENTIALS[2], "")
    return read_settings(_KINDS[name], {**keys, **declared})


def split_problems(error: ConfigurationError) -> list[str]:
    """Return what is wrong with settings, one by one; each begins with the name of a variable."""
    return re.split(r"; (?=[A-Z][A-Z_]+\b)", error.message)


def _settings(name: str, deployment: Deployment, environ: Mapping[str, str]) -> Generator[Finding, None, Any]:
    """A finding per function; gives its settings, or ``None`` if they are wrong."""
    try:
        settings = read_function_settings(name, deployment, environ)
    except ConfigurationError as error:
        for problem in split_problems(error):
            yield Finding(Verdict.PROBLEM, f"settings of {name}", problem)
        return None
    yield Finding(Verdict.OK, f"settings of {name}", "complete and in range")
    return settings


def _asked(subject: str, answers: Iterable[tuple[Verdict, str]]) -> Iterator[Finding]:
    try:
        for verdict, sentence in answers:
            yield Finding(verdict, subject, sentence)
    except PlatformError as error:
        yield Finding(Verdict.PROBLEM, subject, f"{error.message} ({error.code}){_HINTS.get(error.code, '')}")


_FROM_OUTSIDE = " An address inside the VPC answers only there: run this on a machine of the VPC, or "
_HINTS = {
    "embedding_unavailable": f"{_FROM_OUTSIDE}say DASHSCOPE_NETWORK=public for this one run.",
    "milvus_unavailable": f"{_FROM_OUTSIDE}set MILVUS_URI to its public address for this one run.",
    "oss_unavailable": f"{_FROM_OUTSIDE}set OSS_ENDPOINT to https://oss-REGION.aliyuncs.com for this one run.",
    "oss_forbidden": " Here the reader is you: set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.",
}


def _dashscope(settings: DashScopeSettings) -> Iterator[tuple[Verdict, str]]:
    embedder = Embedder(settings)
    embedded = embedder.embed(["ready?"], embedder.make_parameters(TextType.QUERY), Deadline.after(_PATIENCE_SECONDS))
    (vector,) = embedded.complete()
    cost = f"{embedded.usage.tokens} tokens, CNY {embedded.usage.cost_cny:.7f}"
    what = f"{settings.model_name} gave {len(vector.dense)} dimensions"
    yield Verdict.OK, f"{name_place(settings.address)} took the key; {what} ({cost} spent)"


def _milvus(settings: SearchSettings) -> Iterator[tuple[Verdict, str]]:
    space = Space(settings.dashscope.model_name, settings.dashscope.dimension)
    store, until = Store(settings.milvus, space), Deadline.after(_PATIENCE_SECONDS)
    version = store.read_server_version(until)
    yield Verdict.OK, f"{name_place(settings.milvus.uri)} took the token; its version is {version}"
    if not store.server_has_keywords(until):
        yield Verdict.WARNING, "before 2.5 it cannot search by words: hybrid questions become dense; upgrade it"
    name = settings.milvus.collection
    store = StoreDirectory(settings.milvus, space).find_current(until)
    space = store.space
    if store.check(until):
        yield Verdict.OK, f"the collection {name!r} holds vectors of {space.model} with {space.dimension} dimensions"
        if store.server_has_keywords(until) and not store.has_keywords(until):
            yield (
                Verdict.WARNING,
                f"the collection {name!r} was made before the server could search by words: ingest into another "
                "MILVUS_COLLECTION to have it",
            )
        if space.layout != LAYOUT:
            made = f"the collection {name!r} has layout {space.layout} of an earlier release"
            yield Verdict.WARNING, f"{made}: `migrate start` with the present model makes one of layout {LAYOUT}"
        yield from _check_size(store, settings.milvus, space.dimension, until)
    else:
        yield Verdict.OK, f"the collection {name!r} does not exist yet: ingest makes it when it starts"
    if not store.server_has_index(settings.milvus.index, until):
        version = ".".join(map(str, VECTOR_INDEXES[settings.milvus.index].since))
        yield Verdict.PROBLEM, f"MILVUS_INDEX={settings.milvus.index} needs Milvus {version} or later"


def _check_size(
    store: Store, settings: MilvusSettings, dimension: int, until: Deadline
) -> Iterator[tuple[Verdict, str]]:
    """Say how much memory the chunks take, and whether another index fits their number better."""
    rows, kind = store.chunks.count(until), store.chunks.read_index_kind(until)
    wanted = recommend_index(rows)
    memory = estimate_memory(rows, dimension)
    known = f", about {memory[kind]:.1f} GB of memory" if kind in memory else ""
    yield Verdict.OK, f"it holds {count_of(rows, 'chunk')} with the index {kind}{known}"
    if kind == "HNSW" != wanted:
        yield Verdict.WARNING, f"for so many chunks {wanted} takes about {memory[wanted]:.1f} GB (docs/operate.md)"
    if kind != settings.index:
        yield (
            Verdict.WARNING,
            f"MILVUS_INDEX={settings.index} is for new collections, and this one has {kind}: `migrate start` with the "
            "present model makes one, or leave MILVUS_INDEX as it was",
        )


def _bucket(settings: BucketSettings) -> Iterator[tuple[Verdict, str]]:
    until = Deadline.after(_PATIENCE_SECONDS)
    bucket = Bucket(settings)
    found = next(bucket.list_documents(until))
    where = f"{settings.bucket}/{settings.prefix}*{settings.suffix}"
    if not found:
        yield Verdict.WARNING, f"{where} can be listed and holds no document yet (OSS_PREFIX, OSS_SUFFIX)"
        return
    bucket.state(found[0].key, until)
    yield Verdict.OK, f"{where} can be read; the first page of its listing holds {count_of(len(found), 'document')}"

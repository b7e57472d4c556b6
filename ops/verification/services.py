"""The services that the settings name, each ready to be opened."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from ops.verification.assumption import UncheckedError
from ops.verification.bucket import FOLDER, open_bucket
from ops.verification.dashscope import open_dashscope
from ops.verification.functions import open_functions
from ops.verification.milvus import open_milvus
from ops.verification.running import CAP_CNY
from shared.runtime.environment import read_settings
from shared.runtime.settings import BucketSettings, DashScopeSettings, MilvusSettings
from shared.store.schema import Space

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from ops.project import Project
    from ops.verification.assumption import Assumption
    from ops.verification.running import Opening
    from ops.verification.spending import Spending

NAMES: Final = ("dashscope", "milvus", "oss", "fc")

_ANNOUNCEMENTS: Final = {
    "dashscope": f"DashScope: short calls of every model, about CNY 0.01 together and never more than {CAP_CNY:g}.",
    "milvus": "Milvus: collections named verify_…, with some hundred rows; they are removed.",
    "oss": f"OSS: some 30 objects of a few bytes below {FOLDER}; they are removed. Where OSS_PREFIX does not exclude "
    "them, ingest indexes them for that moment.",
    "fc": "Function Compute: some 15 requests to the functions that are deployed, none of which starts work.",
}
_PASSWORD: Final = ("MILVUS_TOKEN", "API_KEYS")
_SECRETS: Final = (
    *("DASHSCOPE_API_KEY", "API_KEY", "API_KEYS_FILE", "DASHSCOPE_WORKSPACE", "ACCOUNT_ID"),
    *("MILVUS_URI", "DASHSCOPE_BASE_URL", "OSS_ENDPOINT", "SEARCH_URL", "FC_ENDPOINT"),
    *("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"),
)


def announce(names: Iterable[str]) -> Iterator[str]:
    """Say what the checks of these services do and cost."""
    return (_ANNOUNCEMENTS[name] for name in names)


def list_openings(names: Iterable[str], project: Project, spending: Spending) -> dict[str, Opening]:
    """How to open each of these services."""
    openings: dict[str, Opening] = {
        "dashscope": partial(_open_dashscope, project.environ, spending),
        "milvus": partial(_open_milvus, project.environ),
        "oss": partial(_open_bucket, project.environ),
        "fc": partial(open_functions, project.deployment, project.environ),
    }
    return {name: openings[name] for name in names}


def list_private(environ: Mapping[str, str]) -> Iterator[str]:
    """The texts that a report must not hold: keys, passwords, and names of the account."""
    for name in _SECRETS:
        yield environ.get(name, "")
    for name in _PASSWORD:
        for entry in environ.get(name, "").split(","):
            yield entry
            yield entry.rpartition(":")[2] if name == "MILVUS_TOKEN" else entry.partition("@")[0]


def _require(environ: Mapping[str, str], *variables: str) -> None:
    missing = [name for name in variables if not environ.get(name, "").strip()]
    if missing:
        raise UncheckedError(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set")


def _open_dashscope(environ: Mapping[str, str], spending: Spending) -> AbstractContextManager[Iterable[Assumption]]:
    _require(environ, "DASHSCOPE_API_KEY")
    return open_dashscope(read_settings(DashScopeSettings, environ), spending)


def _open_milvus(environ: Mapping[str, str]) -> AbstractContextManager[Iterable[Assumption]]:
    _require(environ, "MILVUS_URI")
    model = read_settings(DashScopeSettings, {**environ, "DASHSCOPE_API_KEY": "unset"})
    return open_milvus(read_settings(MilvusSettings, environ), Space(model.model_name, model.dimension))


def _open_bucket(environ: Mapping[str, str]) -> AbstractContextManager[Iterable[Assumption]]:
    _require(environ, "OSS_BUCKET", "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
    return open_bucket(read_settings(BucketSettings, environ))

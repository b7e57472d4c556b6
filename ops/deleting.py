"""Deletes documents and their sidecars from the bucket; events of OSS, or the next reconcile, remove their chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ops.credentials import NO_KEY, VARIABLES
from ops.template import DeploymentError
from shared.domain.errors import PlatformError
from shared.ingestion.bucket import SIDECAR, Bucket
from shared.runtime.retrying import Deadline
from shared.runtime.settings import BucketSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.deployment import Deployment

_SECONDS: Final = 3_600.0
_NAMED: Final = 10


def open_bucket(deployment: Deployment, environ: Mapping[str, str]) -> Bucket:
    """The bucket of a deployment, with the caller's own access key.

    Raises:
        DeploymentError: the settings cannot be used.
    """
    declared = deployment.functions["ingest"].environment_variables
    try:
        return Bucket(read_settings(BucketSettings, {**environ, **declared}))
    except PlatformError as error:
        if not all(environ.get(name) for name in VARIABLES[:2]):
            raise DeploymentError(NO_KEY) from None
        raise DeploymentError(f"the settings of the bucket: {error.message}") from None


def preview(bucket: Bucket, prefix: str) -> tuple[int, list[str]]:
    """Count the documents with keys that begin with ``prefix``, and return the first of them.

    Raises:
        DeploymentError: the prefix is outside the deployment's, or the bucket cannot be read.
    """
    if not prefix or not prefix.startswith(bucket.prefix):
        raise DeploymentError(f"name a prefix below {bucket.prefix!r} (OSS_PREFIX), at least one character long")
    count, first = 0, list[str]()
    for key in _list(bucket, prefix, Deadline.after(_SECONDS)):
        count += 1
        if len(first) < _NAMED:
            first.append(key)
    return count, first


def delete(bucket: Bucket, prefix: str) -> int:
    """Delete the documents with keys that begin with ``prefix`` and their sidecars; returns how many objects.

    Raises:
        DeploymentError: OSS refuses.
    """
    until, deleted = Deadline.after(_SECONDS), 0
    try:
        for keys in bucket.list_keys(prefix, until):
            chosen = [key for key in keys if bucket.owns(bucket.key(key.removesuffix(SIDECAR)))]
            deleted += bucket.delete(chosen, until)
    except PlatformError as error:
        raise DeploymentError(f"the bucket cannot be changed: {error.message} ({error.code})") from None
    return deleted


def _list(bucket: Bucket, prefix: str, until: Deadline) -> Iterator[str]:
    try:
        for keys in bucket.list_keys(prefix, until):
            yield from (key for key in keys if bucket.owns(bucket.key(key)))
    except PlatformError as error:
        raise DeploymentError(f"the bucket cannot be read: {error.message} ({error.code})") from None

"""The command ``ops estimate``: of a bucket, or of a number of documents that one has in mind."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from rich.progress import track

from ops.credentials import NO_KEY, VARIABLES
from ops.estimation import printing
from ops.estimation.measuring import Measured, measure
from ops.estimation.projecting import Content, Estimate, Terms, assume, estimate, project
from ops.estimation.sampling import choose, divide
from shared.domain.catalog import EMBEDDING_MODELS
from shared.domain.errors import ConfigurationError, PlatformError
from shared.ingestion.bucket import Bucket
from shared.runtime.retrying import Deadline
from shared.runtime.settings import BucketSettings, IngestionSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from ops.deployment import Deployment

_LISTING_SECONDS: Final = 3600.0
_READING_SECONDS: Final = 600.0
# Parsers run in processes of their own; two keep a small machine busy.
_AT_ONCE: Final = 2


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        documents: numbers of documents that are not read; empty asks for the bucket.
        tokens: of each of them.
        searches: a month.
        sample: how many documents of the bucket are read, about.
        megabytes: of them together.
        seed: chooses them; the same seed chooses the same.
    """

    documents: tuple[int, ...]
    tokens: int
    searches: int
    sample: int
    megabytes: int
    seed: int
    as_json: bool


def run(deployment: Deployment, environ: Mapping[str, str], question: Question, console: Console) -> int:
    """Answer ``question``; the exit status is 1 where the bucket or a setting cannot be read."""
    try:
        estimates = list(_answer(deployment, environ, question, console))
    except PlatformError as error:
        if not question.documents and not all(environ.get(name) for name in VARIABLES[:2]):
            console.print(f"{NO_KEY} Without a bucket: --documents 10000.", markup=False)
            return 1
        console.print(f"{error.message} ({error.code})", markup=False)
        return 1
    if question.as_json:
        print(json.dumps([one.describe() for one in estimates], indent=2))
    else:
        printing.show(estimates, console)
    return 0


def _answer(deployment: Deployment, environ: Mapping[str, str], question: Question, console: Console) -> list[Estimate]:
    declared = {**environ, **deployment.functions["ingest"].environment_variables}
    settings, terms = read_settings(IngestionSettings, declared), _terms(deployment, declared)
    if question.documents:
        contents = [assume(number, question.tokens, settings.chunk_tokens) for number in question.documents]
    else:
        bucket = Bucket(read_settings(BucketSettings, declared))
        contents = [read(bucket, settings, f"{terms.model.name}/{terms.dimension}", question, console)]
    return [estimate(content, terms, question.searches) for content in contents]


def _terms(deployment: Deployment, declared: Mapping[str, str]) -> Terms:
    name = declared.get("EMBEDDING_MODEL", "")
    model = EMBEDDING_MODELS.get(name)
    if model is None:
        raise ConfigurationError(
            "invalid_settings", f"EMBEDDING_MODEL {name!r} is none of {', '.join(EMBEDDING_MODELS)}."
        )
    return Terms(
        model=model,
        dimension=int(declared.get("EMBEDDING_DIMENSION") or model.default_dimension),
        requests_per_second=float(declared.get("QUOTA_REQUESTS_PER_SECOND") or model.requests_per_second),
        tokens_per_minute=float(declared.get("QUOTA_TOKENS_PER_MINUTE") or model.tokens_per_minute),
        ingest=deployment.functions["ingest"],
        search=deployment.functions["search"],
    )


def read(bucket: Bucket, settings: IngestionSettings, profile: str, question: Question, console: Console) -> Content:
    """List the bucket and read a sample of it.

    Raises:
        TransientError, ConfigurationError: the bucket cannot be read.
    """
    listing = Deadline.after(_LISTING_SECONDS)
    with console.status("Listing the bucket"):
        strata = divide(chain.from_iterable(bucket.list_documents(listing)), question.seed)
    chosen = list(choose(strata, question.sample, question.megabytes << 20))
    work = [(stratum, state) for stratum, states in chosen for state in states]
    found: dict[int, list[Measured]] = {id(stratum): [] for stratum in strata}
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        measured = threads.map(
            lambda one: measure(bucket, one[1], settings, profile, Deadline.after(_READING_SECONDS)), work
        )
        for (stratum, _), result in track(
            zip(work, measured, strict=True), "Reading a sample", len(work), console=console, transient=True
        ):
            found[id(stratum)].append(result)
    return project((stratum, found[id(stratum)]) for stratum in strata)

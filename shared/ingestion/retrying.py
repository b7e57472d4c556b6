"""Documents that an operator wants tried again, whatever their records say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import DocumentState
from shared.ingestion.key_list import KeyList
from shared.ingestion.repairing import make_repairs, make_unfinished
from shared.ingestion.results import Counts, Report
from shared.parsing import PARSER_REVISION
from shared.runtime import clock
from shared.store.expressions import select_bucket

if TYPE_CHECKING:
    from shared.domain.models import Document
    from shared.ingestion.events import Selection
    from shared.ingestion.pipeline import Pipeline
    from shared.ingestion.repairing import Converge
    from shared.runtime.retrying import Deadline


def retry(
    pipeline: Pipeline,
    converge: Converge,
    selection: Selection,
    deadline: Deadline,
    *,
    dry_run: bool,
    seconds: float | None,
) -> Report:
    """Try the documents again that an operator has chosen; see `Ingestion.retry`."""
    started = clock.time() if selection.before is None else selection.before
    state = DocumentState(selection.state) if selection.state else None
    bucket = pipeline.bucket
    condition = select_bucket(bucket.name, selection.prefix or bucket.prefix, state)
    repairs = make_repairs(pipeline, converge, deadline, seconds)
    chosen, known = KeyList(), 0
    for part in pipeline.store.spans.read(condition, "", "", deadline):
        records = [
            record for record in part.documents if bucket.owns(bucket.key(record.key)) and record.updated < started
        ]
        known += len(records)
        keys = [bucket.key(record.key) for record in records if is_selected(record, selection)]
        chosen.add(keys)
        if not dry_run:
            repairs.run(keys)
    if repairs.left and seconds is None:
        raise make_unfinished(repairs.left, chosen.total)
    report = Report(known, chosen.names, (), counts=Counts(stale=chosen.total), before=started)
    return repairs.add_to(report, repairs.left)


def is_selected(record: Document, selection: Selection) -> bool:
    """Whether an operator's choice includes a document.

    Documents that are indexed are only read again on request, and only where older parsing code read them; one that is
    named by its id is read again in any case.
    """
    if selection.id not in ("", record.id):
        return False
    if selection.code and (record.failure is None or record.failure.code != selection.code):
        return False
    if record.state is DocumentState.INDEXED:
        return selection.reread and (bool(selection.id) or record.parser_revision < PARSER_REVISION)
    return record.state in (DocumentState.PENDING, DocumentState.FAILED)

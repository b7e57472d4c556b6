"""Each safeguard of the system, taken out by itself: some test must turn red, or nothing guards it.

    python -m tests.safeguards            all of them
    python -m tests.safeguards sweep      those with the word in their name, or one of several

A safeguard is a text in a file, and what stands there without it. The tree is copied, the tests are seen green once,
and then one safeguard at a time is taken out and its tests are run. A change of the text of a safeguard is made here
too: `test_safeguards` fails otherwise.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).parents[1]
# Without a timeout a test may wait for ever: that is as good as red.
_TEST_SECONDS = 60
_RUN_SECONDS = 240
_END_SECONDS = 20
# The real Milvus, if some test has installed it: not once more for each run.
_SERVER = ROOT / ".local" / "milvus-server"
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".local", "build", "__pycache__", ".*_cache", ".hypothesis")
# https://docs.pytest.org/en/stable/reference/exit-codes.html
_PASSED, _FAILED = 0, 1


@dataclass(frozen=True)
class Safeguard:
    """Something that could be taken out, and everything would seem to work.

    Attributes:
        why: what happens without it.
        file: where it stands, below the root.
        text: the safeguard itself, which stands there exactly once.
        without: what stands there once it is taken out.
        tests: those that turn red then.
    """

    name: str
    why: str
    file: str
    text: str
    without: str
    tests: tuple[str, ...]

    def times_found(self, root: Path) -> int:
        """How often the text stands in the file."""
        path = root / self.file
        return path.read_text("utf-8").count(self.text) if path.is_file() else 0

    def lost(self) -> str:
        """What to say when the text is not found exactly once."""
        return (
            f"The safeguard {self.name!r} is no longer found exactly once in {self.file}: "
            "change its text in tests/safeguards.py to what guards now."
        )


_ISOLATION = "tests/unit/parsing/test_isolation.py::"
_OUTCOME = f"{_ISOLATION}test_each_end_of_a_parser_has_its_own_outcome"
_RECORDS, _SEARCHING = "tests/unit/test_record_simulation.py::", "tests/integration/test_searching.py::"
_SCANS = "tests/integration/test_scans.py::"
_HISTORIES, _SIMULATION = "tests/unit/test_histories.py::", "tests/unit/test_simulation.py::"
_BATCHES = "tests/unit/test_batches.py::"
_EMBEDDING, _STORE, _INGESTION = (
    "tests/integration/test_embedder.py::",
    "tests/integration/test_store.py::",
    "tests/integration/test_ingestion.py::",
)
_INDEXING, _USE_CASE = "shared/ingestion/indexing.py", "shared/ingestion/converging.py"
_RECONCILING, _CLAIMING = "shared/ingestion/reconciling.py", "shared/ingestion/claiming.py"
_COMPARING = "shared/ingestion/comparing.py"
_RECONCILES = "tests/unit/test_reconciling.py::"
_BACKFILLS = "tests/unit/test_batch_simulation.py::"
_BACKFILL = "tests/integration/test_backfill.py::"

SAFEGUARDS = (
    # -- convergence
    Safeguard(
        "re-check before acknowledging",
        "what changes during the work is acknowledged unseen",
        _USE_CASE,
        "if read_version(seen) == read_version(state) and not fresh.failure:",
        "if not fresh.failure:",
        (
            f"{_HISTORIES}test_an_object_replaced_while_it_is_indexed_is_read_again",
            f"{_HISTORIES}test_an_object_removed_while_it_is_indexed_is_gone",
        ),
    ),
    Safeguard(
        "texts of pages are kept",
        "each attempt pays for every page of a scan again",
        "shared/ingestion/scans.py",
        "self._texts.write(id_, job.document_id, text, job.deadline)",
        "pass",
        (f"{_SCANS}test_a_page_is_paid_for_once_however_often_it_is_read",),
    ),
    Safeguard(
        "texts of pages belong to a tenant",
        "a page that costs nothing tells that another tenant has the same",
        "shared/ingestion/scans.py",
        "digest(reader.profile, job.tenant, picture.digest)",
        "digest(reader.profile, picture.digest)",
        (f"{_SCANS}test_texts_of_pages_are_not_shared_between_tenants",),
    ),
    Safeguard(
        "texts of deleted documents are dropped",
        "the text of a deleted scan stays in Milvus for ever",
        "shared/ingestion/converging.py",
        "self._store.page_texts.expire(record.id, deadline)",
        "pass",
        (f"{_SCANS}test_texts_of_a_deleted_document_are_kept_for_some_days_only",),
    ),
    Safeguard(
        "limit of pictures read",
        "an archive of ten thousand pictures is billed whole",
        "shared/ingestion/scans.py",
        "if block.picture and self._is_full():",
        "if False:",
        (f"{_SCANS}test_pictures_of_an_archive_count_together",),
    ),
    Safeguard(
        "Strong reads",
        "a decision follows what was true a moment ago",
        "shared/store/client.py",
        """consistency: str = "Strong",\n        limit: int""",
        """consistency: str = "Bounded",\n        limit: int""",
        (f"{_HISTORIES}test_reads_that_come_late_decide_nothing",),
    ),
    Safeguard(
        "sweep",
        "chunks of an older version go on answering",
        _INDEXING,
        "store.chunks.delete(gone, self.deadline)",
        "pass",
        (f"{_HISTORIES}test_a_version_that_comes_back_is_the_one_that_stays",),
    ),
    Safeguard(
        "write the new before sweeping the old",
        "a document cannot be found while it is replaced",
        _INDEXING,
        "                for window in self._windows(chunks):\n",
        "                store = self.pipeline.store.chunks\n"
        "                held = store.read_positions(self.state.key.document_id, self.deadline)\n"
        "                store.delete([id_ for id_, _ in held], self.deadline)\n"
        "                for window in self._windows(chunks):\n",
        (f"{_HISTORIES}test_a_document_stays_readable_while_it_is_replaced",),
    ),
    Safeguard(
        "moved chunks are written last",
        "a version refused late has spoilt the one before",
        _INDEXING,
        "                    moved.add(self._find_moved(window))\n",
        "                    self._rewrite(self._find_moved(window))\n",
        (f"{_HISTORIES}test_a_version_refused_late_leaves_the_rows_it_shares_with_the_one_before",),
    ),
    Safeguard(
        "chunks are counted after the sweep",
        "what another worker swept is acknowledged as indexed",
        _INDEXING,
        "if present < len(self.wanted):",
        "if False:",
        (f"{_HISTORIES}test_chunks_somebody_took_meanwhile_are_missed_and_written_again",),
    ),
    Safeguard(
        "the record is written first",
        "what a dead process embedded is not known",
        _INDEXING,
        "        self._record(DocumentState.PENDING)\n        try:\n            with self._claim, self.scanned:",
        "        try:\n            with self._claim, self.scanned:",
        (f"{_SIMULATION}test_whichever_call_fails_the_next_delivery_ends_exactly[new-dies after]",),
    ),
    Safeguard(
        "the record's fingerprint is compared",
        "a record is believed whatever the index holds",
        _USE_CASE,
        "self._store.chunks.compute_fingerprint(record.id, deadline) == record.fingerprint",
        "True",
        (f"{_SIMULATION}test_a_reconcile_sees_as_many_chunks_of_another_version",),
    ),
    Safeguard(
        "upsert",
        "writing twice stores twice",
        "shared/store/chunks.py",
        'self._client.call("upsert", deadline, self.name,',
        'self._client.call("insert", deadline, self.name,',
        # Milvus Lite replaces a row whatever the call, a real server does not.
        (f"{_STORE}test_writing_twice_is_writing_once[server]",),
    ),
    Safeguard(
        "deterministic chunk ids",
        "every replay embeds and writes everything again",
        "shared/ingestion/chunking.py",
        "return digest(self._document_id, context, text, str(self._seen[key]), self._profile)",
        'return __import__("uuid").uuid4().hex',
        (
            f"{_SIMULATION}test_without_faults_nothing_is_embedded_but_what_is_needed",
            f"{_HISTORIES}test_a_second_run_in_a_process_equals_the_first_and_that_of_another",
        ),
    ),
    Safeguard(
        "one worker for each document",
        "threads of a process embed the same chunks twice",
        _USE_CASE,
        "self.locks.hold(key.document_id, deadline):\n            return self._settle(",
        "DocumentLocks().hold(key.document_id, deadline):\n            return self._settle(",
        (f"{_HISTORIES}test_eight_events_at_once_are_paid_for_once_by_a_process",),
    ),
    Safeguard(
        "a batch confirms what it indexed",
        "a version that was replaced meanwhile stays in the index",
        "shared/ingestion/batch.py",
        " if _confirms(listed, key, seen)}",
        "}",
        (f"{_BATCHES}test_an_object_that_changes_while_its_batch_is_at_work_is_read_again",),
    ),
    Safeguard(
        "documents wait for their batch task",
        "a reconcile embeds by calls what a task was paid for",
        _COMPARING,
        " if not any(note.covers(state) for note in notes)]",
        "]",
        (f"{_BACKFILL}test_documents_wait_for_their_task_and_those_that_changed_do_not",),
    ),
    Safeguard(
        "a task that may exist is looked up",
        "a process that dies while it creates a batch task pays twice",
        "shared/ingestion/backfill_parts.py",
        "        task = self.tasks.find(note.file_id, deadline) if note.file_id else None\n"
        "        if task is None:\n"
        "            for file in (note.file_id,) if note.file_id else "
        "self.tasks.find_files(name_file(note), deadline):\n"
        "                self.tasks.delete_file(file, deadline)\n"
        "            task = self.tasks.find(note.file_id, deadline) if note.file_id else None\n",
        "        task = None\n",
        (f"{_BACKFILL}test_a_process_that_dies_while_it_creates_a_task_pays_once[True]",),
    ),
    Safeguard(
        "a file without a task is deleted",
        "a process that stood still creates a task for documents that were planned again meanwhile: paid twice",
        "shared/ingestion/backfill_parts.py",
        "                self.tasks.delete_file(file, deadline)\n            task =",
        "                pass\n            task =",
        (f"{_BACKFILLS}test_a_process_that_stood_still_creates_no_task_after_another_has_planned_its_documents_again",),
    ),
    Safeguard(
        "answers are kept for delayed documents",
        "what a task has embedded is paid for once more after an internal error",
        "shared/ingestion/collecting.py",
        " or self._delayed)",
        ")",
        (f"{_BACKFILLS}test_answers_are_kept_for_a_document_that_waits_after_an_internal_error",),
    ),
    Safeguard(
        "two plans of the same documents",
        "two backfills at the same time pay for the same documents",
        "shared/ingestion/ordering.py",
        "            self._check_alone(note)\n",
        "",
        (f"{_BACKFILL}test_two_that_plan_the_same_documents_pay_once",),
    ),
    Safeguard(
        "vectors of a task are compared",
        "vectors of another kind spoil the index without an error",
        "shared/embedding/sources.py",
        "            self.problem = describe_difference(pairs)\n",
        "",
        (f"{_BACKFILL}test_vectors_of_another_kind_are_refused_and_never_written",),
    ),
    Safeguard(
        "a batch confirms what it removed",
        "an object that comes back meanwhile is missing from the index",
        "shared/ingestion/batch.py",
        " if key in listed and listed[key] is None}",
        "}",
        (f"{_BATCHES}test_an_object_that_comes_back_while_it_is_removed_is_indexed",),
    ),
    Safeguard(
        "a listing confirms no recent object",
        "metadata that changes within the second of an upload is lost: a listing shows neither",
        _USE_CASE,
        " and not is_recent(state)",
        "",
        (f"{_BATCHES}test_metadata_that_changes_within_the_second_of_an_upload_is_seen",),
    ),
    Safeguard(
        "a batch leaves documents to the threads that hold them",
        "a removal meets a thread that indexes the same document",
        "shared/ingestion/locks.py",
        "if id_ not in self._locks:",
        "if True:",
        (f"{_BATCHES}test_a_batch_holds_only_the_documents_that_no_thread_holds",),
    ),
    Safeguard(
        "a joined call that fails is repeated by each alone",
        "one row that Milvus refuses fails the documents of all threads",
        "shared/store/joining.py",
        "len(taken) > 1 and (not passes or has_more_time)",
        "False",
        ("tests/unit/test_joining.py::test_none_fails_for_what_another_asked",),
    ),
    Safeguard(
        "poison is isolated",
        "one record keeps the others of its event waiting",
        _USE_CASE,
        "                failures.append(error)\n",
        "                raise\n",
        (f"{_HISTORIES}test_a_poisoned_record_keeps_no_other_of_its_event_waiting",),
    ),
    # -- reconcile
    Safeguard(
        "a partial listing is refused",
        "what was not listed is removed",
        "shared/ingestion/bucket.py",
        "            page = self._list(request, deadline)\n            yield",
        "            try:\n"
        "                page = self._list(request, deadline)\n"
        "            except TransientError:\n"
        "                return\n"
        "            yield",
        (f"{_HISTORIES}test_a_listing_that_breaks_off_removes_nothing",),
    ),
    Safeguard(
        "share of deletions",
        "a wrong listing empties the index",
        _RECONCILING,
        "if orphaned > self._pipeline.settings.max_deleted_share * total:",
        "if False:",
        (f"{_INGESTION}test_reconcile_stops_before_it_deletes_too_much[lite]",),
    ),
    Safeguard(
        "the index is counted too",
        "chunks without a record are never found",
        _COMPARING,
        "strays = [bucket.key(found.key) for id_, found in held.items() if id_ not in records]",
        "strays: list[ObjectKey] = []",
        (f"{_SIMULATION}test_a_reconcile_sees_chunks_that_no_record_tells_of",),
    ),
    Safeguard(
        "a reconcile that was continued begins again at the first key",
        "what changed before the cursor waits for the next timer, and success is reported",
        _RECONCILING,
        "    return first if seconds is not None else join_reports(first, run.complete(Cursor(after=span.after)))\n",
        "    return first\n",
        (f"{_RECONCILES}test_what_changed_before_the_cursor_is_repaired_by_the_same_run",),
    ),
    Safeguard(
        "share of deletions of a run that continues",
        "a bucket that is emptied between two invocations empties the index",
        _RECONCILING,
        "                self._check_deletions(cursor.removed + len(batch.keys), cursor.known)\n",
        "",
        (f"{_RECONCILES}test_a_bucket_that_is_emptied_while_a_run_is_interrupted_removes_no_more_than_is_allowed",),
    ),
    # -- claims and retries
    Safeguard(
        "a reconcile leaves what another process works on",
        "two reconciles bill everything twice",
        _USE_CASE,
        "if is_claimed(record, self.pipeline.owner, self._bucket.reference.now()):",
        "if False:",
        (f"{_HISTORIES}test_a_reconcile_leaves_a_document_alone_while_another_process_works_on_it",),
    ),
    Safeguard(
        "an event waits for who works on its document",
        "two instances that get events of one document both embed it, or one gives up the event",
        _USE_CASE,
        "                    await_end(self._store.registry, key.document_id, self.pipeline.owner, now, deadline)\n",
        "                    raise\n",
        (f"{_HISTORIES}test_an_event_waits_while_another_instance_works_on_its_document_and_then_serves_it",),
    ),
    Safeguard(
        "a migration copies chunks instead of reading documents again",
        "changing the model parses the whole bucket once more",
        "shared/ingestion/origin.py",
        "        if record is None or record.version != state.version:\n",
        "        if True:\n",
        ("tests/unit/test_migration.py::test_a_migration_parses_nothing_and_bills_each_chunk_once",),
    ),
    Safeguard(
        "a collection is switched to once it is filled",
        "searches lose documents after a switch",
        "shared/migration/steps.py",
        "if is_new and not follower.plan.filled:",
        "if False:",
        ("tests/unit/test_migration.py::test_a_switch_needs_a_collection_that_is_filled",),
    ),
    Safeguard(
        "a claim that was lost in a sleep is missed before others' chunks are swept",
        "an instance that was frozen removes the chunks of a newer version, which are embedded again",
        _INDEXING,
        "        self._claim.check_again()\n",
        "",
        (f"{_HISTORIES}test_an_instance_that_lost_its_claim_in_its_sleep_sweeps_nothing",),
    ),
    Safeguard(
        "an instance knows its own claims",
        "a worker that is started again waits for the one that died",
        _USE_CASE,
        "owner or secrets.token_hex(8)",
        "secrets.token_hex(8)",
        (f"{_HISTORIES}test_an_instance_that_was_started_again_does_not_wait_for_itself",),
    ),
    Safeguard(
        "a removal ends work on the document",
        "what was removed is embedded to its end",
        _USE_CASE,
        "if state is None and not yields:",
        "if False:",
        (f"{_HISTORIES}test_an_object_that_is_removed_is_not_paid_for_to_its_end",),
    ),
    Safeguard(
        "a claim ends",
        "a document that a dead process worked on is never indexed",
        _CLAIMING,
        "0 < left <= CLAIM_SECONDS + _SKEW_SECONDS",
        "True",
        (f"{_HISTORIES}test_a_claim_far_in_the_future_is_not_believed",),
    ),
    Safeguard(
        "the claim is checked before something is paid for",
        "two reconciles that begin at the same moment both embed",
        _INDEXING,
        "        self._claim.check()\n",
        "",
        (
            f"{_HISTORIES}test_a_reconcile_that_lost_its_claim_gives_way_before_it_pays",
            f"{_HISTORIES}test_of_two_instances_that_claim_a_document_at_the_same_moment_one_pays",
        ),
    ),
    Safeguard(
        "an unexpected error condemns no document",
        "a fixed release never heals what a bug refused",
        _INDEXING,
        "Failure(self.stage, crash.code, crash.message, retryable=True)",
        "Failure(self.stage, crash.code, crash.message)",
        (f"{_HISTORIES}test_an_error_that_no_parser_documents_is_an_internal_error[TypeError]",),
    ),
    Safeguard(
        "a defect concerns one document",
        "a document that nothing expected keeps all others of an event or a reconcile from their turn",
        _USE_CASE,
        "    @explain_crashes()\n    def converge(",
        "    def converge(",
        (f"{_HISTORIES}test_a_defect_that_one_document_meets_keeps_no_other_from_its_turn",),
    ),
    Safeguard(
        "internal errors are retried after a delay",
        "each reconcile reads a document again that makes a parser fail",
        _COMPARING,
        "return is_delayed(record) or is_finished(record)",
        "return is_finished(record)",
        (f"{_HISTORIES}test_an_internal_error_condemns_no_document_and_is_retried_after_a_growing_delay",),
    ),
    Safeguard(
        "failures of an older release are tried again",
        "a better parser never reads what an older one refused",
        "shared/ingestion/standing.py",
        "is_permanent and record.parser_revision >= parsing.PARSER_REVISION",
        "is_permanent",
        (f"{_HISTORIES}test_a_failure_of_an_older_revision_is_tried_once_more",),
    ),
    Safeguard(
        "only own keys are removed",
        "two deployments on one bucket delete each other's documents",
        _COMPARING,
        "if bucket.owns(key := bucket.key(record.key))}",
        "if (key := bucket.key(record.key))}",
        (f"{_INGESTION}test_two_deployments_on_one_bucket_leave_each_others_documents_alone[lite]",),
    ),
    Safeguard(
        "a row digest holds no time",
        "an edit of one word writes every row of its document",
        "shared/ingestion/rows.py",
        "self._digest = digest(title, format_, metadata, self._tenant)",
        "self._digest = digest(title, format_, metadata, self._tenant, str(self._state.modified))",
        (f"{_HISTORIES}test_an_edit_writes_only_the_rows_it_changes",),
    ),
    Safeguard(
        "fields are checked before embedding",
        "a chunk that Milvus cannot store is billed, every hour",
        "shared/ingestion/rows.py",
        "                check_row(self.make(chunk, ()))\n",
        "                pass\n",
        ("tests/unit/test_fields.py::test_what_a_row_cannot_hold_is_refused_by_name",),
    ),
    Safeguard(
        "credentials of the invocation",
        "an instance that lives longer than its first credentials stops reading the bucket",
        "shared/ingestion/oss_credentials.py",
        "chosen = current_credentials() or self._fallback",
        "chosen = self._fallback",
        (f"{_INGESTION}test_the_credentials_of_the_invocation_are_used_and_else_those_of_the_environment",),
    ),
    Safeguard(
        "the format is decided by the first bytes",
        "a film of 2 GiB is downloaded to be refused",
        _INDEXING,
        "if _SMALL_BYTES < state.size <= most:",
        "if False:",
        (f"{_INGESTION}test_a_large_file_that_no_parser_reads_is_not_downloaded[film.mp4]",),
    ),
    Safeguard(
        "a released collection is loaded again",
        "an administrator's release stops the service for ever",
        "shared/store/client.py",
        "            self._load(arguments[0], deadline)\n",
        "            pass\n",
        (f"{_STORE}test_a_collection_that_an_administrator_released_is_loaded_again[lite]",),
    ),
    # -- the contract with Function Compute
    Safeguard(
        "x-fc-status",
        "a failed event counts as done and is lost",
        "shared/runtime/responses.py",
        '    response.headers["x-fc-status"] = "404"\n',
        "",
        ("tests/integration/test_web.py::test_an_event_that_fails_is_repeated_by_function_compute",),
    ),
    # -- HTTP
    Safeguard(
        "a thread is taken by a whole request",
        "twenty clients that send half a body stop a function for everyone",
        "shared/runtime/worker.py",
        "if body.is_complete or body.problem is not Problem.NONE:",
        "if True:",
        ("tests/integration/test_serving.py::test_clients_that_send_half_a_body_take_no_place",),
    ),
    Safeguard(
        "slow requests end",
        "half a request holds its connection and its memory for 15 minutes",
        "shared/runtime/worker.py",
        "self.deadline = min(self.ends, now + _SILENT_SECONDS)",
        "self.deadline = now + 900",
        ("tests/integration/test_serving.py::test_clients_that_send_half_a_body_take_no_place",),
    ),
    Safeguard(
        "no memory for strangers",
        "callers without a key fill the memory with bodies",
        "shared/runtime/web.py",
        "return path in self._body_limits and known is not None",
        "return path in self._body_limits",
        ("tests/integration/test_serving.py::test_bodies_of_callers_without_a_key_take_no_memory",),
    ),
    Safeguard(
        "malformed chunks",
        "a malformed body is answered as if it had been sent as it is",
        "shared/runtime/web.py",
        "if _problem() is Problem.MALFORMED:",
        "if False:",
        ("tests/integration/test_serving.py::test_malformed_chunks_are_the_clients_mistake",),
    ),
    Safeguard(
        "encoded bodies",
        "a compressed body is read as JSON, or its length waited for",
        "shared/runtime/web.py",
        'if has_body and encoding not in ("identity", ""):',
        "if False:",
        ("tests/integration/test_serving.py::test_an_encoded_body_is_refused_at_once",),
    ),
    Safeguard(
        "texts are counted before they are decoded",
        "a body of a million one-letter texts takes sixty times its size",
        "shared/runtime/request.py",
        "if _count_texts(data) > max_texts + _MORE_TEXTS:",
        "if False:",
        ("tests/unit/test_odd_values.py::test_a_million_texts_are_refused_before_they_take_memory",),
    ),
    Safeguard(
        "origins of the Model Context Protocol",
        "a page that points its own name at this machine speaks to the tools",
        "shared/runtime/origins.py",
        "if origin and not self.allow(origin) and not self.is_own(origin, host):",
        "if False:",
        ("tests/system/test_mcp.py::test_a_page_of_another_site_cannot_speak_to_the_tools",),
    ),
    Safeguard(
        "a bearer token has its scheme",
        "any header Authorization is taken for a key",
        "shared/runtime/auth.py",
        'return key.strip() if scheme.lower() == "bearer" else ""',
        "return (key or scheme).strip()",
        ("tests/integration/test_web.py::test_only_a_known_key_lets_in",),
    ),
    Safeguard(
        "asynchronous calls",
        "what a stranger has queued is worked on later",
        "shared/runtime/web.py",
        'if request.headers.get("x-fc-invocation-type", "").lower() == "async":',
        "if False:",
        ("tests/integration/test_web.py::test_a_call_that_was_queued_is_refused",),
    ),
    Safeguard(
        "stable pages",
        "pages show a document twice when others come or go",
        "shared/store/registry.py",
        'within = all_of(condition, select_after(after.key, after.bucket) if after else "")',
        "within = condition",
        ("tests/integration/test_store.py::test_pages_show_no_record_twice_while_records_come_and_go",),
    ),
    Safeguard(
        "dispatch on the control path",
        "the public invokes the function with events of its own",
        "shared/runtime/web.py",
        "is_control = request.path in _CONTROL_PATHS and request.headers.get(_CONTROL) == request.path",
        "is_control = request.path in _CONTROL_PATHS",
        ("tests/integration/test_web.py::test_the_public_cannot_reach_the_control_paths",),
    ),
    Safeguard(
        "no event under a public name",
        "a stranger sends events with the control header, should Function Compute let it through",
        "shared/runtime/web.py",
        "if is_control and not self._from_outside():",
        "if is_control:",
        ("tests/integration/test_web.py::test_no_header_makes_an_event_of_a_call_from_outside",),
    ),
    Safeguard(
        "working folders are cleared",
        "each killed worker leaves an object in /tmp until the disk is full",
        "shared/runtime/serving.py",
        "    workspace.clear(worker.pid)\n",
        "    return\n",
        ("tests/system/test_crashes.py::test_a_killed_worker_costs_no_more_than_its_call[loading]",),
    ),
    # -- time
    Safeguard(
        "timeout of DashScope",
        "one silent connection holds a worker for ever",
        "shared/embedding/dashscope.py",
        '"request_timeout": (min(_CONNECT_SECONDS, seconds), seconds),',
        '"request_timeout": (_CONNECT_SECONDS, 300.0),  # what the SDK has',
        (f"{_EMBEDDING}test_the_deadline_ends_everything",),
    ),
    Safeguard(
        "an answer is whole in time",
        "a server that drips holds a worker for ever",
        "shared/runtime/connection.py",
        "            if ends and clock.monotonic() > ends:\n",
        "            if False:\n",
        (f"{_EMBEDDING}test_a_fault_that_passes_is_survived_and_only_its_call_repeated[drip-]",),
    ),
    Safeguard(
        "timeout of Milvus",
        "one silent connection holds a worker for minutes",
        "shared/store/client.py",
        "(*arguments, timeout=seconds, **options)",
        "(*arguments, **options)",
        (f"{_STORE}test_a_server_that_falls_silent_costs_its_timeout_and_no_more",),
    ),
    Safeguard(
        "timeout of OSS",
        "one silent connection holds a worker longer than it was given",
        "shared/ingestion/bucket.py",
        "            readwrite_timeout=settings.timeout,\n",
        "",
        (f"{_INGESTION}test_a_bucket_that_falls_silent_costs_its_timeout_and_no_more",),
    ),
    Safeguard(
        "time is kept back for writing",
        "what was paid for is lost at the deadline",
        _INDEXING,
        "until = self.deadline.minus(_RESERVE_SECONDS)",
        "until = self.deadline",
        (f"{_INGESTION}test_what_was_paid_for_is_written_before_the_deadline",),
    ),
    Safeguard(
        "what streams is handed on as it arrives",
        "an object that drips holds a worker for hours",
        "shared/runtime/connection.py",
        '        if options.get("stream"):\n',
        "        if options.get('stream'):\n            return response\n        if False:\n",
        (f"{_INGESTION}test_an_object_that_drips_costs_no_more_than_the_time_there_is",),
    ),
    Safeguard(
        "a parser's CPU time",
        "one file keeps an instance busy until the function ends",
        "shared/parsing/worker.py",
        "    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, resource.RLIM_INFINITY))\n",
        "",
        (f"{_OUTCOME}[compute-DocumentError too_slow-at once]",),
    ),
    Safeguard(
        "a parser's CPU time is counted for each file",
        "a process that has read many files refuses the next one as too slow",
        "shared/parsing/worker.py",
        "    used = int(usage.ru_utime + usage.ru_stime) + 1\n",
        "    used = 1\n",
        (f"{_ISOLATION}test_cpu_time_is_counted_for_each_file",),
    ),
    Safeguard(
        "a parser's memory",
        "one file takes the instance's memory, and the instance",
        "shared/parsing/worker.py",
        "    resource.setrlimit(resource.RLIMIT_AS, (allowed, memory))\n",
        "",
        (f"{_ISOLATION}test_a_limit_smaller_than_before_counts_for_the_next_file",),
    ),
    Safeguard(
        "a parser process that holds much memory is replaced",
        "what earlier files left in memory makes a good file fail as too complex",
        "shared/parsing/isolation.py",
        "is_spent=has_grown)",
        "is_spent=False)",
        (f"{_ISOLATION}test_a_process_is_replaced_once_its_memory_grew",),
    ),
    Safeguard(
        "only documented errors refuse a document",
        "a fault of this program condemns documents for good",
        "shared/parsing/refusing.py",
        "    except bad_file_errors as error:\n",
        "    except BaseException as error:\n",
        (f"{_OUTCOME}[type-error-InternalError internal_error-at once]",),
    ),
    Safeguard(
        "a file's text is bounded by its size",
        "a small file is billed as 600 MB of text",
        "shared/parsing/document.py",
        "        if characters > most:\n",
        "        if False:\n",
        (f"{_ISOLATION}test_text_beyond_the_bound_for_the_files_size_is_left_out_with_a_warning",),
    ),
    # -- what the services say
    Safeguard(
        "the answer's rows are counted",
        "a vector goes to a text that is not its own",
        "shared/embedding/outputs.py",
        'if [row["text_index"] for row in rows] != list(range(count)):',
        "if False:",
        (f"{_EMBEDDING}test_a_fault_that_passes_is_survived_and_only_its_call_repeated",),
    ),
    Safeguard(
        "the answer's rows are put in order",
        "a good answer is thrown away and billed again",
        "shared/embedding/outputs.py",
        'sorted(output["embeddings"], key=lambda row: row["text_index"])',
        'list(output["embeddings"])',
        (f"{_EMBEDDING}test_shuffled_rows_are_put_in_order",),
    ),
    Safeguard(
        "vectors are finite and of the right size",
        "an answer that cannot be used is taken for one",
        "shared/embedding/outputs.py",
        "if parameters.output.has_dense and (len(dense) != parameters.dimension or not math.isfinite(sum(dense))):",
        "if False:",
        (
            f"{_EMBEDDING}test_a_fault_that_passes_is_survived_and_only_its_call_repeated",
            f"{_EMBEDDING}test_an_answer_that_stays_unusable_is_bought_twice_and_not_six_times",
        ),
    ),
    Safeguard(
        "no wrong vector is written",
        "NaN in the index spoils every search",
        "shared/store/chunks.py",
        "if len(row.vector) != self._dimension or not all(map(math.isfinite, row.vector)):",
        "if False:",
        (f"{_STORE}test_a_vector_that_is_wrong_is_never_written",),
    ),
    Safeguard(
        "If-Match on GET",
        "the content of one version is indexed as another",
        "shared/ingestion/bucket.py",
        """, if_match=f'"{state.etag}"', **options""",
        ", **options",
        ("tests/integration/test_fakes.py::test_only_the_version_asked_for_is_loaded",),
    ),
    # -- money
    Safeguard(
        "throttling slows us down",
        "a storm of refusals goes on for ever",
        "shared/embedding/calls.py",
        "            self._quota.throttle(priority)\n",
        "            pass\n",
        (f"{_EMBEDDING}test_a_storm_of_refusals_slows_down_what_comes_after_it",),
    ),
    Safeguard(
        "a refused call is halved",
        "one text takes its neighbours with it",
        "shared/embedding/embedder.py",
        "        if len(rows) == 1:\n",
        "        if rows:\n",
        (f"{_EMBEDDING}test_a_refused_text_is_found_and_the_others_succeed",),
    ),
    Safeguard(
        "a refusal is checked by a harmless text",
        "a wrong model or address condemns every document as refused",
        "shared/embedding/acceptance.py",
        "if refusal.code != AMBIGUOUS_CODE:",
        "if True:",
        (f"{_EMBEDDING}test_a_call_that_is_refused_whatever_its_text_condemns_none",),
    ),
    Safeguard(
        "a spoilt answer is billed twice at most",
        "a broken service is paid six times over",
        "shared/embedding/embedder.py",
        "error.soon = request.ledger.add_unusable(rows, error.usage)",
        "request.ledger.add_unusable(rows, error.usage)",
        (f"{_EMBEDDING}test_an_answer_that_stays_unusable_is_bought_twice_and_not_six_times",),
    ),
    Safeguard(
        "cap of the cost",
        "a defect spends without end",
        "shared/embedding/calls.py",
        "        self._budget.reserve(reserved)\n",
        "",
        (f"{_EMBEDDING}test_a_process_stops_before_it_overspends",),
    ),
    Safeguard(
        "each version of a record has a row of its own",
        "an older version overwrites a newer one that was written meanwhile",
        "shared/records/versions.py",
        "    return digest(document_id, str(version), profile)\n",
        '    return digest(document_id, "0", profile)\n',
        (f"{_RECORDS}test_a_newer_version_written_at_any_moment_of_an_older_one_counts",),
    ),
    Safeguard(
        "a writer of records looks again",
        "two versions stay, and the older one is found too",
        "shared/records/batch.py",
        "        while unsettled:\n",
        "        while unsettled and not names:\n",
        (f"{_RECORDS}test_a_newer_version_written_at_any_moment_of_an_older_one_counts",),
    ),
    Safeguard(
        "a defect concerns one record",
        "one record that makes the program fail keeps its whole event from being written",
        "shared/records/separating.py",
        "            if len(some) > 1 and crashes < _MOST_CRASHES:\n",
        "            if False:\n",
        (f"{_RECORDS}test_a_record_that_makes_this_program_fail_fails_alone",),
    ),
    Safeguard(
        "a defect of all records ends soon",
        "an event of a thousand records is divided until its time is over",
        "shared/records/separating.py",
        "            if len(some) > 1 and crashes < _MOST_CRASHES:\n",
        "            if len(some) > 1:\n",
        (f"{_RECORDS}test_a_failure_of_every_record_ends_soon",),
    ),
    Safeguard(
        "records that are divided keep their vectors",
        "each half of a batch is billed again",
        "shared/records/batch.py",
        "        self.vectors.update((item.record.text, vector) for item, vector in pairs)\n",
        "",
        (f"{_RECORDS}test_a_record_that_makes_this_program_fail_fails_alone",),
    ),
    Safeguard(
        "a plan on a full disk drops what is torn",
        "a task is ordered of which the last line is broken",
        "shared/ingestion/ordering.py",
        "        is_full = lines.is_full or lines.is_disk_full\n",
        "        is_full = lines.is_full\n",
        (f"{_BACKFILLS}test_a_plan_on_a_disk_that_is_nearly_full_orders_what_fits_and_goes_on",),
    ),
    Safeguard(
        "errors of Milvus without a code are told apart",
        "a node that is offline for a moment fails documents and queries",
        "shared/store/milvus_errors.py",
        "    return any(words in message for words in _PASSING)\n",
        "    return False\n",
        ("tests/unit/test_milvus_errors.py::test_an_error_without_a_code_that_passes_is_tried_again",),
    ),
    Safeguard(
        "a listing follows symbolic links",
        "every reconcile takes each link for changed",
        "shared/ingestion/bucket.py",
        'self._follow(listed, deadline) if entry.object_type == "Symlink" else listed',
        "listed",
        (f"{_INGESTION}test_a_symbolic_link_is_indexed_once_and_a_reconcile_finds_nothing_to_do",),
    ),
    Safeguard(
        "a list goes on after keys with control characters",
        "documents are listed twice",
        "shared/store/registry.py",
        "(row for row in rows if _place(row) > first)",
        "rows",
        ("tests/unit/test_listing_pages.py::test_pages_are_the_whole_list_in_order_and_each_key_once",),
    ),
    Safeguard(
        "an address is shown without its password",
        "callers get the password of Milvus while it is away",
        "shared/runtime/settings/addresses.py",
        "{parts.netloc.rpartition('@')[2]}",
        "{parts.netloc}",
        ("tests/unit/test_shown_addresses.py::test_a_dashscope_that_is_away_is_named_without_its_secret",),
    ),
    Safeguard(
        "an exception is logged without what it quotes",
        "a text, a key or a vector stands in the log",
        "shared/runtime/logs.py",
        '    return f": {error}" if isinstance(error, _NAMING_CODE) else ""\n',
        '    return f": {error}"\n',
        ("tests/unit/test_logged_exceptions.py::test_what_it_failed_at_is_not_logged",),
    ),
    Safeguard(
        "names are escaped at the terminal",
        "a key of the bucket clears the operator's terminal",
        "ops/__main__.py",
        "    with clean_output():\n        return _report(asked)\n",
        "    return _report(asked)\n",
        ("tests/unit/test_terminal.py::test_every_command_prints_so",),
    ),
    Safeguard(
        "bulk work yields",
        "queries and documents together exceed the quota, and queries are refused",
        "shared/embedding/quota.py",
        "            limiter.charge(reservation.tokens)\n",
        "            pass\n",
        ("tests/unit/test_quota.py::test_what_goes_first_is_charged_to_what_yields",),
    ),
    Safeguard(
        "a query waits a few seconds for its vector",
        "a DashScope that is silent keeps every query waiting for a minute",
        "shared/embedding/embedder.py",
        "min(self._settings.query_timeout, deadline.remaining())",
        "deadline.remaining()",
        (f"{_SEARCHING}test_without_dashscope_a_hybrid_search_answers_by_words_alone",),
    ),
    Safeguard(
        "words answer without a vector",
        "no query is answered while DashScope is down",
        "shared/retrieval/searching.py",
        "            if ranking.mode is not Mode.HYBRID:\n                raise\n            log.warning(",
        "            if ranking.mode:\n                raise\n            log.warning(",
        (f"{_SEARCHING}test_without_dashscope_a_hybrid_search_answers_by_words_alone",),
    ),
    Safeguard(
        "parts of long texts are counted",
        "one text of 30 MB takes 800 MB of memory",
        "shared/embedding/pooling.py",
        "            if len(parts) == max_parts:\n",
        "            if not max_parts:\n",
        ("tests/unit/test_pooling.py::test_a_text_of_more_parts_than_allowed_is_refused",),
    ),
    Safeguard(
        "no local file is uploaded",
        "a text that names a file on the instance is sent with that file",
        "shared/embedding/dashscope.py",
        "    OssUtils.upload = refuse\n",
        "",
        ("tests/integration/test_uploads.py::test_without_protection_the_upload_itself_is_refused",),
    ),
    Safeguard(
        "retrieved text is escaped",
        "a document ends its source in the prompt and gives the model a task of its own",
        "shared/retrieval/prompting.py",
        ".translate(_ESCAPES)\n",
        "\n",
        ("tests/unit/test_prompting.py::test_no_hostile_text_changes_the_structure_of_the_prompt",),
    ),
    Safeguard(
        "only given sources are cited",
        "an answer cites hits that do not exist",
        "shared/retrieval/citations.py",
        "        known = [number for number in numbers if 1 <= number <= count]\n",
        "        known = numbers\n",
        ("tests/unit/test_citations.py::test_a_mark_that_names_no_source_is_removed_and_counted",),
    ),
    Safeguard(
        "nothing is written without an answer",
        "a model is paid to make up an answer that no document holds",
        "shared/retrieval/answering.py",
        "        if not self.found.answerable or not self.sources:\n",
        "        if not self.sources:\n",
        ("tests/integration/test_answering.py::test_what_no_document_holds_is_not_asked_of_the_model",),
    ),
    Safeguard(
        "only operators call the routes for operators",
        "the key of a tenant counts the documents of all and has them read and billed again",
        "functions/search/admin.py",
        "        if not scope().is_admin:\n",
        "        if False:\n",
        ("tests/integration/test_admin.py::test_only_keys_of_operators_may_call",),
    ),
    Safeguard(
        "a key of operators is looked for first",
        "a service without keys cannot be operated",
        "shared/runtime/auth.py",
        "        if key and digest in self._operators:\n            return OPERATOR\n",
        "",
        ("tests/integration/test_admin.py::test_a_service_without_keys_asks_operators_for_theirs_all_the_same",),
    ),
    Safeguard(
        "similar chunks stay within the tenant",
        "an id tells what another tenant's chunk is like",
        "shared/retrieval/searching.py",
        "read_vector(chunk_id, within, deadline)",
        'read_vector(chunk_id, "", deadline)',
        ("tests/integration/test_facets.py::test_a_chunk_of_another_tenant_is_not_found",),
    ),
    Safeguard(
        "what is salvaged of a package is bounded",
        "a package without a directory is unpacked beyond every bound",
        "shared/parsing/salvage.py",
        "        left -= data.unpacked\n",
        "",
        ("tests/unit/parsing/test_damage.py::test_what_is_salvaged_is_bounded",),
    ),
    Safeguard(
        "header fields are decoded up to a length",
        "a field of words that do not end takes time with the square of its length",
        "shared/parsing/header_fields.py",
        "    text, rest = text[:_LONGEST_DECODED], text[_LONGEST_DECODED:]\n",
        '    rest = ""\n',
        ("tests/unit/parsing/test_linear_time.py::test_a_header_field_takes_no_more_than_linear_time",),
    ),
    Safeguard(
        "a batch task is created for a migration that goes on",
        "the task of a migration that ended meanwhile is billed, and nothing collects it",
        "shared/ingestion/ordering.py",
        "        if not self._parts.is_wanted(self._deadline):\n",
        "        if False:\n",
        ("tests/unit/test_migration.py::test_an_order_that_meets_the_end_of_its_migration_leaves_no_task",),
    ),
    Safeguard(
        "answers that broke off are settled",
        "each answer that breaks off keeps its share of the budget for good",
        "shared/embedding/writer.py",
        "            self._client.budget.settle(call.reserved, cost)\n",
        "",
        ("tests/integration/test_writer.py::test_the_budget_holds_what_was_billed_and_no_more",),
    ),
)


class Colour(StrEnum):
    """What the tests of a safeguard say once it is taken out."""

    RED = "red"
    HANGS = "red (hangs)"
    GREEN = "NOT RED"
    BROKEN = "NOT RUN"

    @property
    def guards(self) -> bool:
        """Whether a test noticed."""
        return self in (Colour.RED, Colour.HANGS)


class Copy:
    """A copy of the tree, to take something out of."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "tree"
        shutil.copytree(ROOT, self.root, ignore=_LEFT_OUT)
        if _SERVER.exists():
            installed = self.root / _SERVER.relative_to(ROOT)
            installed.parent.mkdir()
            installed.symlink_to(_SERVER)

    def without(self, safeguard: Safeguard) -> Colour:
        """Run the tests of a safeguard without it."""
        path = self.root / safeguard.file
        whole = path.read_text("utf-8")
        path.write_text(whole.replace(safeguard.text, safeguard.without), "utf-8")
        try:
            return self.run(safeguard.tests)
        finally:
            path.write_text(whole, "utf-8")

    def run(self, tests: Iterable[str], seconds: float = _RUN_SECONDS) -> Colour:
        """Run tests until one fails, for some seconds at most."""
        command = [sys.executable, "-m", "pytest", "-x", "--no-header", f"--timeout={_TEST_SECONDS}", *tests]
        # Compiled files are distinguished by their second and size: one safeguard may look like the next.
        environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        with (self.root.parent / "output").open("wb") as output:
            running = subprocess.Popen(
                command, cwd=self.root, env=environ, stdout=output, stderr=output, start_new_session=True
            )
            try:
                status = running.wait(seconds)
            except subprocess.TimeoutExpired:
                _end(running)
                return Colour.HANGS
        return {_PASSED: Colour.GREEN, _FAILED: Colour.RED}.get(status, Colour.BROKEN)

    @property
    def last_words(self) -> str:
        """How the last run ended."""
        return "\n".join((self.root.parent / "output").read_text("utf-8", "replace").splitlines()[-15:])


def _end(running: subprocess.Popen[bytes]) -> None:
    """Interrupt first, so that what the tests started is ended by them."""
    running.send_signal(signal.SIGINT)
    try:
        running.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Take out one safeguard after the other; 1 if no test noticed for some."""
    parser = argparse.ArgumentParser(prog="python -m tests.safeguards", description="Take out each safeguard.")
    parser.add_argument("words", nargs="*", default=[""], help="only those with one of them in their name")
    words = parser.parse_args(arguments).words
    chosen = [one for one in SAFEGUARDS if any(word in one.name for word in words)]
    console = Console(stderr=True)
    lost = [one.lost() for one in chosen if one.times_found(ROOT) != 1]
    if lost:
        console.print("\n".join(lost), markup=False)
        return 1
    with tempfile.TemporaryDirectory(prefix="safeguards-") as folder:
        copy = Copy(Path(folder))
        tests = dict.fromkeys(test for one in chosen for test in one.tests)
        # A slow machine needs long for all of them at once; each has a limit of its own.
        if copy.run(tests, _TEST_SECONDS * len(tests)) is not Colour.GREEN:
            console.print(f"These tests must pass before they can guard anything.\n{copy.last_words}", markup=False)
            return 1
        colours: list[tuple[Colour, float]] = []
        for one in track(chosen, "taking out", console=console):
            started = time.monotonic()
            colours.append((copy.without(one), time.monotonic() - started))
            if not colours[-1][0].guards:
                console.print(f"{one.name}: {colours[-1][0]}\n{copy.last_words}", markup=False)
    _show(chosen, colours)
    return 0 if all(colour.guards for colour, _ in colours) else 1


def _show(chosen: Sequence[Safeguard], colours: Sequence[tuple[Colour, float]]) -> None:
    table = Table(title="without it, some test is red", show_lines=True)
    for column in ("safeguard", "", "seconds", "tests that guard it", "without it"):
        table.add_column(column)
    for one, (colour, seconds) in zip(chosen, colours, strict=True):
        table.add_row(
            one.name, colour, f"{seconds:.0f}", "\n".join(test.removeprefix("tests/") for test in one.tests), one.why
        )
    console = Console(markup=False, highlight=False, width=200)
    console.print(table)
    guarded = sum(colour.guards for colour, _ in colours)
    console.print(f"{guarded} of {len(chosen)} safeguards are guarded")


if __name__ == "__main__":
    sys.exit(main())

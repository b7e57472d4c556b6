"""Answers in sentences: search, let a chat model write from the best hits, and check what it cites.

Nothing is written for a query that no hit answers, and whatever the model does, the hits are there: without an answer
they are the answer. Start reading with `Answering.begin`.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.errors import PlatformError, RequestError
from shared.embedding.writer import Draft
from shared.retrieval.citations import CitedText, read_citations
from shared.retrieval.prompting import NO_ANSWER, ask, ask_rewriting, read_escapes, select_sources
from shared.retrieval.query import MAX_QUERY_CHARACTERS, check
from shared.retrieval.result import SearchResult, SearchWarning
from shared.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.domain.models import SearchHit, Usage
    from shared.embedding.writer import Writer
    from shared.retrieval.current import CurrentRetrieval
    from shared.retrieval.prompting import Turn
    from shared.retrieval.query import SearchQuery
    from shared.retrieval.searching import Retrieval
    from shared.runtime.auth import Scope
    from shared.runtime.retrying import Deadline

log = logging.getLogger(__name__)

_MAX_REWRITTEN_TOKENS = 200
_NOT_REWRITTEN = "The query could not be completed from the history, so it was searched as it is."
_NOT_WRITTEN = "No answer could be written; the hits are those of the search."
_CUT = "The answer was cut at ANSWER_MAX_TOKENS."
_DROPPED = "{} citations of the model named no hit and were removed; the sentences may be unfounded."
_UNCITED = "No sentence of the answer cites a hit; it may be unfounded."


class Outcome(StrEnum):
    """What became of a query: ``UNANSWERABLE`` where the documents do not hold the answer."""

    ANSWERED = "answered"
    UNANSWERABLE = "unanswerable"
    FAILED = "failed"


class Answering:
    """The use case of answers: thread-safe, one per process."""

    def __init__(self, retrieval: Retrieval | CurrentRetrieval, writer: Writer) -> None:
        self._retrieval = retrieval
        self._writer = writer

    @property
    def model(self) -> str:
        """Name of the model that writes."""
        return self._writer.model.name

    def begin(self, query: SearchQuery, history: Sequence[Turn], deadline: Deadline, scope: Scope) -> WrittenAnswer:
        """Search for ``query``; a follow-up of ``history`` is completed by it first.

        Raises:
            PlatformError: as `Retrieval.search`.
        """
        check(query)
        scope.narrow(query.tenant)  # a caller that may not search pays for no model
        draft, warnings = Draft(), []
        started = clock.monotonic()
        if history:
            query, warning = self._complete(query, history, deadline, draft)
            warnings += [warning] if warning else []
        rewriting = (clock.monotonic() - started) * 1000
        found = self._retrieval.search(query, deadline, scope)
        if history:
            found = replace(found, milliseconds={"rewriting": round(rewriting, 2), **found.milliseconds})
        return WrittenAnswer(self._writer, query.text, found, deadline, draft, warnings)

    def _complete(
        self, query: SearchQuery, history: Sequence[Turn], deadline: Deadline, draft: Draft
    ) -> tuple[SearchQuery, SearchWarning | None]:
        try:
            messages = ask_rewriting(query.text, history)
            text = "".join(self._writer.write(messages, deadline, draft, _MAX_REWRITTEN_TOKENS))
        except PlatformError as error:
            log.warning("query_not_rewritten", extra={"code": error.code, "upstream_request_id": error.request_id})
            return query, SearchWarning("query_not_rewritten", f"{_NOT_REWRITTEN} {error.message}")
        rewritten = " ".join(read_escapes(text).split())
        if not rewritten or len(rewritten) > MAX_QUERY_CHARACTERS:
            return query, SearchWarning("query_not_rewritten", _NOT_REWRITTEN)
        return replace(query, text=rewritten), None


class WrittenAnswer:
    """One answer: iterate over `write`, then read the other attributes.

    Attributes:
        query: what was searched for.
        found: the result of the search.
        sources: the hits that the model was given, in the order of their numbers.
        outcome: what became of it.
        cited: the checked answer; empty unless answered.
        warnings: those of the search and of writing.
    """

    def __init__(
        self,
        writer: Writer,
        query: str,
        found: SearchResult,
        deadline: Deadline,
        draft: Draft,
        warnings: Sequence[SearchWarning],
    ) -> None:
        self.query = query
        self.found = found
        self.sources: list[SearchHit] = select_sources(found.hits)
        self.outcome = Outcome.UNANSWERABLE
        self.cited = CitedText("", ())
        self.warnings = [*warnings, *found.warnings]
        self._writer = writer
        self._deadline = deadline
        self._draft = draft
        self._writing = 0.0

    @property
    def usage(self) -> Usage:
        """What the search and all calls of the model cost."""
        return self.found.usage + self._draft.usage

    @property
    def output_tokens(self) -> int:
        """Tokens that the model wrote."""
        return self._draft.output_tokens

    @property
    def milliseconds(self) -> dict[str, float]:
        """Time by stage."""
        laps = {name: value for name, value in self.found.milliseconds.items() if name != "total"}
        total = sum((self.found.milliseconds.get("total", 0.0), laps.get("rewriting", 0.0), self._writing))
        return {**laps, "writing": self._writing, "total": round(total, 2)}

    def write(self) -> Iterator[str]:
        """Yield the answer as it is written; nothing where there is none."""
        if not self.found.answerable or not self.sources:
            return
        started = clock.monotonic()
        parts: list[str] = []
        try:
            for text in _hold_back(self._writer.write(ask(self.query, self.sources), self._deadline, self._draft)):
                parts.append(text)
                yield text
        except PlatformError as error:
            self._fail(error)
            return
        finally:
            self._writing = round((clock.monotonic() - started) * 1000, 2)
        self._read(read_escapes("".join(parts)))

    def _fail(self, error: PlatformError) -> None:
        # A refusal of the content is the model's, not the caller's fault: the hits are shown all the same.
        message = "" if isinstance(error, RequestError) else f" {error.message}"
        log.warning("answer_failed", extra={"code": error.code, "upstream_request_id": error.request_id})
        self.outcome = Outcome.FAILED
        self.warnings.append(SearchWarning("answer_failed", f"{_NOT_WRITTEN}{message}"))

    def _read(self, text: str) -> None:
        """Check the whole text."""
        if not text.strip():
            return
        self.cited = read_citations(text, len(self.sources))
        self.outcome = Outcome.ANSWERED
        if self._draft.is_cut:
            self.warnings.append(SearchWarning("answer_cut", _CUT))
        if self.cited.dropped:
            self.warnings.append(SearchWarning("citation_dropped", _DROPPED.format(self.cited.dropped)))
        if not any(sentence.sources for sentence in self.cited.sentences):
            self.warnings.append(SearchWarning("answer_uncited", _UNCITED))


def _hold_back(texts: Iterator[str]) -> Iterator[str]:
    """Pass text on once it cannot be the mark for "no answer" any more; after the mark nothing is passed on."""
    held = ""
    is_open = False
    for text in texts:
        if is_open:
            yield text
            continue
        held += text
        begun = held.lstrip(' \n`*"')
        if begun.startswith(NO_ANSWER):
            held = ""
            for _ in texts:
                pass  # so that its bill is read
            return
        if not NO_ANSWER.startswith(begun):
            is_open = True
            yield held
            held = ""
    if held.strip():
        yield held

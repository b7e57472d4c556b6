"""Migrate by calling the ingest function: it works, this shows how far it has come.

A step that was interrupted may be repeated: `start` with the same values continues to fill.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ops.backfilling import BatchRun, Choice
from ops.comparison import Comparison, Query, read_queries
from ops.invoking import InvocationError, invoke
from ops.printing import confirm, print_json
from shared.language.counting import count_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from rich.console import Console

    from ops.deployment import Function

# Each call fills for so long; the next one continues.
_ROUND_SECONDS = 20
# Queries of one call.
_QUERIES_PER_CALL = 20
_INTERRUPTED = 130
# Within which batch tasks must be answered.
_HOURS = 24
_COLUMNS = (TextColumn("Filling"), BarColumn(), MofNCompleteColumn(), TextColumn("documents"), TimeElapsedColumn())


def run(ingest: Function, environ: Mapping[str, str], asked: argparse.Namespace, console: Console) -> int:
    """Do the step that was asked for; returns the exit status."""
    migration = _Migration(ingest, environ, console)
    steps: dict[str, Callable[[argparse.Namespace], int]] = {
        "start": migration.start,
        "check": migration.check,
        "finish": migration.end,
        "cancel": migration.end,
    }
    try:
        return steps.get(asked.step, migration.show)(asked)
    except UnicodeDecodeError:
        console.print(f"[red]{escape(str(asked.queries))} is not UTF-8 text.[/red]")
        return 1
    except OSError as error:
        console.print(f"[red]{escape(str(error.filename))} cannot be read: {error.strerror}[/red]")
        return 1
    except (InvocationError, ValueError) as error:
        console.print(f"[red]{escape(str(error))}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. What is done stays done; `migrate start` with the same values continues.")
        return _INTERRUPTED


class _Migration:
    """The steps of one deployment."""

    def __init__(self, ingest: Function, environ: Mapping[str, str], console: Console) -> None:
        self._ingest = ingest
        self._environ = environ
        self._console = console

    def start(self, asked: argparse.Namespace) -> int:
        """Estimate, ask, make the new collection and fill it."""
        options = {name: getattr(asked, name) for name in ("model", "dimension", "chunk_tokens", "reread", "batch")}
        estimated = self._call("start", dry_run=True, **options)
        if estimate := estimated["estimate"]:
            by_calls = f"CNY {estimate['cost_cny']:.4f} by calls, which the share of the quota allows in "
            chunks, tokens = count_of(estimate["chunks"], "chunk"), count_of(estimate["tokens"], "token")
            self._console.print(
                f"{chunks} to embed, about {tokens}: {by_calls}"
                f"{_duration(estimate['seconds'])}; CNY {estimate['batch_cny']:.4f} by batch tasks within a day."
            )
        if asked.dry_run and asked.as_json:
            print_json(estimated)
        if asked.dry_run:
            return 0
        if not self._confirms("Begin?", asked):
            return 1
        self._console.print("Making the new collection: all functions must know of it, which takes some seconds.")
        self._call("start", **options)
        if asked.batch:
            self._order()
        found = self._fill()
        if asked.as_json:
            print_json(found)
        return 1 if found["waiting"] else 0

    def show(self, asked: argparse.Namespace) -> int:
        """Do a step without more ado, and print where the migration stands."""
        found = self._call(asked.step)
        if asked.as_json:
            print_json(found)
            return 0
        self._console.print(f"phase: {found['phase']}")
        for name in ("current", "other"):
            if about := found[name]:
                documents = ", ".join(f"{count} {state}" for state, count in about["documents"].items() if count)
                self._console.print(
                    f"{name}: {_name(about)}: {documents or 'no documents'}, {count_of(about['chunks'], 'chunk')}",
                    markup=False,
                )
        return 0

    def end(self, asked: argparse.Namespace) -> int:
        """Drop the collection that does not answer, after a confirmation."""
        other = self._call("status")["other"]
        question = f"Drop {_name(other)} with {count_of(other['chunks'], 'chunk')}?" if other else "Drop what is left?"
        if not self._confirms(question, asked):
            return 1
        self._console.print("Dropping it: requests that use it must end first, which takes some 15 seconds.")
        return self.show(asked)

    def check(self, asked: argparse.Namespace) -> int:
        """Let both collections answer, and compare."""
        queries = read_queries(asked.queries.read_text("utf-8-sig")) if asked.queries else self._read_samples()
        comparison = Comparison(asked.differences)
        for at in range(0, len(queries), _QUERIES_PER_CALL):
            some = queries[at : at + _QUERIES_PER_CALL]
            found = self._call("check", queries=[query.text for query in some])
            for query, answers in zip(some, found["answers"], strict=True):
                comparison.add(query, answers)
        if asked.as_json:
            print_json(comparison.to_json())
        else:
            self._console.print("\n".join(comparison.describe()), markup=False)
        return 0

    def _read_samples(self) -> list[Query]:
        queries = [Query(text) for text in self._call("samples")["samples"]]
        if not queries:
            raise ValueError("No queries were kept: set QUERY_SAMPLE_SHARE for search, or name a file of queries.")
        return queries

    def _order(self) -> None:
        """Order the vectors by batch tasks and wait for them; what they do not give is left to `_fill`."""
        choice = Choice(is_agreed=True, max_cost=math.inf, hours=_HOURS, waits=True)
        run = BatchRun(self._ingest, self._environ, self._console, choice, is_migration=True)
        run.plan()
        run.collect()

    def _fill(self) -> dict[str, Any]:
        """Fill until nothing is left; returns where the migration stands then, with what filling cost."""
        tokens, cost, done = 0, 0.0, 0
        with Progress(
            *_COLUMNS, TimeRemainingColumn(), TextColumn("{task.fields[cost]}"), console=self._console
        ) as bar:
            task = bar.add_task("fill", total=None, cost="")
            while True:
                found = self._call("fill", seconds=_ROUND_SECONDS)
                tokens, cost = tokens + found["usage"]["tokens"], cost + found["usage"]["cost_cny"]
                done += found["done"]
                bar.update(task, completed=done, total=done + found["left"], cost=f"CNY {cost:.4f}")
                if not found["left"] and not found["unfinished"]:
                    break
                if not found["left"] and not found["done"]:
                    raise InvocationError(
                        "stuck", f"{count_of(len(found['unfinished']), 'document')} cannot be copied now: start again."
                    )
        self._console.print(f"The new collection is {found['phase']}. Cost: {tokens} tokens, CNY {cost:.4f}.")
        if found["waiting"]:
            self._console.print(f"{found['waiting']} documents wait for batch tasks: repeat start with --batch.")
        else:
            self._console.print("Next: `migrate check QUERIES`, then `migrate switch`.")
        shown = {name: found[name] for name in ("phase", "waiting")}
        return {**shown, "documents": done, "tokens": tokens, "cost_cny": round(cost, 6)}

    def _confirms(self, question: str, asked: argparse.Namespace) -> bool:
        return asked.yes or confirm(question)

    def _call(self, step: str, **options: Any) -> dict[str, Any]:
        (report,) = invoke(self._ingest, {"action": "migrate", "step": step, **options}, self._environ)["results"]
        return dict(report)


def _name(about: Mapping[str, Any]) -> str:
    edition = f", edition {about['edition']}" if about["edition"] else ""
    layout = f", layout {about['layout']}" if "layout" in about else ""
    return f"{about['model']} with {about['dimension']} dimensions{layout}{edition}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"

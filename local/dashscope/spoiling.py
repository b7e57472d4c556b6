"""Answers with wrong content, as a fault on request asks for."""

from __future__ import annotations

from typing import Any


def spoil(fault: str, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with its content wrong in the way ``fault`` names."""
    if fault == "null_output":
        return {**answer, "output": None}
    ((name, rows),) = answer["output"].items()
    return {**answer, "output": {name: _spoil_rows(fault, rows)}}


def _spoil_rows(fault: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    match fault:
        case "missing_rows":
            return rows[:-1]
        case "extra_rows":
            place = "text_index" if "text_index" in rows[-1] else "index"
            return [*rows, {**rows[-1], place: len(rows)}]
        case "shuffled_rows":
            return rows[1:] + rows[:1]
        case "wrong_dimension":
            return [_with_vector(rows[0], rows[0].get("embedding", [])[:-1]), *rows[1:]]
        case _:
            nan = float("nan")
            if "relevance_score" in rows[0]:
                return [{**rows[0], "relevance_score": nan}, *rows[1:]]
            return [_with_vector(rows[0], [nan, *rows[0].get("embedding", [])[1:]]), *rows[1:]]


def _with_vector(row: dict[str, Any], vector: list[float]) -> dict[str, Any]:
    """A rerank result or a sparse row has no vector to spoil."""
    return {**row, "embedding": vector} if "embedding" in row else row

"""What a Milvus server does and Milvus Lite does differently, where clients of others meet it.

A server takes an empty metric for that of the index, gives BM25 scores above zero, takes ``drop_ratio_build`` and
``drop_ratio_search``, never returns the vector it makes for BM25, returns rows by their primary keys, does not take
true in JSON for 1, reads ``\\\\%`` and ``\\\\_`` in patterns as the characters themselves, and loads no index that is
still being saved.
https://milvus.io/docs/full-text-search.md and https://milvus.io/docs/basic-operators.md
"""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_BM25 = "BM25"
_DROP_RATIOS = ("drop_ratio_build", "drop_ratio_search")


def install() -> None:
    """Replace the methods of the engine that differ."""
    _take_empty_metrics()
    _take_drop_ratios()
    _make_scores_positive()
    _omit_words()
    _read_escapes()
    _order_rows()
    _distinguish_booleans()
    _save_whole()


def _take_empty_metrics() -> None:
    """The client for Node.js names an empty metric where none is given."""
    from milvus_lite.engine.collection import Collection

    resolve = Collection.resolve_search_metric

    def resolve_empty(self: Any, anns_field: str | None = None, metric_type: str | None = None) -> Any:
        return resolve(self, anns_field, metric_type or None)

    Collection.resolve_search_metric = resolve_empty


def _take_drop_ratios() -> None:
    """Check the ratios as a server does; they only make its searches faster and less exact, so Lite ignores them."""
    from milvus_lite.engine.collection import Collection
    from milvus_lite.exceptions import SchemaValidationError

    validate = Collection._validate_sparse_tuning  # noqa: SLF001 - there is no other place for all of this module

    def check(field_name: str, metric_type: str, params: dict[str, Any]) -> None:
        for name in _DROP_RATIOS:
            if name in params and not _is_ratio(params[name]):
                raise SchemaValidationError(f"field {field_name!r}: {name} must be in range [0, 1)")
        validate(field_name, metric_type, {name: value for name, value in params.items() if name not in _DROP_RATIOS})

    Collection._validate_sparse_tuning = staticmethod(check)  # noqa: SLF001


def _is_ratio(value: Any) -> bool:
    try:
        return 0 <= float(value) < 1 and not isinstance(value, bool)
    except (TypeError, ValueError):
        return False


def _make_scores_positive() -> None:
    from milvus_lite.adapter.grpc import function_chain, servicer
    from milvus_lite.engine.collection import Collection

    search = Collection.search

    def search_with_scores(self: Any, *arguments: Any, **options: Any) -> Any:
        is_words = options.get("metric_type") == _BM25
        if is_words:
            options |= _turn_range(options)
        results = search(self, *arguments, **options)
        if is_words:
            for hit in (hit for hits in results for hit in hits):
                hit["distance"] = -hit["distance"]
        return results

    def read_score(hit: dict[str, Any], _metric_type: str) -> float:
        return float(hit["distance"])

    Collection.search = search_with_scores
    function_chain.hit_score_for_chain = read_score
    servicer._hit_score_for_chain = servicer.hit_score_for_chain = read_score  # noqa: SLF001


def _turn_range(options: dict[str, Any]) -> dict[str, Any]:
    """Limits of scores as Lite's limits of distances, which are their negatives."""
    names = ("radius", "range_filter")
    return {name: -options[name] for name in names if options.get(name) is not None}


def _omit_words() -> None:
    """Leave the vectors for BM25 out of answers, as a server does for ``*``, and without a refusal if named."""
    from milvus_lite.adapter.grpc import servicer
    from milvus_lite.schema.types import FunctionType

    build = servicer.build_projection_plan

    def build_without_words(output_fields: Iterable[str] | None, schema: Any, *, api_kind: str) -> Any:
        plan = build(output_fields, schema, api_kind=api_kind)
        made = {
            name
            for function in schema.functions
            if function.function_type == FunctionType.BM25
            for name in function.output_field_names
        }
        kept = tuple(name for name in plan.response_schema_fields if name not in made)
        return plan if kept == plan.response_schema_fields else replace(plan, response_schema_fields=kept)

    servicer.build_projection_plan = build_without_words


def _read_escapes() -> None:
    """For values in JSON; pyarrow, which compares all others, reads escapes by itself."""
    from milvus_lite.search.filter.eval import python_backend

    python_backend._get_like_regex = _compile_pattern  # noqa: SLF001


def _order_rows() -> None:
    """Sort the rows of a query with a limit: the clients for Node.js and Go read on after the last key of a page."""
    from milvus_lite.engine.collection import Collection

    query = Collection.query

    def query_in_order(self: Any, *arguments: Any, **options: Any) -> Any:
        is_limited = options.get("limit") is not None
        return query(self, *arguments, **{**options, **({"order_by_pk": True} if is_limited else {})})

    Collection.query = query_in_order


def _distinguish_booleans() -> None:
    """Within JSON true is not 1; Python compares both as numbers."""
    from milvus_lite.search.filter.eval import python_backend

    def take_types(compare: Callable[[Any, Any], Any], otherwise: bool) -> Callable[[Any, Any], Any]:
        return lambda left, right: (
            compare(left, right) if isinstance(left, bool) is isinstance(right, bool) else otherwise
        )

    operators = python_backend._CMP_OPS  # noqa: SLF001
    operators |= {name: take_types(compare, name == "!=") for name, compare in operators.items()}


def _save_whole() -> None:
    """Give the file of an index its name once it is complete: others load it as soon as it is there, and a process that
    is killed while it saves would leave a file that can never be loaded.
    """
    from milvus_lite.index import factory
    from milvus_lite.index.scalar import ScalarInvertedIndex

    build = factory.build_index_from_spec

    def build_saved_whole(*arguments: Any) -> Any:
        index = build(*arguments)
        kind: Any = type(index)
        _replace_save(kind)  # only now, as the modules of some kinds take long to load
        return index

    factory.build_index_from_spec = build_saved_whole
    _replace_save(ScalarInvertedIndex)


@cache
def _replace_save(kind: Any) -> None:
    save = kind.save
    kind.save = lambda self, path: _write_whole(partial(save, self), path)


def _write_whole(write: Callable[[str], object], path: str) -> None:
    part = Path(f"{path}.{uuid.uuid4().hex}.part")
    try:
        write(str(part))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@lru_cache(1024)
def _compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern of ``like``, with ``\\\\`` in front of a character that stands for itself."""
    parts = re.findall(r"\\.|[^\\]|\\\Z", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(part) or re.escape(part[-1]) for part in parts) + r"\Z", re.DOTALL)

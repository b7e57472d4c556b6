"""What is assumed of filters, of search by meaning and by words, and of tenants."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ops.verification.assumption import Assumption, expect
from ops.verification.milvus.collections import Sample, TemporaryCollections, document_id, find_error
from shared.language.analysis import analyze
from shared.store.expressions import all_of, among, compile_filter, equals, select_keys, select_tenants

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# In the order of their UTF-8 bytes, in which UTF-16 would put the last before the one in front of it.
_KEYS: Final = ("order/A", "order/a", "order/z", "order/~", "order/é", "order/中", "order/\ufffd", "order/😀")
_ODD_KEYS: Final = ('a" or key != "', "50%_off", "back\\slash", "it's", "line 文档 (1)")
# How late a Bounded search may be; the row about it measures that.
_LATE_SECONDS: Final = 10.0
_OWNED: Final = {"sales": {"team": "sales", "year": 2025, "tags": ["urgent", "draft"], "open": True}}


def list_searching(made: TemporaryCollections) -> Iterator[Assumption]:
    """The assumptions; the collections must have been made."""

    def assume(subject: str, sentence: str, check: Any) -> Assumption:
        return Assumption(f"milvus.{subject}", sentence, partial(check, made))

    yield assume("text_ranges", "Texts are compared by their UTF-8 bytes.", _check_ranges)
    yield assume("quoting", "A quoted text selects itself and nothing else, whatever it holds.", _check_quoting)
    yield assume("metadata", "Filters find metadata by value, number, list and presence.", _check_metadata)
    yield assume("beginnings", "A filter finds texts by their beginning, with % and _ as they are.", _check_beginnings)
    yield assume("parts", "A filter finds texts by end and part, with % and _ as they are.", _check_parts)
    yield assume("balanced", "A filter of a hundred conditions is accepted.", _check_balanced)
    yield assume("wrong_filter", "A filter that cannot be read is refused for good.", _check_wrong_filter)
    yield assume("cosine", "A search returns the nearest first, with its cosine.", _check_cosine)
    yield assume("filtered_search", "A search returns only rows that its filter selects.", _check_filtered)
    yield assume("tenants", "The tenant is the partition key, and a row that changes it is found once.", _check_tenants)
    yield assume("words", "BM25 finds a word as it was written, and nothing for another.", _check_words)
    yield assume("word_order", "BM25 ranks the row with more of the rarer words first.", _check_word_order)
    yield assume("chinese_words", "Words cut by this software are found in Chinese too.", _check_chinese)


def _keys(made: TemporaryCollections, condition: str) -> list[str]:
    return sorted(row["key"] for row in made.read(condition, "key"))


def _names(made: TemporaryCollections, condition: Any, samples: Mapping[str, Sample]) -> set[str]:
    within = among("document_id", [document_id(name) for name in samples])
    rows = made.read(all_of(within, compile_filter(condition)), "document_id")
    found = {row["document_id"] for row in rows}
    return {name for name in samples if document_id(name) in found}


def _check_ranges(made: TemporaryCollections) -> str:
    made.write(*(Sample(key, key=key) for key in _KEYS))
    within = compile_filter({"prefix": {"key": "order/"}})
    for place, key in enumerate(_KEYS):
        found = _keys(made, all_of(within, select_keys(key, "")))
        expect(found == sorted(_KEYS[place + 1 :]), f"after {key!r} are {found}")
        found = _keys(made, all_of(within, select_keys("", key)))
        expect(found == sorted(_KEYS[: place + 1]), f"up to {key!r} are {found}")
    return ""


def _check_quoting(made: TemporaryCollections) -> str:
    made.write(*(Sample(key, key=key) for key in _ODD_KEYS))
    for key in _ODD_KEYS:
        found = _keys(made, equals("key", key))
        expect(found == [key], f"{key!r} selects {found[:5]}")
    return ""


def _check_metadata(made: TemporaryCollections) -> str:
    samples = {"sales": Sample("sales", metadata=_OWNED["sales"]), "no metadata": Sample("no metadata")}
    made.write(*samples.values())
    for condition in (
        {"eq": {"metadata.team": "sales"}},
        {"gt": {"metadata.year": 2024}},
        {"contains": {"metadata.tags": "urgent"}},
        {"eq": {"metadata.open": True}},
        {"exists": "metadata.team"},
        {"in": {"metadata.team": ["sales", "other"]}},
    ):
        found = _names(made, condition, samples)
        expect(found == {"sales"}, f"{condition} selects {sorted(found)}")
        found = _names(made, {"not": condition}, samples)
        expect(found == {"no metadata"}, f"not {condition} selects {sorted(found)}")
    return ""


def _check_titles(made: TemporaryCollections, wanted: Mapping[str, tuple[str, set[str]]]) -> str:
    samples = {title: Sample(title, title=title) for title in ("50%_off today", "500 off today", "today 50%_off")}
    made.write(*samples.values())
    for operator, (text, titles) in wanted.items():
        found = _names(made, {operator: {"title": text}}, samples)
        expect(found == titles, f"{operator} {text!r} selects {sorted(found)}")
    return ""


def _check_beginnings(made: TemporaryCollections) -> str:
    return _check_titles(made, {"prefix": ("50%_", {"50%_off today"})})


def _check_parts(made: TemporaryCollections) -> str:
    made.require_words()
    both = {"50%_off today", "today 50%_off"}
    return _check_titles(made, {"suffix": ("%_off", {"today 50%_off"}), "substring": ("%_off", both)})


def _check_balanced(made: TemporaryCollections) -> str:
    samples = {"balanced": Sample("balanced", title="title 99")}
    made.write(*samples.values())
    condition = {"or": [{"eq": {"title": f"title {number}"}} for number in range(100)]}
    expect(_names(made, condition, samples) == {"balanced"}, "it does not select the row that meets one of them")
    return ""


def _check_wrong_filter(made: TemporaryCollections) -> str:
    options = {"filter": 'key == "', "output_fields": ["id"], "limit": 1}
    error = find_error(made.client, "query", made.until, made.chunks, **options)
    expect(error is not None, "it is accepted")
    code = error.code if error else ""
    expect(code == "milvus_refused", f"it is taken for {code}")
    return ""


def _check_cosine(made: TemporaryCollections) -> str:
    samples = [Sample(f"cosine {axis}", key="cosine", axis=axis) for axis in (0, 1, 2)]
    made.write(*samples)
    made.read(equals("key", "cosine"))
    vector = [0.0] * made.space.dimension
    vector[0], vector[1] = 0.8, 0.6
    hits = _wait_for(made, partial(made.store.chunks.search_dense, vector, 3, equals("key", "cosine")), 3)
    scores = {hit.document_id: hit.score for hit in hits}
    wanted = [scores.get(document_id(sample.name), 9.0) for sample in samples]
    holds = all(abs(score - cosine) < 0.01 for score, cosine in zip(wanted, (0.8, 0.6, 0.0), strict=True))
    expect(holds, f"the cosines 0.8, 0.6, 0 are {wanted}")
    return ""


def _check_filtered(made: TemporaryCollections) -> str:
    made.write(Sample("wanted", key="filtered/1", axis=5), Sample("unwanted", key="filtered/2", axis=4))
    vector = list(made.make_row(Sample("unwanted", axis=4)).vector)
    hits = _wait_for(made, partial(made.store.chunks.search_dense, vector, 10, equals("key", "filtered/1")), 1)
    expect([hit.key for hit in hits] == ["filtered/1"], f"it returned {[hit.key for hit in hits]}")
    return ""


def _check_tenants(made: TemporaryCollections) -> str:
    made.require_words()
    made.write(Sample("moved", key="tenant", tenant="one"), Sample("stays", key="tenant", tenant="one"))
    made.write(Sample("moved", key="tenant", tenant="two"))
    for tenant, name in (("one", "stays"), ("two", "moved")):
        condition = all_of(equals("key", "tenant"), select_tenants(frozenset({tenant})))
        found = [row["document_id"] for row in made.read(condition, "document_id")]
        expect(found == [document_id(name)], f"tenant {tenant} has {len(found)} rows, not the one of {name}")
    fields = made.client.call("describe_collection", made.until, made.chunks)["fields"]
    is_key = any(field["name"] == "tenant" and field.get("is_partition_key") for field in fields)
    expect(is_key, "the field is not described as the partition key")
    return ""


def _check_words(made: TemporaryCollections) -> str:
    made.require_words()
    made.write(Sample("words", "the zygomorphic orchid", key="words"))
    hits = _find_words(made, "zygomorphic", "words", 1)
    expect([hit.document_id for hit in hits] == [document_id("words")], f"its word finds {len(hits)} rows")
    other = made.store.chunks.search_keywords(["zygo"], 5, equals("key", "words"), made.until)
    expect(other == [], "a part of the word finds it too")
    return ""


def _check_word_order(made: TemporaryCollections) -> str:
    made.require_words()
    texts = {"both": "quokka and wallaby", "one": "quokka and others", "none": "others and others"}
    made.write(*(Sample(f"ranks {name}", text, key="ranks") for name, text in texts.items()))
    hits = _find_words(made, "quokka wallaby", "ranks", 2)
    found = [hit.document_id for hit in hits]
    expect(found == [document_id("ranks both"), document_id("ranks one")], f"the order of {len(hits)} hits is another")
    expect(all(hit.score > 0 for hit in hits), f"scores are {[hit.score for hit in hits]}")
    return ""


def _check_chinese(made: TemporaryCollections) -> str:
    made.require_words()
    made.write(Sample("chinese", "员工每年享有二十五天带薪年假", key="chinese"))
    hits = _find_words(made, "带薪年假", "chinese", 1)
    expect([hit.document_id for hit in hits] == [document_id("chinese")], f"it finds {len(hits)} rows")
    return ""


def _find_words(made: TemporaryCollections, query: str, key: str, number: int) -> Any:
    tokens = analyze(query)
    search = partial(made.store.chunks.search_keywords, tokens, 10, equals("key", key))
    return _wait_for(made, search, number)


def _wait_for(made: TemporaryCollections, search: Any, number: int) -> Any:
    """Search until so many rows are found, as a Bounded search may be late."""
    end = time.monotonic() + _LATE_SECONDS
    hits = search(made.until)
    while len(hits) < number and time.monotonic() < end:
        time.sleep(0.1)
        hits = search(made.until)
    return hits

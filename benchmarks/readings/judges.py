"""How much of a document's truth a reader gave: words, order of sentences, cells with their labels, whole rows."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from benchmarks.readings.records import read_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.readings.records import Record
    from benchmarks.readings.truth import Label, Row, Truth

# A word, or one character of a script that is written without spaces.
_TOKEN: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


@dataclass(frozen=True)
class Reading:
    """What a reader gave.

    Attributes:
        text: the whole text.
        chunks: texts that are searched, each with its context; one text where the reader does not chunk.
        context: texts that accompany chunks and are not part of the document's text.
        failure: why nothing was given.
    """

    text: str
    chunks: tuple[str, ...]
    context: str = ""
    seconds: float = 0.0
    failure: str = ""


@dataclass(frozen=True)
class Score:
    """Shares of 1; of words with their counts, so that documents can be summed.

    Attributes:
        found: words of the truth that came out, and how many there are.
        invented: words that came out and are none of the truth, and how many came out.
        ordered: sentences in the longest increasing subsequence, and how many there are.
        paired: cells with the right label, and how many there are.
        whole: rows in one chunk, and how many there are.
        faults: the first things that are wrong.
    """

    found: tuple[int, int]
    invented: tuple[int, int]
    ordered: tuple[int, int]
    paired: tuple[int, int]
    whole: tuple[int, int]
    faults: tuple[str, ...] = ()


def judge(truth: Truth, reading: Reading) -> Score:
    """Compare what a reader gave with the truth."""
    found, missing = _judge_found(truth, reading)
    invented, surplus = _judge_invented(truth, reading)
    paired, unpaired = _judge_pairs(truth, reading)
    whole, torn = _judge_rows(truth.rows, reading.chunks)
    ordered = judge_order(truth.sentences, reading.text)
    faults = [f"refused: {reading.failure}"] if reading.failure else []
    faults += [f"missing: {missing}"] if missing else []
    faults += [f"invented: {surplus}"] if surplus else []
    faults += [f"not with its label: {unpaired}"] if unpaired else []
    faults += [f"not in one chunk: {torn}"] if torn else []
    faults += [f"order: {ordered[0]} of {ordered[1]}"] if ordered[0] < ordered[1] else []
    return Score(found, invented, ordered, paired, whole, tuple(faults))


def split_tokens(text: str) -> list[str]:
    """The words of ``text`` as search compares them: compatibility forms and case are equal."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold())


@cache
def compact(text: str) -> str:
    """The words of ``text`` without what stands between them."""
    return "".join(split_tokens(text))


def judge_order(sentences: Sequence[str], text: str) -> tuple[int, int]:
    """Sentences in the longest increasing subsequence of their places, and their number."""
    whole = "".join(split_tokens(text))
    places = [whole.find(compact(sentence)) for sentence in sentences]
    ends: list[int] = []
    for place in places:
        if place >= 0:
            at = bisect_left(ends, place)
            ends[at : at + 1] = [place]
    return len(ends), len(sentences)


def _judge_found(truth: Truth, reading: Reading) -> tuple[tuple[int, int], str]:
    wanted = _count(truth.words)
    missing = wanted - Counter(split_tokens(f"{reading.context}\n{reading.text}"))
    return (wanted.total() - missing.total(), wanted.total()), " ".join(list(missing)[:12])


def _judge_invented(truth: Truth, reading: Reading) -> tuple[tuple[int, int], str]:
    given = Counter(split_tokens(reading.text))
    known = _count(truth.words) + _count(truth.allowed)
    if truth.is_repeating:
        known = Counter({word: max(count, given[word]) for word, count in known.items()})
    surplus = given - known
    return (surplus.total(), given.total()), " ".join(list(surplus)[:12])


def _count(texts: Sequence[str]) -> Counter[str]:
    return Counter(token for text in texts for token in split_tokens(text))


def _judge_pairs(truth: Truth, reading: Reading) -> tuple[tuple[int, int], str]:
    """A row without labels (a table without a header) has no pairs."""
    records = [record for chunk in reading.chunks for record in read_records(chunk)]
    right = total = 0
    wrong = ""
    for row in truth.rows:
        own = [record for record in records if _has_value(record, row[0][1])]
        for label, value in row:
            total += 1
            if any(_has_pair(record, label, value, truth.rows) for record in own):
                right += 1
            else:
                wrong = wrong or f"{label}: {value} in the row of {row[0][1]}"
    return (right, total), wrong


def _has_value(record: Record, value: str) -> bool:
    wanted = compact(value)
    return any(wanted in compact(text) for _, text in record)


def _has_pair(record: Record, label: Label, value: str, rows: tuple[Row, ...]) -> bool:
    wanted = compact(value)
    parts = () if label is None else (label,) if isinstance(label, str) else label
    for name, text in record:
        if wanted not in compact(text):
            continue
        if label is None and compact(name) not in {compact(cell) for row in rows for _, cell in row if cell != value}:
            return True
        if label is not None and all(compact(part) in compact(name) for part in parts):
            return True
    return False


def _judge_rows(rows: tuple[Row, ...], chunks: tuple[str, ...]) -> tuple[tuple[int, int], str]:
    texts = [compact(chunk) for chunk in chunks]
    torn = [row for row in rows if not any(all(compact(value) in text for _, value in row) for text in texts)]
    return (len(rows) - len(torn), len(rows)), torn[0][0][1] if torn else ""

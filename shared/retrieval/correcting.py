"""Misspelt, joined and split words: what was probably meant, by the words that the documents have.

Only words that no chunk has are looked at, and only letters of alphabets: a wrong Chinese character still leaves the
pairs around it. One wrong, missing, doubled or swapped letter is forgiven, two in long words.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise
from typing import TYPE_CHECKING

from shared.domain.errors import PlatformError
from shared.embedding.cache import RecentValues
from shared.language.analysis import analyze_query
from shared.runtime import clock
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from concurrent.futures import Future

    from shared.store.chunks import ChunkCollection

log = logging.getLogger(__name__)

_WORD = re.compile(r"[^\W\d_\u2e80-\u9fff\uac00-\ud7a3]+(?:\d+)?")
# Shorter words have too many others one letter away.
_LEAST_CHARACTERS, _MOST_CHARACTERS = 5, 30
_LONG_CHARACTERS = 10
# The parts of a joined word have this many characters at least.
_LEAST_PART = 3
# One of these letters more or less at the end is another form of a word.
_ENDINGS = frozenset("sdreyn")
# Letters at the beginning of a long word that two mistakes leave as they are.
_START = 3
# Words of a query that are looked at.
_MOST_LOOKED_AT = 6
# Of a text and of a whole vocabulary: what is beyond is not looked at.
_TEXT_CHARACTERS, _MOST_WORDS = 4_000, 30_000
_SAMPLED_CHUNKS = 1_000
_KEPT_SECONDS, _KEPT_SCOPES = 300.0, 8
# Reading one goes on after the query that needed it first. Function Compute pauses an instance between requests, so a
# query waits as long as a read usually takes: else an instance with little to do would never finish one.
_READ_SECONDS, _WAIT_SECONDS = 10.0, 0.15


class Vocabulary:
    """The words of some texts, and how often each is there."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._counts: Counter[str] = Counter()
        # Two words that stand next to each other, by what they are when joined.
        self._joined: dict[str, str] = {}
        for text in texts:
            words = [word.lower() for word in _WORD.findall(text[:_TEXT_CHARACTERS])]
            self._counts.update(words)
            self._joined.update(
                (one + other, f"{one} {other}") for one, other in pairwise(words) if _may_join(one, other)
            )
            if len(self._counts) > _MOST_WORDS:
                break
        # A misspelt word rarely has both its first letter and its end wrong.
        self._alike: defaultdict[tuple[int, str], list[tuple[str, int]]] = defaultdict(list)
        for word in self._counts:
            entry = (word, _draw_letters(word))
            self._alike[len(word), word[0]].append(entry)
            self._alike[len(word), word[-2:]].append(entry)

    def __contains__(self, word: str) -> bool:
        return word in self._counts

    def find_nearest(self, word: str) -> str:
        """The word or the two words that were probably meant; empty where none is near."""
        return self._joined.get(word) or self._find_similar(word)

    def _find_similar(self, word: str) -> str:
        if len(word) < _LEAST_CHARACTERS:
            return ""
        most = 2 if len(word) >= _LONG_CHARACTERS else 1
        best: tuple[int, int, str] | None = None
        for other in self._candidates(word, most):
            distance = measure_distance(word, other, most) + (other[0] != word[0])
            if distance <= most and not _differs_in_ending(word, other, distance):
                found = (distance, -self._counts[other], other)
                best = min(best, found) if best else found
        return best[2] if best else ""

    def _candidates(self, word: str, most: int) -> Iterator[str]:
        letters = _draw_letters(word)
        for length in range(max(_LEAST_CHARACTERS - 1, len(word) - most), len(word) + most + 1):
            for start in (word[0], word[-2:]):
                for other, others in self._alike.get((length, start), ()):
                    # Each step changes one letter of each side at most, so that most words need no closer look.
                    if (letters & ~others).bit_count() <= most and (others & ~letters).bit_count() <= most:
                        yield other


def _may_join(one: str, other: str) -> bool:
    return len(one) >= _LEAST_PART and len(other) >= _LEAST_PART and len(one) + len(other) <= _MOST_CHARACTERS


def _differs_in_ending(word: str, other: str, distance: int) -> bool:
    """Whether two words are rather two forms of one, or two words of one form, than right and wrong."""
    if distance > 1 and (word[:_START] != other[:_START] or word[-2:] != other[-2:]):
        return True
    if sorted(word) == sorted(other):
        return False
    if len(word) == len(other) == _LEAST_CHARACTERS:
        return True
    if word[-1] == other[-1]:
        return False
    longer, shorter = (word, other) if len(word) > len(other) else (other, word)
    return not (longer[:-1] == shorter and longer[-1] not in _ENDINGS)


def _draw_letters(word: str) -> int:
    """Which letters a word has, as bits; different letters may share one."""
    bits = 0
    for letter in word:
        bits |= 1 << (ord(letter) & 63)
    return bits


class Vocabularies:
    """Vocabularies of what callers may see, read in the background and kept for minutes; thread-safe.

    Attributes:
        wait_seconds: how long a query waits for words that were never read; old ones serve until they are read again.
    """

    def __init__(self) -> None:
        self.wait_seconds = _WAIT_SECONDS
        self._kept: RecentValues[tuple[float, Vocabulary]] = RecentValues(_KEPT_SCOPES)
        self._reading: dict[tuple[str, str], Future[None]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="vocabulary")

    def get(self, chunks: ChunkCollection, scope: str) -> Vocabulary:
        """The words of chunks within ``scope``, of a sample where there are many; none until they are read."""
        key = (chunks.name, scope)
        known = self._kept.get(key)
        if known is None or clock.monotonic() - known[0] >= _KEPT_SECONDS:
            reading = self._begin(chunks, key)
            if known is None and reading:
                wait([reading], self.wait_seconds)
                known = self._kept.get(key)
        return known[1] if known else Vocabulary()

    def _begin(self, chunks: ChunkCollection, key: tuple[str, str]) -> Future[None] | None:
        """Start to read, unless that is under way; ``None`` where too many others are."""
        with self._lock:
            if key not in self._reading and len(self._reading) < _KEPT_SCOPES:
                self._reading[key] = self._pool.submit(self._read, chunks, key)
            return self._reading.get(key)

    def _read(self, chunks: ChunkCollection, key: tuple[str, str]) -> None:
        vocabulary = Vocabulary()
        try:
            vocabulary = Vocabulary(chunks.read_texts(key[1], _SAMPLED_CHUNKS, Deadline.after(_READ_SECONDS)))
        except Exception as error:
            # Kept without words, so that the next queries do not each try.
            code = error.code if isinstance(error, PlatformError) else "internal_error"
            log.warning("query_not_corrected", extra={"code": code}, exc_info=code == "internal_error")
        finally:
            self._kept.put(key, (clock.monotonic(), vocabulary))
            with self._lock:
                self._reading.pop(key, None)


def correct(query: str, missing: Collection[str], vocabulary: Vocabulary) -> str:
    """``query`` with words that were probably meant in place of those that no chunk has; empty where there are none.

    Args:
        missing: the tokens of the query that no chunk has.
    """
    looked_at = 0

    def replace(found: re.Match[str]) -> str:
        nonlocal looked_at
        word = found[0]
        if looked_at >= _MOST_LOOKED_AT or not _may_be_wrong(word, missing) or word.lower() in vocabulary:
            return word
        looked_at += 1
        nearest = vocabulary.find_nearest(word.lower())
        return _match_case(word, nearest) if nearest else word

    joined = _join_words(query, missing, vocabulary)
    text = _WORD.sub(replace, joined)
    return text if text != query else ""


def _may_be_wrong(word: str, missing: Collection[str]) -> bool:
    if not _LEAST_CHARACTERS <= len(word) <= _MOST_CHARACTERS:
        return False
    tokens = analyze_query(word)
    return bool(tokens) and all(token in missing for token in tokens)


def _join_words(query: str, missing: Collection[str], vocabulary: Vocabulary) -> str:
    """``query`` with two neighbouring words as one, where the documents have only that one: `data base`."""
    words = list(_WORD.finditer(query))
    for first, second in pairwise(words):
        one = (first[0] + second[0]).lower()
        is_split = query[first.end() : second.start()] == " " and one in vocabulary
        if is_split and any(token in missing for token in analyze_query(f"{first[0]} {second[0]}")):
            return query[: first.start()] + _match_case(first[0], one) + query[second.end() :]
    return query


def _match_case(word: str, other: str) -> str:
    if word.isupper():
        return other.upper()
    return other.title() if word[0].isupper() else other


def measure_distance(one: str, other: str, most: int) -> int:
    """Letters to insert, delete, change or swap with their neighbour; any number above ``most`` where it is more."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        row = [i, *[0] * len(other)]
        for j, counterpart in enumerate(other, start=1):
            row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != counterpart))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == counterpart:
                row[j] = min(row[j], before[j - 2] + 1)
        if min(row) > most:
            return most + 1
        before, last = last, row
    return last[-1]

"""A model that writes nothing of its own: it quotes the sentences of its sources that fit a query best, and says so.

It reads a prompt as a credulous model would: whatever stands outside the sources is its task, and it does what it
reads there. So a document that breaks out of its source changes what this model answers, and a test sees it.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from local.dashscope.encoders import Encoder
    from local.dashscope.vocabulary import Vocabulary

_SOURCE = re.compile(r'<source id="(\d+)"[^>]*>\n(.*?)\n</source>', re.DOTALL)
_SOURCES = re.compile(r"<sources>\n(.*?)</sources>", re.DOTALL)
_QUERY = re.compile(r"<query>\n(.*?)\n</query>", re.DOTALL)
_CONVERSATION = re.compile(r"<conversation>\n(.*?)\n</conversation>", re.DOTALL)
_USER = re.compile(r"<user>(.*?)</user>", re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=[。！？；])(?=.)|(?<=[.!?]) (?=\S)")
_PRONOUN = re.compile(
    r"(?:\w{1,20} ){0,3}(?:it|its|they|them|their|this|these|those|he|she)\b|.{0,2}[它其该此这那他她]", re.I
)
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_INTRODUCTIONS = {False: "Quoted by a local extractive model: ", True: "由本地摘录模型引用："}
# Of a sentence's score: how near it is in meaning, how many words of the query it has, how good its source is.
_MEANING, _WORDS, _SOURCE_RANK = 0.4, 0.45, 0.15
_MOST_SENTENCES, _MOST_QUOTED = 120, 2
_MOST_CHARACTERS, _MOST_TOGETHER, _LEAST_CHARACTERS = 600, 200, 4
# Share of the best sentence's score that another one must have to be quoted too.
_NEARLY_AS_GOOD = 0.85
_LEAST_SCORE = 0.2
_NO_ANSWER = "NO_ANSWER"
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&"))


class _Candidate(NamedTuple):
    """A sentence of a source; ``whole`` is what is quoted, with the next sentence where that continues it."""

    source: int
    text: str
    whole: str


def extract(messages: Sequence[tuple[str, str]], encoder: Encoder, vocabulary: Vocabulary) -> str:
    """The answer to the last message of a user."""
    content = next((text for role, text in reversed(messages) if role == "user"), "")
    query = _unescape(_QUERY.findall(content)[-1]) if _QUERY.search(content) else content
    conversation = _CONVERSATION.search(content)
    if conversation:
        return _rewrite(query, conversation[1])
    body = _SOURCES.search(content)
    strayed = _QUERY.sub("", _SOURCES.sub("", content)).strip() + (_SOURCE.sub("", body[1]).strip() if body else "")
    if strayed:
        return f"I do as I read: {strayed}"
    found = [(int(number), _unescape(text)) for number, text in _SOURCE.findall(body[1] if body else "")]
    candidates = [candidate for number, text in found for candidate in _split(number, text)][:_MOST_SENTENCES]
    return _quote(query, _choose(query, candidates, encoder, vocabulary))


def _rewrite(query: str, conversation: str) -> str:
    """The query after the previous one, without which it cannot be understood."""
    asked = _USER.findall(conversation)
    return f"{_unescape(asked[-1]).strip()} {query.strip()}" if asked else query.strip()


def _split(source: int, text: str) -> Iterator[_Candidate]:
    for line in text.split("\n"):
        ends = [*_SENTENCE_END.finditer(line)]
        starts, stops = [0, *(end.end() for end in ends)], [*(end.start() for end in ends), len(line)]
        for place, start in enumerate(starts):
            part = line[start : stops[place]].strip()
            longer = line[start : stops[place + 1]].strip() if _continues(line, starts, place) else part
            if _is_quotable(part, _MOST_CHARACTERS) and not part.endswith(("?", "？")):
                yield _Candidate(source, part, longer if _is_quotable(longer, _MOST_TOGETHER) else part)


def _continues(line: str, starts: Sequence[int], place: int) -> bool:
    """Whether the next sentence begins with a word that stands for something before it."""
    return place + 1 < len(starts) and _PRONOUN.match(line, starts[place + 1]) is not None


def _is_quotable(part: str, most: int) -> bool:
    """Whether a part can be quoted; a quotation mark without its other half would confuse."""
    return _LEAST_CHARACTERS <= len(part) <= most and part.count("“") == part.count("”")


def _choose(query: str, candidates: Sequence[_Candidate], encoder: Encoder, vocabulary: Vocabulary) -> list[_Candidate]:
    if not candidates:
        return []
    meanings = encoder.encode([candidate.text for candidate in candidates], query=False)
    similar = (meanings @ encoder.encode([query], query=True)[0]).tolist()
    shares = _cover(vocabulary.terms(query), [set(vocabulary.terms(candidate.text)) for candidate in candidates])
    scores = [
        _MEANING * max(0.0, meaning) + _WORDS * share + _SOURCE_RANK / candidate.source
        for meaning, share, candidate in zip(similar, shares, candidates, strict=True)
    ]
    best = max(scores)
    if all(score - _SOURCE_RANK / found.source < _LEAST_SCORE for score, found in zip(scores, candidates, strict=True)):
        return []
    ranked = sorted(range(len(candidates)), key=lambda place: (-scores[place], place))
    chosen: list[_Candidate] = []
    for place in ranked:
        is_good = scores[place] >= _NEARLY_AS_GOOD * best and len(chosen) < _MOST_QUOTED
        if is_good and not any(candidates[place].text in other.whole for other in chosen):
            chosen.append(candidates[place])
    return chosen


def _cover(asked: Sequence[int], held: Sequence[set[int]]) -> list[float]:
    """How much of a query each sentence covers, 0 to 1; terms that few sentences hold count more."""
    counts = {term: sum(term in terms for terms in held) for term in asked}
    weights = {term: math.log(1 + len(held) / (count + 0.5)) for term, count in counts.items()}
    total = sum(weights.values()) or 1.0
    return [sum(weight for term, weight in weights.items() if term in terms) / total for terms in held]


def _quote(query: str, chosen: Sequence[_Candidate]) -> str:
    if not chosen:
        return _NO_ANSWER
    introduction = _INTRODUCTIONS[_CHINESE.search(query) is not None]
    return introduction + " ".join(f"“{candidate.whole}” [{candidate.source}]" for candidate in chosen)


def _unescape(text: str) -> str:
    for escaped, plain in _ENTITIES:
        text = text.replace(escaped, plain)
    return text

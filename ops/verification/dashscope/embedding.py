"""What is assumed of the embedding models: sizes, limits, parameters, order, bills."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ops.verification.assumption import Assumption, UncheckedError, expect, leave_out
from shared.domain.catalog import EMBEDDING_MODELS
from shared.embedding import tokens
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.parameters import EmbeddingParameters, Output, TextType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ops.verification.dashscope.wire import Reply, Wire
    from shared.domain.catalog import EmbeddingModel

_TEXTS: Final = ("How many days of leave do I have?", "差旅费用标准", "The printer is on the second floor.")
_INSTRUCT: Final = "Given a question of an employee, find the rule that answers it"
# Of vectors that are to be the same: rounding differs with the place in a batch.
_SAME: Final = 0.999
_OTHER_DIMENSION: Final = 100
# Larger than this, a text that is one token too long is sent to the model in use only.
_LONG_TOKENS: Final = 10_000
_SDK_SECONDS: Final = 60.0


def list_embedding(wire: Wire) -> Iterator[Assumption]:
    """The assumptions about each model of the catalog, and about the one in use."""
    for name in EMBEDDING_MODELS:
        yield from _list_model(wire, EMBEDDING_MODELS[name])
    yield from _list_protocol(wire, wire.settings.model)


def _list_model(wire: Wire, model: EmbeddingModel) -> Iterator[Assumption]:
    def assume(subject: str, sentence: str, check: Any) -> Assumption:
        return Assumption(f"dashscope.{subject}[{model.name}]", sentence, partial(check, wire, model))

    size, rows, longest = model.default_dimension, model.rows_per_call, model.tokens_per_row
    yield assume("default_size", f"Without a dimension a vector has {size} numbers.", _check_default_size)
    if model.takes_dimension:
        sizes = ", ".join(map(str, sorted(model.dimensions)))
        yield assume("sizes", f"It makes vectors of each of these sizes: {sizes}.", _check_sizes)
        yield assume("other_size", "Another size is refused with 400 InvalidParameter.", _check_other_size)
    else:
        yield assume("other_size", "A size that is asked for is ignored.", _check_ignored_size)
    yield assume("rows", f"A call takes {rows} texts and refuses {rows + 1} as InvalidParameter.", _check_rows)
    yield assume("length", f"A text of more than {longest:,} tokens is refused, not cut.", _check_length)
    if model.sparse:
        yield assume("sparse", "output_type asks for sparse vectors of index and value, also with dense ones.", _sparse)
    if model.instruct:
        yield assume("instruct", "A query may carry an instruction.", _check_instruct)


def _list_protocol(wire: Wire, model: EmbeddingModel) -> Iterator[Assumption]:
    def assume(subject: str, sentence: str, check: Any) -> Assumption:
        return Assumption(f"dashscope.{subject}", sentence, partial(check, wire, model))

    yield assume("order", "text_index is the place in the call, and each vector is that of its text.", _check_order)
    yield assume("same_vector", "The same text gets the same vector again, alone or in a batch.", _check_same_vector)
    yield assume("text_type", "text_type is document, query, or refused; the default is document.", _check_text_type)
    yield assume("empty_text", "An empty text is refused, and the whole call with it.", _check_empty_text)
    yield assume("usage", "usage.total_tokens is for the whole call: at most a token a byte.", _check_usage)
    yield assume("meaning", "Vectors tell related texts from unrelated ones.", _check_meaning)
    yield assume("sdk", "The SDK's call of this software gets the same vector as the protocol.", _check_sdk)
    yield leave_out(
        "dashscope.content_filter",
        "A text that the content filter refuses is DataInspectionFailed, and the whole call with it.",
        "only a text that breaks the rules of the service would show it",
    )


def _embed(wire: Wire, model: EmbeddingModel, texts: Sequence[str], **parameters: Any) -> list[dict[str, Any]]:
    reply = wire.embed(model.name, texts, **parameters).require()
    rows: list[dict[str, Any]] = reply.body["output"]["embeddings"]
    places = sorted(row["text_index"] for row in rows)
    expect(places == list(range(len(texts))), f"text_index of {len(texts)} texts is {places}")
    return sorted(rows, key=lambda row: int(row["text_index"]))


def _vectors(wire: Wire, model: EmbeddingModel, texts: Sequence[str], **parameters: Any) -> list[list[float]]:
    return [row["embedding"] for row in _embed(wire, model, texts, **parameters)]


def _expect_refusal(reply: Reply, what: str) -> None:
    reply = reply if reply.status == 400 else reply.require()
    expect(reply.status != 200, f"{what} was accepted")
    is_invalid = "InvalidParameter" in reply.code or "InvalidParameter" in str(reply.body.get("message"))
    expect(is_invalid, f"{what} is refused as {reply.describe()}")


def _check_default_size(wire: Wire, model: EmbeddingModel) -> str:
    (vector,) = _vectors(wire, model, _TEXTS[:1])
    expect(len(vector) == model.default_dimension, f"it has {len(vector)}")
    expect(math.isfinite(sum(vector)), "a number of it is not finite")
    return ""


def _check_sizes(wire: Wire, model: EmbeddingModel) -> str:
    for size in model.dimensions:
        (vector,) = _vectors(wire, model, _TEXTS[:1], dimension=size)
        expect(len(vector) == size, f"asked for {size}, it has {len(vector)}")
    return ""


def _check_other_size(wire: Wire, model: EmbeddingModel) -> str:
    _expect_refusal(wire.embed(model.name, _TEXTS[:1], dimension=_OTHER_DIMENSION), f"size {_OTHER_DIMENSION}")
    return ""


def _check_ignored_size(wire: Wire, model: EmbeddingModel) -> str:
    (vector,) = _vectors(wire, model, _TEXTS[:1], dimension=256)
    expect(len(vector) == model.default_dimension, f"asked for 256, it has {len(vector)}")
    return ""


def _check_rows(wire: Wire, model: EmbeddingModel) -> str:
    texts = [f"row {number}" for number in range(model.rows_per_call)]
    _embed(wire, model, texts)
    reply = wire.embed(model.name, [*texts, "row too many"])
    _expect_refusal(reply, f"a call of {len(texts) + 1} texts")
    return ""


def _check_length(wire: Wire, model: EmbeddingModel) -> str:
    if model.tokens_per_row > _LONG_TOKENS and model is not wire.settings.model:
        raise UncheckedError("a text of this length is only sent to the model in use, because of its price")
    _expect_refusal(wire.embed(model.name, ["a " * (model.tokens_per_row + 64)]), "a longer text")
    return ""


def _sparse(wire: Wire, model: EmbeddingModel) -> str:
    (alone,) = _embed(wire, model, _TEXTS[:1], output_type=Output.SPARSE.value)
    (both,) = _embed(wire, model, _TEXTS[:1], output_type=Output.BOTH.value)
    for row in (alone, both):
        entries = [(int(entry["index"]), float(entry["value"])) for entry in row["sparse_embedding"]]
        expect(entries and all(math.isfinite(value) for _, value in entries), "a sparse vector is empty or not finite")
    expect(len(both["embedding"]) == model.default_dimension, "dense&sparse has no dense vector")
    return ""


def _check_instruct(wire: Wire, model: EmbeddingModel) -> str:
    (plain,) = _vectors(wire, model, _TEXTS[:1], text_type="query")
    (asked,) = _vectors(wire, model, _TEXTS[:1], text_type="query", instruct=_INSTRUCT)
    likeness = _cosine(plain, asked)
    return f"cosine with and without it: {likeness:.4f}"


def _check_order(wire: Wire, model: EmbeddingModel) -> str:
    together = _vectors(wire, model, _TEXTS)
    for text, vector in zip(_TEXTS, together, strict=True):
        (alone,) = _vectors(wire, model, [text])
        likeness = _cosine(alone, vector)
        expect(likeness > _SAME, f"in a batch the vector of a text is another one (cosine {likeness:.4f})")
    return ""


def _check_same_vector(wire: Wire, model: EmbeddingModel) -> str:
    first, second = (_vectors(wire, model, _TEXTS[:1])[0] for _ in range(2))
    again, _ = _vectors(wire, model, [_TEXTS[0], _TEXTS[1]])
    likeness = min(_cosine(first, second), _cosine(first, again))
    expect(likeness > _SAME, f"the cosine of two vectors of one text is {likeness:.4f}")
    return f"smallest cosine {likeness:.6f}"


def _check_text_type(wire: Wire, model: EmbeddingModel) -> str:
    (default,) = _vectors(wire, model, _TEXTS[:1])
    (document,) = _vectors(wire, model, _TEXTS[:1], text_type="document")
    (query,) = _vectors(wire, model, _TEXTS[:1], text_type="query")
    expect(_cosine(default, document) > _SAME, "without text_type the vector is not that of a document")
    _expect_refusal(wire.embed(model.name, _TEXTS[:1], text_type="question"), "text_type question")
    return f"cosine of query and document: {_cosine(query, document):.4f}"


def _check_empty_text(wire: Wire, model: EmbeddingModel) -> str:
    _expect_refusal(wire.embed(model.name, [_TEXTS[0], ""]), "an empty text")
    return ""


def _check_usage(wire: Wire, model: EmbeddingModel) -> str:
    one = wire.embed(model.name, _TEXTS[:1]).require().body["usage"]["total_tokens"]
    all_ = wire.embed(model.name, _TEXTS).require().body["usage"]["total_tokens"]
    most, counted = sum(map(tokens.bound, _TEXTS)), sum(map(tokens.count, _TEXTS))
    expect(isinstance(all_, int) and 0 < all_ <= most, f"{all_} tokens are billed for {most} at most")
    expect(one < all_, f"{one} tokens are billed for one text, {all_} for three")
    return f"billed {all_}, counted here {counted}"


def _check_meaning(wire: Wire, model: EmbeddingModel) -> str:
    texts = ["How much leave do I get?", "Employees get 25 days of leave a year.", "The printer needs new toner."]
    query = _vectors(wire, model, texts[:1], text_type="query")[0]
    related, unrelated = (_cosine(query, vector) for vector in _vectors(wire, model, texts[1:]))
    expect(related > unrelated, f"cosine {related:.3f} of a related text, {unrelated:.3f} of an unrelated one")
    return f"{related:.3f} against {unrelated:.3f}"


def _check_sdk(wire: Wire, model: EmbeddingModel) -> str:
    dimension = wire.settings.dimension
    most = model.cost(tokens.bound(_TEXTS[0]))
    wire.spending.check(most)
    parameters = EmbeddingParameters(TextType.DOCUMENT, dimension)
    try:
        answer = DashScopeClient(wire.settings).embed(_TEXTS[:1], parameters, _SDK_SECONDS)
    finally:
        wire.spending.add(most)
    wire.spending.add(model.cost(answer.tokens) - most)
    expect(answer.request_id, "it has no request_id")
    (vector,) = _vectors(wire, model, _TEXTS[:1], **({"dimension": dimension} if model.takes_dimension else {}))
    expect(_cosine(vector, answer.content[0].dense) > _SAME, "the vectors differ")
    return ""


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / (math.hypot(*one) * math.hypot(*other))

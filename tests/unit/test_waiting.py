"""Events wait for a Milvus that is away, almost to the end of their time, and then fail as what may be tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shared.domain.errors import ConfigurationError, PlatformError, TransientError
from shared.runtime import clock
from shared.runtime.retrying import Deadline
from shared.runtime.settings import MilvusSettings
from shared.store.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

AWAY = TransientError("milvus_unavailable", "It does not answer.")
NOT_READY = TransientError("milvus_failed", "The proxy is not ready.")


@pytest.fixture(autouse=True)
def manual() -> Iterator[clock.ManualClock]:
    with clock.use(clock.ManualClock()) as manual:
        yield manual


class Line(Client):
    """A client with calls that fail until ``back``, each after some time; and always where ``always`` names one."""

    def __init__(
        self, back: float, error: PlatformError = AWAY, always: str = "", *, awaits_server: bool = True
    ) -> None:
        super().__init__(MilvusSettings(uri="http://nowhere"), awaits_server=awaits_server)
        self.calls: list[str] = []
        self._back, self._error, self._always = back, error, always

    def _try_once(self, method: str, seconds: float, *arguments: Any, **options: Any) -> Any:
        self.calls.append(method)
        clock.sleep(min(seconds, 0.5))
        if clock.monotonic() < self._back or method == self._always:
            raise self._error
        return method


def after(seconds: float) -> float:
    return clock.monotonic() + seconds


@pytest.mark.parametrize("error", [AWAY, NOT_READY], ids=lambda error: error.code)
@pytest.mark.parametrize("seconds", [5, 45, 500])
def test_a_call_waits_for_a_server_that_comes_back(error: PlatformError, seconds: float) -> None:
    line = Line(after(seconds), error)
    assert line.call("upsert", Deadline.after(590)) == "upsert"
    assert clock.monotonic() - 1_000 < seconds + 5


def test_at_the_end_of_its_time_it_fails_as_what_may_be_tried_again_and_leaves_a_reserve() -> None:
    deadline = Deadline.after(590)
    with pytest.raises(TransientError, match="It does not answer"):
        Line(after(1_000)).call("upsert", deadline)
    assert 15 <= deadline.remaining() <= 25


@pytest.mark.parametrize("seconds", [5, 19.9, 20, 21, 25, 60])
def test_no_deadline_is_passed(seconds: float) -> None:
    deadline = Deadline.after(seconds)
    with pytest.raises(TransientError):
        Line(after(1_000)).call("upsert", deadline)
    assert deadline.remaining() >= 0


def test_people_do_not_wait() -> None:
    line = Line(after(1_000), awaits_server=False)
    with pytest.raises(TransientError, match="It does not answer"):
        line.call("search", Deadline.after(590))
    assert set(line.calls) == {"search"}
    assert clock.monotonic() - 1_000 < 10


@pytest.mark.parametrize("error", [AWAY, NOT_READY], ids=lambda error: error.code)
def test_a_call_that_fails_on_a_server_that_answers_is_not_repeated_for_minutes(error: PlatformError) -> None:
    line = Line(0, error, always="upsert")
    with pytest.raises(TransientError):
        line.call("upsert", Deadline.after(590))
    assert line.calls == ["upsert"] * 3 + ["list_collections"] + ["upsert"] * 3


@pytest.mark.parametrize("code", ["milvus_not_loaded", "deadline_exceeded"])
def test_other_failures_are_not_waited_for(code: str) -> None:
    line = Line(after(1_000), TransientError(code, "It is another failure.", soon=False))
    with pytest.raises(TransientError, match=code):
        line._call("upsert", Deadline.after(590))
    assert line.calls == ["upsert"]


def test_a_server_that_comes_back_and_refuses_the_token_ends_the_wait() -> None:
    class Refusing(Line):
        def _try_once(self, method: str, seconds: float, *arguments: Any, **options: Any) -> Any:
            if clock.monotonic() > 1_100:
                raise ConfigurationError("milvus_forbidden", "Milvus refuses the token.")
            return super()._try_once(method, seconds, *arguments, **options)

    with pytest.raises(ConfigurationError, match="milvus_forbidden"):
        Refusing(after(1_000)).call("upsert", Deadline.after(590))

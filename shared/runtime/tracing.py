"""Which trace a request belongs to, and spans of the remote calls it makes.

A caller's ``traceparent`` is taken over, or one is made (https://www.w3.org/TR/trace-context/); it stands in every log
line and goes on to DashScope. Spans are recorded only where OpenTelemetry is installed and OTEL_EXPORTER_OTLP_ENDPOINT
gives the address; they are sent before the request is answered, because an instance may be frozen after that.
https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shared.runtime import clock, metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
# What a collector that does not answer may cost a request, at most.
_EXPORT_SECONDS = 1.0


class Trace(Struct, frozen=True):
    """The current place in a trace.

    Attributes:
        trace_id: 32 hexadecimal digits, the same in every part of it.
        span_id: 16 hexadecimal digits: the current part.
        flags: two hexadecimal digits; the last bit says that the caller records.
    """

    trace_id: str
    span_id: str
    flags: str = "00"

    @property
    def parent(self) -> str:
        """The header ``traceparent`` for what is called from here."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def parse_traceparent(traceparent: str) -> Trace | None:
    """The trace a caller names; ``None`` for what the standard calls invalid."""
    found = _PARENT.fullmatch(traceparent)
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return None
    if not int(found[2], 16) or not int(found[3], 16):
        return None
    return Trace(found[2], found[3], found[4])


def trace_headers() -> dict[str, str]:
    """Headers of a remote call that name its trace to the service."""
    trace = _current.get()
    return {"traceparent": trace.parent} if trace else {}


@contextmanager
def request(function: str, traceparent: str) -> Iterator[Trace]:
    """The part of a trace that one request is."""
    caller = parse_traceparent(traceparent)
    with _span(function, "server", caller) as recorded:
        trace = recorded or _unrecorded(caller)
        token = _current.set(trace)
        try:
            yield trace
        finally:
            _current.reset(token)


@contextmanager
def call(service: str, name: str) -> Iterator[None]:
    """One remote call: its time and number count for the request, and it is a span where spans are recorded."""
    started = clock.monotonic()
    outer = _current.get()
    try:
        with _span(f"{service} {name}", "client", outer) as recorded:
            token = _current.set(recorded or outer)
            try:
                yield
            finally:
                _current.reset(token)
    finally:
        milliseconds = (clock.monotonic() - started) * 1000
        metrics.add(**{f"{service}_calls": 1, f"{service}_ms": milliseconds})


def flush() -> None:
    """Send what was recorded, or give it up."""
    provider = _provider()
    if provider is not None and not provider.force_flush(int(_EXPORT_SECONDS * 1000)):
        log.warning("spans_lost", extra={"seconds": _EXPORT_SECONDS})


def _unrecorded(caller: Trace | None) -> Trace:
    span_id = secrets.token_hex(8)
    return Trace(caller.trace_id, span_id, caller.flags) if caller else Trace(secrets.token_hex(16), span_id)


@contextmanager
def _span(name: str, kind: str, parent: Trace | None) -> Iterator[Trace | None]:
    provider = _provider()
    if provider is None:
        yield None
        return
    from opentelemetry import trace
    from opentelemetry.context import Context

    context = Context()
    if parent:
        ids = trace.SpanContext(
            int(parent.trace_id, 16), int(parent.span_id, 16), True, trace.TraceFlags(int(parent.flags, 16))
        )
        context = trace.set_span_in_context(trace.NonRecordingSpan(ids), context)
    # The error's text stays out: it is written for one caller. Its class is enough.
    span = provider.get_tracer("semantic-search").start_span(name, context, trace.SpanKind[kind.upper()])
    try:
        own = span.get_span_context()
        yield Trace(f"{own.trace_id:032x}", f"{own.span_id:016x}", f"{int(own.trace_flags):02x}")
    except BaseException as error:
        span.set_status(trace.StatusCode.ERROR, type(error).__name__)
        raise
    finally:
        span.end()


@cache
def _provider() -> Any:
    """What records spans; ``None`` where that is off or not installed."""
    if not os.environ.get(ENDPOINT):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError:
        log.warning("telemetry_missing", extra={"reason": f"{ENDPOINT} is set, but OpenTelemetry is not installed."})
        return None

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it logs tracebacks; `spans_lost` says enough
    name = os.environ.get("OTEL_SERVICE_NAME") or os.environ.get("FC_FUNCTION_NAME") or "semantic-search"
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=_EXPORT_SECONDS)))
    return provider

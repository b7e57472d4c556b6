"""Gunicorn's settings for a function: one process, many threads, because the work waits on the network.

Function Compute's custom runtime calls port 9000 on all interfaces, keeps connections open for up to 15 minutes and
ends requests itself, so the server must not: https://help.aliyun.com/zh/functioncompute/fc/custom-runtime
"""

from __future__ import annotations

import ctypes
import gc
import os
from typing import Any

from shared.runtime import parent, workspace
from shared.runtime.worker import Worker

# What a start imports stays. To look for garbage in it takes a sixth of a cold start, and later 0.1 s of a request.
gc.disable()

# By default glibc gives each of the threads an arena of its own, which keeps what one large request needed.
_M_ARENA_MAX, _ARENAS = -8, 2
if hasattr(ctypes.CDLL(None), "mallopt"):
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)

bind = f"{os.environ.get('LISTEN_HOST', '0.0.0.0')}:{os.environ.get('FC_CUSTOM_LISTEN_PORT', '9000')}"  # noqa: S104
worker_class = Worker
workers = 1
timeout = 0
keepalive = 900
# Connections, not requests: an idle one costs some kilobytes. Below the 1,024 files a process may open.
worker_connections = 800
graceful_timeout = 60
# A folder in memory: the heartbeat file on a slow disk blocks the worker.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
accesslog = None
control_socket_disable = True


def post_fork(_server: Any, worker: Any) -> None:
    """Gunicorn calls this in a new worker: without its master it would hold the port for as long as it has work."""
    parent.end_with(worker.ppid)


def child_exit(_server: Any, worker: Any) -> None:
    """Gunicorn calls this where a worker has ended, however it did."""
    workspace.clear(worker.pid)


def post_worker_init(worker: Any) -> None:
    """Begin to prepare in the worker, which is past the fork that gRPC would not survive."""
    worker.wsgi.extensions["application"].begin().add_done_callback(_collect)


def _collect(_prepared: Any) -> None:
    """Look for garbage from now on, in what requests make."""
    gc.freeze()
    gc.enable()

"""A port that is taken, and by which process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from local import ports
from local.ports import describe_holder, free_port, is_taken


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_taken_port_names_the_process_that_holds_it(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as taken:
        try:
            taken.bind((address, 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        taken.listen()
        port = taken.getsockname()[1]
        if family == socket.AF_INET:
            assert is_taken(port)
        if sys.platform == "linux":
            assert describe_holder(port).startswith(f"process {os.getpid()} (")


def test_a_port_that_is_free_has_no_holder() -> None:
    port = free_port()
    assert not is_taken(port)
    assert describe_holder(port) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that end with their process")
def test_no_two_get_the_same_port_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port()
    few = range(first, first + 4)
    monkeypatch.setattr(ports, "_PORTS", few)
    ours = [free_port() for _ in range(10)]
    assert len(set(ours)) == len(ours)
    ask = f"from local import ports; ports._PORTS = range({few.start}, {few.stop}); print(ports.free_port())"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) not in few

"""Whole events, one file for each source a function is invoked by, in the shapes Function Compute delivers.

Sources: https://help.aliyun.com/zh/functioncompute/fc/trigger-overview and the pages of the single triggers. All values
are made up.
"""

from pathlib import Path


def read(name: str) -> bytes:
    """The bytes of one event."""
    return (Path(__file__).parent / f"{name}.json").read_bytes()

"""What names of objects OSS takes, and which of them a client of HTTP cannot ask for."""

from __future__ import annotations

# https://help.aliyun.com/zh/oss/user-guide/object-naming-conventions
MOST_BYTES = 1_023
# Clients of HTTP, proxies and servers take these parts out of a path, and what is left names another object.
# https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4
_DOTS = frozenset({".", ".."})


def can_exist(name: str) -> bool:
    """Whether an object of OSS can have this name: OSS refuses a request about a longer one."""
    return len(name.encode("utf-8", "surrogatepass")) <= MOST_BYTES


def find_problem(name: str) -> str:
    """Why the content of an object of this name cannot be asked for; empty if it can."""
    if _DOTS.isdisjoint(name.split("/")):
        return ""
    return "Its key has . or .. as the name of a folder or file, which HTTP takes out of addresses: rename the object."

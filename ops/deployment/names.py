"""Names that ``s.yaml`` takes from the environment, and what the services accept as such."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_QUEUE: Final = "the name of an MNS queue: at most 120 letters, digits and hyphens, with a letter or digit in front"
# By the variable of s.yaml: the name in the environment, what the service takes, and that in words.
_NAMES: Final = {
    "account": ("ACCOUNT_ID", r"[1-9][0-9]{9,19}", "the number of an account, such as 1234567890123456"),
    "prefix": (
        "NAME_PREFIX",
        r"[A-Za-z](?:[A-Za-z0-9-]{0,54}[A-Za-z0-9])?",
        "at most 56 letters, digits and hyphens, with a letter in front: functions and roles are named by it",
    ),
    "environment": ("ENVIRONMENT", r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "at most 64 letters, digits, . _ and -"),
    "logProject": (
        "LOG_PROJECT",
        r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
        "3 to 63 small letters, digits and hyphens, with a letter or digit at both ends",
    ),
    "logStore": (
        "LOG_STORE",
        r"[a-z0-9][a-z0-9_-]{0,61}[a-z0-9]",
        "2 to 63 small letters, digits, _ and -, with a letter or digit at both ends",
    ),
    "vpc": ("VPC_ID", r"vpc-[a-z0-9]+", "the id of a VPC, such as vpc-2ze0abc"),
    "vSwitch": ("VSWITCH_ID", r"vsw-[a-z0-9]+", "the id of one vSwitch, such as vsw-2ze0abc"),
    "securityGroup": ("SECURITY_GROUP_ID", r"sg-[a-z0-9]+", "the id of a security group, such as sg-2ze0abc"),
    "failures": (
        "FAILURE_QUEUE",
        r"acs:mns:[^:]*:[^:]*:/queues/[A-Za-z0-9][A-Za-z0-9-]{0,119}/messages",
        _QUEUE,
    ),
    "recordsQueue": (
        "RECORDS_QUEUE",
        r"[A-Za-z0-9][A-Za-z0-9-]{0,119}",
        _QUEUE,
    ),
    "recordsSource": ("RECORDS_SOURCE", r"[^\s\"'\\\x00-\x1f]{1,255}", "a source of events without spaces and quotes"),
    "domain": (
        "DOMAIN",
        r"auto|(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,9}[A-Za-z0-9-]{2,63}",
        "a domain alone, without https:// and path, such as search.example.com; or auto for none",
    ),
    "milvusVersion": ("MILVUS_VERSION", r"\d+\.\d+", "a version of two numbers, such as 2.6"),
    "milvusUnits": ("MILVUS_UNITS", r"[1-9]\d{0,3}", "a number of compute units, such as 4"),
    "logLevel": ("LOG_LEVEL", r"(?i:DEBUG|INFO|WARNING|ERROR|CRITICAL)", "DEBUG, INFO, WARNING or ERROR"),
}  # fmt: skip


def find_wrong_names(variables: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each variable of ``s.yaml`` that is no name of its kind."""
    for key, (variable, pattern, meaning) in _NAMES.items():
        value = variables.get(key)
        if value is not None and not re.fullmatch(pattern, str(value)):
            shown = str(value).split("/")[2] if key == "failures" and str(value).count("/") > 1 else str(value)
            yield f"{variable} must be {meaning}; it is {shown!r}"

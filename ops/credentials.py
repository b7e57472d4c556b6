"""The access key that the commands use: that of the environment, or the one that ``aliyun configure`` keeps.

The file is ``~/.aliyun/config.json`` (https://help.aliyun.com/zh/cli/configure-credentials): profiles by name, and the
current one. Modes that only the ``aliyun`` program can turn into a key are left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLES: Final = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")
NO_KEY: Final = f"There is no access key: run `aliyun configure`, or set {VARIABLES[0]} and {VARIABLES[1]}."
_KEYS: Final = ("access_key_id", "access_key_secret", "sts_token")
_MODES: Final = ("AK", "StsToken")
# The key of the emulators, which no account has.
_LOCAL: Final = "local"


class Credentials(Struct, frozen=True):
    """An access key, with its token if it is a temporary one."""

    key_id: str
    secret: str
    token: str = ""


def find_credentials(environ: Mapping[str, str]) -> Credentials | None:
    """The access key of the environment; ``None`` if there is none, or only that of the emulators."""
    key_id, secret, token = (environ.get(name, "") for name in VARIABLES)
    if not key_id or not secret or key_id == _LOCAL:
        return None
    return Credentials(key_id, secret, token)


def add_profile(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ``, with the key and the region of the current ``aliyun`` profile where it names no key itself."""
    if environ.get(VARIABLES[0]):
        return dict(environ)
    profile = _read_profile(environ)
    found = {name: str(profile.get(key) or "") for name, key in zip(VARIABLES, _KEYS, strict=True)}
    if profile.get("mode") not in _MODES or not found[VARIABLES[0]]:
        return dict(environ)
    return {**{name: value for name, value in found.items() if value}, **environ}


def name_for_serverless_devs(environ: Mapping[str, str], account: str) -> dict[str, str]:
    """The access key as the variables that ``s`` reads; nothing where ``s config add`` has kept one.

    Their names: https://docs.serverless-devs.com/user-guide/config/.
    """
    kept = Path(environ.get("HOME") or "/nonexistent") / ".s" / "access.yaml"
    credentials = find_credentials(environ)
    if credentials is None or credentials.token or kept.is_file():  # it takes no token in this way
        return {}
    return {"AccountID": account, "AccessKeyID": credentials.key_id, "AccessKeySecret": credentials.secret}


def find_region(environ: Mapping[str, str]) -> str:
    """The region of the current ``aliyun`` profile; empty if there is none."""
    return str(_read_profile(environ).get("region_id") or "")


def _read_profile(environ: Mapping[str, str]) -> dict[str, Any]:
    home = environ.get("HOME")
    if not home:
        return {}
    try:
        content = json.loads((Path(home) / ".aliyun" / "config.json").read_text("utf-8"))
        name = environ.get("ALIBABA_CLOUD_PROFILE") or content.get("current") or "default"
        return dict(next((it for it in content["profiles"] if it.get("name") == name), {}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}

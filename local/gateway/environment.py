"""The environment of a function's process: parts of this machine's, the platform's, and what ``s.yaml`` declares."""

from __future__ import annotations

import os
import re
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shared.runtime.proxies import PROXY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.deployment import Function

CODE: Final = "/code"
"""Where Function Compute unpacks the package; replaced by the project's root."""

_ACCOUNT: Final = "1000000000000000"  # made up, but of the real shape
# A function sees only the variables needed to find programs, files, certificates and proxies.
_PASSED_ON: Final = re.compile(rf"PATH|HOME|LANG|SSL_\w*|\w*_CERT\w*|\w*CA_BUNDLE\w*|(?i:{PROXY_VARIABLE.pattern})")
_CREDENTIALS: Final = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "local",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "local",
    "ALIBABA_CLOUD_SECURITY_TOKEN": "",
}


def account(environ: Mapping[str, str]) -> str:
    """The account everything runs under."""
    return environ.get("ACCOUNT_ID") or _ACCOUNT


def process_environment(
    function: Function, environ: Mapping[str, str], *, root: Path, port: int, temporary: Path
) -> dict[str, str]:
    """Every variable of the process.

    Args:
        environ: this machine's variables.
        root: the project's folder, which replaces ``/code``.
        port: where the process listens.
        temporary: the folder it uses as ``/tmp``.
    """
    passed_on = {name: value for name, value in environ.items() if _PASSED_ON.fullmatch(name)}
    declared = {name: localize(value, root) for name, value in function.environment_variables.items()}
    interpreter = str(Path(sys.executable).parent)
    path = os.pathsep.join((interpreter, passed_on.get("PATH") or os.defpath))
    return {**passed_on, **_platform(function, environ, port, temporary), **declared, "PATH": path}


def localize(text: str, root: Path) -> str:
    """``text`` with the project's root in place of ``/code``."""
    return re.sub(rf"(?<![\w./-]){CODE}(?=/|:|$)", lambda _: str(root), text)


def _platform(function: Function, environ: Mapping[str, str], port: int, temporary: Path) -> dict[str, str]:
    credentials = {name: environ.get(name) or local for name, local in _CREDENTIALS.items()}
    return {
        **(credentials if function.role else {}),
        "FC_FUNCTION_NAME": function.function_name,
        "FC_REGION": function.region,
        "FC_ACCOUNT_ID": account(environ),
        "FC_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "FC_INSTANCE_ID": f"c-{uuid.uuid4().hex[:8]}-local",
        "FC_CUSTOM_LISTEN_PORT": str(port),
        "LISTEN_HOST": "127.0.0.1",
        "TMPDIR": str(temporary),
        # The image has no locale, and there Python uses UTF-8 (PEP 540); this machine may have another one.
        "PYTHONUTF8": "1",
    }

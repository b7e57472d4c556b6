"""What must be there before packages are built, which takes a minute: ``s``, an access key and the settings."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops.credentials import NO_KEY, find_credentials
from ops.preflight import read_function_settings, split_problems
from shared.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.deployment import Deployment

_API_KEYS_PAGE: Final = "https://bailian.console.aliyun.com/?tab=model#/api-key"
# By the first word of what the settings say.
_SOURCES: Final = {
    "DASHSCOPE_API_KEY": f"get one at {_API_KEYS_PAGE} and write it into .env",
    "MILVUS_URI": "`make infra` creates a Milvus and writes its address into .env",
    "API_KEYS": "`make infra` makes one, and `.venv/bin/python -m ops keys` prints one for .env",
}
_EXAMPLES: Final = ("ACCOUNT_ID", "OSS_BUCKET", "VPC_ID", "VSWITCH_ID", "SECURITY_GROUP_ID")
_ABSENT: Final = ("is not set", "holds no key")


def find_missing(deployment: Deployment, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each thing without which a deployment cannot succeed.

    Args:
        environ: the variables of the process and of the ``.env`` files.
    """
    if shutil.which("s", path=environ.get("PATH")) is None:
        yield "Serverless Devs is not installed: npm install -g @serverless-devs/s"
    kept = Path(environ.get("HOME") or "/nonexistent") / ".s" / "access.yaml"
    if not (find_credentials(environ) or kept.is_file() or environ.get("FC_ENDPOINT")):
        yield NO_KEY
    unset = [name for name in _EXAMPLES if not environ.get(name)]
    if unset:  # what stands in s.yaml for them is an example
        yield f"{', '.join(unset)} {'is' if len(unset) == 1 else 'are'} not set: `make infra` writes them into .env"
    yield from dict.fromkeys(_find_wrong_settings(deployment))


def _find_wrong_settings(deployment: Deployment) -> Iterator[str]:
    for name in deployment.functions:
        try:
            read_function_settings(name, deployment, {})
        except ConfigurationError as error:
            for problem in split_problems(error):
                source = _SOURCES.get(problem.partition(" ")[0]) if any(it in problem for it in _ABSENT) else None
                yield f"{problem}: {source}" if source else problem

"""The names of what is created: those that ``s.yaml`` gives it.

The template takes the names that differ from account to account as parameters. To find where they occur, ``s.yaml`` is
rendered with a mark for each, and every mark in what follows from it becomes a reference to a parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from ops import deployment as deployments

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ops.deployment import Deployment

REGION: Final = "ALIYUN::Region"


class Parameter(Struct, frozen=True):
    """A name that the template takes.

    Attributes:
        name: of the parameter.
        variable: of the environment, as ``s.yaml`` reads it.
        key: of the variable in ``s.yaml`` that holds it.
        mark: stands for it while ``s.yaml`` is rendered.
        description: for the reader of the template.
    """

    name: str
    variable: str
    key: str
    mark: str
    description: str


PARAMETERS: Final = (
    Parameter("Account", "ACCOUNT_ID", "account", "1010101010101010", "The number of the account"),
    Parameter(REGION, "REGION", "region", "xx-region", ""),
    Parameter("Prefix", "NAME_PREFIX", "prefix", "prefix-of-names", "The first part of all names"),
    Parameter("BucketName", "OSS_BUCKET", "bucket", "bucket-of-documents", "The bucket of the documents"),
    Parameter(
        "LogProjectName", "LOG_PROJECT", "logProject", "project-of-logs", "The log project; unique in its region"
    ),
    Parameter("LogStoreName", "LOG_STORE", "logStore", "store-of-logs", "The log store"),
    Parameter("Zone", "ZONE_ID", "zone", "zone-of-milvus", "The zone of the vSwitch and of Milvus"),
)
FAILURE_QUEUE: Final = Parameter(
    "FailureQueueName", "FAILURE_QUEUE", "failures", "queue-of-failures", "The queue of events that failed for good"
)
_SECRETS: Final = ("DASHSCOPE_API_KEY", "MILVUS_TOKEN", "API_KEYS")


def load_marked(path: Path, environ: Mapping[str, str]) -> Deployment:
    """``s.yaml`` with marks for the names that are parameters, and without secrets."""
    marks = {parameter.variable: parameter.mark for parameter in (*PARAMETERS, FAILURE_QUEUE)}
    return deployments.load(path, {**environ, **marks, **dict.fromkeys(_SECRETS, "")})


def read_values(deployment: Deployment) -> dict[str, str]:
    """The value of each parameter in ``deployment``."""
    found = {it.name: str(deployment.variables[it.key]) for it in PARAMETERS if it.name != REGION}
    return found | {FAILURE_QUEUE.name: read_failure_queue(deployment)}


def read_failure_queue(deployment: Deployment) -> str:
    """The name of the queue of failed events; ``s.yaml`` holds its resource name."""
    return str(deployment.variables["failures"]).split("/")[2]


def refer(value: Any) -> Any:
    """``value``, with references to parameters instead of marks."""
    if isinstance(value, dict):
        return {key: refer(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [refer(item) for item in value]
    if not isinstance(value, str):
        return value
    text = value
    for parameter in (*PARAMETERS, FAILURE_QUEUE):
        if value == parameter.mark:
            return {"Ref": parameter.name}
        text = text.replace(parameter.mark, f"${{{parameter.name}}}")
    return {"Fn::Sub": text} if text != value else value

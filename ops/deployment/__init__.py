"""The deployment that ``s.yaml`` declares, as typed values: what is misspelt or out of range does not load.

The components' own schemas accept misspelt properties and every mistake in a trigger's configuration, and a deploy does
not stop at schema errors, so these types report such mistakes. Names and ranges are those of the components ``fc3``
(https://github.com/devsapp/fc3) and ``fc3-domain`` (https://github.com/devsapp/fc3-domain) and of
https://help.aliyun.com/zh/functioncompute/fc/product-overview/limits. Times are seconds, sizes MB. Rules that types
cannot express are in ``ops.checks``. Start reading at `resources`.
"""

from ops.deployment.domains import Domain, Route
from ops.deployment.function import Function
from ops.deployment.loading import load
from ops.deployment.resources import Deployment
from ops.deployment.surroundings import Logs, OssMount, Vpc
from ops.deployment.triggers import (
    EventBridgeTrigger,
    HttpTrigger,
    MnsTrigger,
    OssTrigger,
    TimerTrigger,
    Trigger,
)
from ops.template import DeploymentError

__all__ = [
    "Deployment",
    "DeploymentError",
    "Domain",
    "EventBridgeTrigger",
    "Function",
    "HttpTrigger",
    "Logs",
    "MnsTrigger",
    "OssMount",
    "OssTrigger",
    "Route",
    "TimerTrigger",
    "Trigger",
    "Vpc",
    "load",
]

"""Rules for a deployment as a whole: names, filters, quota, routes and secrets."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from ops.deployment import HttpTrigger, OssTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ops.deployment import Deployment, Route

_SECRET_NAME: Final = re.compile(r"KEY|SECRET|TOKEN|PASSWORD")
_SECRET_VALUE: Final = re.compile(r"\b(?:sk-[A-Za-z0-9]{16,}|LTAI[A-Za-z0-9]{12,})")
_FROM_ENVIRONMENT: Final = re.compile(r"\$\{env\(\s*['\"]\w+['\"]\s*(?:,\s*['\"]{2}\s*)?\)\}")


def _function_names(deployment: Deployment) -> Iterator[str]:
    for name, count in Counter(it.function_name for it in deployment.functions.values()).items():
        if count > 1:
            yield f"{count} functions are named {name}; each would overwrite the other"


def _environment_names(deployment: Deployment) -> Iterator[str]:
    environment = deployment.variables.get("environment", "")
    if environment in ("", "prod"):
        return
    for name, function in deployment.functions.items():
        if environment not in function.function_name:
            yield (
                f"{name}: ENVIRONMENT is {environment}, but the function is named {function.function_name} and would "
                f"overwrite another environment's: put {environment} into NAME_PREFIX"
            )
        collection = function.environment_variables.get("MILVUS_COLLECTION", environment)
        if environment not in collection:
            yield f"{name}: ENVIRONMENT is {environment}: put {environment} into MILVUS_COLLECTION too"


def _filters(deployment: Deployment) -> Iterator[str]:
    triggers = [trigger for it in deployment.functions.values() for trigger in it.triggers_of(OssTrigger)]
    for one, other in combinations(triggers, 2):
        if one.source_arn == other.source_arn and _overlap(one, other):
            yield (
                f"the oss triggers {one.trigger_name} and {other.trigger_name} overlap in bucket, events, prefix and "
                "suffix; the service refuses the second"
            )


def _quota(deployment: Deployment) -> Iterator[str]:
    for name, function in deployment.functions.items():
        if "DASHSCOPE_API_KEY" not in function.environment_variables:
            continue
        if not _is_share(function.environment_variables.get("QUOTA_SHARE", "")):
            yield f"{name}: QUOTA_SHARE is the part of the quota an instance may use at most: above 0, at most 1"
        if function.instances is None:
            yield f"{name}: without concurrencyConfig.reservedConcurrency any number of instances compete for the quota"


def _same_vectors(deployment: Deployment) -> Iterator[str]:
    for variable in ("EMBEDDING_MODEL", "EMBEDDING_DIMENSION", "MILVUS_COLLECTION"):
        values = {
            it.environment_variables[variable]
            for it in deployment.functions.values()
            if variable in it.environment_variables
        }
        if len(values) > 1:
            yield f"{variable} differs between functions ({', '.join(sorted(values))}): they would not find each other"


def _routes(deployment: Deployment) -> Iterator[str]:
    open_functions = {it.function_name for it in deployment.functions.values() if it.triggers_of(HttpTrigger)}
    routes = list(deployment.routes())
    for _, route in routes:
        if route.function_name not in open_functions:
            yield f"route {route.path} leads to {route.function_name}, which has no http trigger in this deployment"
        if "*" in route.path.removesuffix("/*"):
            yield f"route {route.path}: a * stands for what follows only at the end, after a slash"
    for (domain, one), (other_domain, other) in combinations(routes, 2):
        if domain == other_domain and one.path == other.path and _share_methods(one, other):
            yield f"route {one.path} of {domain} is given to {one.function_name} and {other.function_name}"


def _clear_text(deployment: Deployment) -> Iterator[str]:
    own = [it.custom_domain for it in deployment.functions.values() if it.custom_domain]
    for domain in (*deployment.domains.values(), *own):
        if domain.protocol != "HTTPS":
            yield (
                f"domain {domain.domain_name}: protocol {domain.protocol} sends API keys in clear; set it to HTTPS, "
                "with the certificate in certConfig"
            )
        elif not domain.cert_config:
            yield f"domain {domain.domain_name}: HTTPS needs a certificate: certConfig with certId"


def _secrets(deployment: Deployment) -> Iterator[str]:
    for name, resource in _mapping(deployment.written, "resources").items():
        for variable, value in _mapping(resource, "props", "environmentVariables").items():
            if _SECRET_NAME.search(variable) and not _from_environment(value, deployment.written):
                yield f"{name}: {variable} stands in s.yaml; take it from the environment: ${{env('{variable}', '')}}"
    for path, value in _texts(deployment.written, ""):
        if _SECRET_VALUE.search(value):
            yield f"{path} looks like a key; take secrets from the environment"


def _overlap(one: OssTrigger, other: OssTrigger) -> bool:
    mine, theirs = one.trigger_config.filter.key, other.trigger_config.filter.key
    return (
        any(_same_event(a, b) for a in one.trigger_config.events for b in other.trigger_config.events)
        and (mine.prefix.startswith(theirs.prefix) or theirs.prefix.startswith(mine.prefix))
        and (mine.suffix.endswith(theirs.suffix) or theirs.suffix.endswith(mine.suffix))
    )


def _same_event(one: str, other: str) -> bool:
    wild = "*" in (one[-1], other[-1])
    return one == other or (wild and one.rpartition(":")[0] == other.rpartition(":")[0])


def _is_share(value: str) -> bool:
    try:
        return not value or 0 < Decimal(value) <= 1
    except InvalidOperation:
        return False


def _share_methods(one: Route, other: Route) -> bool:
    return not one.methods or not other.methods or not set(one.methods).isdisjoint(other.methods)


def _mapping(value: Any, *path: str) -> dict[str, Any]:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _from_environment(value: Any, written: dict[str, Any]) -> bool:
    """Whether ``value``, through however many ``vars``, is a variable of the environment without a default."""
    reference = re.fullmatch(r"\$\{vars\.(\w+)\}", str(value))
    if reference:
        return _from_environment(_mapping(written, "vars").get(reference[1], ""), written)
    return value == "" or bool(_FROM_ENVIRONMENT.fullmatch(str(value)))


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value


RULES: Final[tuple[Callable[[Deployment], Iterator[str]], ...]] = (
    _function_names,
    _environment_names,
    _filters,
    _quota,
    _same_vectors,
    _routes,
    _clear_text,
    _secrets,
)

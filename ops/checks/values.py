"""Rules for what a deployment takes from the environment: names that a service would refuse, and settings of functions.

A service refuses a wrong name in the middle of a deploy, and a function a wrong setting when it starts.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from ops.deployment import EventBridgeTrigger, TimerTrigger
from ops.deployment.names import find_wrong_names
from ops.infrastructure.template import PARTS
from shared.domain.errors import ConfigurationError
from shared.retrieval.calibration import read_calibration
from shared.runtime.settings import EmbedSettings, IngestSettings, SearchSettings, read_settings
from shared.runtime.settings.addresses import check_address
from shared.runtime.tracing import ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ops.deployment import Deployment

# Those known when this was written, for help with spelling; of Function Compute 3.0: the component's own list, https://github.com/devsapp/fc3/blob/master/src/schema.json
_REGIONS: Final = (
    "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3",
    "ap-southeast-5", "ap-southeast-7", "cn-beijing", "cn-chengdu", "cn-guangzhou", "cn-hangzhou", "cn-heyuan",
    "cn-heyuan-acdr-1", "cn-hongkong", "cn-huhehaote", "cn-qingdao", "cn-shanghai", "cn-shanghai-cloudspe",
    "cn-shanghai-finance-1", "cn-shenzhen", "cn-wulanchabu", "cn-zhangjiakou", "eu-central-1", "eu-west-1",
    "me-central-1", "me-east-1", "us-east-1", "us-west-1",
)  # fmt: skip
# A zone, such as cn-beijing-h or eu-central-1a, has another form.
_REGION: Final = re.compile(r"[a-z]{2}-[a-z]{2,}(?:-(?:[a-z]{2,}|[0-9]{1,2})){0,3}")
# What other switches may be, the settings of functions say.
_SWITCHES: Final = {"recordsEnabled": "RECORDS_ENABLED", "batchEvents": "BATCH_EVENTS"}
_SWITCH_VALUES: Final = ("", "0", "1", "false", "true")
_KINDS: Final[Mapping[str, type[Any]]] = {"embed": EmbedSettings, "ingest": IngestSettings, "search": SearchSettings}
# Enough for a function to read its settings where others are not made yet; what is missing, `ops preflight` says.
_UNSET: Final = {
    "DASHSCOPE_API_KEY": "unset",
    "MILVUS_URI": "http://unset",
    "API_KEYS": "unset",
    "OSS_BUCKET": "unset",
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "unset",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "unset",
}
_LIKENESS: Final = 0.7


def _names(deployment: Deployment) -> Iterator[str]:
    yield from find_wrong_names(deployment.variables)


def _regions(deployment: Deployment) -> Iterator[str]:
    for variable, value, hint in _unknown_regions(deployment):
        if not _REGION.fullmatch(value):
            yield f"{variable}: Function Compute has no region {value!r}; {hint}"
    region, zone = (str(deployment.variables.get(key, "")) for key in ("region", "zone"))
    if zone and not zone.startswith(region):
        yield f"ZONE_ID must be a zone of {region}; it is {zone!r}"


def _new_regions(deployment: Deployment) -> Iterator[str]:
    for variable, value, hint in _unknown_regions(deployment):
        if _REGION.fullmatch(value):
            yield f"{variable}: {value} is not among the regions of Function Compute that are known here; {hint}"


def _unknown_regions(deployment: Deployment) -> Iterator[tuple[str, str, str]]:
    """Variable, value, and help with spelling."""
    named = {
        "REGION": deployment.variables.get("region", ""),
        "OSS_REGION": deployment.variables.get("bucketRegion", ""),
    }
    written = {
        f"region of {name}": it.region for name, it in deployment.functions.items() if it.region != named["REGION"]
    }
    for variable, found in {**named, **written}.items():
        value = str(found)
        if value and value not in _REGIONS:
            near = difflib.get_close_matches(value.lower().removeprefix("oss-"), _REGIONS, 1, _LIKENESS)
            yield variable, value, f"did you mean {near[0]}?" if near else f"known are {', '.join(_REGIONS)}"


def _switches(deployment: Deployment) -> Iterator[str]:
    for key, variable in _SWITCHES.items():
        value = str(deployment.variables.get(key, ""))
        if value.lower() not in _SWITCH_VALUES:
            yield f"{variable} must be true or false; it is {value!r}"


def _parts(deployment: Deployment) -> Iterator[str]:
    named = {part.strip() for part in str(deployment.variables.get("existing", "")).split(",")} - {""}
    if unknown := sorted(named - set(PARTS)):
        yield f"INFRA_EXISTING names {', '.join(unknown)}; it may name {', '.join(PARTS)}"


def _untidy(deployment: Deployment) -> Iterator[str]:
    """What copying from a page or a shell leaves around a value: no service and no function removes all of it."""
    found = {
        name: value
        for function in deployment.functions.values()
        for name, value in function.environment_variables.items()
    }
    for name, value in found.items():
        if value != value.strip() or not value.isprintable():
            yield f"{name} begins or ends with a space, or holds a line break or another control character"
        elif len(value) > 1 and value[0] == value[-1] and value[0] in "\"'`":
            yield f"{name} is in quotes, which would be a part of it: leave them out"
        elif value and value[0] in "\"'`":
            yield f"{name} begins with a quote, which would be a part of it: leave it out"


def _settings(deployment: Deployment) -> Iterator[str]:
    """What a function would refuse when it starts; what several refuse is one problem."""
    found: dict[str, None] = {}
    untidy = {problem.partition(" ")[0] for problem in _untidy(deployment)}
    for name, function in deployment.functions.items():
        given = {variable: value for variable, value in function.environment_variables.items() if value.strip()}
        given.pop("QUOTA_SHARE", None)  # another rule says what it is
        if name in _KINDS:
            found |= dict.fromkeys(_read(_KINDS[name], {**_UNSET, **given}))
    yield from (problem for problem in found if re.split("[ :]", problem)[0] not in untidy)  # one sentence is enough


def _patterns(deployment: Deployment) -> Iterator[str]:
    for key, variable in (("documentPrefix", "OSS_PREFIX"), ("documentSuffix", "OSS_SUFFIX")):
        if set(str(deployment.variables.get(key, ""))) & set("*?"):
            yield f"{variable} is compared character by character: * and ? stand for themselves, so leave them out"


def _read(kind: type[Any], environ: Mapping[str, str]) -> Iterator[str]:
    try:
        read_settings(kind, environ)
        read_calibration(environ.get("SCORE_CALIBRATION", ""))
        check_address(ENDPOINT, environ.get(ENDPOINT, ""))
    except ConfigurationError as error:
        yield from re.split(r"; (?=[A-Z][A-Z_]+\b)", error.message)
    except ValueError as error:
        yield str(error)


def _documents_of_json(deployment: Deployment) -> Iterator[str]:
    for name, function in deployment.functions.items():
        texts = [(it.trigger_name, it.trigger_config.payload) for it in function.triggers_of(TimerTrigger)]
        texts += [
            (it.trigger_name, it.trigger_config.event_rule_filter_pattern)
            for it in function.triggers_of(EventBridgeTrigger)
        ]
        for trigger, text in texts:
            if text and not _is_object(text):
                yield f"{name}: trigger {trigger} has a payload or pattern that is no JSON object"


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


RULES: Final[tuple[Callable[[Deployment], Iterator[str]], ...]] = (
    _names,
    _regions,
    _switches,
    _parts,
    _untidy,
    _settings,
    _documents_of_json,
)
WARNINGS: Final[tuple[Callable[[Deployment], Iterator[str]], ...]] = (_new_regions, _patterns)

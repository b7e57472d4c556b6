"""Questions to Simple Log Service: whether a log store has an index, and what its lines say.

Its API signs in a way of its own (https://help.aliyun.com/zh/sls/developer-reference/request-signatures), with a
project in the name of the host.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from email.utils import formatdate
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import requests

from ops.cloud import CloudError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.cloud import Cloud
    from ops.credentials import Credentials
    from ops.deployment import Logs

_SECONDS: Final = 20
_MISSING: Final = ("ProjectNotExist", "LogStoreNotExist", "IndexConfigNotExist")


def has_index(cloud: Cloud, project: str, store: str) -> bool:
    """Whether ``project`` and ``store`` exist, and ``store`` has an index.

    Raises:
        CloudError: the service refuses, or does not answer.
    """
    try:
        _get(cloud, project, f"/logstores/{store}/index", {})
    except CloudError as error:
        if error.code in _MISSING:
            return False
        raise
    return True


def read_rows(cloud: Cloud, logs: Logs, query: str, since: float, until: float) -> list[dict[str, str]]:
    """The result of a query: the newest line where it is a search, rows where it has SQL.

    Args:
        since: first second of the lines, since the epoch.
        until: the second after the last one.

    Raises:
        CloudError: the service refuses, does not answer, or could not look at all lines in time.
    """
    asked = {
        "from": f"{int(since)}",
        "line": "1",
        "query": query,
        "reverse": "true",
        "to": f"{int(until)}",
        "type": "log",
    }
    answer = _get(cloud, logs.project, f"/logstores/{logs.logstore}", asked)
    if answer.headers.get("x-log-progress", "Complete") != "Complete":
        raise CloudError("incomplete", "Simple Log Service did not look at all lines in time; try again")
    try:
        return [dict(row) for row in answer.json()]
    except (ValueError, TypeError):
        raise CloudError("not_answered", "Simple Log Service answered with something else than rows") from None


def _get(cloud: Cloud, project: str, path: str, asked: Mapping[str, str]) -> requests.Response:
    address = cloud.endpoint or f"https://{project}.{cloud.region}.log.aliyuncs.com"
    # As it is signed: sorted, and without escapes.
    resource = path + ("?" + "&".join(f"{name}={asked[name]}" for name in sorted(asked)) if asked else "")
    try:
        headers = _sign(resource, cloud.credentials)
        answer = requests.get(f"{address}{path}", params=asked, headers=headers, timeout=_SECONDS)
    except requests.RequestException as error:
        host = urlsplit(address).hostname
        raise CloudError("not_answered", f"{host} did not answer: {type(error).__name__}") from None
    if not answer.ok:
        raise CloudError(*_read_error(answer))
    return answer


def _sign(resource: str, credentials: Credentials) -> dict[str, str]:
    headers = {
        "x-log-apiversion": "0.6.0",
        "x-log-bodyrawsize": "0",
        "x-log-signaturemethod": "hmac-sha1",
        **({"x-acs-security-token": credentials.token} if credentials.token else {}),
    }
    date = formatdate(usegmt=True)
    named = "\n".join(f"{name}:{value}" for name, value in sorted(headers.items()))
    text = f"GET\n\n\n{date}\n{named}\n{resource}"
    digest = hmac.new(credentials.secret.encode(), text.encode(), hashlib.sha1).digest()
    signature = base64.b64encode(digest).decode()
    return {**headers, "Date": date, "Authorization": f"LOG {credentials.key_id}:{signature}"}


def _read_error(answer: requests.Response) -> tuple[str, str]:
    try:
        content = answer.json()
        return str(content["errorCode"]), str(content.get("errorMessage", ""))
    except (ValueError, KeyError, TypeError):
        return f"status_{answer.status_code}", "Simple Log Service answered with an error"

"""The one question to Simple Log Service: whether a log store has an index.

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
    from ops.cloud import Cloud
    from ops.credentials import Credentials

_SECONDS: Final = 20
_MISSING: Final = ("ProjectNotExist", "LogStoreNotExist", "IndexConfigNotExist")


def has_index(cloud: Cloud, project: str, store: str) -> bool:
    """Whether ``project`` and ``store`` exist, and ``store`` has an index.

    Raises:
        CloudError: the service refuses, or does not answer.
    """
    path = f"/logstores/{store}/index"
    address = cloud.endpoint or f"https://{project}.{cloud.region}.log.aliyuncs.com"
    try:
        answer = requests.get(f"{address}{path}", headers=_sign(path, cloud.credentials), timeout=_SECONDS)
        if answer.ok:
            return True
        code, message = _read_error(answer)
    except requests.RequestException as error:
        host = urlsplit(address).hostname
        raise CloudError("not_answered", f"{host} did not answer: {type(error).__name__}") from None
    if code in _MISSING:
        return False
    raise CloudError(code, message)


def _sign(path: str, credentials: Credentials) -> dict[str, str]:
    headers = {
        "x-log-apiversion": "0.6.0",
        "x-log-bodyrawsize": "0",
        "x-log-signaturemethod": "hmac-sha1",
        **({"x-acs-security-token": credentials.token} if credentials.token else {}),
    }
    date = formatdate(usegmt=True)
    named = "\n".join(f"{name}:{value}" for name, value in sorted(headers.items()))
    text = f"GET\n\n\n{date}\n{named}\n{path}"
    digest = hmac.new(credentials.secret.encode(), text.encode(), hashlib.sha1).digest()
    signature = base64.b64encode(digest).decode()
    return {**headers, "Date": date, "Authorization": f"LOG {credentials.key_id}:{signature}"}


def _read_error(answer: requests.Response) -> tuple[str, str]:
    try:
        content = answer.json()
        return str(content["errorCode"]), str(content.get("errorMessage", ""))
    except (ValueError, KeyError, TypeError):
        return f"status_{answer.status_code}", "Simple Log Service answered with an error"

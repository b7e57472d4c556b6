"""Calls of Alibaba Cloud's control APIs, signed with the operator's key: the one file with their generic SDK.

The APIs are of the kind RPC: an action with parameters, answered by an object or an error with a code
(https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from ops.credentials import VARIABLES, find_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.credentials import Credentials

_CONNECT_MS: Final = 5_000
_READ_MS: Final = 20_000


class Api(Struct, frozen=True):
    """An API.

    Attributes:
        host: its address; ``{region}`` stands for the region.
        version: the date of its version.
    """

    host: str
    version: str


ROS: Final = Api("ros.aliyuncs.com", "2019-09-10")
STS: Final = Api("sts.{region}.aliyuncs.com", "2015-04-01")
RAM: Final = Api("ram.aliyuncs.com", "2015-05-01")
VPC: Final = Api("vpc.{region}.aliyuncs.com", "2016-04-28")
ECS: Final = Api("ecs.{region}.aliyuncs.com", "2014-05-26")
MNS: Final = Api("mns-open.{region}.aliyuncs.com", "2022-01-19")


class CloudError(RuntimeError):
    """A call was refused, or not answered.

    Attributes:
        code: of the service; ``not_answered`` if there was no answer.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


@dataclass(frozen=True)
class Cloud:
    """The account that a key belongs to, in one region.

    Attributes:
        endpoint: asked instead of the services' own addresses, such as that of an emulator.
    """

    credentials: Credentials
    region: str
    endpoint: str = ""

    def call(self, api: Api, action: str, **parameters: str) -> dict[str, Any]:
        """Call ``action`` and return the answer.

        Raises:
            CloudError: it is refused, or there is no answer.
        """
        from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
        from darabonba.exceptions import DaraException, UnretryableException
        from darabonba.runtime import RuntimeOptions

        asked = Params(
            action=action, version=api.version, protocol="HTTPS", pathname="/", method="POST", auth_type="AK",
            style="RPC", req_body_type="formData", body_type="json",
        )  # fmt: skip
        request = OpenApiRequest(query={"RegionId": self.region}, body=parameters)
        runtime = RuntimeOptions(connect_timeout=_CONNECT_MS, read_timeout=_READ_MS)
        try:
            return dict(self._client(api).call_api(asked, request, runtime)["body"])
        except UnretryableException as error:
            host = self.endpoint or api.host.format(region=self.region)
            raise CloudError("not_answered", f"{action} got no answer from {host}: {_read_cause(error)}") from None
        except DaraException as error:
            raise CloudError(str(error.code), f"{action} was refused: {_read_message(error)}") from None

    def _client(self, api: Api) -> Any:
        from alibabacloud_tea_openapi.client import Client
        from alibabacloud_tea_openapi.utils_models import Config

        protocol, _, address = self.endpoint.rpartition("://")
        return Client(
            Config(
                access_key_id=self.credentials.key_id,
                access_key_secret=self.credentials.secret,
                security_token=self.credentials.token or None,
                region_id=self.region,
                protocol=protocol or "https",
                endpoint=address or api.host.format(region=self.region),
            )
        )


def connect(environ: Mapping[str, str], region: str) -> Cloud:
    """The account of the operator's key.

    Args:
        environ: the key; ``ALIBABA_CLOUD_ENDPOINT`` for another address than the services' own.

    Raises:
        CloudError: ``no_credentials``: there is no key.
    """
    credentials = find_credentials(environ)
    if credentials is None:
        message = f"There is no access key: run `aliyun configure`, or set {VARIABLES[0]} and {VARIABLES[1]}."
        raise CloudError("no_credentials", message)
    return Cloud(credentials, region, environ.get("ALIBABA_CLOUD_ENDPOINT", ""))


def read_account(cloud: Cloud) -> str:
    """The number of the account.

    Raises:
        CloudError: the key is not accepted.
    """
    return str(cloud.call(STS, "GetCallerIdentity")["AccountId"])


def _read_cause(error: Any) -> str:
    # RetryError({'message': '...'}) around the text of urllib3, which ends with the cause in parentheses.
    found = re.search(r"Caused by (.*?)\)*['\"]?\}\)", str(error.message))
    return found[1] if found else str(error.message)


def _read_message(error: Any) -> str:
    # "code: 400, <text> request id: <id>": the text alone says it.
    text = str(error.message)
    return text.partition(", ")[2].partition(" request id:")[0] or text

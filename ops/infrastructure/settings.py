"""What ``make infra`` settles where the settings leave it open: account, bucket, zone, password, API key."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Final

from ops import keys
from ops.credentials import find_region

if TYPE_CHECKING:
    from collections.abc import Mapping

# A zone of each region that offers Milvus (https://help.aliyun.com/zh/milvus/product-overview/region-and-zone).
ZONES: Final = {
    "cn-beijing": "cn-beijing-g",
    "cn-hangzhou": "cn-hangzhou-j",
    "cn-shanghai": "cn-shanghai-f",
    "cn-shenzhen": "cn-shenzhen-f",
    "cn-wulanchabu": "cn-wulanchabu-c",
    "cn-hongkong": "cn-hongkong-c",
    "ap-southeast-1": "ap-southeast-1b",
    "eu-central-1": "eu-central-1b",
}
DEFAULT_REGION: Final = "cn-beijing"
_DEFAULT_PREFIX: Final = "semantic-search"
_PASSWORD_LENGTH: Final = 28
_USER: Final = "root"


def settle(environ: Mapping[str, str], account: str) -> dict[str, str]:
    """``environ``, with a value for each name that follows from the account and the region."""
    region = environ.get("REGION") or find_region(environ) or DEFAULT_REGION
    prefix = environ.get("NAME_PREFIX") or _DEFAULT_PREFIX
    settled = {
        "ACCOUNT_ID": account,
        "REGION": region,
        "OSS_BUCKET": f"{prefix}-{account}",
        "OSS_REGION": region,
        "ZONE_ID": ZONES.get(region, ""),
        "DASHSCOPE_NETWORK": "public",
    }
    return settled | {name: value for name, value in environ.items() if value}


def make_password() -> str:
    """A password for Milvus: with a capital, a small letter, a digit and a special character that needs no quotes."""
    letters = string.ascii_letters + string.digits
    body = "".join(secrets.choice(letters) for _ in range(_PASSWORD_LENGTH - 4))
    end = f"-{secrets.choice(string.ascii_lowercase)}{secrets.randbelow(10)}"
    return f"{secrets.choice(string.ascii_uppercase)}{body}{end}"


def read_password(token: str) -> str:
    """The password of ``MILVUS_TOKEN``; empty if it is not that of the user a new instance has."""
    user, _, password = token.partition(":")
    return password if user == _USER else ""


def make_token(password: str) -> str:
    """``MILVUS_TOKEN`` of a new instance."""
    return f"{_USER}:{password}"


def make_api_key() -> dict[str, str]:
    """A new API key: its hash for the functions, and the key itself for ``make ask``."""
    made = keys.make_key()
    return {"API_KEYS": made.entry, "API_KEY": made.key}

"""How to reach what holds the data: Milvus and the OSS bucket. Times are seconds."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from shared.runtime.environment import Secret, Setting
from shared.runtime.settings.addresses import check_address
from shared.runtime.settings.placeholders import check_filled_in

COLLECTION_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,99}"
# https://milvus.io/docs/manage_databases.md
_DATABASE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
# https://help.aliyun.com/zh/oss/user-guide/bucket-naming-conventions
_BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]")
# https://help.aliyun.com/zh/oss/user-guide/object-naming-conventions
_MOST_KEY_BYTES = 1_023


# https://help.aliyun.com/zh/oss/regions-and-endpoints
_OSS_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9-]{1,63})\.)?oss-(?P<region>[a-z]{2}-[a-z0-9-]{1,40}?)(?:-internal)?\.aliyuncs\.com(?::\d{1,5})?"
)


class MilvusSettings(Struct, frozen=True, kw_only=True):
    """How to reach Milvus, and the name of the collections there."""

    uri: Annotated[str, Setting("MILVUS_URI", "Address of Milvus, such as http://host:19530.")]
    token: Annotated[Secret, Setting("MILVUS_TOKEN", "user:password, or an API key.")] = Secret("")
    database: Annotated[str, Setting("MILVUS_DATABASE", "Database; empty takes the default one.")] = ""
    collection: Annotated[
        str,
        Meta(pattern=f"^{COLLECTION_NAME}$"),
        Setting("MILVUS_COLLECTION", "Name in front of the collections: letters, digits and underscores."),
    ] = "search"
    timeout: Annotated[float, Meta(gt=0, le=300), Setting("MILVUS_TIMEOUT", "Seconds one call may take.")] = 10.0
    index: Annotated[
        Literal["HNSW", "AUTOINDEX", "DISKANN", "IVF_RABITQ"],
        Setting("MILVUS_INDEX", "Index of the vectors, of a new collection: HNSW, AUTOINDEX, DISKANN or IVF_RABITQ."),
    ] = "HNSW"
    shards: Annotated[
        int, Meta(ge=1, le=16), Setting("MILVUS_SHARDS", "Parts that writes are spread over, of a new collection.")
    ] = 1
    partitions: Annotated[
        int,
        Meta(ge=1, le=1_024),
        Setting("MILVUS_PARTITIONS", "Partitions that tenants are spread over, of a new collection (2.5 or later)."),
    ] = 16
    mmap: Annotated[
        bool, Setting("MILVUS_MMAP", "true keeps the data of a new collection on the server's disk (2.4 or later).")
    ] = False
    replicas: Annotated[
        int, Meta(ge=1, le=16), Setting("MILVUS_REPLICAS", "Query nodes that each hold all data, when it is loaded.")
    ] = 1

    def __post_init__(self) -> None:
        if not self.uri.startswith(("http://", "https://", "tcp://")):
            raise ValueError("MILVUS_URI must be an address such as http://host:19530 (a file cannot be shared)")
        check_address("MILVUS_URI", self.uri, ("http", "https", "tcp"))
        _check_place_of_password(self.uri, self.token.reveal())
        if self.database and not _DATABASE_NAME.fullmatch(self.database):
            raise ValueError("MILVUS_DATABASE must begin with a letter and hold letters, digits and underscores only")


class BucketSettings(Struct, frozen=True, kw_only=True):
    """Which objects are indexed, and how to reach them."""

    bucket: Annotated[str, Setting("OSS_BUCKET", "Bucket with the documents to index.")]
    prefix: Annotated[str, Setting("OSS_PREFIX", "Only keys that start with this are indexed.")] = ""
    suffix: Annotated[str, Setting("OSS_SUFFIX", "Only keys that end with this are indexed.")] = ""
    region: Annotated[str, Setting("OSS_REGION", "Region of the bucket.")] = "cn-beijing"
    endpoint: Annotated[str, Setting("OSS_ENDPOINT", "Address of OSS; empty takes the region's internal one.")] = ""
    timeout: Annotated[float, Meta(gt=0, le=300), Setting("OSS_TIMEOUT", "Seconds without a byte from OSS.")] = 20.0
    access_key_id: Annotated[
        str, Setting("ALIBABA_CLOUD_ACCESS_KEY_ID", "Set by Function Compute from the function's role.")
    ]
    access_key_secret: Annotated[
        Secret, Setting("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "Set by Function Compute from the function's role.")
    ]
    security_token: Annotated[
        Secret, Setting("ALIBABA_CLOUD_SECURITY_TOKEN", "Set by Function Compute from the function's role.")
    ] = Secret("")

    def __post_init__(self) -> None:
        check_bucket_name(self.bucket)
        if self.prefix.startswith(("/", "\\")):
            raise ValueError("OSS_PREFIX must not begin with a slash: keys of OSS have none there")
        for variable, value in (("OSS_PREFIX", self.prefix), ("OSS_SUFFIX", self.suffix)):
            if len(value.encode()) > _MOST_KEY_BYTES:
                raise ValueError(f"{variable} is longer than a key may be, {_MOST_KEY_BYTES} bytes")
        if self.endpoint:
            # OSS's SDK takes an address without a scheme too.
            address = self.endpoint if "://" in self.endpoint else f"https://{self.endpoint}"
            check_address("OSS_ENDPOINT", address)
            _check_endpoint(address, self.bucket, self.region)


def check_bucket_name(name: str) -> None:
    """Check the value of OSS_BUCKET.

    Raises:
        ValueError: it is no name of a bucket, but perhaps an address.
    """
    if not _BUCKET_NAME.fullmatch(name):
        raise ValueError(
            "OSS_BUCKET must be the name of a bucket, without oss:// and folders: 3 to 63 small letters, digits and "
            "hyphens, with a letter or digit at both ends"
        )


def _check_place_of_password(uri: str, token: str) -> None:
    """Refuse a password in the address, which messages and logs show, and what was copied from a page."""
    if "@" in urlsplit(uri).netloc:
        raise ValueError("MILVUS_URI holds a user and a password: write them into MILVUS_TOKEN, as user:password")
    if re.search("x{4}", urlsplit(uri).netloc):
        raise ValueError("MILVUS_URI still holds a placeholder: write the address of your Milvus, from its console")
    check_filled_in("MILVUS_TOKEN", token, advice="write user:password of your Milvus, or its API key")
    if "：" in token and ":" not in token:
        raise ValueError("MILVUS_TOKEN holds a wide colon （：） between user and password: write a plain one (:)")


def _check_endpoint(address: str, bucket: str, region: str) -> None:
    """Refuse what OSS would answer with a signature that does not match, or with no such bucket."""
    parts = urlsplit(address)
    if parts.path not in ("", "/") or parts.query:
        raise ValueError("OSS_ENDPOINT must end after the host: the bucket's name goes into OSS_BUCKET")
    found = _OSS_HOST.fullmatch(parts.netloc)
    if found is None:
        return
    if found["bucket"] == bucket:
        host = parts.netloc.removeprefix(f"{bucket}.")
        raise ValueError(f"OSS_ENDPOINT must not begin with the bucket's name: write {parts.scheme}://{host}")
    if found["region"] != region:
        raise ValueError(f"OSS_ENDPOINT is of {found['region']}, but OSS_REGION is {region}: set both to the bucket's")

"""The OSS emulator, used through the real SDK; raw HTTP only for what the SDK cannot send."""

from __future__ import annotations

import base64
import errno
import hashlib
import http.client
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import alibabacloud_oss_v2 as sdk
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.oss import Notification, Settings, running
from local.oss.layout import Layout
from tests.profile import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUCKET = "docs-bucket"
ALL_EVENTS = ("oss:ObjectCreated:*", "oss:ObjectRemoved:*")
SIGNED = {"Authorization": "OSS local:unverified"}


class Receiver:
    """A function's end of a trigger: keeps the events posted to it."""

    def __init__(self, refusals: int = 0) -> None:
        self.payloads: queue.Queue[dict[str, Any]] = queue.Queue()
        self.refusals = refusals
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refused = outer.refusals > 0
                outer.refusals -= refused
                if not refused:
                    payload = json.loads(body)
                    for record in payload.pop("events"):
                        outer.payloads.put({**payload, "events": [record]})
                self.send_response(503 if refused else 202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/events"

    def next(self, seconds: float = 60) -> dict[str, Any]:
        """The record of the next event."""
        (record,) = self.payloads.get(timeout=seconds)["events"]
        assert isinstance(record, dict)
        return record

    def take(self, count: int) -> set[tuple[str, str]]:
        """Name and key of the next ``count`` events, which may come in any order."""
        records = [self.next() for _ in range(count)]
        found = {(record["eventName"], record["oss"]["object"]["key"]) for record in records}
        assert len(found) == count, f"an event came twice: {records}"
        return found

    def nothing_more(self, seconds: float = 0.6) -> bool:
        """Whether nothing comes for a while longer than the server's quiet time."""
        try:
            self.payloads.get(timeout=seconds)
        except queue.Empty:
            return True
        return False


@contextmanager
def receiving(refusals: int = 0) -> Iterator[Receiver]:
    receiver = Receiver(refusals)
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


def get_record(place: Place) -> dict[str, Any]:
    return place.receiver.next()


class Place:
    """A running server, its folder, the real client, and where its events go."""

    def __init__(self, endpoint: str, folder: Path, receiver: Receiver) -> None:
        self.endpoint = endpoint
        self.folder = folder
        self.receiver = receiver
        self.client = client_of(endpoint)

    def put(self, key: str, body: Any = b"content", **options: Any) -> Any:
        return self.client.put_object(sdk.PutObjectRequest(bucket=BUCKET, key=key, body=body, **options))

    def get(self, key: str, **options: Any) -> Any:
        return self.client.get_object(sdk.GetObjectRequest(bucket=BUCKET, key=key, **options))

    def read(self, key: str, **options: Any) -> bytes:
        body = self.get(key, **options).body
        with body:
            content = body.read()
        assert isinstance(content, bytes)
        return content

    def head(self, key: str) -> Any:
        return self.client.head_object(sdk.HeadObjectRequest(bucket=BUCKET, key=key))

    def delete(self, key: str) -> Any:
        return self.client.delete_object(sdk.DeleteObjectRequest(bucket=BUCKET, key=key))

    def keys(self, **options: Any) -> list[str]:
        pages = self.client.list_objects_v2_paginator()
        return [
            entry.key
            for page in pages.iter_page(sdk.ListObjectsV2Request(bucket=BUCKET, **options))
            for entry in page.contents or []
        ]

    def raw(self, method: str, target: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """A request with a target that is sent exactly as written."""
        address = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        try:
            connection.request(method, target, body, {**SIGNED, **headers})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def drafts(self) -> list[Path]:
        """Content in transfer, or left over."""
        return sorted((self.folder / ".oss" / "drafts").iterdir())

    def fail(self, *rules: dict[str, Any]) -> None:
        requests.put(f"{self.endpoint}/control/faults", json={"rules": rules}, timeout=60).raise_for_status()


def client_of(endpoint: str, attempts: int = 1) -> Any:
    config = sdk.config.load_default()
    config.credentials_provider = sdk.credentials.StaticCredentialsProvider("local", "secret")
    config.region = "cn-beijing"
    config.endpoint = endpoint
    config.retry_max_attempts = attempts
    return sdk.Client(config)


@contextmanager
def place_over(folder: Path, **options: Any) -> Iterator[Place]:
    with receiving() as receiver:
        target = Notification(receiver.url, ALL_EVENTS)
        with running(Settings(folder, BUCKET, notifications=(target,), **options)) as endpoint:
            yield Place(endpoint, folder, receiver)


@pytest.fixture(scope="module")
def shared_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One server for the laws of the protocol; tests use keys of their own."""
    with place_over(tmp_path_factory.mktemp("bucket")) as place:
        yield place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A server of the test's own, over an empty folder."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    with place_over(folder) as place:
        yield place


@contextmanager
def refused(status: int, code: str) -> Iterator[None]:
    with pytest.raises(sdk.exceptions.OperationError) as caught:
        yield
    error = caught.value.unwrap()
    assert isinstance(error, sdk.exceptions.ServiceError), error
    assert (error.status_code, error.code) == (status, code)
    assert error.request_id


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest().upper()


def eventually(what: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


class TestObjects:
    def test_what_was_put_is_what_one_gets_with_its_headers(self, shared_place: Place) -> None:
        content = "内容\n".encode() * 1000
        put = shared_place.put("objects/报告.txt", content, metadata={"Author": "li"}, content_type="text/x-own")
        got = shared_place.get("objects/报告.txt")
        with got.body as body:
            assert body.read() == content
        head = shared_place.head("objects/报告.txt")
        for answer in (got, head):
            assert answer.etag == put.etag == f'"{md5(content)}"'
            assert answer.hash_crc64 == put.hash_crc64
            assert answer.content_length == len(content)
            assert answer.content_type == "text/x-own"
            assert dict(answer.metadata) == {"author": "li"}
            assert answer.last_modified
        assert re.fullmatch("[0-9A-F]{24}", put.request_id)

    def test_the_crc_is_the_one_that_the_sdk_computes(self, shared_place: Place, tmp_path: Path) -> None:
        """get_object_to_file compares it and raises on a difference; so does every put."""
        content = os.urandom(300_000)
        shared_place.put("crc.bin", content)
        client = client_of(shared_place.endpoint, attempts=2)  # with one attempt the SDK silently downloads nothing
        client.get_object_to_file(sdk.GetObjectRequest(bucket=BUCKET, key="crc.bin"), str(tmp_path / "c"))
        assert (tmp_path / "c").read_bytes() == content

    def test_a_streamed_body_of_unknown_length_arrives_whole(self, shared_place: Place) -> None:
        pieces = [bytes([n]) * 700_000 for n in range(5)]
        shared_place.put("streamed", iter(pieces))
        assert shared_place.read("streamed") == b"".join(pieces)

    def test_the_last_put_wins_with_all_its_metadata(self, shared_place: Place) -> None:
        shared_place.put("twice", b"one", metadata={"a": "1"})
        shared_place.put("twice", b"two", metadata={"b": "2"})
        assert shared_place.read("twice") == b"two"
        assert dict(shared_place.head("twice").metadata) == {"b": "2"}

    def test_concurrent_puts_leave_one_of_them_whole(self, shared_place: Place) -> None:
        """Content, ETag and metadata are always those of the same put."""
        bodies = {str(n): bytes([n]) * (50_000 + n) for n in range(12)}
        threads = [
            threading.Thread(target=shared_place.put, args=("race", body), kwargs={"metadata": {"n": name}})
            for name, body in bodies.items()
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            status, content = shared_place.raw("GET", f"/{BUCKET}/race")
            assert status == 404 or content in bodies.values()
        got = shared_place.get("race")
        with got.body as body:
            content = body.read()
        assert content == bodies[got.metadata["n"]]
        assert got.etag == f'"{md5(content)}"'

    def test_a_missing_key_is_no_such_key(self, shared_place: Place) -> None:
        with refused(404, "NoSuchKey"):
            shared_place.get("absent")
        with refused(404, "NoSuchKey"):
            shared_place.head("absent")
        assert not shared_place.client.is_object_exist(BUCKET, "absent")

    def test_deleting_is_idempotent(self, shared_place: Place) -> None:
        shared_place.put("gone", b"x")
        assert [shared_place.delete("gone").status_code for _ in range(2)] == [204, 204]
        assert not shared_place.client.is_object_exist(BUCKET, "gone")

    def test_a_wrong_content_md5_is_refused_and_nothing_kept(self, shared_place: Place) -> None:
        other = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        before = shared_place.drafts()
        for wrong in (other, "c2hvcnQ=", "not base64"):
            with refused(400, "InvalidDigest"):
                shared_place.put("md5", b"body", content_md5=wrong)
        assert not shared_place.client.is_object_exist(BUCKET, "md5")
        assert shared_place.drafts() == before
        right = base64.b64encode(hashlib.md5(b"body").digest()).decode()
        assert shared_place.put("md5", b"body", content_md5=right).status_code == 200

    def test_forbid_overwrite_protects_an_object(self, shared_place: Place) -> None:
        before = shared_place.drafts()
        shared_place.put("kept", b"first", forbid_overwrite=True)
        with refused(409, "FileAlreadyExists"):
            shared_place.put("kept", b"second", forbid_overwrite=True)
        assert shared_place.read("kept") == b"first"
        assert shared_place.drafts() == before

    def test_a_body_cut_off_by_the_client_becomes_no_object(self, place: Place) -> None:
        address = urlsplit(place.endpoint)
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(
                f"PUT /{BUCKET}/half HTTP/1.1\r\nHost: x\r\nAuthorization: {SIGNED['Authorization']}\r\n"
                f"Content-Length: 1000\r\n\r\nhalf".encode()
            )
            assert eventually(lambda: bool(place.drafts()))
        assert eventually(lambda: not place.drafts())
        assert place.keys() == []

    def test_copy_keeps_or_replaces_the_metadata(self, shared_place: Place) -> None:
        shared_place.put("from/源 +.txt", b"copied", metadata={"a": "1"})
        copy = {"bucket": BUCKET, "source_key": "from/源 +.txt"}
        result = shared_place.client.copy_object(sdk.CopyObjectRequest(key="to/kept", **copy))
        assert result.etag == f'"{md5(b"copied")}"'
        replace = {"metadata": {"b": "2"}, "metadata_directive": "REPLACE"}
        shared_place.client.copy_object(sdk.CopyObjectRequest(key="to/replaced", **copy, **replace))
        assert shared_place.read("to/kept") == shared_place.read("to/replaced") == b"copied"
        assert dict(shared_place.head("to/kept").metadata) == {"a": "1"}
        assert dict(shared_place.head("to/replaced").metadata) == {"b": "2"}
        with refused(404, "NoSuchKey"):
            shared_place.client.copy_object(sdk.CopyObjectRequest(bucket=BUCKET, key="x", source_key="absent"))

    def test_many_are_deleted_at_once(self, shared_place: Place) -> None:
        keys = ["many/一", "many/a&<b>", "many/new\nline", "many/plus+ %2B"]
        for key in keys:
            shared_place.put(key)
        named = [sdk.DeleteObject(key=key) for key in [*keys, "many/absent"]]
        result = shared_place.client.delete_multiple_objects(
            sdk.DeleteMultipleObjectsRequest(bucket=BUCKET, objects=named)
        )
        assert [deleted.key for deleted in result.deleted_objects] == [*keys, "many/absent"]
        assert shared_place.keys(prefix="many/") == []


class TestConditions:
    def test_if_match_serves_that_version_and_no_other(self, shared_place: Place) -> None:
        etag = shared_place.put("versioned", b"one").etag
        assert shared_place.read("versioned", if_match=etag) == b"one"
        shared_place.put("versioned", b"two")
        with refused(412, "PreconditionFailed"):
            shared_place.get("versioned", if_match=etag)

    def test_if_none_match_spares_an_unchanged_body(self, shared_place: Place) -> None:
        etag = shared_place.put("unchanged", b"same").etag
        with pytest.raises(sdk.exceptions.OperationError) as caught:
            shared_place.get("unchanged", if_none_match=etag)
        assert caught.value.unwrap().status_code == 304
        assert shared_place.read("unchanged", if_none_match='"0"') == b"same"

    @pytest.mark.parametrize(
        ("asked", "content", "span"),
        [
            ("bytes=0-3", b"0123", "bytes 0-3/10"),
            ("bytes=7-", b"789", "bytes 7-9/10"),
            ("bytes=-4", b"6789", "bytes 6-9/10"),
            ("bytes=0-", b"0123456789", "bytes 0-9/10"),
            ("bytes=9-9", b"9", "bytes 9-9/10"),
        ],
    )
    def test_a_range_is_206(self, shared_place: Place, asked: str, content: bytes, span: str) -> None:
        shared_place.put("ranged", b"0123456789")
        got = shared_place.get("ranged", range_header=asked)
        with got.body as body:
            assert body.read() == content
        assert (got.status_code, got.content_range) == (206, span)

    @pytest.mark.parametrize("asked", ["bytes=5-20", "bytes=10-20", "bytes=-20", "byte=0-1", "bytes=3-2", "bytes=-"])
    def test_a_range_outside_the_object_is_ignored_as_oss_does(self, shared_place: Place, asked: str) -> None:
        shared_place.put("ranged", b"0123456789")
        got = shared_place.get("ranged", range_header=asked)
        with got.body as body:
            assert (got.status_code, body.read()) == (200, b"0123456789")

    def test_the_standard_behaviour_clips_a_range_or_refuses_it(self, shared_place: Place) -> None:
        shared_place.put("ranged", b"0123456789")
        standard = {"range_behavior": "standard"}
        assert shared_place.read("ranged", range_header="bytes=5-20", **standard) == b"56789"
        with refused(416, "InvalidRange"):
            shared_place.get("ranged", range_header="bytes=10-20", **standard)


class TestBucket:
    def test_the_sdk_sees_the_bucket_and_no_other(self, shared_place: Place) -> None:
        assert shared_place.client.is_bucket_exist(BUCKET)
        assert not shared_place.client.is_bucket_exist("another-bucket")
        info = shared_place.client.get_bucket_info(sdk.GetBucketInfoRequest(bucket=BUCKET)).bucket_info
        assert (info.name, info.location) == (BUCKET, "oss-cn-beijing")
        with refused(404, "NoSuchBucket"):
            shared_place.client.get_object(sdk.GetObjectRequest(bucket="another-bucket", key="k"))

    def test_an_unsigned_request_is_denied(self, shared_place: Place) -> None:
        shared_place.put("private")
        answer = requests.get(f"{shared_place.endpoint}/{BUCKET}/private", timeout=60)
        assert answer.status_code == 403
        assert "<Code>AccessDenied</Code>" in answer.text

    def test_a_presigned_url_needs_no_header(self, shared_place: Place) -> None:
        shared_place.put("presigned", b"open")
        url = shared_place.client.presign(sdk.GetObjectRequest(bucket=BUCKET, key="presigned")).url
        assert requests.get(url, timeout=60).content == b"open"

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "localhost:9200",
            f"{BUCKET}.127.0.0.1",
            f"{BUCKET}.localhost",
            f"{BUCKET}.oss-cn-x.aliyuncs.com",
        ],
    )
    def test_the_bucket_may_be_in_the_name_of_the_host(self, shared_place: Place, host: str) -> None:
        shared_place.put("folder/named", b"named")
        path = "/folder/named" if host.startswith(BUCKET) else f"/{BUCKET}/folder/named"
        assert shared_place.raw("GET", path, Host=host) == (200, b"named")
        # As ali-oss asks with sldEnable and an address.
        assert shared_place.raw("GET", f"/{BUCKET}/folder/named", Host=host) == (200, b"named")

    @pytest.mark.parametrize("host", ["other.localhost", "other.oss-cn-x.aliyuncs.com"])
    def test_another_bucket_in_the_name_of_the_host_is_not_this_one(self, shared_place: Place, host: str) -> None:
        status, body = shared_place.raw("GET", "/any", Host=host)
        assert (status, b"<Code>NoSuchBucket</Code>" in body) == (404, True)

    def test_the_bucket_is_listed(self, shared_place: Place) -> None:
        assert [it.name for it in shared_place.client.list_buckets(sdk.ListBucketsRequest()).buckets] == [BUCKET]
        assert shared_place.client.list_buckets(sdk.ListBucketsRequest(prefix="other")).buckets in ([], None)
        assert shared_place.client.get_bucket_location(sdk.GetBucketLocationRequest(bucket=BUCKET)).location

    def test_times_in_xml_end_with_zeros_which_older_clients_expect(self, shared_place: Place) -> None:
        shared_place.put("dated")
        for target in (f"/{BUCKET}?prefix=dated", f"/{BUCKET}?bucketInfo", "/"):
            _, body = shared_place.raw("GET", target)
            times = re.findall(r"<(?:LastModified|CreationDate)>(.*?)<", body.decode())
            assert times
            assert all(time.endswith(".000Z") for time in times)

    @pytest.mark.parametrize(
        "signature",
        ["OSS id:x", "OSS2 AccessKeyId:id,Signature:x", "OSS4-HMAC-SHA256 Credential=id/20260101/x/oss/y,Signature=z"],
    )
    def test_each_version_of_a_signature_names_its_access_key_id(self, tmp_path: Path, signature: str) -> None:
        for known, status in (("id", 200), ("another", 403)):
            with running(Settings(tmp_path, BUCKET, access_key_id=known)) as endpoint:
                answer = requests.get(f"{endpoint}/{BUCKET}", headers={"Authorization": signature}, timeout=60)
                assert answer.status_code == status

    def test_a_sub_resource_is_no_listing(self, shared_place: Place) -> None:
        status, body = shared_place.raw("GET", f"/{BUCKET}?lifecycle")
        assert (status, b"GET ?lifecycle" in body) == (405, True)

    def test_an_unknown_access_key_id_is_refused(self, tmp_path: Path) -> None:
        with (
            running(Settings(tmp_path, BUCKET, access_key_id="another")) as endpoint,
            refused(403, "InvalidAccessKeyId"),
        ):
            client_of(endpoint).list_objects_v2(sdk.ListObjectsV2Request(bucket=BUCKET))

    def test_what_is_not_offered_says_so(self, shared_place: Place) -> None:
        with refused(405, "MethodNotAllowed"):
            shared_place.client.get_object_acl(sdk.GetObjectAclRequest(bucket=BUCKET, key="any"))

    def test_health(self, shared_place: Place) -> None:
        assert requests.get(f"{shared_place.endpoint}/healthz", timeout=60).json() == {"status": "ok", "bucket": BUCKET}


LISTED_KEYS = ("a", "a/b", "b/1", "b/2/x", "b/2/y", "b0", "中文/一", "中文/二", "😀")


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A bucket of known keys, which no test changes."""
    with place_over(tmp_path_factory.mktemp("listed")) as place:
        for key in LISTED_KEYS:
            place.put(key, key.encode())
        yield place


class TestListing:
    def test_keys_come_in_the_order_of_their_bytes(self, listed: Place) -> None:
        assert listed.keys() == sorted(LISTED_KEYS, key=str.encode)

    @pytest.mark.parametrize("size", [1, 2, 4, 9, 1000])
    def test_pages_of_any_size_add_up_to_the_whole(self, listed: Place, size: int) -> None:
        assert listed.keys(max_keys=size) == listed.keys()

    def test_entries_say_what_head_says(self, listed: Place) -> None:
        page = listed.client.list_objects_v2(sdk.ListObjectsV2Request(bucket=BUCKET, prefix="中文/"))
        assert [(entry.key, entry.size) for entry in page.contents] == [("中文/一", 10), ("中文/二", 10)]
        assert page.contents[0].etag == listed.head("中文/一").etag
        assert (page.key_count, page.is_truncated, page.prefix) == (2, False, "中文/")

    def test_prefix_and_start_after_narrow(self, listed: Place) -> None:
        assert listed.keys(prefix="b") == ["b/1", "b/2/x", "b/2/y", "b0"]
        assert listed.keys(prefix="b/2/") == ["b/2/x", "b/2/y"]
        assert listed.keys(prefix="none/such/") == []
        assert listed.keys(start_after="b/2/x", prefix="b") == ["b/2/y", "b0"]

    @pytest.mark.parametrize("size", [1, 2, 1000])
    def test_a_delimiter_rolls_keys_up_once(self, listed: Place, size: int) -> None:
        """Also when the page ends at a common prefix."""
        request = sdk.ListObjectsV2Request(bucket=BUCKET, delimiter="/", max_keys=size)
        keys, prefixes = [], []
        for page in listed.client.list_objects_v2_paginator().iter_page(request):
            keys += [entry.key for entry in page.contents or []]
            prefixes += [common.prefix for common in page.common_prefixes or []]
        assert keys == ["a", "b0", "😀"]
        assert prefixes == ["a/", "b/", "中文/"]

    @pytest.mark.parametrize("size", [1, 2, 4, 1000])
    @pytest.mark.parametrize("delimiter", [None, "/"])
    def test_the_first_version_of_a_listing_gives_the_same(
        self, listed: Place, size: int, delimiter: str | None
    ) -> None:
        first = sdk.ListObjectsRequest(bucket=BUCKET, delimiter=delimiter, max_keys=size)
        second = sdk.ListObjectsV2Request(bucket=BUCKET, delimiter=delimiter)
        pages = list(listed.client.list_objects_paginator().iter_page(first))
        (whole,) = listed.client.list_objects_v2_paginator().iter_page(second)
        assert [it.key for page in pages for it in page.contents or []] == [it.key for it in whole.contents]
        prefixes = [it.prefix for page in pages for it in page.common_prefixes or []]
        assert prefixes == [it.prefix for it in whole.common_prefixes or []]

    def test_a_marker_that_is_a_folder_object_hides_nothing_in_it(self, tmp_path: Path) -> None:
        with place_over(tmp_path) as place:
            for key in ("a/1", "a/2", "b"):
                place.put(key)
            request = sdk.ListObjectsRequest(bucket=BUCKET, prefix="a/", marker="a/", delimiter="/")
            assert [it.key for it in place.client.list_objects(request).contents] == ["a/1", "a/2"]
            request = sdk.ListObjectsRequest(bucket=BUCKET, marker="a/", delimiter="/")
            assert [it.key for it in place.client.list_objects(request).contents] == ["b"]

    @pytest.mark.parametrize("wrong", [{"max_keys": 0}, {"max_keys": 1001}, {"continuation_token": "%%"}])
    def test_wrong_arguments_are_refused(self, listed: Place, wrong: dict[str, Any]) -> None:
        with refused(400, "InvalidArgument"):
            listed.client.list_objects_v2(sdk.ListObjectsV2Request(bucket=BUCKET, **wrong))

    def test_without_url_encoding_the_xml_is_still_well_formed(self, listed: Place) -> None:
        listed.put("control\x01character", b"x")
        status, body = listed.raw("GET", f"/{BUCKET}?list-type=2&prefix=control")
        assert status == 200
        assert "control\N{REPLACEMENT CHARACTER}character" in body.decode()
        listed.delete("control\x01character")


ODD_KEYS = [
    "季度报告/2026 年.docx",
    "😀/🧑‍🚀.md",
    "with spaces  twice",
    "plus+sign",
    "literal%2Bpercent",
    "literal%252Bpercent",
    "100%",
    "quotes'\"`.txt",
    "trailing ",
    " leading",
    "double//slash",
    "/leading/slash",
    "//two",
    "folder/",
    "new\nline\r\ttab",
    "a?b#c&d=e;f",
    "back\\slash",
    ".hidden",
    "dir/.env",
    ".oss/objects/x",
    ".oss",
    "...",
    "~$lock.docx",
    "c:\\windows",
    "长" * 341,
    "x" * 1023,
    "d/" * 511 + "d",
    "n" * 256,
    "nul\0byte",
    "\x7f\x80\xff",
    "filter == 'x' or 1 == 1",
]


class TestKeys:
    @pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: repr(key)[:24])
    def test_odd_keys_make_the_round_trip(self, shared_place: Place, key: str) -> None:
        content = key.encode() * 3
        shared_place.put(key, content, metadata={"k": "v"})
        assert shared_place.read(key) == content
        assert dict(shared_place.head(key).metadata) == {"k": "v"}
        assert key in shared_place.keys(prefix=key[:3])
        shared_place.delete(key)
        assert key not in shared_place.keys(prefix=key[:3])
        with refused(404, "NoSuchKey"):
            shared_place.get(key)

    @settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(keys=st.sets(st.text(st.characters(codec="utf-8") | st.sampled_from("/.%+ a"), min_size=1), max_size=4))
    def test_any_keys_make_the_round_trip_side_by_side(self, shared_place: Place, keys: set[str]) -> None:
        """Sent as they are, since the SDK's HTTP client folds ``.`` and ``..`` segments."""
        for key in shared_place.keys(prefix="any/"):  # what a failed example left
            shared_place.raw("DELETE", f"/{BUCKET}/{quote(key)}")
        keys = {f"any/{key}" for key in keys}
        for key in keys:
            assert shared_place.raw("PUT", f"/{BUCKET}/{quote(key)}", key.encode())[0] == 200
        assert shared_place.keys(prefix="any/") == sorted(keys, key=str.encode)
        for key in keys:
            assert shared_place.raw("GET", f"/{BUCKET}/{quote(key)}") == (200, key.encode())
        for key in keys:
            assert shared_place.raw("DELETE", f"/{BUCKET}/{quote(key)}")[0] == 204
        assert shared_place.keys(prefix="any/") == []

    def test_too_long_a_key_or_no_utf_8_is_refused(self, shared_place: Place) -> None:
        with refused(400, "InvalidObjectName"):
            shared_place.put("x" * 1024)
        status, body = shared_place.raw("PUT", f"/{BUCKET}/%ff")
        assert (status, b"InvalidObjectName" in body) == (400, True)

    @pytest.mark.parametrize(
        "target",
        ["../escaped", "../../escaped", "a/../../escaped", "%2e%2e/escaped", "..%2fescaped", "a/%2e%2e/%2e%2e/escaped"],
    )
    def test_no_key_leaves_the_folder(self, place: Place, target: str) -> None:
        outside = {path: path.stat().st_mtime_ns for path in place.folder.parent.iterdir() if path != place.folder}
        (place.folder.parent / "secret").write_text("secret")
        status, _ = place.raw("GET", f"/{BUCKET}/../secret")
        assert status == 404
        assert place.raw("PUT", f"/{BUCKET}/{target}", b"mine")[0] == 200
        assert place.raw("GET", f"/{BUCKET}/{target}") == (200, b"mine")
        assert place.raw("DELETE", f"/{BUCKET}/../secret")[0] == 204
        (place.folder.parent / "secret").unlink()
        assert outside == {
            path: path.stat().st_mtime_ns for path in place.folder.parent.iterdir() if path != place.folder
        }

    def test_a_key_that_looks_like_a_control_route_is_a_key(self, place: Place) -> None:
        for key in ("../control/requests", "../healthz", "control/requests"):
            assert place.raw("GET", f"/{BUCKET}/{key}")[0] == 404
            assert place.raw("PUT", f"/{BUCKET}/{key}", b"mine")[0] == 200
            assert place.raw("GET", f"/{BUCKET}/{key}") == (200, b"mine")

    def test_an_ordinary_key_is_an_ordinary_file(self, place: Place) -> None:
        place.put("部门/报告 1.txt", b"text")
        assert (place.folder / "部门" / "报告 1.txt").read_bytes() == b"text"

    def test_directories_left_empty_go_with_their_last_object(self, place: Place) -> None:
        place.put("a/b/c", b"x")
        place.delete("a/b/c")
        place.put("a", b"now a file")
        assert (place.folder / "a").read_bytes() == b"now a file"

    def test_a_key_may_be_the_directory_of_another(self, place: Place) -> None:
        for first, second in (("x", "x/y"), ("p/q", "p")):
            place.put(first, b"first")
            place.put(second, b"second")
            assert (place.read(first), place.read(second)) == (b"first", b"second")
        assert place.keys() == ["p", "p/q", "x", "x/y"]
        place.delete("x")
        assert place.keys() == ["p", "p/q", "x/y"]
        assert place.read("x/y") == b"second"

    def test_symbolic_links_are_not_followed(self, place: Place, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "secret").write_text("secret")
        (place.folder / "dir").symlink_to(outside)
        (place.folder / "file").symlink_to(outside / "secret")
        assert place.keys() == []
        for key in ("dir/secret", "file"):
            with refused(404, "NoSuchKey"):
                place.get(key)
            place.put(key, b"mine")
            assert place.read(key) == b"mine"
            place.delete(key)
        assert (outside / "secret").read_text() == "secret"
        assert list(outside.iterdir()) == [outside / "secret"]


class TestFilesByHand:
    def test_a_copied_file_is_an_object(self, place: Place) -> None:
        (place.folder / "手册.html").write_bytes(b"<p>hi")
        head = place.head("手册.html")
        assert (head.etag, head.content_type, head.content_length) == (f'"{md5(b"<p>hi")}"', "text/html", 5)
        assert place.read("手册.html") == b"<p>hi"
        assert place.keys() == ["手册.html"]

    def test_an_edit_by_hand_changes_the_etag_and_ends_the_metadata(self, place: Place) -> None:
        place.put("note.txt", b"before", metadata={"a": "1"})
        (place.folder / "note.txt").write_bytes(b"after it")
        head = place.head("note.txt")
        assert (head.etag, dict(head.metadata or {})) == (f'"{md5(b"after it")}"', {})

    def test_names_with_a_dot_in_front_are_no_objects(self, place: Place) -> None:
        for name in (".DS_Store", ".gitkeep", ".x.swp", "~$x.docx", "y.crdownload"):
            (place.folder / name).write_bytes(b"x")
        (place.folder / ".git").mkdir()
        (place.folder / ".git" / "config").write_bytes(b"x")
        assert place.keys() == ["y.crdownload", "~$x.docx"]

    def test_a_restart_loses_nothing(self, tmp_path: Path) -> None:
        with place_over(tmp_path) as place:
            etag = place.put("kept.txt", b"kept", metadata={"a": "1"}, content_type="text/x-own").etag
            place.put(".odd/key/", b"odd")
        with place_over(tmp_path) as place:
            head = place.head("kept.txt")
            assert (head.etag, head.content_type, dict(head.metadata)) == (etag, "text/x-own", {"a": "1"})
            assert place.read(".odd/key/") == b"odd"
            assert place.receiver.nothing_more()


class TestMultipart:
    def test_the_uploader_sends_a_large_file_in_parts(self, place: Place, tmp_path: Path) -> None:
        content = os.urandom(1_000_000)
        (tmp_path / "large").write_bytes(content)
        uploader = place.client.uploader(part_size=300_000, parallel_num=3)
        request = sdk.PutObjectRequest(bucket=BUCKET, key="大/large.bin", metadata={"a": "1"})
        result = uploader.upload_file(request, str(tmp_path / "large"))
        assert re.fullmatch('"[0-9A-F]{32}-4"', result.etag)
        assert place.read("大/large.bin", if_match=result.etag) == content
        assert place.keys() == ["大/large.bin"]
        head = place.head("大/large.bin")
        assert (head.etag, dict(head.metadata), head.object_type) == (result.etag, {"a": "1"}, "Multipart")
        assert not place.drafts()
        records = [place.receiver.next() for _ in range(5)]
        names = [record["eventName"] for record in records]
        assert names == ["ObjectCreated:UploadPart"] * 4 + ["ObjectCreated:CompleteMultipartUpload"]
        assert f'"{records[-1]["oss"]["object"]["eTag"]}"' == result.etag
        assert place.receiver.nothing_more()

    def test_an_aborted_upload_leaves_nothing(self, shared_place: Place) -> None:
        upload_id = self._begin(shared_place, "aborted")
        self._part(shared_place, "aborted", upload_id, 1, b"part")
        names = {"bucket": BUCKET, "key": "aborted", "upload_id": upload_id}
        shared_place.client.abort_multipart_upload(sdk.AbortMultipartUploadRequest(**names))
        with refused(404, "NoSuchUpload"):
            shared_place.client.abort_multipart_upload(sdk.AbortMultipartUploadRequest(**names))
        with refused(404, "NoSuchUpload"):
            self._part(shared_place, "aborted", upload_id, 2, b"late")
        assert not shared_place.client.is_object_exist(BUCKET, "aborted")

    @pytest.mark.parametrize(
        ("order", "code"), [([2, 1], "InvalidPartOrder"), ([1, 3], "InvalidPart"), ([1, 2], "EntityTooSmall")]
    )
    def test_parts_that_do_not_fit_are_refused(self, shared_place: Place, order: list[int], code: str) -> None:
        upload_id = self._begin(shared_place, "wrong")
        etags = {number: self._part(shared_place, "wrong", upload_id, number, b"small") for number in (1, 2)}
        parts = [sdk.UploadPart(part_number=number, etag=etags.get(number, '"0"')) for number in order]
        with refused(400, code):
            shared_place.client.complete_multipart_upload(
                sdk.CompleteMultipartUploadRequest(
                    bucket=BUCKET,
                    key="wrong",
                    upload_id=upload_id,
                    complete_multipart_upload=sdk.CompleteMultipartUpload(parts=parts),
                )
            )
        assert not shared_place.client.is_object_exist(BUCKET, "wrong")
        aborted = sdk.AbortMultipartUploadRequest(bucket=BUCKET, key="wrong", upload_id=upload_id)
        shared_place.client.abort_multipart_upload(aborted)

    def test_uploads_under_way_and_their_parts_are_listed_in_pages(self, place: Place) -> None:
        ids = {key: self._begin(place, key) for key in ("u/2 é", "u/1", "other")}
        for number in (3, 1, 2):
            self._part(place, "u/1", ids["u/1"], number, b"x" * number)
        for size in (1, 2, 1000):
            request = sdk.ListPartsRequest(bucket=BUCKET, key="u/1", upload_id=ids["u/1"], max_parts=size)
            pages = place.client.list_parts_paginator().iter_page(request)
            assert [(it.part_number, it.size) for page in pages for it in page.parts or []] == [(1, 1), (2, 2), (3, 3)]
            uploads = sdk.ListMultipartUploadsRequest(bucket=BUCKET, prefix="u/", max_uploads=size)
            pages = place.client.list_multipart_uploads_paginator().iter_page(uploads)
            assert [it.key for page in pages for it in page.uploads or []] == ["u/1", "u/2 é"]
        with refused(404, "NoSuchUpload"):
            place.client.list_parts(sdk.ListPartsRequest(bucket=BUCKET, key="other", upload_id=ids["u/1"]))
        for key, upload_id in ids.items():
            place.client.abort_multipart_upload(
                sdk.AbortMultipartUploadRequest(bucket=BUCKET, key=key, upload_id=upload_id)
            )
        assert not place.client.list_multipart_uploads(sdk.ListMultipartUploadsRequest(bucket=BUCKET)).uploads

    def _begin(self, place: Place, key: str) -> str:
        request = sdk.InitiateMultipartUploadRequest(bucket=BUCKET, key=key)
        return str(place.client.initiate_multipart_upload(request).upload_id)

    def _part(self, place: Place, key: str, upload_id: str, number: int, body: bytes) -> str:
        request = sdk.UploadPartRequest(bucket=BUCKET, key=key, upload_id=upload_id, part_number=number, body=body)
        return str(place.client.upload_part(request).etag)


class TestEvents:
    def test_a_put_is_announced_once_as_function_compute_delivers_it(self, place: Place) -> None:
        put = place.put("输入/a b.txt", b"hello")
        record = place.receiver.next()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("eventTime"))
        assert re.fullmatch("[0-9a-f]{40}", record["oss"].pop("ruleId"))
        owner = record["userIdentity"]["principalId"]
        assert record == {
            "eventName": "ObjectCreated:PutObject",
            "eventSource": "acs:oss",
            "eventVersion": "1.0",
            "oss": {
                "bucket": {
                    "arn": f"acs:oss:cn-beijing:{owner}:{BUCKET}",
                    "name": BUCKET,
                    "ownerIdentity": owner,
                    "virtualBucket": "",
                },
                "object": {
                    "deltaSize": 5,
                    "eTag": put.etag.strip('"'),
                    "key": "输入/a b.txt",
                    "objectMeta": {"mimeType": "text/plain"},
                    "size": 5,
                },
                "ossSchemaVersion": "1.0",
            },
            "region": "cn-beijing",
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"requestId": put.request_id},
            "userIdentity": {"principalId": owner},
        }
        assert place.receiver.nothing_more()

    def test_each_way_of_the_api_has_its_event(self, place: Place) -> None:
        # One after the other: events may overtake each other, as those of OSS do.
        place.put("one", b"1234")
        assert place.receiver.next()["oss"]["object"]["deltaSize"] == 4
        place.put("one", b"12")
        assert place.receiver.next()["oss"]["object"]["deltaSize"] == -2
        place.client.copy_object(sdk.CopyObjectRequest(bucket=BUCKET, key="two", source_key="one"))
        copied = place.receiver.next()
        assert copied["eventName"] == "ObjectCreated:CopyObject"
        place.delete("one")
        removed = place.receiver.next()
        assert removed["eventName"] == "ObjectRemoved:DeleteObject"
        assert removed["oss"]["object"] == {"deltaSize": -2, "eTag": md5(b"12"), "key": "one", "size": 2}
        place.delete("one")
        objects = [sdk.DeleteObject(key="two")]
        place.client.delete_multiple_objects(sdk.DeleteMultipleObjectsRequest(bucket=BUCKET, objects=objects))
        assert place.receiver.take(1) == {("ObjectRemoved:DeleteObjects", "two")}
        assert place.receiver.nothing_more()

    def test_files_that_appear_change_and_vanish_by_hand_are_announced(self, place: Place) -> None:
        path = place.folder / "手.txt"
        path.write_bytes(b"one")
        created = place.receiver.next()
        assert (created["eventName"], created["oss"]["object"]["eTag"]) == ("ObjectCreated:PutObject", md5(b"one"))
        path.write_bytes(b"three")
        changed = place.receiver.next()["oss"]["object"]
        assert (changed["eTag"], changed["deltaSize"]) == (md5(b"three"), 2)
        path.unlink()
        removed = place.receiver.next()
        assert removed["eventName"] == "ObjectRemoved:DeleteObject"
        assert removed["oss"]["object"]["eTag"] == md5(b"three")
        assert not list((place.folder / ".oss" / "records").iterdir())
        assert place.receiver.nothing_more()

    def test_a_file_being_copied_is_not_announced_half(self, tmp_path: Path) -> None:
        folder = tmp_path / "bucket"
        folder.mkdir()
        pauses = place_over(folder, quiet=timedelta(seconds=5))  # longer than any pause of a busy machine
        with pauses as place, (folder / "slow.bin").open("wb") as file:
            for _ in range(40):
                file.write(b"x" * 1000)
                file.flush()
                time.sleep(0.05)
            assert place.receiver.payloads.empty()
            file.close()
            stored = place.receiver.next()["oss"]["object"]
            assert (stored["size"], stored["eTag"]) == (40_000, md5(b"x" * 40_000))
            assert place.receiver.nothing_more(1.5)

    def test_an_editors_save_through_a_temporary_file_is_one_change(self, place: Place) -> None:
        path = place.folder / "draft.md"
        path.write_bytes(b"old")
        assert place.receiver.take(1) == {("ObjectCreated:PutObject", "draft.md")}
        path.rename(place.folder / "draft.md~")
        temporary = place.folder / "draft.md.tmp"
        temporary.write_bytes(b"newer")
        temporary.rename(path)
        (place.folder / "draft.md~").unlink()
        assert place.receiver.next()["oss"]["object"]["eTag"] == md5(b"newer")
        assert place.receiver.nothing_more()

    def test_moving_a_directory_moves_its_objects(self, place: Place, tmp_path: Path) -> None:
        outside = tmp_path / "prepared"
        (outside / "deep").mkdir(parents=True)
        (outside / "1.txt").write_text("1")
        (outside / "deep" / "2.txt").write_text("2")
        outside.rename(place.folder / "in")
        assert place.receiver.take(2) == {
            ("ObjectCreated:PutObject", "in/1.txt"),
            ("ObjectCreated:PutObject", "in/deep/2.txt"),
        }
        (place.folder / "in").rename(place.folder / "out")
        assert place.receiver.take(4) == {
            ("ObjectRemoved:DeleteObject", "in/1.txt"),
            ("ObjectRemoved:DeleteObject", "in/deep/2.txt"),
            ("ObjectCreated:PutObject", "out/1.txt"),
            ("ObjectCreated:PutObject", "out/deep/2.txt"),
        }
        assert place.receiver.nothing_more()

    def test_many_files_at_once_are_each_announced_once(self, place: Place) -> None:
        for n in range(60):
            (place.folder / f"{n}.txt").write_text(str(n))
            if n % 3 == 0:
                place.put(f"api/{n}", b"x")
        expected = {("ObjectCreated:PutObject", f"{n}.txt") for n in range(60)}
        expected |= {("ObjectCreated:PutObject", f"api/{n}") for n in range(0, 60, 3)}
        assert place.receiver.take(80) == expected
        assert place.receiver.nothing_more()

    def test_a_vanished_folder_is_no_mass_deletion(self, place: Place) -> None:
        (place.folder / "a.txt").write_text("a")
        assert place.receiver.take(1) == {("ObjectCreated:PutObject", "a.txt")}
        place.folder.rename(place.folder.parent / "elsewhere")
        assert place.receiver.nothing_more(3)
        (place.folder.parent / "elsewhere").rename(place.folder)

    def test_a_folder_that_is_made_again_is_watched_again(
        self, place: Place, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (place.folder / "a.txt").write_text("a")
        assert place.receiver.take(1) == {("ObjectCreated:PutObject", "a.txt")}
        shutil.rmtree(place.folder)
        assert place.receiver.nothing_more(3)
        place.folder.mkdir()
        (place.folder / "b.txt").write_text("b")
        found = {(record["eventName"], record["oss"]["object"]["key"]) for record in map(get_record, [place] * 2)}
        assert found == {("ObjectCreated:PutObject", "b.txt"), ("ObjectRemoved:DeleteObject", "a.txt")}
        place.put("c.txt")
        assert place.receiver.take(1) == {("ObjectCreated:PutObject", "c.txt")}
        reports = capsys.readouterr().out
        assert reports.count("cannot be read") == 1
        assert "is there again" in reports

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            pytest.param(b"bad\xff.txt", "bad\\xff.txt is left out: its name is not UTF-8", id="a file, no UTF-8"),
            pytest.param(b"\xc3\x28/a.txt", "\\xc3( is left out: its name is not UTF-8", id="a folder, no UTF-8"),
            pytest.param(b"/".join([b"x" * 200] * 6), "has 1205 bytes", id="too long"),
        ],
    )
    def test_a_name_that_can_be_no_key_is_reported_once_and_skipped(
        self, place: Place, capsys: pytest.CaptureFixture[str], name: bytes, reason: str
    ) -> None:
        (place.folder / "before.txt").write_text("before")
        assert place.receiver.take(1) == {("ObjectCreated:PutObject", "before.txt")}
        path = os.path.join(os.fsencode(place.folder), name)  # noqa: PTH118 - not text
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(b"content")
        for key in ("after.txt", "later.txt"):
            (place.folder / key).write_text(key)
            assert place.receiver.take(1) == {("ObjectCreated:PutObject", key)}
        assert place.keys() == ["after.txt", "before.txt", "later.txt"]
        assert capsys.readouterr().out.count(reason) == 1

    def test_a_file_that_cannot_be_read_now_is_announced_once_it_can(
        self, place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = Layout.open

        def refuse(layout: Layout, key: str) -> Any:
            if key == "locked.txt":
                raise PermissionError(errno.EACCES, "Permission denied")
            return opened(layout, key)

        with monkeypatch.context() as patched:
            patched.setattr(Layout, "open", refuse)
            (place.folder / "locked.txt").write_text("locked")
            (place.folder / "open.txt").write_text("open")
            assert place.receiver.take(1) == {("ObjectCreated:PutObject", "open.txt")}
            assert place.receiver.nothing_more(3)
        assert place.receiver.take(1) == {("ObjectCreated:PutObject", "locked.txt")}
        assert capsys.readouterr().out.count("locked.txt cannot be read") == 1

    def test_nothing_is_acknowledged_that_cannot_be_written_down(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written = Path.write_bytes

        def refuse(path: Path, data: bytes) -> int:
            if ".oss" in path.parts:
                raise OSError(errno.ENOSPC, "No space left on device")
            return written(path, data)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "write_bytes", refuse)
            with pytest.raises(sdk.exceptions.OperationError):
                place.put("full.txt", b"content")
            assert place.drafts() == []
            # Its content is in place though the caller was not promised that, so the index hears of it.
            assert place.receiver.take(1) == {("ObjectCreated:PutObject", "full.txt")}
            assert place.read("full.txt") == b"content"
        assert place.receiver.nothing_more()

    @pytest.mark.parametrize(("announce", "count"), [(False, 0), (True, 2)])
    def test_files_there_at_the_start_are_announced_on_request(
        self, tmp_path: Path, announce: bool, count: int
    ) -> None:
        for name in ("a", "b"):
            (tmp_path / name).write_text(name)
        with place_over(tmp_path, announce_existing=announce) as place:
            assert {key for _, key in place.receiver.take(count)} == set("ab"[:count])
            assert place.receiver.nothing_more()

    def test_a_target_gets_what_its_rule_names(self, tmp_path: Path) -> None:
        with receiving() as receiver:
            rules = (
                Notification(receiver.url, ("oss:ObjectCreated:PutObject",), "in/", ".txt"),
                Notification(receiver.url, ("oss:ObjectRemoved:*",)),
            )
            with running(Settings(tmp_path, BUCKET, notifications=rules)) as endpoint:
                place = Place(endpoint, tmp_path, receiver)
                for key in ("in/a.txt", "in/a.pdf", "out/a.txt"):
                    place.put(key)
                place.client.copy_object(sdk.CopyObjectRequest(bucket=BUCKET, key="in/c.txt", source_key="in/a.txt"))
                place.delete("out/a.txt")
                assert receiver.take(2) == {
                    ("ObjectCreated:PutObject", "in/a.txt"),
                    ("ObjectRemoved:DeleteObject", "out/a.txt"),
                }
                assert receiver.nothing_more()

    def test_a_receiver_that_is_not_ready_gets_the_event_later(self, tmp_path: Path) -> None:
        with receiving(refusals=3) as receiver:
            target = Notification(receiver.url, ALL_EVENTS)
            with running(Settings(tmp_path, BUCKET, notifications=(target,))) as endpoint:
                Place(endpoint, tmp_path, receiver).put("patient", b"x")
                assert receiver.take(1) == {("ObjectCreated:PutObject", "patient")}

    def test_the_api_does_not_wait_for_a_receiver(self, tmp_path: Path) -> None:
        """The target accepts connections and never answers."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            target = Notification(f"http://127.0.0.1:{silent.getsockname()[1]}/", ALL_EVENTS)
            with running(Settings(tmp_path, BUCKET, notifications=(target,))) as endpoint:
                place = Place(endpoint, tmp_path, Receiver())
                place.receiver.server.server_close()
                for n in range(20):
                    place.put(f"{n}", b"x")
                assert len(place.keys()) == 20

    def test_deliveries_can_be_dropped_and_doubled(self, place: Place) -> None:
        def deliver(mode: str) -> int:
            url = f"{place.endpoint}/control/notifications"
            return requests.put(url, json={"mode": mode}, timeout=60).status_code

        assert deliver("drop") == 200
        place.put("dropped")
        assert place.receiver.nothing_more()
        assert deliver("duplicate") == 200
        place.put("doubled")
        assert [place.receiver.next()["oss"]["object"]["key"] for _ in range(2)] == ["doubled", "doubled"]
        assert deliver("deliver") == 200
        place.put("once")
        assert place.receiver.take(1) == {("ObjectCreated:PutObject", "once")}
        assert place.receiver.nothing_more()
        assert deliver("sometimes") == 400


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "status", "code"),
        [
            ("missing", 404, "NoSuchKey"),
            ("forbidden", 403, "AccessDenied"),
            ("changed", 412, "PreconditionFailed"),
            ("unavailable", 503, "ServiceUnavailable"),
        ],
    )
    def test_a_fault_meets_the_matching_requests_as_often_as_told(
        self, shared_place: Place, fault: str, status: int, code: str
    ) -> None:
        shared_place.put("faulty/key", b"fine")
        shared_place.put("other", b"fine")
        shared_place.fail({"fault": fault, "times": 2, "match": {"method": "GET", "key": "faulty"}})
        assert shared_place.head("faulty/key").status_code == 200
        assert shared_place.read("other") == b"fine"
        for _ in range(2):
            with refused(status, code):
                shared_place.get("faulty/key")
        assert shared_place.read("faulty/key") == b"fine"

    def test_a_truncated_body_is_shorter_than_announced(self, shared_place: Place) -> None:
        shared_place.put("truncated", b"x" * 100_000)
        shared_place.fail({"fault": "truncated", "match": {"key": "truncated"}})
        with pytest.raises((requests.exceptions.RequestException, sdk.exceptions.BaseError)):
            shared_place.read("truncated")
        assert len(shared_place.read("truncated")) == 100_000

    def test_a_slow_body_arrives_whole_and_late(self, shared_place: Place) -> None:
        shared_place.put("slow", b"x" * 1000)
        shared_place.fail({"fault": "slow", "seconds": 0.5, "match": {"key": "slow"}})
        start = time.monotonic()
        assert len(shared_place.read("slow")) == 1000
        assert time.monotonic() - start >= 0.5

    def test_faults_end_when_deleted(self, shared_place: Place) -> None:
        shared_place.put("healed", b"x")
        shared_place.fail({"fault": "forbidden", "times": 1000, "match": {"key": "healed"}})
        requests.delete(f"{shared_place.endpoint}/control/faults", timeout=60).raise_for_status()
        assert shared_place.read("healed") == b"x"

    def test_a_rule_nobody_understands_is_refused(self, shared_place: Place) -> None:
        answer = requests.put(f"{shared_place.endpoint}/control/faults", json={"rules": [{"fault": "odd"}]}, timeout=60)
        assert answer.status_code == 400

    def test_requests_are_counted_by_operation(self, place: Place) -> None:
        place.put("counted")
        place.head("counted")
        place.read("counted")
        place.read("counted")
        counts = requests.get(f"{place.endpoint}/control/requests", timeout=60).json()
        assert counts == {"PutObject": 1, "HeadObject": 1, "GetObject": 2}


class TestCommand:
    def test_it_says_where_it_serves_and_ends_on_sigterm(self, tmp_path: Path) -> None:
        with receiving() as receiver:
            notify = [{"url": receiver.url, "events": ["oss:ObjectCreated:*"]}]
            command = self._command(tmp_path, "--port", "0", "--notify", json.dumps(notify))
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                try:
                    assert process.stdout
                    line = process.stdout.readline().strip()
                    sentence = (
                        f"oss emulator: bucket {BUCKET} over {re.escape(str(tmp_path))} on (http://127.0.0.1:\\d+)"
                    )
                    found = re.fullmatch(sentence, line)
                    assert found, line
                    client_of(found[1]).put_object(sdk.PutObjectRequest(bucket=BUCKET, key="k", body=b"x"))
                    assert receiver.take(1) == {("ObjectCreated:PutObject", "k")}
                finally:
                    process.send_signal(signal.SIGTERM)
                assert process.wait(20) == 0

    def test_clients_that_go_away_are_not_worth_a_word(self, tmp_path: Path) -> None:
        (tmp_path / "large").write_bytes(bytes(8_000_000))
        command = self._command(tmp_path, "--port", "0")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                endpoint = process.stdout.readline().split()[-1]
                address = urlsplit(endpoint)
                for line, rest in (("PUT /{}/half", "Content-Length: 9\r\n\r\nhalf"), ("GET /{}/large", "\r\n")):
                    with socket.create_connection((address.hostname, address.port)) as connection:
                        head = f"{line.format(BUCKET)} HTTP/1.1\r\nHost: x\r\nAuthorization: OSS a:b\r\n"
                        connection.sendall(f"{head}{rest}".encode())
                        if line.startswith("GET"):
                            connection.recv(1)
                client = client_of(endpoint)
                assert eventually(lambda: not list((tmp_path / ".oss" / "drafts").iterdir()))
                assert not client.is_object_exist(BUCKET, "half")
            finally:
                process.send_signal(signal.SIGTERM)
            assert process.communicate(timeout=60)[1] == ""

    def test_a_taken_port_is_one_sentence(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            assert self._complaint(tmp_path, "--port", port) == (
                f"oss emulator: port {port} of 127.0.0.1 is taken: stop what uses it, or choose another with --port."
            )

    def test_a_missing_folder_is_one_sentence(self, tmp_path: Path) -> None:
        folder = tmp_path / "absent"
        sentence = f"oss emulator: {folder} is not a folder: create it, or name another with --root."
        assert self._complaint(folder) == sentence

    @pytest.mark.parametrize("notify", ['[{"events": []}]', "[nonsense", "absent.json"])
    def test_wrong_notifications_are_one_sentence(self, tmp_path: Path, notify: str) -> None:
        assert self._complaint(tmp_path, "--notify", notify).startswith("oss emulator: --notify ")

    def _complaint(self, folder: Path, *more: str) -> str:
        done = subprocess.run(self._command(folder, *more), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        return line

    def _command(self, folder: Path, *more: str) -> list[str]:
        return [sys.executable, "-m", "local.oss", "--bucket", BUCKET, "--root", str(folder), *more]


def test_a_symbolic_link_is_read_as_its_target_and_listed_as_itself(place: Place) -> None:
    place.put("folder/目标.txt", b"content", metadata={"of": "target"})
    target = place.client.head_object(sdk.HeadObjectRequest(bucket=BUCKET, key="folder/目标.txt"))
    made = place.client.put_symlink(
        sdk.PutSymlinkRequest(
            bucket=BUCKET, key="link.txt", symlink_target=quote("folder/目标.txt"), metadata={"of": "link"}
        )
    )
    assert made.status_code == 200
    named = place.client.get_symlink(sdk.GetSymlinkRequest(bucket=BUCKET, key="link.txt"))
    assert named.target == quote("folder/目标.txt")
    head = place.client.head_object(sdk.HeadObjectRequest(bucket=BUCKET, key="link.txt"))
    assert (head.etag, head.content_length, head.object_type) == (target.etag, 7, "Symlink")
    assert head.metadata == {"of": "link"}
    assert head.last_modified >= target.last_modified
    got = place.client.get_object(sdk.GetObjectRequest(bucket=BUCKET, key="link.txt"))
    assert (got.body.content, got.etag) == (b"content", target.etag)
    entries = {it.key: it for it in place.client.list_objects_v2(sdk.ListObjectsV2Request(bucket=BUCKET)).contents}
    assert entries["link.txt"].object_type == "Symlink"
    assert entries["link.txt"].etag == named.etag != target.etag


@pytest.mark.parametrize(
    ("target", "status", "code"), [("nothing", 404, "SymlinkTargetNotExist"), ("to-a", 400, "InvalidTargetType")]
)
def test_a_symbolic_link_that_leads_to_no_object_says_so(place: Place, target: str, status: int, code: str) -> None:
    place.put("a", b"content")
    for key, leads_to in (("to-a", "a"), ("link", target)):
        place.client.put_symlink(sdk.PutSymlinkRequest(bucket=BUCKET, key=key, symlink_target=leads_to))
    asked: list[Callable[[], object]] = [
        lambda: place.client.get_object(sdk.GetObjectRequest(bucket=BUCKET, key="link")),
        lambda: place.client.head_object(sdk.HeadObjectRequest(bucket=BUCKET, key="link")),
    ]
    for ask in asked:
        with pytest.raises(sdk.exceptions.OperationError) as caught:
            ask()
        refused = caught.value.unwrap()
        assert (refused.status_code, refused.code) == (status, code)

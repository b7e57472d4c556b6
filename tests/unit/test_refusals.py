"""Refusals of the cloud lead to what to do next, whatever words are around their codes."""

from __future__ import annotations

import time

import pytest

from ops.refusals import find_next_step


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("Error: code: 403, NoPermission", "lacks a right"),
        ("Forbidden.RAM: User not authorized to operate on the specified resource.", "lacks a right"),
        ("[ERROR] ram:PassRole is required", "lacks a right"),
        ("Unauthorized (401)", "lacks a right"),
        ("DomainNameNotResolved: domain name 'a.example.com' is not resolved to your FC endpoint", "CNAME"),
        ("InvalidICPLicense", "ICP filing"),
        ("SignatureDoesNotMatch: Specified signature is not matched", "access key is wrong"),
        ("InvalidAccessKeyId.NotFound", "access key is wrong"),
        ("InvalidAccessKeyId.Inactive", "access key is wrong"),
        ("InvalidSecurityToken.Expired", "sign in again"),
        ("SecurityTokenExpired", "sign in again"),
        ("InvalidTimeStamp.Expired", "clock"),
        ("RequestTimeTooSkewed", "clock"),
        ("ServiceNotEnabled", "not switched on"),
        ("FunctionQuotaExceeded", "quotas.console"),
        ("code: 403, ReservedConcurrencyExceedLimit", "quotas.console"),
        ("ResourceExhausted: your request has been rejected", "quotas.console"),
        ("QuotaFull.Function", "quotas.console"),
        ("InvalidAccountStatus.NotEnoughBalance", "cannot pay"),
        ("EntityNotExist.Role: The role not exists", "make infra"),
        ("the role 'acs:ram::1:role/x' cannot be assumed by fc", "make infra"),
        ("InvalidVSwitchId.NotFound", "make preflight"),
        ("LogStoreNotExist", "make infra"),
        ("NoSuchBucket", "OSS_BUCKET"),
        ("runtime 'custom.debian12' is not supported", "another REGION"),
        ("env: 'node': No such file or directory", "Node.js"),
        ("SyntaxError: Unexpected token '?'", "Node.js"),
        ("Error: EACCES: permission denied, mkdir '/home/dev/.s'", "owns the folder"),
        ("getaddrinfo ENOTFOUND api.devsapp.cn", "could not be reached"),
        ("connect ETIMEDOUT 1.2.3.4:443", "could not be reached"),
        ("Throttling.User", "wait a minute"),
        ("ServiceUnavailable (503)", "wait a minute"),
    ],
)
def test_a_code_leads_to_the_next_step(text: str, step: str) -> None:
    assert step in find_next_step(f"Error Message:\n{text}\nrequest id: 1-6543")
    assert step in find_next_step(f"✖ [embed] failed: {text}")


@pytest.mark.parametrize(
    "text", ["", "QUOTA_SHARE: 0.5", "role: acs:ram::1:role/x", "timeout: 600", "code: 418, Teapot"]
)
def test_of_other_words_nothing_is_known(text: str) -> None:
    assert find_next_step(text) == ""


def test_a_line_of_any_length_is_looked_at_in_a_moment() -> None:
    began = time.process_time()
    for part in ("AccessKey", "FC", "Exceed", "Role", "SecurityToken", "x"):
        find_next_step(part * 1_000_000)
    assert time.process_time() - began < 20

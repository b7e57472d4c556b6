"""What to do next after the cloud, or a program that calls it, has refused: a sentence by the codes in its words.

The codes are those of Function Compute (https://help.aliyun.com/zh/functioncompute/fc/developer-reference/error-codes),
RAM, STS, ROS and of Node.js; a service may put words around them.
"""

from __future__ import annotations

import re
from typing import Final

_FORBIDDEN: Final = (
    "The access key lacks a right: `.venv/bin/python -m ops roles` prints the policy of the user who deploys; attach "
    "it to the user."
)
# The first that is found counts: a refusal of rights may name a role, and a domain a certificate.
_RULES: Final[tuple[tuple[str, str], ...]] = (
    (
        r"DomainNameNotResolved",
        "The domain's CNAME is not visible yet: point it at ACCOUNT_ID.REGION.fc.aliyuncs.com and wait until "
        "`make preflight` finds it.",
    ),
    (
        r"InvalidICPLicense|ICPLicense|DomainNameNotFiled",
        "The domain has no ICP filing that Function Compute knows: file it, or leave DOMAIN empty and use the "
        "functions' own addresses.",
    ),
    (
        r"Certificate(?:NotFound|Expired|Invalid)|InvalidCert",
        "The certificate does not fit: CERTIFICATE_ID must name one for this domain that has not expired.",
    ),
    (
        r"SecurityToken\S{0,60}(?:Expired|Invalid|Malformed|Mismatch)|(?:Invalid|Expired)SecurityToken|TokenExpired",
        "The temporary credentials have expired: sign in again with `aliyun configure`, or set the three "
        "ALIBABA_CLOUD_ variables to fresh ones.",
    ),
    (
        r"InvalidTimeStamp|RequestTimeTooSkewed|SignatureNonceUsed",
        "The clock of this machine is wrong: set it, because signatures hold the time.",
    ),
    (
        r"InvalidAccessKey|AccessKeyId\S{0,60}NotFound|SignatureDoesNotMatch|SignatureNotMatch|IncompleteSignature"
        r"|InvalidCredential|AccessKey\S{0,60}(?:Disabled|Inactive)",
        "The access key is wrong or switched off: run `aliyun configure` with a valid one. What `s config add` has "
        "kept comes first for `s`: replace it with `s config add -a default`.",
    ),
    (
        r"Not found access",
        "Serverless Devs has no access key: run `aliyun configure`, or `s config add -a default`.",
    ),
    (
        r"(?:Service|FC)\w{0,60}Not(?:Enabled?|Open(?:ed)?|Activated?)|ServiceNotOpen|NotSubscribed|is not activated",
        "A service is not switched on in this account: `make preflight` names it.",
    ),
    (
        r"NotEnoughBalance|InvalidAccountStatus|Arrear|UserDisable|InDebt|[Oo]verdue|AccountNotPay",
        "The account cannot pay: add money or a payment method.",
    ),
    (
        r"Role\S{0,60}NotExist|EntityNotExist\.Role|InvalidRole|AssumeRole\w{0,9}(?:Fail|Denied|Not)|cannot be assumed",
        "A role is missing or does not trust Function Compute: `make infra` creates the roles, and `make preflight` "
        "names the one that is wrong.",
    ),
    (r"NoPermission|AccessDenied|Forbidden|Unauthorized|NotAuthorized|PassRole|not authorized", _FORBIDDEN),
    (
        r"(?:Exceed\w{0,60}(?:Quota|Limit)|(?:Quota|Limit)\w{0,60}Exceed|ResourceExhausted|QuotaFull|OverQuota|ExceedMax)",
        "A quota of the account is used up: raise it at https://quotas.console.aliyun.com, delete functions that are "
        "not needed, or lower reservedConcurrency in s.yaml.",
    ),
    (
        r"InvalidVpc|InvalidVSwitch|InvalidSecurityGroup|(?:Vpc|VSwitch|SecurityGroup)\S{0,60}Not(?:Found|Exist)",
        "The network does not fit: VPC_ID, VSWITCH_ID and SECURITY_GROUP_ID must lie in REGION; "
        "`make preflight` looks.",
    ),
    (
        r"(?:Project|Log[Ss]tore)\S{0,60}NotExist",
        "The log project or its store is missing: `make infra` creates both, or name them in LOG_PROJECT and "
        "LOG_STORE.",
    ),
    (
        r"NoSuchBucket|EventNotification\w{0,60}Conflict|TriggerAlreadyExist|overlap",
        "The trigger and the bucket do not fit: OSS_BUCKET must exist in OSS_REGION, and no other trigger may watch "
        "the same prefix and suffix.",
    ),
    (
        r"(?i:runtime.{0,60} not supported|unsupported runtime)"
        r"|UnsupportedRuntime|InvalidRuntime|RegionNotSupported",
        "The region does not offer the runtime custom.debian12: choose another REGION, such as cn-beijing.",
    ),
    (
        r"EACCES|EPERM|Permission denied",
        "A file cannot be read or written: run as the user who owns the folder and ~/.s.",
    ),
    (r"ENOSPC|No space left", "The disk is full: free some space."),
    (
        r"node: No such file|node: not found|env: .?node|SyntaxError: Unexpected|Unsupported engine",
        "Node.js is missing or too old for Serverless Devs: install version 18 or later.",
    ),
    (
        r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|socket hang up|ConnectTimeout|not_answered"
        r"|did not answer|Failed to resolve|certificate verify failed|SELF_SIGNED_CERT",
        "An address could not be reached: look at the network, the proxy (HTTPS_PROXY) and the spelling of REGION.",
    ),
    (
        r"Throttling|TooManyRequests|ServiceUnavailable|InternalServerError|\b50[0234]\b",
        "The service is busy or out of order for a moment: wait a minute.",
    ),
)
_COMPILED: Final = tuple((re.compile(pattern), sentence) for pattern, sentence in _RULES)
_MOST_CHARACTERS: Final = 2_000


def find_next_step(text: str) -> str:
    """Return what to do after a refusal in these words; empty where no code in them is known.

    Args:
        text: what was printed; long lines count with their beginnings.
    """
    lines = [line[:_MOST_CHARACTERS] for line in text.splitlines()]
    return next((sentence for rule, sentence in _COMPILED if any(map(rule.search, lines))), "")

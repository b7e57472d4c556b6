"""Requests that OSS refuses: codes, statuses and what they say."""

from __future__ import annotations

from typing import Final

_ERRORS: Final = {
    "AccessDenied": (403, "You have no right to access this object."),
    "AccessForbidden": (403, "CORSResponse: This CORS request is not allowed."),
    "InvalidObjectState": (403, "The operation is not valid for the object's state: it is archived."),
    "EntityTooSmall": (400, "A part but the last is smaller than 100 KB."),
    "FileAlreadyExists": (409, "The object you specified already exists."),
    "IncompleteBody": (400, "The body ended before its announced length."),
    "InternalError": (500, "The server failed."),
    "InvalidAccessKeyId": (403, "The OSS Access Key Id you provided does not exist."),
    "InvalidArgument": (400, "An argument is invalid."),
    "InvalidDigest": (400, "The Content-MD5 you specified is not valid."),
    "InvalidObjectName": (400, "The object name is invalid."),
    "InvalidPart": (400, "A part was not uploaded, or its ETag differs."),
    "InvalidPartOrder": (400, "The list of parts was not in ascending order."),
    "InvalidRange": (416, "The requested range cannot be satisfied."),
    "InvalidTargetType": (400, "The target of a symbolic link must not be a symbolic link."),
    "MalformedXML": (400, "The XML you provided was not well-formed."),
    "MethodNotAllowed": (405, "The OSS emulator does not offer this operation."),
    "NoSuchBucket": (404, "The specified bucket does not exist."),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchUpload": (404, "The specified upload does not exist."),
    "NotSymlink": (400, "The object is not a symbolic link."),
    "PreconditionFailed": (412, "At least one of the pre-conditions did not hold."),
    "SecurityTokenExpired": (403, "The security token you provided has expired."),
    "ServiceUnavailable": (503, "Please reduce your request rate."),
    "SymlinkTargetNotExist": (404, "The symbolic link points to an object that does not exist."),
}


class Refusal(Exception):  # noqa: N818 - not an error of ours
    """A request that OSS refuses.

    Args:
        code: its stable name.
        message: in place of the code's usual one.

    Attributes:
        code: its stable name.
        status: the HTTP status that belongs to it.
    """

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        self.status, usual = _ERRORS[code]
        super().__init__(message or usual)

# ruff: noqa: N802 - methods have the names of the actions
"""A mock of Alibaba Cloud's control APIs: accounts, stacks, roles, queues and networks, as HTTP clients see them."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCOUNT = "1234567890123456"
KEY = "LTAI-of-the-test"
MILVUS_ID = "c-0123456789abcdef"
_OUTPUTS = {
    "MilvusUri": f"http://{MILVUS_ID}-internal.milvus.aliyuncs.com:19530",
    "VpcId": "vpc-2ze0made",
    "VSwitchId": "vsw-2ze0made",
    "SecurityGroupId": "sg-2ze0made",
}


class RefusedError(Exception):
    """The answer is an error with this code."""

    def __init__(self, code: str, message: str = "It is refused.", status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class ControlApi:
    """One account. Attributes that a test sets change how it answers.

    Attributes:
        calls: the actions that were called, in order.
        refused: errors by action.
        failing: the reason for which the next creation or change fails.
        exists: what the account holds besides, by kind of resource.
        changes: of the next change set; ``None`` compares the templates.
        looks: how often a stack is looked at before it is done.
        silent: how many calls from now on get no answer that a client can read.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refused: dict[str, RefusedError] = {}
        self.failing = ""
        self.exists: dict[str, Any] = {}
        self.changes: list[dict[str, Any]] | None = None
        self.looks = 1
        self.silent = 0
        self.stack: dict[str, Any] | None = None
        self.template: dict[str, Any] = {}
        self.parameters: dict[str, str] = {}
        self.price: dict[str, Any] = {}
        self.url = ""
        self._left = 0
        self._next = ""
        self._events: list[dict[str, str]] = []

    def answer(self, action: str, asked: dict[str, str]) -> Any:
        self.calls.append(action)
        if self.silent:
            self.silent -= 1
            raise RefusedError("ServiceUnavailable", status=503)
        if action in self.refused:
            raise self.refused[action]
        method: Callable[[dict[str, str]], dict[str, Any]] | None = getattr(self, f"on_{action}", None)
        if method is None:
            raise RefusedError("InvalidAction.NotFound", f"There is no {action}", 404)
        found = method(asked)
        return {"RequestId": "request", **found} if isinstance(found, dict) else found

    # --- STS

    def on_GetCallerIdentity(self, asked: dict[str, str]) -> dict[str, Any]:
        return {"AccountId": ACCOUNT, "Arn": f"acs:ram::{ACCOUNT}:user/tester", "IdentityType": "RAMUser"}

    # --- What a deployment needs; `exists` holds it by kind

    def on_GetRole(self, asked: dict[str, str]) -> dict[str, Any]:
        trust, _ = self._find("roles", asked["RoleName"], "EntityNotExist.Role")
        return {"Role": {"RoleName": asked["RoleName"], "AssumeRolePolicyDocument": json.dumps(trust)}}

    def on_GetPolicy(self, asked: dict[str, str]) -> dict[str, Any]:
        _, policy = self._find("roles", asked["PolicyName"], "EntityNotExist.Policy")
        return {"Policy": {}, "DefaultPolicyVersion": {"PolicyDocument": json.dumps(policy)}}

    def on_GetQueueAttributes(self, asked: dict[str, str]) -> dict[str, Any]:
        return {"Data": self._find("queues", asked["QueueName"], "QueueNotExist")}

    def on_DescribeVSwitchAttributes(self, asked: dict[str, str]) -> dict[str, Any]:
        return {"VpcId": self._find("network", asked["VSwitchId"], "InvalidVSwitchId.NotFound")}

    def on_DescribeSecurityGroupAttribute(self, asked: dict[str, str]) -> dict[str, Any]:
        return {"VpcId": self._find("network", asked["SecurityGroupId"], "InvalidSecurityGroupId.NotFound")}

    def on_ListFunctions(self, asked: dict[str, str]) -> dict[str, Any]:
        return {"functions": []}

    def on_GetIndex(self, asked: dict[str, str]) -> dict[str, Any]:
        return {"keys": self._find("logs", asked["store"], "LogStoreNotExist")}

    def on_GetLogs(self, asked: dict[str, str]) -> Any:
        """The rows that a test gives for queries that hold a text."""
        return next((rows for text, rows in self.exists.get("rows", {}).items() if text in asked["query"]), [])

    def _find(self, kind: str, name: str, code: str) -> Any:
        if name not in self.exists.get(kind, {}):
            raise RefusedError(code, f"{name} does not exist", 404)
        return self.exists[kind][name]

    # --- Stacks

    def on_ListStacks(self, asked: dict[str, str]) -> dict[str, Any]:
        stacks = [self.stack] if self.stack and self.stack["StackName"] == asked["StackName.1"] else []
        return {"Stacks": stacks, "TotalCount": len(stacks)}

    def on_GetStack(self, asked: dict[str, str]) -> dict[str, Any]:
        if self.stack is None or self.stack["Status"] == "DELETE_COMPLETE":
            raise RefusedError("StackNotFound", status=404)
        self._left -= 1
        if self._left < 0 and self.stack["Status"].endswith("_IN_PROGRESS"):
            self._settle()
        if self.stack["Status"] == "DELETE_COMPLETE":
            raise RefusedError("StackNotFound", status=404)
        return self.stack

    def on_ListStackResources(self, asked: dict[str, str]) -> dict[str, Any]:
        return {
            "Resources": [
                {"LogicalResourceId": name, "ResourceType": it["Type"], "PhysicalResourceId": f"id-{name}",
                 "Status": "CREATE_COMPLETE"}
                for name, it in self.template["Resources"].items()
            ]
        }  # fmt: skip

    def on_ListStackEvents(self, asked: dict[str, str]) -> dict[str, Any]:
        size, page = int(asked["PageSize"]), int(asked["PageNumber"])
        newest_first = self._events[::-1]
        return {"Events": newest_first[(page - 1) * size : page * size], "TotalCount": len(self._events)}

    def on_GetTemplateEstimateCost(self, asked: dict[str, str]) -> dict[str, Any]:
        return {"Resources": self.price}

    def on_CreateStack(self, asked: dict[str, str]) -> dict[str, Any]:
        if self.stack and self.stack["Status"] != "DELETE_COMPLETE":
            raise RefusedError("StackExists", status=409)
        self._accept(asked)
        self.stack = {"StackId": "stack-1", "StackName": asked["StackName"], "Status": "", "Outputs": []}
        return self._begin("CREATE")

    def on_CreateChangeSet(self, asked: dict[str, str]) -> dict[str, Any]:
        before = self.template
        self._pending = json.loads(asked["TemplateBody"])
        if self.changes is None:
            old, new = before["Resources"], self._pending["Resources"]
            self.changes = [
                *({"Action": "Add", "LogicalResourceId": name} for name in new.keys() - old.keys()),
                *({"Action": "Remove", "LogicalResourceId": name} for name in old.keys() - new.keys()),
                *(
                    {"Action": "Modify", "LogicalResourceId": it}
                    for it in new.keys() & old.keys()
                    if new[it] != old[it]
                ),
            ]
        return {"ChangeSetId": "change-set-1"}

    def on_GetChangeSet(self, asked: dict[str, str]) -> dict[str, Any]:
        if not self.changes:
            return {
                "Status": "CREATE_FAILED",
                "StatusReason": "There are no changes to be made: no change in resources.",
            }
        return {
            "Status": "CREATE_COMPLETE",
            "Changes": [{"Type": "Resource", "ResourceChange": {"ResourceType": "T", **it}} for it in self.changes],
        }

    def on_DeleteChangeSet(self, asked: dict[str, str]) -> dict[str, Any]:
        self.changes = None
        return {}

    def on_ExecuteChangeSet(self, asked: dict[str, str]) -> dict[str, Any]:
        self.template, self.changes = self._pending, None
        self._begin("UPDATE")
        return {}

    def on_DeleteStack(self, asked: dict[str, str]) -> dict[str, Any]:
        self._begin("DELETE")
        return {}

    def _accept(self, asked: dict[str, str]) -> None:
        self.template = json.loads(asked["TemplateBody"])
        self.parameters = {
            value: asked[name.replace("ParameterKey", "ParameterValue")]
            for name, value in asked.items()
            if name.endswith("ParameterKey")
        }
        missing = self.template["Parameters"].keys() - self.parameters.keys()
        if missing or self.parameters.keys() - self.template["Parameters"].keys():
            raise RefusedError("StackValidationFailed", f"The parameters {sorted(missing)} were not given.")

    def _begin(self, operation: str) -> dict[str, Any]:
        assert self.stack
        self._next, self._left = operation, self.looks
        self.stack["Status"] = f"{operation}_IN_PROGRESS"
        self._log(self.stack["StackName"], f"{operation}_IN_PROGRESS")
        return {"StackId": self.stack["StackId"]}

    def _settle(self) -> None:
        assert self.stack
        failing, self.failing = self.failing, ""
        for name in self.template["Resources"]:
            self._log(name, f"{self._next}_COMPLETE")
        if failing:
            self._log("Milvus", f"{self._next}_FAILED", failing)
            failed = {"CREATE": "CREATE_ROLLBACK_COMPLETE", "UPDATE": "ROLLBACK_COMPLETE", "DELETE": "DELETE_FAILED"}
            if self._next == "CREATE":
                self.template = {"Resources": {}}
            self.stack |= {"Status": failed[self._next], "StatusReason": failing}
            return
        self.stack |= {"Status": f"{self._next}_COMPLETE", "StatusReason": "", "Outputs": list(self._outputs())}

    def _outputs(self) -> Iterator[dict[str, str]]:
        for name in self.template.get("Outputs", {}):
            value = _OUTPUTS.get(name, f"id-of-{name}")
            yield {"OutputKey": name, "OutputValue": value}

    def _log(self, name: str, status: str, reason: str = "") -> None:
        event = {"EventId": str(len(self._events)), "LogicalResourceId": name, "Status": status, "StatusReason": reason}
        self._events.append(event)


@contextmanager
def serve(api: ControlApi) -> Iterator[ControlApi]:
    """Serve ``api`` over HTTP; ``api.url`` is its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            query = self.path.partition("?")[2]
            asked = dict(parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True))
            try:
                signed = self.headers.get("Authorization", "")
                if f"Credential={KEY}," not in signed or not signed.startswith("ACS3-HMAC-SHA256 "):
                    raise RefusedError("InvalidAccessKeyId.NotFound", "The key is not known.", 404)
                self._send(200, api.answer(self.headers["x-acs-action"], asked))
            except RefusedError as error:
                self._send(error.status, {"Code": error.code, "Message": str(error), "RequestId": "request"})

        def do_GET(self) -> None:
            plain, _, query = self.path.partition("?")
            path = plain.strip("/").split("/")
            of_logs = path[0] == "logstores"
            try:
                if of_logs and not self.headers.get("Authorization", "").startswith(f"LOG {KEY}:"):
                    raise RefusedError("Unauthorized", "The signature is wrong.", 401)
                action, asked = ("GetIndex", {"store": path[1]}) if of_logs else ("ListFunctions", {})
                if of_logs and len(path) == 2:  # not its index, but its lines
                    action, asked = "GetLogs", dict(parse_qsl(query))
                self._send(200, api.answer(action, asked))
            except RefusedError as error:
                names = ("errorCode", "errorMessage") if of_logs else ("Code", "Message")
                self._send(error.status, dict(zip(names, (error.code, str(error)), strict=True)))

        def _send(self, status: int, content: Any) -> None:
            raw = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield api
        server.shutdown()
        thread.join()

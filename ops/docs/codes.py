"""Error codes and log events, read from the sources, so that no page can miss one."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct, field

ROOT: Final = Path(__file__).parents[2]
# Each is caught one call further up, so that no caller, document or log has it.
NEVER_SEEN: Final = frozenset({"object_changed"})
# Modules that only events lead to; whatever fails there is answered to Function Compute with 404.
_EVENT_MODULES: Final = frozenset(
    {
        *("bucket", "claiming", "converging", "indexing", "locks", "oss_errors", "reconciling", "repairing"),
        *("crashing", "disk"),
        *("batch", "writing", "isolation", "pool"),
        *("origin", "joint", "copying", "steps", "ingestions"),
    }
)


class Maker(Struct):
    """A class or function that is called with an error's code.

    Attributes:
        position: which argument the code is.
        statuses: the HTTP statuses its errors are answered with.
    """

    position: int
    statuses: set[int] = field(default_factory=set)


class Codes:
    """Every error code the sources can produce, with the HTTP statuses it is answered with."""

    def __init__(self) -> None:
        self.found: dict[str, set[int]] = {}
        self.calls: set[tuple[str, ast.AST]] = set()
        trees = {
            path: ast.parse(path.read_text("utf-8"), str(path))
            for folder in ("shared", "functions")
            for path in sorted((ROOT / folder).rglob("*.py"))
        }
        self._trees = list(trees.values())
        self._modules = {node: path.stem for path, tree in trees.items() for node in ast.walk(tree)}
        self._in_events = {
            node for path, tree in trees.items() if path.stem in _EVENT_MODULES for node in ast.walk(tree)
        }
        self._parents = {
            child: node for tree in self._trees for node in ast.walk(tree) for child in ast.iter_child_nodes(node)
        }
        # `_body` writes an answer in responses.py; a Failure is written into a document's record.
        self._makers = {"_body": Maker(0), "Failure": Maker(1), **self._errors()}
        self._take_fixed_codes()
        before = 0
        while before != len(self._makers):  # a function that passes a code on is a maker itself
            before = len(self._makers)
            for tree in self._trees:
                for node in ast.walk(tree):
                    if isinstance(node, ast.Call):
                        self._look_at(node)

    def of(self, module: str) -> set[str]:
        """The codes a module of ours writes down."""
        return {code for code, call in self.calls if self._modules[call] == module}

    def find_calls(self, prefix: str) -> list[ast.Call]:
        """Calls of functions with names, as they are written, that begin so."""
        nodes = (node for tree in self._trees for node in ast.walk(tree))
        return [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(prefix)]

    def _errors(self) -> dict[str, Maker]:
        statuses = {"RequestError": {400}, "NotFoundError": {404}, "TransientError": {503}, "ConfigurationError": {502}}
        makers = {"PlatformError": Maker(0)}
        classes = [node for tree in self._trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        before = 0
        while before != len(makers):
            before = len(makers)
            for node in classes:
                bases = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id in makers]
                if bases:
                    inherited = makers[bases[0]].statuses
                    makers.setdefault(node.name, Maker(0, statuses.get(node.name, inherited)))
        return makers

    def _take_fixed_codes(self) -> None:
        """An error class that hands its base a code of its own is given none by its callers."""
        for tree in self._trees:
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef) and node.name in self._makers:
                    for call in ast.walk(node):
                        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__":
                            code = call.args[0]
                            if isinstance(code, ast.Constant):
                                self._take(code, call, self._makers.pop(node.name).statuses)

    def _look_at(self, call: ast.Call) -> None:
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        maker = self._makers.get(name)
        if maker and len(call.args) > maker.position:
            self._take(call.args[maker.position], call, self._statuses(call, maker))

    def _statuses(self, call: ast.Call, maker: Maker) -> set[int]:
        if call in self._in_events:
            return set()
        given = [word.value for word in call.keywords if word.arg == "status"]
        around = self._parents.get(call)
        if isinstance(around, ast.Call) and ast.unparse(around.func) == "answer":
            given += around.args[1:]
        numbers = {node.value for node in given if isinstance(node, ast.Constant) and isinstance(node.value, int)}
        return numbers or maker.statuses

    def _take(self, code: ast.expr, call: ast.Call, statuses: set[int]) -> None:
        match code:
            case ast.Constant(value=str(text)):
                self.found.setdefault(text, set()).update(statuses)
                self.calls.add((text, call))
            case ast.IfExp(body=one, orelse=other):
                self._take(one, call, statuses)
                self._take(other, call, statuses)
            case ast.JoinedStr():
                text = ast.unparse(code)[2:-1].replace("{", "<").replace("}", ">")
                self.found.setdefault(text, set()).update(statuses)
            case ast.Name(id=name):
                self._follow(name, call, statuses)

    def _follow(self, name: str, call: ast.Call, statuses: set[int]) -> None:
        function: ast.AST | None = call
        while function is not None and not isinstance(function, ast.FunctionDef):
            function = self._parents.get(function)
        if function is None:
            return
        parameters = [argument.arg for argument in function.args.args if argument.arg not in ("self", "cls")]
        if name in parameters:
            self._makers.setdefault(function.name, Maker(parameters.index(name), statuses))
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                self._take(node.value, call, statuses)


@cache
def read_sources() -> Codes:
    """What the sources of this project can produce."""
    return Codes()


@cache
def list_codes() -> dict[str, set[int]]:
    """Every error code with the HTTP statuses it is answered with; none where only events or documents have it."""
    return {code: statuses for code, statuses in read_sources().found.items() if code not in NEVER_SEEN}


def list_events() -> dict[str, set[str]]:
    """Every event that is logged, with its fields."""
    found: dict[str, set[str]] = {}
    for call in read_sources().find_calls("log."):
        name = call.args[-1]
        extra = next((word.value for word in call.keywords if word.arg == "extra"), ast.Dict([], []))
        if isinstance(name, ast.Constant) and isinstance(extra, ast.Dict):
            fields = {str(key.value) for key in extra.keys if isinstance(key, ast.Constant)}
            found.setdefault(str(name.value), set()).update(fields)
        else:
            raise TypeError(f"the name or the fields of a log event are no constants: {ast.unparse(call)}")
    return found


def list_numbers() -> set[str]:
    """Every number that the log event ``request`` may have."""
    added = {word.arg for call in read_sources().find_calls("metrics.add") for word in call.keywords if word.arg}
    services = {ast.literal_eval(call.args[0]) for call in read_sources().find_calls("tracing.call")}
    return added | {f"{service}_{what}" for service in services for what in ("calls", "ms")}

"""The whole of ``s.yaml``: its resources, their functions, domains and routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ops.deployment.declared import Declared, Name, Text
from ops.deployment.domains import Domain, Route
from ops.deployment.function import Function

if TYPE_CHECKING:
    from collections.abc import Iterator


class Action(Declared, frozen=True, kw_only=True):
    """A command run around a deploy, in the folder ``path``."""

    run: Text
    path: str = "./"


class _Resource(Declared, frozen=True, kw_only=True, tag_field="component"):
    actions: dict[str, tuple[Action, ...]] = {}
    access: str | None = None


class FunctionResource(_Resource, frozen=True, kw_only=True, tag="fc3"):
    """A resource that is a function."""

    props: Function


class DomainResource(_Resource, frozen=True, kw_only=True, tag="fc3-domain"):
    """A resource that is a domain."""

    props: Domain


class Deployment(Declared, frozen=True, kw_only=True):
    """Everything ``s.yaml`` declares.

    Attributes:
        variables: ``vars``, rendered; the resources hold their values already.
        written: the file before rendering, for the checks that look at what was written.
    """

    edition: Literal["3.0.0"]
    name: Name
    resources: Annotated[dict[Name, FunctionResource | DomainResource], Meta(min_length=1)]
    access: str = "default"
    variables: dict[str, Any] = msgspec.field(name="vars", default_factory=dict)
    actions: dict[str, tuple[Action, ...]] = {}
    written: dict[str, Any] = {}

    @property
    def has_records(self) -> bool:
        """Whether the triggers that bring records are wanted."""
        return self._is_on("recordsEnabled")

    @property
    def has_batch_events(self) -> bool:
        """Whether the trigger for the end of batch tasks is wanted."""
        return self._is_on("batchEvents")

    def _is_on(self, variable: str) -> bool:
        return str(self.variables.get(variable, "")).lower() in ("true", "1")

    @property
    def account(self) -> str:
        """The number of the account."""
        return str(self.variables.get("account", ""))

    @property
    def functions(self) -> dict[str, Function]:
        """The functions by the name of their resource."""
        return {name: it.props for name, it in self.resources.items() if isinstance(it, FunctionResource)}

    @property
    def domains(self) -> dict[str, Domain]:
        """The domains by the name of their resource."""
        return {name: it.props for name, it in self.resources.items() if isinstance(it, DomainResource)}

    def routes(self) -> Iterator[tuple[str, Route]]:
        """Every route of every domain, with its domain's name; those a function claims for itself too."""
        for domain in self.domains.values():
            for route in domain.route_config.routes:
                yield domain.domain_name, route
        for function in self.functions.values():
            if function.custom_domain:
                own = function.custom_domain.route
                yield (
                    function.custom_domain.domain_name,
                    Route(
                        path=own.path,
                        methods=own.methods,
                        function_name=function.function_name,
                        rewrite_config=own.rewrite_config,
                    ),
                )

"""Domains and the routes on them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from ops.deployment.declared import Declared, Method, Path, Region, Text


class Rewrites(Declared, frozen=True, kw_only=True):
    """Changes of the path before the function sees it."""

    equal_rules: tuple[dict[str, str], ...] = ()
    regex_rules: tuple[dict[str, str], ...] = ()
    wildcard_rules: tuple[dict[str, str], ...] = ()


class OwnRoute(Declared, frozen=True, kw_only=True):
    """The one path of a domain that a function may claim for itself."""

    path: Path
    methods: tuple[Method, ...] = ()
    qualifier: str | None = None
    rewrite_config: Rewrites | None = None


class Route(OwnRoute, frozen=True, kw_only=True):
    """A path of a domain and the function that answers it; ``/*`` at the end stands for everything below."""

    function_name: Text


class Certificate(Declared, frozen=True, kw_only=True):
    """For https: a certificate's name and files, or the id of one the account holds."""

    cert_name: str | None = None
    certificate: str | None = None
    private_key: str | None = None
    cert_id: str | None = None


class _DomainBase(Declared, frozen=True, kw_only=True):
    domain_name: Text
    protocol: Literal["HTTP", "HTTPS", "HTTP,HTTPS"]
    cert_config: Certificate | None = None
    tls_config: dict[str, Any] | None = None
    waf_config: dict[str, Any] | None = None
    auth_config: dict[str, Any] | None = None


class OwnDomain(_DomainBase, frozen=True, kw_only=True):
    """A function's ``customDomain``: one route, however many paths one would like."""

    route: OwnRoute


class RouteTable(Declared, frozen=True, kw_only=True):
    """All routes of a domain."""

    routes: Annotated[tuple[Route, ...], Meta(min_length=1, max_length=100)]


class Domain(_DomainBase, frozen=True, kw_only=True):
    """A domain and everything that answers on it."""

    region: Region
    route_config: RouteTable

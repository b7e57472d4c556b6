"""What a stack costs, from the service; without an answer, what is billed and where its price is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ops.cloud import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.infrastructure.stacks import Stacks

_HOURS: Final = 720
_MILVUS: Final = "https://help.aliyun.com/zh/milvus/product-overview/billing"


def describe_price(stacks: Stacks, template: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[str]:
    """Lines that say what the resources of ``template`` cost while no one uses them."""
    if "Milvus" not in template["Resources"]:
        yield "None of it costs anything while it is not used."
        return
    try:
        found = stacks.estimate(template, values)
    except CloudError as error:
        found = {}
        yield f"The price could not be asked for: {error}"
    size = template["Resources"]["Milvus"]["Properties"]["Components"][0]["CuNum"]
    amount, unit, currency = _read_amount(found.get("Milvus"))
    what = f"Milvus, {size} CU, is billed by the hour from its creation until it is deleted"
    if amount is None:
        yield f"{what}; the service names no price: see {_MILVUS} before you say yes."
    else:
        month = f", about {currency} {amount * _HOURS:,.0f} a month" if "hour" in unit.lower() else ""
        yield f"{what}: {currency} {amount:g} {unit}{month}."
    yield "The rest costs nothing while it is not used: OSS, logs and queues are billed by use (docs/costs.md)."


def _read_amount(found: Any) -> tuple[float | None, str, str]:
    """Amount, unit and currency of a resource's estimate."""
    result = (found or {}).get("Result") or {}
    order = result.get("Order") or {}
    amount: Any = order.get("TradeAmount", order.get("OriginalAmount"))
    unit = str((result.get("OrderSupplement") or {}).get("PriceUnit") or "/Hour")
    try:
        return float(amount), unit, str(order.get("Currency") or "CNY")
    except (TypeError, ValueError):
        return None, "", ""

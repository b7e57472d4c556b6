"""An estimate as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from ops.estimation import prices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ops.estimation.projecting import Amount, Estimate


def show(estimates: Sequence[Estimate], console: Console) -> None:
    """Print estimates side by side."""
    table = Table(box=None, pad_edge=False)
    table.add_column()
    for _ in estimates:
        table.add_column(justify="right")
    for name, cells in _rows(estimates):
        table.add_row(name, *cells)
    console.print(table)
    first = estimates[0]
    for code, number in sorted(first.content.refused.items()):
        console.print(f"About {number:,.0f} documents would fail with {code}.", markup=False)
    how = f"{first.content.read} documents were read" if first.content.read else "Nothing was read"
    console.print(
        f"{how}; nothing was billed. {first.model}, {first.dimension} dimensions; prices as of {prices.READ}, Beijing. "
        "± is the interval of 95 %. Equal content under several keys is embedded once, and counted here each time.",
        markup=False,
    )


def _rows(estimates: Sequence[Estimate]) -> list[tuple[str, list[str]]]:
    return [
        ("documents", [f"{one.content.documents:,}" for one in estimates]),
        ("chunks (rows in Milvus)", [_amount(one.content.chunks, ",.0f") for one in estimates]),
        ("tokens", [_amount(one.content.tokens, ",.0f") for one in estimates]),
        ("embedding, CNY", [_amount(one.cny, ",.2f") for one in estimates]),
        ("the same by Batch, CNY", [_amount(one.cny_batch, ",.2f") for one in estimates]),
        *_ocr_rows("pages that OCR=auto reads", [(one.content.pages, one.ocr_cny) for one in estimates]),
        *_ocr_rows("pictures that OCR=all reads too", [(one.content.pictures, one.pictures_cny) for one in estimates]),
        ("hours at the account's quota", [f"{one.hours:,.2f}" for one in estimates]),
        ("Function Compute meanwhile, CNY at most", [f"{one.compute_cny:,.2f}" for one in estimates]),
        *(
            (f"memory of Milvus with {name}, GB", [f"{one.milvus_gb[name]:,.2f}" for one in estimates])
            for name in estimates[0].milvus_gb
        ),
        (f"{estimates[0].searches:,} searches a month, CNY", [f"{one.monthly_cny:,.2f}" for one in estimates]),
    ]


def _ocr_rows(name: str, found: Sequence[tuple[Amount, Amount]]) -> list[tuple[str, list[str]]]:
    """How many of a kind, and what they cost; nothing where there are none."""
    if not any(count.value for count, _ in found):
        return []
    return [
        (name, [_amount(count, ",.0f") for count, _ in found]),
        ("the same by qwen-vl-ocr, CNY", [_amount(cny, ",.2f") for _, cny in found]),
    ]


def _amount(amount: Amount, form: str) -> str:
    margin = f" ± {amount.margin:{form}}" if amount.margin else ""
    return f"{amount.value:{form}}{margin}"

"""A chart of two series over four categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.readings.truth import Truth

if TYPE_CHECKING:
    from benchmarks.readings.vocabulary import Vocabulary


class Chart:
    """What a chart shows; `data` is that of python-pptx."""

    def __init__(self, words: Vocabulary) -> None:
        from pptx.chart.data import CategoryChartData

        self.categories = [words.name() for _ in range(4)]
        self.series = {
            f"{words.phrase()} {at}": [words.chance.randrange(100, 9999) for _ in self.categories] for at in (1, 2)
        }
        make: Any = CategoryChartData
        self.data = make()
        self.data.categories = self.categories
        for label, values in self.series.items():
            self.data.add_series(label, values)

    def xml(self) -> bytes:
        """The part of a document that holds the chart."""
        from pptx.chart.xmlwriter import ChartXmlWriter
        from pptx.enum.chart import XL_CHART_TYPE

        writer: Any = ChartXmlWriter
        xml: str = writer(XL_CHART_TYPE.COLUMN_CLUSTERED, self.data).xml
        return xml.encode()

    def truth(self, *around: str) -> Truth:
        """Each category with the value of each series."""
        rows = tuple(
            ((None, category), *((label, str(values[at])) for label, values in self.series.items()))
            for at, category in enumerate(self.categories)
        )
        values = (str(value) for values in self.series.values() for value in values)
        return Truth((*around, *self.categories, *self.series, *values), rows=rows, is_repeating=True)

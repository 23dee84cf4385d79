"""Chart: what a model wants to be shown of its training, a chart of some numbers in its logs."""

from typing import NamedTuple


class Chart(NamedTuple):
    """One chart of the numbers that a model logs, for the report.

    Attributes:
        title: String. Above the chart.
        series: Dict of legend text to the name of the number in the logs.
        y_label: String. Next to the vertical axis.
        note: String. How to read the chart, a sentence; `""` for none.

    Example:

    >>> Chart("Losses", {"loss": "loss"}, "loss").series
    {'loss': 'loss'}
    """

    title: str
    series: dict
    y_label: str
    note: str = ""

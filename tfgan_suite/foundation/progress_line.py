"""A line in the terminal that shows the progress of a long computation."""

import sys
import time
from typing import TextIO

from tfgan_suite.foundation.terminal import printable


class ProgressLine:
    """Shows count, rate, and time left: one rewritten line in a terminal, a line every ten seconds elsewhere.

    Args:
        title: String. What is being counted, such as `"real images"`.
        total: Integer, or `None` if unknown. The final count.
        enabled: Boolean. Whether to show anything.
        stream: A text stream to write to. Defaults to standard error.
        unit: String. The unit of the count, in the plural.

    Example:

    >>> progress = ProgressLine("real images", 100, stream=sys.stdout)
    >>> progress.advance(100)
    >>> progress.close()  # doctest: +ELLIPSIS
    real images: 100 of 100, ... images/s
    """

    def __init__(
        self, title: str, total: int | None, enabled: bool = True, stream: TextIO | None = None, unit: str = "images"
    ):
        self._title = title
        self._total = total
        self.enabled = enabled
        self._stream = stream or sys.stderr
        self._unit = unit
        self._interval_seconds = 0.2 if self._stream.isatty() else 10.0
        self._start = self._shown = time.monotonic()
        self.count = 0

    def advance(self, count: int) -> None:
        """Advances the count by `count`."""
        self.count += count
        if self.enabled and time.monotonic() - self._shown > self._interval_seconds:
            self._shown = time.monotonic()
            self._write(last=False)

    def close(self) -> None:
        """Shows the final state."""
        if self.enabled and self.count:
            self._write(last=True)

    def _write(self, last: bool) -> None:
        rate = self.count / max(time.monotonic() - self._start, 1e-9)
        text = f"{printable(self._title)}: {self.count:,}"
        if self._total:
            text += f" of {self._total:,}"
        text += f", {rate:,.0f} {self._unit}/s"
        if self._total and not last:
            text += f", {max(self._total - self.count, 0) / rate:,.0f} s left"
        in_terminal = self._stream.isatty()
        self._stream.write(f"\r{text}\033[K" + ("\n" if last else "") if in_terminal else f"{text}\n")
        self._stream.flush()

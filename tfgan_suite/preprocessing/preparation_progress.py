"""Progress of a preparation on the terminal, read from the work directory: it needs nothing from the Beam runner."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tfgan_suite.foundation.terminal import say


class PreparationProgress:
    """Reports what happens, on standard error.

    On a terminal one line is rewritten twice a second; in a log a line is written every 15 seconds.

    Args:
        enabled: Boolean. Whether to report at all.
        units: String. The word for several examples.
    """

    def __init__(self, enabled: bool = True, units: str = "images"):
        self._enabled = enabled
        self._units = units
        self._in_place = sys.stderr.isatty()

    def say(self, text: str) -> None:
        if self._enabled:
            say(text, file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def watch_blocks(self, directory: Path, block_sizes: dict[int, int]) -> Iterator[None]:
        """Within the block, shows how many examples of finished blocks lie in the directory."""
        if not self._enabled:
            yield
            return
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(directory, block_sizes, stop), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _watch(self, directory: Path, block_sizes: dict[int, int], stop: threading.Event) -> None:
        started = time.monotonic()
        first = _count_examples(directory, block_sizes)
        total = sum(block_sizes.values())
        stopped = False
        while not stopped:
            stopped = stop.wait(0.5 if self._in_place else 15.0)
            done = _count_examples(directory, block_sizes)
            rate = (done - first) / max(time.monotonic() - started, 1e-3)
            left_seconds = f", {(total - done) / rate:.0f} s left" if rate and not stopped else ""
            line = f"  {done:,} of {total:,} {self._units}, {rate:,.0f} {self._units}/s{left_seconds}"
            print(
                f"\r{line:<78}" if self._in_place else line,
                end="" if self._in_place else "\n",
                file=sys.stderr,
                flush=True,
            )
        if self._in_place:
            print(file=sys.stderr, flush=True)


def _count_examples(directory: Path, block_sizes: dict[int, int]) -> int:
    finished = (int(path.stem) for path in directory.glob("*.json") if path.stem.isdigit())
    return sum(block_sizes.get(number, 0) for number in finished)

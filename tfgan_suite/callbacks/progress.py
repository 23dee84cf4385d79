"""Progress: one line a tick in the terminal, and a moving one in between."""

import sys
import time

import keras
import numpy as np

from tfgan_suite.foundation.durations import format_duration


class Progress(keras.callbacks.Callback):
    """Shows how many examples are done, examples per second, the time left, the model's `progress_labels`, and scores.

    On a terminal a bar moves within the tick; in a file there is one line a tick.

    Args:
        total_images: Integer. Examples at the end of training.
        stream: Where to write; by default the standard output at the time.
    """

    def __init__(self, total_images, stream=None):
        super().__init__()
        self.total_images = total_images
        self.stream = stream
        self._examples_seen_at_end = None

    def on_train_begin(self, logs=None):
        self._stream = self.stream or sys.stdout
        self._live = self._stream.isatty()
        self._clock = None
        self._last_drawn = 0.0
        examples_seen, unit = int(np.asarray(self.model.examples_seen)), self.model.spec.unit[1]
        if not examples_seen:
            self._stream.write("Building the graph of the training step ...\n")
        elif examples_seen != self._examples_seen_at_end:  # Else the next phase of the same training.
            self._stream.write(f"Resuming at {examples_seen:,} of {self.total_images:,} {unit}.\n")
        self._stream.flush()

    def on_train_end(self, logs=None):
        self._examples_seen_at_end = int(np.asarray(self.model.examples_seen))

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        if self._clock is None:  # The first step builds the graph.
            self._clock, self._clock_examples = now, int(np.asarray(self.model.examples_seen))
            self._rate = None
        elif self._live and now - self._last_drawn > 0.5:
            self._last_drawn = now
            self._stream.write("\r" + self._line(logs) + "\x1b[K")
            self._stream.flush()

    def on_epoch_end(self, epoch, logs=None):
        self._stream.write(("\r" if self._live else "") + self._line(logs) + ("\x1b[K\n" if self._live else "\n"))
        self._stream.flush()

    def _line(self, logs):
        examples_seen, unit = int(np.asarray(self.model.examples_seen)), self.model.spec.unit[1]
        elapsed = time.perf_counter() - self._clock
        rate = (examples_seen - self._clock_examples) / elapsed if elapsed > 0 else 0.0
        left = format_duration((self.total_images - examples_seen) / rate) if rate else "?"
        width = 20
        done = min(width, width * examples_seen // self.total_images)
        parts = [
            f"[{'=' * done}{'.' * (width - done)}] {examples_seen:>9,}/{self.total_images:,} {unit}",
            f"{rate:,.0f} {unit}/s",
            f"{left} left",
        ]
        logs = logs or {}
        parts += [
            f"{label} {float(logs[name]):.3f}" for label, name in self.model.progress_labels().items() if name in logs
        ]
        parts += [
            f"{name} {float(value):.2f}" for name, value in logs.items() if "distance" in name and "/" not in name
        ]
        return "  ".join(parts)

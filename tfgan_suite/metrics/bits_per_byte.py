"""Bits per byte of held-out text, each byte given the text before it."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import read_split
from tfgan_suite.data.prepared_set import PreparedSet
from tfgan_suite.data.sources.text_source import WindowName
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.foundation.progress_line import ProgressLine
from tfgan_suite.generative.abilities import WritesText, require
from tfgan_suite.metrics.protocol.generated_examples import origin_of
from tfgan_suite.metrics.protocol.model_metric import Measurement, ModelMetric
from tfgan_suite.metrics.protocol.real_examples import is_prepared
from tfgan_suite.metrics.protocol.score_rows import count_text
from tfgan_suite.metrics.protocol.scoring import Score
from tfgan_suite.metrics.protocol.subject import Subject

TRAINING_SPLIT = "train"
_WINDOWS_AT_A_TIME = 32


def held_out_split(info: DatasetInfo, asked: str = TRAINING_SPLIT) -> str:
    """The split that is scored: what is asked for, unless it is `"train"` and another one is there.

    Args:
        info: `DatasetInfo` of the data.
        asked: String. The split of `evaluate`.

    Raises:
        UserError: There is no such split.
    """
    info.split(asked)
    others = [name for name, one in info.splits.items() if name != TRAINING_SPLIT and one.num_examples]
    if asked != TRAINING_SPLIT or not others:
        return asked
    return "test" if "test" in others else others[0]


class ScoredWindow(NamedTuple):
    """A window to look at, and its stretch whose bytes are scored.

    Args:
        content: uint8 `[window_bytes]`. Text, with zeros behind it where it is shorter.
        begin: Integer. The first byte that is scored; those before it are its context.
        end: Integer. Behind the last one.
    """

    content: np.ndarray
    begin: int
    end: int


def sliding_windows(text: np.ndarray, scored: np.ndarray, window_bytes: int, stride: int) -> Iterator[ScoredWindow]:
    """Windows in which each byte that is to be scored is scored once, after as much of the text before it as there is room for.

    Windows go forward by `stride`: a byte has `window_bytes - stride` bytes of context or more, or all that lies before it.

    Args:
        text: uint8 `[bytes]`. A stretch of one document without gaps.
        scored: Boolean `[bytes]`. Which bytes are to be scored.
        window_bytes: Integer >= 2.
        stride: Integer in [1, window_bytes].

    Example:

    >>> windows = list(sliding_windows(np.arange(10, dtype="uint8"), np.arange(10) >= 5, 4, 2))
    >>> [(window.content.tolist(), window.begin, window.end) for window in windows]
    [([3, 4, 5, 6], 2, 4), ([5, 6, 7, 8], 2, 4), ([7, 8, 9, 0], 2, 3)]
    """
    place, (places,) = 0, np.nonzero(scored)
    while place < len(places):
        first = int(places[place])
        start = max(0, first - (window_bytes - stride))
        content = text[start : start + window_bytes]
        # All that lies in the window and follows without a gap.
        end = first
        while end < start + len(content) and scored[end]:
            end += 1
        yield ScoredWindow(np.pad(content, (0, window_bytes - len(content))), first - start, end - start)
        place += end - first


class BitsPerByte(ModelMetric):
    """The mean number of bits that a model needs for a byte of text that it was not trained on.

    Each byte is given real text before it, at least `window - stride` bytes, unless its document begins later than that: windows
    slide over the text. Context comes from the other splits as well, where it lies there, but is not scored. The row's standard
    deviation is the standard error of the mean over windows. For models that continue text.

    Args:
        split: String. The split to score. `None`: that of `evaluate`, and in the place of `"train"` `"test"` or the first other
            one; the training data themselves only if there is no other. The row's name says which.
        stride: Integer >= 1. Bytes from one window to the next, at most a window. `None` for half a window.

    Example:

    >>> rows = tg.evaluate("runs/moby", "data/moby", [BitsPerByte()])
    >>> rows["bits_per_byte_test_466"].value

    Reference: Press, Smith and Lewis 2020, "Shortformer", section 2 (sliding windows).
    """

    name = "bits_per_byte"
    direction = "lower"
    kinds = ("text",)
    std_over = "standard error"

    def __init__(self, split: str | None = None, stride: int | None = None):
        if stride is not None and not is_count(stride):
            raise UserError(f"`stride` must be an integer >= 1, or None. Received: stride={stride!r}")
        self._split = split
        self._stride = stride

    def check(self, subject: Subject) -> None:
        require(subject.model, WritesText, self.name)
        if not is_prepared(subject.data):
            raise UserError(
                f"{self.name} needs the text around each example: `data` must be a prepared directory. Received: "
                f"{subject.real.name!r}"
            )
        if subject.model.num_classes is not None:
            raise UserError(f"{self.name} is of models without classes. Received: {subject.model.num_classes} classes")
        window_bytes = subject.model.spec.shape[0]
        if self._stride is not None and self._stride > window_bytes:
            raise UserError(f"`stride` must be in [1, {window_bytes}], a window. Received: stride={self._stride}")
        self._split_of(subject)

    def _split_of(self, subject: Subject) -> str:
        info = PreparedSet.open(subject.data).info
        if self._split is not None:
            info.split(self._split)
            return self._split
        return held_out_split(info, subject.real.split)

    def measure(self, subject: Subject, seeds: Sequence[int], show_progress: bool) -> list[Measurement]:
        model, split = subject.model, self._split_of(subject)
        window_bytes = model.spec.shape[0]
        stride = self._stride or max(1, window_bytes // 2)
        stretches = list(_stretches(subject.data, split))
        num_bytes = sum(int(scored.sum()) for _, scored in stretches)
        progress = ProgressLine("held-out text", num_bytes, show_progress, unit="bytes")
        windows = [one for text, scored in stretches for one in sliding_windows(text, scored, window_bytes, stride)]
        bits, counts = [], []
        log_prob = tf.function(
            lambda examples: model.byte_log_prob(model.spec.to_model(examples)),
            input_signature=[tf.TensorSpec([None, window_bytes], tf.uint8)],
            autograph=False,
        )
        for first in range(0, len(windows), _WINDOWS_AT_A_TIME):
            part = windows[first : first + _WINDOWS_AT_A_TIME]
            nats = -log_prob(np.stack([one.content for one in part])).numpy().astype(np.float64)
            for row, one in zip(nats, part):
                bits.append(row[one.begin : one.end].sum() / math.log(2.0))
                counts.append(one.end - one.begin)
            progress.advance(sum(one.end - one.begin for one in part))
        progress.close()
        mean = sum(bits) / num_bytes
        if not math.isfinite(mean):
            raise UserError(f"{type(model).__name__} must give finite likelihoods. Received: NaN or infinity")
        errors = np.array(bits) - mean * np.array(counts)  # Of a ratio of two sums.
        error = math.sqrt(len(bits) / max(len(bits) - 1, 1) * np.sum(errors**2)) / num_bytes
        protocol = {
            "metric_settings": {"window_bytes": window_bytes, "stride": stride},
            "extractor": "model",
            "extractor_weights_sha256": None,
            "extractor_input_size": None,
            "extractor_resize": None,
            "num_fake": 0,
            "num_real": num_bytes,  # Bytes, not windows.
            "weights": model.weights_kind,
            "likelihood": "exact",
            "held_out_split": split,
        }
        # The model draws nothing: each seed would give the same.
        score = Score(float(mean), float(error))
        num_examples = PreparedSet.open(subject.data).info.split(split).num_examples
        name = f"{self.name}_{split}_{count_text(num_examples)}"
        return [Measurement(name, [score for _ in seeds], protocol, origin_of(model))]


def _stretches(data, split: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Text without gaps: uint8 `[bytes]`, and which of them belong to the split, boolean `[bytes]`.

    Where a window's predecessor lies in another split, it is taken along as context. Windows that were left out of the set, as
    copies of others, are gaps: what follows them has only the context behind the gap.
    """
    wanted: dict[str, dict[int, np.ndarray]] = {}
    for document, first_byte, content in _windows(data, split):
        wanted.setdefault(document, {})[first_byte] = content
    context: dict[str, dict[int, np.ndarray]] = {}
    for other in PreparedSet.open(data).info.splits:
        for document, first_byte, content in _windows(data, other) if other != split else ():
            if first_byte + len(content) in wanted.get(document, ()):
                context.setdefault(document, {})[first_byte] = content
    for document, windows in wanted.items():
        both = {**context.get(document, {}), **windows}
        texts, scored, end = [], [], None
        for first_byte in sorted(both):
            if end is None or first_byte > end:
                if any(map(np.any, scored)):
                    yield np.concatenate(texts), np.concatenate(scored)
                texts, scored, end = [], [], first_byte
            texts.append(both[first_byte][end - first_byte :])  # A document's last window may overlap the one before.
            scored.append(np.full(len(texts[-1]), first_byte in windows))
            end = first_byte + len(both[first_byte])
        if any(map(np.any, scored)):
            yield np.concatenate(texts), np.concatenate(scored)


def _windows(data, split: str) -> Iterator[tuple[str, int, np.ndarray]]:
    for examples, _, sources in read_split(data, split):
        for content, source in zip(examples, sources):
            try:
                place = WindowName.parse(source)
            except ValueError:
                raise UserError(
                    f"Examples must be named by document and first byte, as those of text files are. Received: {source!r}"
                ) from None
            yield *place, content

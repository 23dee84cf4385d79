"""Bits per byte: each held-out byte once, given the text before it, whichever split that lies in."""

import math

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.bits_per_byte import BitsPerByte, sliding_windows
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset

WINDOW = 8


@pytest.fixture(scope="module")
def text():
    words = np.random.default_rng(0).integers(97, 123, [60, 5], np.uint8)
    return b" ".join(map(bytes, words))[:203]


@pytest.fixture(scope="module")
def data(tmp_path_factory, text):
    directory = tmp_path_factory.mktemp("text")
    (directory / "book.txt").write_bytes(text)
    prepare_dataset(
        directory / "book.txt",
        directory / "set",
        window_bytes=WINDOW,
        splits={"train": 0.8, "test": 0.2},
        progress=False,
    )
    return directory / "set"


def make_model(scale=0.4):
    model = tg.TokenTransformer(tg.TextSpec((WINDOW,)), width=16, num_blocks=1, num_heads=2, seed=1)
    rng = np.random.default_rng(0)
    for variable in model.ema_network.variables:
        variable.assign(scale * rng.standard_normal(variable.shape).astype("float32"))
    return model


def test_windows_score_every_byte_once_with_context():
    rng = np.random.default_rng(0)
    for stride in (1, 3, 8):
        for density in (0.2, 0.9, 1.0):
            scored = rng.uniform(size=101) < density
            counts = np.zeros(101, int)
            for content, begin, end in sliding_windows(np.arange(101, dtype=np.uint8), scored, WINDOW, stride):
                start = int(content[0])
                known = content[: min(WINDOW, 101 - start)]
                np.testing.assert_array_equal(known, np.arange(start, start + len(known)))
                assert begin >= min(WINDOW - stride, start + begin) and begin < end <= WINDOW
                counts[start + begin : start + end] += 1
            np.testing.assert_array_equal(counts, scored)


def test_equals_a_pass_for_each_byte(data, text):
    model, stride = make_model(), 3
    rows = tg.evaluate(model, data, [BitsPerByte(stride=stride)], progress=False)
    row = rows["bits_per_byte_test_5"]
    begin = 203 - row.protocol["num_real"]
    bits = []
    for first in range(begin, 203, stride):  # The last windows of the training data are context.
        start = first - (WINDOW - stride)
        window = np.frombuffer(text[start : start + WINDOW].ljust(WINDOW, b"x"), np.uint8)[None]
        each = model.byte_log_prob(model.spec.to_model(window)).numpy()[0]
        bits += (-each[first - start : min(WINDOW, 203 - start)] / math.log(2.0)).tolist()
    assert len(bits) == row.protocol["num_real"] == 203 - 21 * WINDOW  # Those that begin in the first 80%.
    assert row.value == pytest.approx(np.mean(bits), rel=1e-5) and row.std > 0 and row.direction == "lower"
    assert row.protocol["metric_settings"] == {"window_bytes": WINDOW, "stride": stride}


def test_uniform_probabilities_are_eight_bits(data):
    model = make_model(0.0)
    (row,) = tg.evaluate(model, data, progress=False)  # What fits text by default.
    assert row.name == "bits_per_byte_test_5" and row.value == pytest.approx(8.0, abs=1e-6)
    assert row.std == pytest.approx(0.0, abs=1e-9)


def test_context_helps_a_model_that_uses_it(tmp_path):
    """A model of runs of one letter: without context the first byte of each window costs 8 bits."""
    (tmp_path / "runs.txt").write_bytes(b"".join(bytes([65 + n % 26]) * 97 for n in range(20)))
    prepare_dataset(tmp_path / "runs.txt", tmp_path / "set", window_bytes=WINDOW, progress=False, deduplicate=False)

    class Repeats(tg.TokenTransformer):
        def byte_log_prob(self, examples, labels=None):
            same = tf.pad(tf.equal(examples[:, 1:], examples[:, :-1]), [[0, 0], [1, 0]])
            return tf.where(same, math.log(0.5), -8 * math.log(2.0))

    model = Repeats(tg.TextSpec((WINDOW,)), width=8, num_blocks=1, num_heads=2)
    bits = {
        stride: tg.evaluate(model, tmp_path / "set", [BitsPerByte(stride=stride)], progress=False).rows[0].value
        for stride in (WINDOW, 4)
    }
    changes = 20  # Of letters, the first one included.
    assert bits[4] == pytest.approx(1 + 7 * changes / 1940, rel=1e-6)
    assert bits[WINDOW] > bits[4] + 0.7


def test_what_it_needs_is_said(data):
    model = make_model()
    with pytest.raises(UserError, match="`stride` must be an integer >= 1"):
        BitsPerByte(stride=0)
    with pytest.raises(UserError, match=r"`stride` must be in \[1, 8\], a window. Received: stride=9"):
        tg.evaluate(model, data, [BitsPerByte(stride=9)], progress=False)
    codes = tg.TokenTransformer({"shape": [8], "vocabulary_size": 4}, width=8, num_blocks=1, num_heads=2)
    with pytest.raises(UserError, match="The model makes sequences; the data holds texts"):
        tg.evaluate(codes, data, [BitsPerByte()], progress=False)
    row = tg.evaluate(model, data, [BitsPerByte()], split="train", progress=False).rows[0]
    assert row.name == "bits_per_byte_test_5"
    (row,) = tg.evaluate(model, data, [BitsPerByte("train")], progress=False)
    assert row.name == "bits_per_byte_train_21" and row.protocol["num_real"] == 21 * WINDOW

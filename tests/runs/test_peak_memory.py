"""What a step would take: closed forms of single graphs, and the prediction against real processes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.adversarial.test_gan import make_gan
from tfgan_suite.models.dcgan.dcgan import DCGAN
from tfgan_suite.runs.peak_memory import estimate_memory
from tfgan_suite.runs.tensor_lifetimes import count_operations, peak_bytes

ROOT = Path(__file__).parents[2]


def peak_of(function, *shapes, workers=1):
    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    return peak_bytes(tf.function(function).get_concrete_function(*specs).graph, workers)


def wide(x):
    return tf.tile(x, [10])


def test_a_tensor_lives_until_its_last_use():
    # 1000 numbers each: one after another, or three at once.
    assert peak_of(lambda x: tf.reduce_max(wide(x)), [100]) == 4000 + 4
    chain = peak_of(lambda x: tf.reduce_max(tf.reverse(tf.reverse(wide(x), [0]), [0])), [100])
    assert chain == 2 * 4000
    assert peak_of(lambda x: tf.reduce_max(tf.stack([wide(x), wide(x)])), [100]) == 4 * 4000


def test_views_and_sums_in_place_are_free():
    def function(x):
        wide_x = tf.reshape(tf.identity(wide(x)), [10, 100])
        return tf.reduce_max(tf.nn.relu(wide_x) + 1.0)

    assert peak_of(function, [100]) == 4000 + 4


def test_what_the_gradient_needs_is_kept():
    def function(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x
            for _ in range(5):
                y = tf.sin(y)
        return tape.gradient(y, x)

    # The inputs of the five sines, of which the first is the caller's, and what the gradient is made of.
    assert 6 * 4000 <= peak_of(function, [1000]) <= 9 * 4000


def test_branches_and_loops():
    def branches(x):
        return tf.cond(x[0] > 0, lambda: tf.reduce_max(wide(x)), lambda: tf.reduce_max(tf.tile(x, [30])))

    assert 12_000 <= peak_of(branches, [100]) <= 12_100

    def loop(x):
        def body(i, total):
            return i + 1, total + tf.reverse(wide(x), [0])

        return tf.while_loop(lambda i, total: i < 9, body, (0, tf.zeros([1000])), parallel_iterations=1)[1]

    # What the sum begins with, the sum handed on, the tile, and its reverse, over which the new sum is written: whatever
    # the number of turns.
    assert 4 * 4000 <= peak_of(loop, [100]) <= 4 * 4000 + 100


def test_functions_are_followed():
    inner = tf.function(lambda x: tf.reduce_max(wide(x)))
    graph = tf.function(lambda x: inner(x) + inner(x)).get_concrete_function(tf.TensorSpec([100])).graph
    assert 4000 <= peak_bytes(graph) <= 2 * 4100
    assert count_operations(graph) > len(graph.get_operations()) >= 4


def test_microbatches_take_what_a_slice_takes():
    def activations(batch_size, microbatch_size=None):
        gan = make_gan(microbatch_size=microbatch_size)
        return estimate_memory(gan, batch_size)["activations, gradients"]

    whole, sliced, small = activations(4096), activations(4096, 64), activations(64)
    assert whole > 60 * small
    # Besides the slice: the latents are drawn for the whole batch, several numbers at a time for each.
    latents = 4096 * 6 * 4
    assert small < sliced < small + 4 * latents


def test_half_the_bytes_in_bfloat16():
    def activations(dtype):
        gan = DCGAN(image_shape=(16, 16, 3), base_channels=8, dtype=dtype)
        gan.compile()
        return estimate_memory(gan, 64)["activations, gradients"]

    assert 0.4 * activations("float32") < activations("mixed_bfloat16") < 0.65 * activations("float32")


def run_benchmark(*arguments):
    command = [sys.executable, str(ROOT / "benchmarks" / "memory.py"), *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("case", ["dcgan_64_batch_32", "progan_64_batch_32", "biggan_32_batch_64_microbatch_8"])
def test_the_prediction_is_within_a_fifth_of_what_is_measured(case):
    predicted = sum(run_benchmark("--predict", case).values())
    measured = run_benchmark("--measure", case)["measured"]
    assert np.isclose(predicted, measured, rtol=0.2), f"predicted {predicted / 1e6:.0f} MB, was {measured / 1e6:.0f} MB"

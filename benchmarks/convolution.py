"""Time of small convolutions: TensorFlow's operations, compared to the matrix products in `layers/convolve.py`.

For each shape, the convolution, its transpose, and the gradient of its kernel are timed in turns. Prints medians.

    python benchmarks/convolution.py --threads 1
"""

import argparse
import os
import platform
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Name, batch size, size of the larger image, kernel, strides, padding, channels of the larger and the smaller image.
SHAPES = [
    ("DCGAN 8 -> 4", 32, 8, 4, 2, "SAME", 256, 512),
    ("DCGAN 16 -> 8", 32, 16, 4, 2, "SAME", 128, 256),
    ("3x3 at 4", 8, 4, 3, 1, "SAME", 512, 512),
    ("3x3 at 4", 16, 4, 3, 1, "SAME", 512, 512),
    ("3x3 at 4", 64, 4, 3, 1, "SAME", 512, 512),
    ("3x3 at 8", 8, 8, 3, 1, "SAME", 256, 256),
    ("3x3 at 8", 8, 8, 3, 1, "SAME", 512, 512),
    ("3x3 9 -> 4", 8, 9, 3, 2, "VALID", 256, 512),
    ("3x3 17 -> 8", 8, 17, 3, 2, "VALID", 128, 256),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=11)
    arguments = parser.parse_args()

    import tensorflow as tf

    from tfgan_suite.layers import convolve

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    print(f"{platform.machine()}, {arguments.threads} threads, float32; milliseconds, TensorFlow's -> ours (ratio)")
    print(f"{'':16}{'batch':>6}{'convolution':>24}{'transpose':>24}{'kernel gradient':>24}")
    for name, batch_size, size, taps, strides, padding, large_channels, small_channels in SHAPES:
        geometry = convolve._Geometry((size, size), (taps, taps), strides, padding)
        images = tf.random.stateless_normal([batch_size, size, size, large_channels], [0, 0])
        small_images = tf.random.stateless_normal([batch_size, *geometry.small_size, small_channels], [0, 1])
        kernel = tf.random.stateless_normal([taps, taps, large_channels, small_channels], [0, 2])
        cells = []
        for pair in pairs_of(geometry):
            theirs, ours = in_turns(map(tf.function, pair), (images, small_images, kernel), arguments.rounds)
            cells.append(f"{theirs:.1f} -> {ours:.1f} ({theirs / ours:.2f})")
        print(f"{name:16}{batch_size:6}" + "".join(f"{cell:>24}" for cell in cells), flush=True)


def pairs_of(geometry):
    """Returns pairs (TensorFlow's, ours) of functions for the convolution, its transpose, and its kernel's gradient.

    All functions take images, images of the smaller size, and a kernel.
    """
    import tensorflow as tf

    from tfgan_suite.layers import convolve

    strides, padding = geometry.strides, geometry.padding
    return [
        (lambda x, s, k: tf.nn.conv2d(x, k, strides, padding), lambda x, s, k: convolve._forward(x, k, geometry)),
        (
            lambda x, s, k: tf.nn.conv2d_transpose(s, k, x.shape, strides, padding),
            lambda x, s, k: convolve._transpose(s, k, geometry),
        ),
        (
            lambda x, s, k: tf.raw_ops.Conv2DBackpropFilter(
                input=x, filter_sizes=k.shape, out_backprop=s, strides=[1, strides, strides, 1], padding=padding
            ),
            lambda x, s, k: convolve._kernel_gradient(x, s, geometry),
        ),
    ]


def in_turns(functions, inputs, rounds):
    functions = list(functions)
    milliseconds = [[] for _ in functions]
    for round_index in range(rounds + 2):
        for function, values in zip(functions, milliseconds):
            begin = time.perf_counter()
            function(*inputs)
            if round_index >= 2:
                values.append((time.perf_counter() - begin) * 1e3)
    return [statistics.median(values) for values in milliseconds]


if __name__ == "__main__":
    main()

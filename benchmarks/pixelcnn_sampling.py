"""Time of sampling from PixelCNN: with caches, compared to a pass of the whole network for each pixel.

The naive loop takes minutes, so `--pixels` of it are timed and the time of all is worked out. Prints process seconds, after
both have been traced, and the largest difference of the two at these pixels, with the same noise.

    python benchmarks/pixelcnn_sampling.py --batch-size 16 --threads 1
"""

import argparse
import os
import platform
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="pixelcnn_digits_28")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--pixels", type=int, default=28, help="of the naive loop")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    import tfgan_suite as tg
    from tfgan_suite.likelihood.noise import ExampleNoise
    from tfgan_suite.models.pixelcnn.cached_sampling import draw_noise, sample_pixel, sample_with_caches

    model = tg.PixelCNN.from_preset(arguments.preset)
    height, width, channels = model.spec.shape
    seeds = tf.random.stateless_uniform([arguments.batch_size, 2], [0, 1], None, None, tf.int32)
    levels = tf.random.stateless_uniform([arguments.batch_size, height, width, channels], [0, 2], 0, 256, tf.int32)
    model.initialize_from_data(levels)
    noise = draw_noise(model.distribution, model.spec.shape, ExampleNoise(seeds))

    def draw_pixel(parameters, drawn):
        return sample_pixel(model.distribution, parameters, channels, None, drawn)

    network = model.ema_network
    cached = tf.function(lambda noise: sample_with_caches(network, None, draw_pixel, noise), autograph=False)
    begin = time.process_time()
    images = cached(noise)
    traced = time.process_time() - begin
    cached_seconds = min(process_seconds(lambda: cached(noise)) for _ in range(arguments.rounds))

    run = tf.function(lambda images: network(images), autograph=False)
    naive = tf.Variable(tf.zeros_like(images))
    run(naive)

    def loop():
        for pixel in range(arguments.pixels):
            row, column = divmod(pixel, width)
            drawn = {name: values[:, row, column] for name, values in noise.items()}
            naive[:, row, column].assign(draw_pixel(run(naive)[:, row, column], drawn))

    naive_seconds = process_seconds(loop) * height * width / arguments.pixels
    # Pixels that the loop has drawn, in raster order.
    flat = [tf.reshape(one, [arguments.batch_size, -1, channels])[:, : arguments.pixels] for one in (naive, images)]
    difference = float(tf.reduce_max(tf.abs(flat[0] - flat[1])))
    print(
        f"{platform.machine()}, {arguments.threads} threads, {arguments.batch_size} images of {height}x{width}x{channels}"
    )
    print(f"naive {naive_seconds:.1f} s, cached {cached_seconds:.2f} s, ratio {naive_seconds / cached_seconds:.0f}")
    print(f"first call {traced:.1f} s; largest difference {difference:.1e}")


def process_seconds(function):
    begin = time.process_time()
    function()
    return time.process_time() - begin


if __name__ == "__main__":
    main()

"""Processor seconds of the scores of 10,000 images, compared to those of the network that extracts the features.

Features are random. The network is timed on some images, and its time is scaled to all. Processor time includes all
threads and is hardly affected by other load on the machine. NumPy uses one thread, because several threads wait for
each other by spinning.

    python benchmarks/metrics.py
    python benchmarks/metrics.py --rows 50000 --only inception
"""

import argparse
import os
import platform
import resource
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000, help="number of real images, and of generated images")
    parser.add_argument("--images", type=int, default=64, help="number of images to time the network on")
    parser.add_argument("--only", choices=["efficientnet-lite0", "inception"], help="measure only one of the networks")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} processors, {arguments.rows} x 2 images; processor seconds")
    for name, make_extractor in (("efficientnet-lite0", efficientnet), ("inception", inception)):
        if arguments.only in (None, name):
            report(name, make_extractor(), arguments.rows, arguments.images)
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


def report(name, extractor, rows, num_images):
    of_fakes = extractor_seconds(extractor, num_images) * rows
    print(f"\n{name}: {extractor.num_features} features, {of_fakes:.0f} s for {rows} images")
    print(f"{'score':44}{'seconds':>10}{'relative to network':>24}")
    generator = np.random.default_rng(0)
    real, fake = (generator.normal(size=(rows, extractor.num_features)).astype(np.float32) for _ in range(2))
    logits = generator.normal(size=(rows, 1000)).astype(np.float32)
    default = 0.0
    for score, metric in scores():
        seconds = metric_seconds(metric, real, fake, logits)
        print(f"{score:44}{seconds:10.1f}{100 * seconds / of_fakes:23.1f}%", flush=True)
        if metric.name in ("frechet_distance", "kernel_distance", "inception_score"):
            default += seconds
    print(
        f"{'the three scores of evaluate, and the network':46}{of_fakes + default:8.1f}{1 + default / of_fakes:23.3f}x"
    )


def scores():
    from tfgan_suite import metrics

    yield "Frechet distance", metrics.FrechetDistance()
    yield "kernel distance, 100 subsets of 1,000", metrics.KernelDistance()
    yield "Inception Score", metrics.InceptionScore()
    yield "precision and recall, k = 3", metrics.PrecisionRecall()
    yield "density and coverage, k = 5", metrics.DensityCoverage()
    yield "100 different bins", metrics.NumberOfDifferentBins()


def metric_seconds(metric, real, fake, logits):
    """Returns the cost of a score per evaluation, excluding the statistics of the real images, which are cached."""
    from tfgan_suite.metrics import Activations
    from tfgan_suite.metrics.numerics.blas_threads import one_blas_thread

    batches = [slice(start, start + 64) for start in range(0, len(real), 64)]
    if metric.needs_real:
        for rows in batches:
            metric.update_real(Activations(real[rows], logits[rows]))
        kept = metric.real_arrays()
        metric = metric.fresh()
        metric.set_real_arrays(kept)
    with one_blas_thread():
        start = time.process_time()
        for rows in batches:
            metric.update_fake(Activations(fake[rows], logits[rows]))
        metric.results()
        return time.process_time() - start


def extractor_seconds(extractor, num_images):
    """Returns the seconds per color image of 64 x 64 pixels, including the resize."""
    images = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3), np.uint8)
    extractor(images)
    start = time.process_time()
    rounds = max(num_images // len(images), 1)
    for _ in range(rounds):
        extractor(images)[0].numpy()
    return (time.process_time() - start) / (rounds * len(images))


def efficientnet():
    from tfgan_suite.metrics import EfficientNetLite0

    return EfficientNetLite0()


def inception():
    """Returns a network of Inception's size with random weights, which do not affect the time."""
    import keras

    from tfgan_suite.metrics import FeatureExtractor

    network = keras.applications.InceptionV3(weights=None, include_top=False, pooling="avg", input_shape=(299, 299, 3))
    return FeatureExtractor(network, name="inception-v3-random")


if __name__ == "__main__":
    main()

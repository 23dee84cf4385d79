"""Does the training step ever wait for images?

Reads a prepared dataset with `load_dataset` and measures two things: how many images per second it delivers when
nothing else is running, and the fraction of its time that a step of a given duration spends waiting. The step computes
matrix products on the same cores, as a training step on a CPU would, and is first timed on its own.

    python benchmarks/input_pipeline.py                                  # 5,000 temporary noise images of 64 x 64
    pixels python benchmarks/input_pipeline.py --directory data/digits --batch-size 64 --step-ms 50 100 400
"""

import argparse
import os
import platform
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import load_dataset

LIMIT = 0.05


def main() -> None:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.directory or make_noise(temporary, arguments)
        info = DatasetInfo.load(directory)
        print_facts(info, arguments)
        rows = [measure(directory, arguments, cache) for cache in (True, False)]
        print_table(rows, arguments)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", help="prepared dataset (default: noise images in a temporary directory)")
    parser.add_argument("--split", default="train")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument(
        "--step-ms", type=float, nargs="+", default=[50.0, 100.0, 300.0], help="durations of a step to try"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="duration of each measurement")
    parser.add_argument("--image-size", type=int, default=64, help="size of the noise images")
    parser.add_argument("--encoding", default="png", help="encoding of the noise images")
    return parser.parse_args()


def make_noise(directory: str, arguments: argparse.Namespace) -> str:
    from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset

    rng = np.random.default_rng(0)
    size = arguments.image_size
    images = rng.integers(0, 256, [5000, size, size, 3], np.uint8)  # Incompressible, the worst case for decoding.
    prepare_dataset(images, directory, encoding=arguments.encoding, progress=False)
    return directory


def print_facts(info: DatasetInfo, arguments: argparse.Namespace) -> None:
    split = info.split(arguments.split)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, load average {load}, GPUs: {len(tf.config.list_physical_devices('GPU'))}"
    )
    print(f"TensorFlow {tf.__version__}, Python {platform.python_version()}")
    print(
        f"{info.name}: {split.num_examples:,} images {info.image_shape}, {info.spec.encoding} {info.compression}, batch {arguments.batch_size}\n"
    )


def measure(directory: str, arguments: argparse.Namespace, cache: bool) -> dict:
    _, dataset = load_dataset(directory, arguments.split, arguments.batch_size, cache=cache, horizontal_flip=True)
    iterator = iter(dataset)
    for _ in range(10):
        next(iterator)
    row = {"path": "memory" if cache else "disk"}
    row["images_per_second"], row["images_per_cpu_second"] = read_alone(iterator, arguments)
    row["waits"] = [share_of_waiting(iterator, step_ms / 1000, arguments.seconds) for step_ms in arguments.step_ms]
    return row


def read_alone(iterator, arguments: argparse.Namespace) -> tuple[float, float]:
    batches, started, cpu_started = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - started < arguments.seconds:
        next(iterator)
        batches += 1
    images = batches * arguments.batch_size
    return images / (time.perf_counter() - started), images / (time.process_time() - cpu_started)


def share_of_waiting(iterator, step_seconds: float, seconds: float) -> float:
    """Returns the fraction of the total time that is spent in `next`."""
    compute = make_step(step_seconds)
    waits, started = [], time.perf_counter()
    while time.perf_counter() - started < seconds or len(waits) < 5:
        before = time.perf_counter()
        next(iterator)
        waits.append(time.perf_counter() - before)
        compute()
    return sum(waits) / (time.perf_counter() - started)


def make_step(step_seconds: float):
    """Returns a function that keeps the cores busy for about the given time."""
    matrix = tf.random.stateless_normal([512, 512], [0, 0])

    @tf.function
    def work(repeats):
        result = matrix
        for _ in tf.range(repeats):
            result = tf.linalg.l2_normalize(matrix @ result)
        return tf.reduce_sum(result)

    def timed(repeats: int) -> float:
        started = time.perf_counter()
        work(tf.constant(repeats)).numpy()
        return time.perf_counter() - started

    timed(5)
    per_repeat = statistics.median(timed(20) for _ in range(5)) / 20
    repeats = tf.constant(max(1, round(step_seconds / per_repeat)))
    return lambda: work(repeats).numpy()


def print_table(rows: list[dict], arguments: argparse.Namespace) -> None:
    steps = "".join(f" {f'wait at {step_ms:g} ms':>17}" for step_ms in arguments.step_ms)
    print(f"{'read from':<10} {'images/s':>10} {'images/CPU-s':>13}{steps}")
    for row in rows:
        waits = "".join(f" {wait:>16.2%} " for wait in row["waits"])
        print(f"{row['path']:<10} {row['images_per_second']:>10,.0f} {row['images_per_cpu_second']:>13,.0f}{waits}")
    worst = max(wait for row in rows for wait in row["waits"])
    print(f"\nLongest wait {worst:.2%} of the time: {'within' if worst < LIMIT else 'ABOVE'} the limit of {LIMIT:.0%}.")


if __name__ == "__main__":
    main()

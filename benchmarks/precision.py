"""Does lower precision reduce quality? Frechet distances of the same small runs in float32, bfloat16, and float16.

Fails if the mean in bfloat16 or float16 is more than a quarter worse than in float32.

    tfgan-suite prepare digits data/digits
    python benchmarks/precision.py data/digits
    python benchmarks/precision.py data/digits --preset biggan_digits_32 --images 50,000
    python benchmarks/precision.py data/digits --set base_channels=8    # a CPU computes float16 very slowly
"""

import argparse
import statistics
import tempfile
import time

from tfgan_suite.commands.arguments import assignment, positive_int
from tfgan_suite.foundation.choices import PRECISIONS
from tfgan_suite.runs.train import train
from tfgan_suite.runs.train_config import TrainConfig

LARGEST_RATIO = 1.25


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="prepared dataset")
    parser.add_argument("--preset", default="dcgan_digits_32")
    parser.add_argument("--set", dest="model", type=assignment, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--images", type=positive_int, default=100_000, help="number of training images per run")
    parser.add_argument("--score-images", type=positive_int, default=2_000)
    parser.add_argument(
        "--seeds", type=positive_int, default=3, help="number of runs in each precision (small runs vary considerably)"
    )
    arguments = parser.parse_args()
    means = {}
    print(f"{arguments.preset} {dict(arguments.model)}, {arguments.images:,} images\n")
    print("| precision | Frechet distance, mean | by seed | seconds |\n| --- | --- | --- | --- |")
    for precision in PRECISIONS:
        begin = time.perf_counter()
        distances = [score(arguments, precision, seed) for seed in range(arguments.seeds)]
        means[precision] = statistics.mean(distances)
        each = ", ".join(f"{distance:.1f}" for distance in distances)
        print(f"| {precision} | {means[precision]:.1f} | {each} | {time.perf_counter() - begin:.0f} |", flush=True)
    worst = max(means, key=means.get)
    if means[worst] > LARGEST_RATIO * means["float32"]:
        raise SystemExit(f"The Frechet distance in {worst} is more than {LARGEST_RATIO:.2f} times that in float32.")


def score(arguments, precision, seed):
    """Trains in a temporary directory and returns the Frechet distance."""
    with tempfile.TemporaryDirectory() as directory:
        config = TrainConfig(
            data_dir=arguments.data,
            run_dir=directory,
            preset=arguments.preset,
            model=dict(arguments.model),
            total_images=arguments.images,
            score_images=arguments.score_images,
            precision=precision,
            seed=seed,
            on_collapse="off",
            on_instability="off",
        )
        rows = train(config, progress=False).evaluation.rows
    return next(row.value for row in rows if row.name.startswith("frechet_distance"))


if __name__ == "__main__":
    main()

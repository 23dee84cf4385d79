"""Whether lower precision costs quality: the same small run in float32, bfloat16 and float16, by its Frechet distance.

Fails if one of the others is more than a quarter worse than float32.

    tfgan-suite prepare digits data/digits
    python benchmarks/precision.py data/digits
    python benchmarks/precision.py data/digits --preset biggan_digits_32 --images 50,000
    python benchmarks/precision.py data/digits --set base_channels=8    # a CPU computes float16 very slowly
"""

import argparse
import tempfile
import time
from pathlib import Path

from tfgan_suite.commands.arguments import assignment, positive_int
from tfgan_suite.config import PRECISIONS, TrainConfig
from tfgan_suite.training import train

LARGEST_RATIO = 1.25


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a prepared set")
    parser.add_argument("--preset", default="dcgan_digits_32")
    parser.add_argument("--set", dest="model", type=assignment, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--images", type=positive_int, default=100_000, help="to train on")
    parser.add_argument("--score-images", type=positive_int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    distances = {}
    print(
        f"{arguments.preset} {dict(arguments.model)}, {arguments.images:,} images\n\n| precision | Frechet distance | seconds |\n| --- | --- | --- |"
    )
    with tempfile.TemporaryDirectory() as directory:
        for precision in PRECISIONS:
            begin = time.perf_counter()
            result = train(
                TrainConfig(
                    data_dir=arguments.data,
                    run_dir=str(Path(directory) / precision),
                    preset=arguments.preset,
                    model=dict(arguments.model),
                    total_images=arguments.images,
                    score_images=arguments.score_images,
                    precision=precision,
                    seed=arguments.seed,
                    on_collapse="off",
                ),
                progress=False,
            )
            name = f"frechet_distance_{arguments.score_images // 1000}k"
            distances[precision] = next(row.value for row in result.evaluation.rows if row.name == name)
            print(f"| {precision} | {distances[precision]:.1f} | {time.perf_counter() - begin:.0f} |", flush=True)
    worst = max(distances, key=distances.get)
    if distances[worst] > LARGEST_RATIO * distances["float32"]:
        raise SystemExit(f"{worst} is more than {LARGEST_RATIO:.2f} times as far from the real images as float32.")


if __name__ == "__main__":
    main()

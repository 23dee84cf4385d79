"""The cost of an image in each phase of a growing ProGAN, and whether growing pays off.

Compares the scores of a run that grew with those of a run at full size from the start, over processor time.

    python benchmarks/growing.py --preset progan_avatars_64
    python benchmarks/growing.py --preset progan_avatars_64 --grown runs/grown --full-size runs/full_size --chart
    growing.svg

Times are processor seconds of the training step only, on random images and one thread, so that other load on the
machine has little effect. Scoring and sample images are not included. The runs must have been scored during training
(`--score-every-ticks`).
"""

import argparse
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
import turns

from tfgan_suite.drawing.line_chart import line_chart, standalone
from tfgan_suite.foundation.history import read_history
from tfgan_suite.runs.recipe import all_presets


def seconds_an_image(gan, phase, image_channels, steps):
    """Returns the mean over `steps` steps, because steps with a lazy penalty cost more than others."""
    gan.begin_phase(phase)
    step = turns.fit_step(gan, phase.batch_size, (phase.size, phase.size, image_channels), gan.num_classes)
    for _ in range(5):  # Builds the graph and runs each kind of step once.
        step()
    begin = time.process_time()
    for _ in range(steps):
        step()
    return (time.process_time() - begin) / steps / phase.batch_size


def scores_over_minutes(run_dir, images, minutes):
    """Returns `(core minutes, score)` for each score of a run whose first `images[i]` images take `minutes[i]`."""
    return [
        (float(np.interp(row["examples_seen"], images, minutes)), value)
        for row in read_history(Path(run_dir) / "history.jsonl")
        for name, value in row.items()
        if name.startswith("frechet_distance")
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="progan_avatars_64")
    parser.add_argument(
        "--steps",
        type=int,
        default=48,
        help="number of steps to time in each phase, a multiple of the penalties' intervals",
    )
    parser.add_argument("--grown", metavar="RUN", help="run with this preset")
    parser.add_argument("--full-size", metavar="RUN", help="run whose schedule starts at the full size (first_size)")
    parser.add_argument("--chart", metavar="FILE", help=".svg file to write")
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    gan = all_presets()[args.preset].from_preset(args.preset)
    gan.compile()
    *size, channels = gan.image_shape
    images, minutes = [0], [0.0]
    print("| images from | to | size | ms per image | core minutes | in total |")
    print("| --- | --- | --- | --- | --- | --- |")
    for phase in gan.schedule.phases(size[0]):
        seconds = seconds_an_image(gan, phase, channels, args.steps)
        images.append(phase.end_image)
        minutes.append(minutes[-1] + seconds * (phase.end_image - phase.first_image) / 60)
        print(
            f"| {phase.first_image:,} | {phase.end_image:,} | {phase.size} | {seconds * 1e3:.1f} "
            f"| {minutes[-1] - minutes[-2]:.1f} | {minutes[-1]:.1f} |",
            flush=True,
        )
    same_time = minutes[-1] * 60 / seconds
    print(f"At full size from the start, the same time suffices for {same_time:,.0f} images.")
    if args.grown and args.full_size:
        series = {
            "grown": scores_over_minutes(args.grown, images, minutes),
            "full size from the start": scores_over_minutes(args.full_size, [0, same_time], [0, minutes[-1]]),
        }
        for name, points in series.items():
            print(f"{name}: " + ", ".join(f"{score:.0f} after {minute:.0f}" for minute, score in points))
        if args.chart:
            chart = line_chart(series, title=args.preset, x_label="minutes of one core", y_label="Frechet distance")
            Path(args.chart).write_text(standalone(chart), encoding="utf-8")


if __name__ == "__main__":
    main()

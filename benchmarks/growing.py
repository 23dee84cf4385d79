"""What the images of each phase of a growing ProGAN cost, and what the same time buys at full size from the start.

    python benchmarks/growing.py --preset progan_avatars_64

Processor seconds of the step alone on random images, so that a busy machine counts little; scores and pictures not included.
"""

import argparse
import time

import tensorflow as tf
import turns

from tfgan_suite.training import all_presets


def seconds_an_image(gan, phase, image_channels, steps):
    """The mean over `steps` steps: those with a lazy penalty are dearer than others."""
    gan.begin_phase(phase)
    step = turns.fit_step(gan, phase.batch_size, (phase.size, phase.size, image_channels), gan.num_classes)
    for _ in range(5):  # The first ones build the graph, and each kind of step runs once.
        step()
    begin = time.process_time()
    for _ in range(steps):
        step()
    return (time.process_time() - begin) / steps / phase.batch_size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="progan_avatars_64")
    parser.add_argument(
        "--steps", type=int, default=48, help="timed in each phase; a multiple of the penalties' intervals"
    )
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    gan = all_presets()[args.preset].from_preset(args.preset)
    gan.compile()
    *size, channels = gan.image_shape
    phases = gan.schedule.phases(size[0])
    print("| images from | to | size | ms an image | core minutes | in all |")
    print("| --- | --- | --- | --- | --- | --- |")
    total, of_image = 0.0, 0.0
    for phase in phases:
        of_image = seconds_an_image(gan, phase, channels, args.steps)
        minutes = of_image * (phase.end_image - phase.first_image) / 60
        total += minutes
        print(
            f"| {phase.first_image:,} | {phase.end_image:,} | {phase.size} | {of_image * 1e3:.1f} | {minutes:.1f} | {total:.1f} |",
            flush=True,
        )
    print(f"At full size from the start the same time is enough for {total * 60 / of_image:,.0f} images.")


if __name__ == "__main__":
    main()

"""What the collapse monitor reports for a healthy run, and for two runs that collapse.

    tfgan-suite prepare digits data/digits
    python benchmarks/collapse.py data/digits --chart docs/images/collapse.svg

Small DCGANs on digits of 16 x 16 pixels. `healthy` is trained as in the paper. In `collapses`, the learning rate of the
generator is 250 times that of the discriminator from the start; in `collapses later`, from the middle of the run.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import tfgan_suite as tg
from tfgan_suite.callbacks import CollapseMonitor
from tfgan_suite.drawing.line_chart import line_chart, standalone

BATCH_SIZE = 32
TICK_IMAGES = 2560
COLLAPSING_RATES = {"generator": 5e-3, "discriminator": 2e-5}


class ChangeRates(keras.callbacks.Callback):
    """Changes the learning rates after a given number of images."""

    def __init__(self, from_images, rates):
        super().__init__()
        self.from_images = from_images
        self.rates = rates

    def on_epoch_begin(self, epoch, logs=None):
        if int(self.model.examples_seen.numpy()) >= self.from_images:
            for network, rate in self.rates.items():
                getattr(self.model, f"{network}_optimizer").learning_rate = rate


def read_images(directory):
    """Reads all images, uint8 `[count, 16, 16, 1]`, in random order."""
    _, dataset = tg.load_dataset(directory, batch_size=256, repeat=False, drop_remainder=False)
    images = tf.concat([tf.nn.avg_pool2d(images, images.shape[1] // 16, images.shape[1] // 16, "VALID")
                        for images, _ in dataset], axis=0)  # fmt: skip
    return tg.to_uint8(images).numpy()


def run(name, images, total_images, change_at):
    """Trains a model and returns the measured diversity as a list of `(images seen, value)`."""
    training, held_out = images[:-500], images[-500:]
    gan = tg.DCGAN(image_shape=images.shape[1:], base_channels=8, kernel_size=4, seed=0)
    gan.compile(steps_per_execution=10)
    monitor = CollapseMonitor(training[:2000], held_out_images=held_out, every_images=TICK_IMAGES)
    dataset = tf.data.Dataset.from_tensor_slices(training).shuffle(len(training), seed=0).repeat().batch(BATCH_SIZE)
    print(f"{name}:")
    history = gan.fit(
        dataset.map(tg.to_float),
        steps_per_epoch=TICK_IMAGES // BATCH_SIZE,
        epochs=total_images // TICK_IMAGES,
        callbacks=[ChangeRates(change_at, COLLAPSING_RATES), monitor],
        verbose=0,
    ).history
    rows = [history[f"collapse/{measure}"] for measure in ("diversity", "modes", "nearest_training")]
    rows.append(history["overfitting/real_above_fake"])
    for tick in range(3, len(rows[0]), 4):
        values = ", ".join(f"{row[tick]:.2f}" for row in rows)
        print(f"  {(tick + 1) * TICK_IMAGES:>7,} images: diversity, modes, nearest training, real above fake: {values}")
    if not monitor.alerts:
        print("  no alerts")
    return [((tick + 1) * TICK_IMAGES, value) for tick, value in enumerate(rows[0])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="prepared dataset of grayscale images of 16 x 16 pixels or a multiple")
    parser.add_argument("--images", type=int, default=102_400, help="number of training images per run")
    parser.add_argument("--chart", help="file for a chart of the curves, NAME.svg")
    arguments = parser.parse_args()
    images = read_images(arguments.data)
    changes = {"healthy": np.inf, "collapses": 0, "collapses later": arguments.images // 2}
    curves = {name: run(name, images, arguments.images, change_at) for name, change_at in changes.items()}
    if arguments.chart:
        chart = line_chart(curves, title="Diversity of the samples", x_label="images trained on",
                           y_label="relative to real images")  # fmt: skip
        Path(arguments.chart).write_text(standalone(chart), encoding="utf-8")


if __name__ == "__main__":
    main()

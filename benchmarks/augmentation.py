"""Do generated images help a classifier that has few real ones? Accuracy with and without them, with error bars.

    tfgan-suite prepare digits data/digits
    tfgan-suite generate saved_models/digits data/generated_digits --count 5000
    python benchmarks/augmentation.py --data data/digits --generated data/generated_digits

In each repeat, other real images are chosen to train on, and all the rest of the set is the test. The classifier, its steps and
its distortions of the images are those of `classification_accuracy`, the same however many images there are.
"""

import argparse
import math
import statistics

import numpy as np

import tfgan_suite as tg


def read_images(directory):
    """uint8 `[count, height, width, channels]` and int32 `[count]` of a prepared set."""
    _, dataset = tg.load_dataset(
        directory, batch_size=256, shuffle=False, repeat=False, drop_remainder=False, cache=False
    )
    batches = [(tg.to_uint8(images).numpy(), labels.numpy()) for images, labels in dataset]
    return tuple(np.concatenate(column) for column in zip(*batches))


def choose(labels, per_class, seed):
    """Row numbers of `per_class` images of each class."""
    order = np.random.default_rng(seed).permutation(len(labels))
    return np.concatenate([order[labels[order] == label][:per_class] for label in np.unique(labels)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--generated", required=True)
    parser.add_argument("--real-per-class", type=int, default=100)
    parser.add_argument("--generated-per-class", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    images, labels = read_images(args.data)
    fakes, fake_labels = read_images(args.generated)
    accuracies = {"real": [], "real and generated": [], "generated": []}
    for seed in range(args.repeats):
        real = choose(labels, args.real_per_class, seed)
        test = np.setdiff1d(np.arange(len(labels)), real)
        fake = choose(fake_labels, args.generated_per_class, seed)
        training = {
            "real": (images[real], labels[real]),
            "real and generated": (
                np.concatenate([images[real], fakes[fake]]),
                np.concatenate([labels[real], fake_labels[fake]]),
            ),
            "generated": (fakes[fake], fake_labels[fake]),
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
    print(f"gain by generated images, seed by seed: {100 * statistics.mean(gains):+.2f} +- {100 * error:.2f} points")


if __name__ == "__main__":
    main()

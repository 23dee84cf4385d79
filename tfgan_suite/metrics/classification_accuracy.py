"""Classification accuracy score: what a classifier learns from generated images alone."""

import os

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.progress_line import ProgressLine
from tfgan_suite.metrics.features import small_classifier
from tfgan_suite.metrics.features.resize import BICUBIC_DESCRIPTION, resize_bicubic
from tfgan_suite.metrics.numerics.feature_checks import check_images, check_labels
from tfgan_suite.metrics.protocol.generated_images import GeneratedImages
from tfgan_suite.metrics.protocol.real_images import RealImages
from tfgan_suite.metrics.protocol.results import Evaluation
from tfgan_suite.metrics.protocol.score_rows import count_text, deliver, make_row
from tfgan_suite.metrics.protocol.scoring import Score

NAME = "classification_accuracy"


def classification_accuracy(
    train_images: np.ndarray,
    train_labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    *,
    seed: int = 0,
    title: str = "training a classifier",
    progress: bool = False,
) -> tuple[float, dict[int, dict[str, float]]]:
    """Trains a small classifier on some images and says how many others it reads rightly.

    With generated images to train on and real ones to test on this is the classification accuracy score: whatever of
    the real variety the generator lacks, the classifier has not seen. It is trained on 32 x 32 pixels for 1,200 steps
    of 64 images (slightly shifted, turned and scaled), whatever the number of images.

    Args:
        train_images: uint8 [count, height, width, 1 or 3].
        train_labels: Integers [count].
        test_images: uint8 [count, height, width, the same channels].
        test_labels: Integers [count]; each class has images to train on.
        seed: Of the classifier's initial weights, the order and the distortions.
        title: Of the line of progress.
        progress: Whether to show it.

    Returns:
        The share of test images that are read rightly, and a dict of each label to `value` (the same within the class),
        `num_real` (test images) and `num_fake` (training images).

    Raises:
        UserError: Images or labels of another form, or a class without images to train on.

    Example:

    >>> accuracy, classes = classification_accuracy(fakes, labels, *held_out)  # doctest: +SKIP

    Reference: Ravuri and Vinyals 2019, "Classification Accuracy Score for Conditional Generative Models", section 3.
    """
    train_images, test_images = check_images(train_images, "train_images"), check_images(test_images, "test_images")
    train_labels = check_labels(train_labels, "train_labels", rows=len(train_images))
    test_labels = check_labels(test_labels, "test_labels", rows=len(test_images))
    missing = np.setdiff1d(test_labels, train_labels)
    if len(missing):
        raise UserError(f"Expected images of every class to train on. Received none of the classes {missing.tolist()}.")
    num_classes = int(train_labels.max()) + 1
    # Seeds far apart: each layer takes the next one.
    model = small_classifier.build_classifier(train_images.shape[-1], num_classes, 1000 * seed)
    num_shown = small_classifier.TRAINING_STEPS * small_classifier.BATCH_SIZE
    small_classifier.train_classifier(
        model,
        small_classifier.prepare_images(model, train_images),
        train_labels,
        np.arange(len(train_images)),
        np.random.default_rng(seed),
        ProgressLine(title, num_shown, progress),
    )
    right = small_classifier.predict_classes(model, small_classifier.prepare_images(model, test_images)) == test_labels
    classes = {
        int(label): {
            "value": float(right[test_labels == label].mean()),
            "num_real": int((test_labels == label).sum()),
            "num_fake": int((train_labels == label).sum()),
        }
        for label in np.unique(test_labels)
    }
    return float(right.mean()), classes


def evaluate_classification_accuracy(
    model,
    data: str | os.PathLike,
    *,
    split: str = "train",
    held_out_split: str = "test",
    num_images: int | None = None,
    repeats: int = 3,
    seed: int = 0,
    batch_size: int = 64,
    truncation: float = 1.0,
    output_dir: str | os.PathLike | None = None,
    progress: bool = True,
) -> Evaluation:
    """The classification accuracy score of a conditional model, and beside it that of as many real images.

    The generator must not have been trained on the held-out split; nothing here can know.

    Args:
        model: A `GenerativeModel` with classes.
        data: A prepared directory with classes and two splits.
        split: What the model was trained on: its classes' proportions are those of the generated images, and from it
            come the real images to compare with.
        held_out_split: What the classifiers are tested on.
        num_images: Images to generate and train on; by default as many as `split` has. Of the real ones no more than
            there are.
        repeats: Times to generate, train and test anew, with seeds `seed`, `seed + 1`, ...
        seed: Of images, classifiers and the choice of real images.
        batch_size: Images generated in one go; changes none.
        truncation: In [0, 1], passed to the model.
        output_dir: Rows are appended to `metrics.json` there.
        progress: Whether to show progress.

    Returns:
        Two rows, `classification_accuracy_5k` and `classification_accuracy_5k_real`, with each class's own accuracy.

    Raises:
        UserError: No classes, no such splits, or an argument out of range.

    Example:

    >>> rows = evaluate_classification_accuracy(gan, "data/digits", num_images=4000)
    >>> rows["classification_accuracy_4k"].value, rows["classification_accuracy_4k_real"].value
    """
    if repeats < 1 or batch_size < 1 or not 0.0 <= truncation <= 1.0 or (num_images or 2) < 2:
        raise UserError(
            "Expected repeats and batch_size >= 1, truncation in [0, 1] and num_images >= 2. Received: "
            f"{repeats}, {batch_size}, {truncation} and {num_images}."
        )
    if split == held_out_split:
        raise UserError(f"Expected a held-out split that the model was not trained on. Received {split!r} for both.")
    real, held_out = (RealImages(data, name, batch_size) for name in (split, held_out_split))
    if real.class_counts is None or model.num_classes is None:
        raise UserError(f"{NAME} needs a class-conditional model and data with classes.")
    generated = GeneratedImages(model, real, num_images or real.num_images, batch_size, truncation)
    test_images, test_labels = _gather(held_out.batches())
    real_images, real_labels = _gather(real.batches())
    num_compared = min(generated.count, real.num_images)
    scores = {"generated": [], "real": []}
    for repeat_seed in range(seed, seed + repeats):
        fakes = _gather(generated.batches(repeat_seed), ProgressLine("generated images", generated.count, progress))
        rows = np.random.default_rng(repeat_seed).permutation(real.num_images)[:num_compared]
        for kind, (images, labels) in (("generated", fakes), ("real", (real_images[rows], real_labels[rows]))):
            title = f"training on {kind} images"
            accuracy, classes = classification_accuracy(
                images, labels, test_images, test_labels, seed=repeat_seed, title=title, progress=progress
            )
            scores[kind].append(Score(accuracy, None, classes))
    of_real = {"num_fake": num_compared, "truncation": None, "weights": None, "label_sampling": "real images"}
    return deliver(
        [
            _make_row("", scores["generated"], real, held_out, generated.protocol(), {**generated.run(), "seed": seed}),
            _make_row(
                "_real", scores["real"], real, held_out, of_real, {"model": None, "images_seen": None, "seed": seed}
            ),
        ],
        output_dir,
    )


def _make_row(suffix: str, scores: list[Score], real: RealImages, held_out: RealImages, protocol: dict, run: dict):
    return make_row(
        f"{NAME}_{count_text(protocol['num_fake'])}{suffix}",
        scores,
        real,
        direction="higher",
        std_over=None,
        protocol={
            "metric": NAME,
            "metric_settings": {
                "recipe": small_classifier.RECIPE_VERSION,
                "training_steps": small_classifier.TRAINING_STEPS,
                "batch_size": small_classifier.BATCH_SIZE,
            },
            "extractor": "small-classifier",
            "extractor_weights_sha256": None,  # Trained anew in each repeat.
            "extractor_input_size": [small_classifier.INPUT_SIZE, small_classifier.INPUT_SIZE],
            "extractor_resize": BICUBIC_DESCRIPTION,
            "held_out_split": held_out.split,
            "num_real": held_out.num_images,
            **protocol,
        },
        run=run,
    )


def _gather(batches, progress: ProgressLine | None = None) -> tuple[np.ndarray, np.ndarray]:
    """All images uint8 [count, 32, 32, channels] and labels of batches; at full size they might not fit into memory."""
    size = small_classifier.INPUT_SIZE
    images, labels = [], []
    for image_batch, label_batch in batches:
        images.append(resize_bicubic(image_batch, size, size).numpy().astype(np.uint8))
        labels.append(label_batch)
        if progress is not None:
            progress.advance(len(image_batch))
    if progress is not None:
        progress.close()
    return np.concatenate(images), np.concatenate(labels)

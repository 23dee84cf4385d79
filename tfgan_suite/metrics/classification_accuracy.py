"""Classification accuracy score: what a classifier learns from generated images alone."""

import os
from collections.abc import Sequence

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.progress_line import ProgressLine
from tfgan_suite.metrics.features import small_classifier
from tfgan_suite.metrics.features.resize import BICUBIC_DESCRIPTION, resize_bicubic
from tfgan_suite.metrics.numerics.feature_checks import check_images, check_labels
from tfgan_suite.metrics.protocol.evaluation import evaluate
from tfgan_suite.metrics.protocol.model_metric import Measurement, ModelMetric
from tfgan_suite.metrics.protocol.results import Evaluation
from tfgan_suite.metrics.protocol.score_rows import count_text
from tfgan_suite.metrics.protocol.scoring import Score
from tfgan_suite.metrics.protocol.subject import Subject


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
    """Trains a small classifier on some images and returns how many others it classifies correctly.

    With generated images to train on and real ones to test on, this is the classification accuracy score: the classifier
    has not seen what the generator lacks of the real variety. It is trained on 32 x 32 pixels for 1,200 steps of 64 images
    (slightly shifted, turned and scaled), whatever the number of images.

    Args:
        train_images: uint8 `[count, height, width, 1 or 3]`.
        train_labels: Integers `[count]`.
        test_images: uint8 `[count, height, width, the same channels]`.
        test_labels: Integers `[count]`; each class has images to train on.
        seed: Integer. The seed of the classifier's initial weights, the order and the distortions.
        title: String. The title of the progress line.
        progress: Boolean. Whether to show it.

    Returns:
        The share of test images that are classified correctly, and a dict of each label to `value` (the same within the
        class), `num_real` (test images) and `num_fake` (training images).

    Raises:
        UserError: Images or labels have another form, or a class has no images to train on.

    Example:

    >>> accuracy, classes = classification_accuracy(fakes, labels, *held_out)  # doctest: +SKIP

    Reference: Ravuri and Vinyals 2019, "Classification Accuracy Score for Conditional Generative Models", section 3.
    """
    train_images, test_images = check_images(train_images, "train_images"), check_images(test_images, "test_images")
    train_labels = check_labels(train_labels, "train_labels", rows=len(train_images))
    test_labels = check_labels(test_labels, "test_labels", rows=len(test_images))
    missing = np.setdiff1d(test_labels, train_labels)
    if len(missing):
        raise UserError(
            f"`train_images` must have images of every class. Received: none of the classes {missing.tolist()}"
        )
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


class ClassificationAccuracy(ModelMetric):
    """The classification accuracy score of a conditional model, and next to it that of as many real images.

    Two rows, `classification_accuracy_5k` and `classification_accuracy_5k_real`, with each class's own accuracy. The model
    must not have been trained on the held-out split, which cannot be checked here. Measured three times by default, with
    other images and classifiers.

    Args:
        held_out_split: String. The split that the classifiers are tested on. The split of `evaluate` is the one that the
            model was trained on: the proportions of its classes are those of the generated images, and from it come the
            real images to compare with.

    Example:

    >>> rows = tg.evaluate(gan, "data/digits", [ClassificationAccuracy()], num_images=4000)
    >>> rows["classification_accuracy_4k"].value, rows["classification_accuracy_4k_real"].value

    Reference: Ravuri and Vinyals 2019, "Classification Accuracy Score for Conditional Generative Models", section 3.
    """

    name = "classification_accuracy"
    direction = "higher"
    kinds = ("image",)
    default_repeats = 3

    def __init__(self, held_out_split: str = "test"):
        self._held_out_split = held_out_split

    def check(self, subject: Subject) -> None:
        if subject.real.split == self._held_out_split:
            raise UserError(
                "`held_out_split` must be a split that the model was not trained on. Received: "
                f"split={subject.real.split!r}, held_out_split={self._held_out_split!r}"
            )
        subject.other_split(self._held_out_split)
        if subject.real.class_counts is None or subject.model.num_classes is None:
            raise UserError(f"{self.name} needs a class-conditional model and data with classes.")

    def measure(self, subject: Subject, seeds: Sequence[int], show_progress: bool) -> list[Measurement]:
        real, held_out = subject.real, subject.other_split(self._held_out_split)
        generated = subject.generated(real.num_examples)
        test_images, test_labels = _gather(held_out.batches())
        real_images, real_labels = _gather(real.batches())
        num_compared = min(generated.count, real.num_examples)
        scores = {"generated": [], "real": []}
        for seed in seeds:
            fakes = _gather(generated.batches(seed), ProgressLine("generated images", generated.count, show_progress))
            rows = np.random.default_rng(seed).permutation(real.num_examples)[:num_compared]
            for kind, (images, labels) in (("generated", fakes), ("real", (real_images[rows], real_labels[rows]))):
                title = f"training on {kind} images"
                accuracy, classes = classification_accuracy(
                    images, labels, test_images, test_labels, seed=seed, title=title, progress=show_progress
                )
                scores[kind].append(Score(accuracy, None, classes))
        of_real = {
            "num_fake": num_compared,
            **dict.fromkeys(subject.sampling),
            "weights": None,
            "label_sampling": "real images",
        }
        return [
            self._measurement("", scores["generated"], held_out, generated.protocol(), generated.run()),
            self._measurement("_real", scores["real"], held_out, of_real, {"model": None, "images_seen": None}),
        ]

    def _measurement(self, suffix: str, scores: list[Score], held_out, protocol: dict, run: dict) -> Measurement:
        protocol = {
            "metric_settings": {
                "recipe": small_classifier.RECIPE_VERSION,
                "training_steps": small_classifier.TRAINING_STEPS,
                "batch_size": small_classifier.BATCH_SIZE,
            },
            "extractor": "small-classifier",
            "extractor_weights_sha256": None,  # Trained again in each repeat.
            "extractor_input_size": [small_classifier.INPUT_SIZE, small_classifier.INPUT_SIZE],
            "extractor_resize": BICUBIC_DESCRIPTION,
            "held_out_split": held_out.split,
            "num_real": held_out.num_examples,
            **protocol,
        }
        return Measurement(f"{self.name}_{count_text(protocol['num_fake'])}{suffix}", scores, protocol, run)


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
    output_dir: str | os.PathLike | None = None,
    progress: bool = True,
    **sampling: float,
) -> Evaluation:
    """`evaluate` with `ClassificationAccuracy` alone.

    Args:
        model: A `GenerativeModel` with classes.
        data: String. A prepared directory with classes and two splits.
        split: String. The split that the model was trained on.
        held_out_split: String. The split that the classifiers are tested on.
        num_images: Integer. How many images to generate and train on; by default as many as `split` has. Of the real ones
            no more than there are.
        repeats: Integer >= 1. How many times to generate, train and test, with seeds `seed`, `seed + 1`, ...
        seed: Integer. The seed of images, classifiers and the choice of real images.
        batch_size: Integer >= 1. Images generated in one go; it changes none.
        output_dir: String. A directory; rows are appended to its `metrics.json`.
        progress: Boolean. Whether to show progress.
        **sampling: The model's sampling options, such as `truncation`.

    Returns:
        An `Evaluation` of two rows, `classification_accuracy_5k` and `classification_accuracy_5k_real`.

    Raises:
        UserError: No classes, no such splits, or an argument out of range.

    Example:

    >>> rows = evaluate_classification_accuracy(gan, "data/digits", num_images=4000)
    >>> rows["classification_accuracy_4k"].value, rows["classification_accuracy_4k_real"].value
    """
    return evaluate(
        model,
        data,
        [ClassificationAccuracy(held_out_split)],
        split=split,
        num_images=num_images,
        repeats=repeats,
        seed=seed,
        batch_size=batch_size,
        output_dir=output_dir,
        progress=progress,
        **sampling,
    )


def _gather(batches, progress: ProgressLine | None = None) -> tuple[np.ndarray, np.ndarray]:
    """All images uint8 `[count, 32, 32, channels]` and labels of batches; at full size they might not fit into memory."""
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

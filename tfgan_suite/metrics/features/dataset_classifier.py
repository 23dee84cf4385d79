"""A small classifier trained on the prepared set itself: features and classes that know what the data is about."""

import logging
import os
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import load_dataset
from tfgan_suite.errors import UserError
from tfgan_suite.image_range import to_uint8
from tfgan_suite.metrics.cache import ArrayCache
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.progress import Progress

_LOGGER = logging.getLogger(__name__)
# Written into the cache's key: raise it with any change to the network or its training.
RECIPE_VERSION = 1
_INPUT_SIZE = 32
_MAX_IMAGES = 50_000
_HELD_OUT_SHARE = 0.1
_MAX_HELD_OUT = 5_000
_BATCH_SIZE = 64
_TRAINING_STEPS = 1200
_PEAK_LEARNING_RATE = 3e-3


class DatasetClassifier(FeatureExtractor):
    """128 features and the logits of the data's own classes, from a small convolutional network trained on the data.

    Its numbers say how well samples are recognised as the set's classes. They compare with no published value, and not
    across data sets: the hash of its weights in every row sees to that. It reads the set at 32 x 32, trains on nine
    tenths of the split for 1,200 steps of 64 images (slightly shifted, turned and scaled), and reports its accuracy on the
    last tenth. Trained once for each (data, split, seed) and kept in the cache directory.

    Args:
        directory: A prepared set with classes.
        split: The split to learn from.
        seed: Of the initial weights, the held-out tenth, order and distortions.
        cache_dir: Where trained weights are kept; by default `tfgan_suite.metrics.cache.cache_directory()`.
        progress: Whether training shows its progress on standard error.

    Attributes:
        accuracy: On the held-out tenth of the split.
        num_held_out: Images in it.

    Raises:
        UserError: The set has no classes, or fewer than 20 images.

    Example:

    >>> classifier = DatasetClassifier("data/digits")
    >>> features, logits = classifier(np.zeros([2, 32, 32, 1], "uint8"))
    >>> features.shape, logits.shape
    (TensorShape([2, 128]), TensorShape([2, 10]))
    """

    name_prefix = "dataset_classifier_"

    def __init__(
        self,
        directory: str | os.PathLike,
        split: str = "train",
        *,
        seed: int = 0,
        cache_dir: str | os.PathLike | None = None,
        progress: bool = True,
    ):
        info = DatasetInfo.load(directory)
        if info.num_classes is None:
            raise UserError(f"A classifier of the data needs a set with classes. {str(directory)!r} has none.")
        if info.split(split).num_images < 20:
            raise UserError(
                f"A classifier needs at least 20 images. Received: {info.split(split).num_images} in {split!r}."
            )
        channels = 1 if info.image_shape[-1] == 1 else 3
        model = _build(channels, info.num_classes, seed)
        cache = ArrayCache("dataset-classifier", cache_dir)
        key = {"data": info.fingerprint, "split": split, "seed": seed, "recipe": RECIPE_VERSION}
        arrays = cache.read(key)
        if arrays is None:
            images, labels = _read_images(directory, split, info.split(split).num_images)
            arrays = _train(model, images, labels, seed, progress)
            cache.write(key, arrays)
        model.set_weights([arrays[f"weight_{index}"] for index in range(len(model.weights))])
        super().__init__(model, name="dataset-classifier")
        self.accuracy = float(arrays["accuracy"])
        self.num_held_out = int(arrays["num_held_out"])

    def provenance(self) -> dict:
        return {
            **super().provenance(),
            "classifier_held_out_accuracy": round(self.accuracy, 6),
            "classifier_held_out_images": self.num_held_out,
        }


def _build(channels: int, num_classes: int, seed: int) -> keras.Model:
    """float32 [batch, 32, 32, channels] to (features [batch, 128], logits [batch, classes])."""

    def initializer():
        nonlocal seed
        seed += 1
        return keras.initializers.HeNormal(seed)

    inputs = images = keras.Input([_INPUT_SIZE, _INPUT_SIZE, channels])
    for filters, size, strides in ((32, 5, 2), (64, 3, 2), (64, 3, 1), (128, 3, 2)):  # to [batch, 4, 4, 128]
        convolution = layers.Conv2D(
            filters, size, strides, padding="same", use_bias=False, kernel_initializer=initializer()
        )
        images = convolution(images)
        images = layers.BatchNormalization(momentum=0.9)(images)
        images = layers.ReLU()(images)
    images = layers.Flatten()(images)
    features = layers.Dense(128, activation="relu", kernel_initializer=initializer())(images)
    logits = layers.Dense(num_classes, kernel_initializer=initializer())(features)
    return keras.Model(inputs, [features, logits], name="dataset_classifier")


def _read_images(directory, split: str, num_images: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images [count, height, width, channels] and int32 labels [count], evenly spread over large sets."""
    _, dataset = load_dataset(
        directory, split, batch_size=256, shuffle=False, repeat=False, drop_remainder=False, cache=False
    )
    every = -(-num_images // _MAX_IMAGES)  # The order on disk may follow the classes: take every n-th image.
    if every > 1:
        dataset = dataset.unbatch().shard(every, 0).batch(256)
    batches = [(to_uint8(images).numpy(), labels.numpy()) for images, labels in dataset]
    return np.concatenate([images for images, _ in batches]), np.concatenate([labels for _, labels in batches])


def _train(model: keras.Model, images: np.ndarray, labels: np.ndarray, seed: int, show_progress: bool) -> dict:
    """Trains `model` in place. Returns its weights, and its accuracy on images that it has not seen."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(images))
    num_held_out = min(_MAX_HELD_OUT, max(1, round(_HELD_OUT_SHARE * len(images))))
    held_out, training = order[:num_held_out], order[num_held_out:]
    preprocess = FeatureExtractor(model, name="dataset-classifier").preprocess
    prepared = np.concatenate(
        [preprocess(tf.constant(images[i : i + 256])).numpy() for i in range(0, len(images), 256)]
    )
    schedule = keras.optimizers.schedules.CosineDecay(
        _PEAK_LEARNING_RATE / 10, _TRAINING_STEPS, warmup_target=_PEAK_LEARNING_RATE, warmup_steps=_TRAINING_STEPS // 10
    )
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(model.trainable_variables)
    train_step = _make_train_step(model, optimizer)
    progress = Progress("training the classifier of the data", _TRAINING_STEPS * _BATCH_SIZE, show_progress)
    for _ in range(_TRAINING_STEPS):
        rows = generator.choice(training, _BATCH_SIZE, replace=len(training) < _BATCH_SIZE)
        train_step(prepared[rows], _random_transforms(generator, _BATCH_SIZE), labels[rows])
        progress.advance(_BATCH_SIZE)
    progress.close()
    predictions = [
        model(prepared[held_out[i : i + 256]], training=False)[1].numpy().argmax(axis=1)
        for i in range(0, num_held_out, 256)
    ]
    accuracy = float((np.concatenate(predictions) == labels[held_out]).mean())
    _LOGGER.info("The classifier of the data reads %.2f%% of %d held-out images.", 100 * accuracy, num_held_out)
    weights = {f"weight_{index}": array for index, array in enumerate(model.get_weights())}
    return {**weights, "accuracy": np.array(accuracy), "num_held_out": np.array(num_held_out)}


def _make_train_step(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Callable:
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function(jit_compile=False)
    def train_step(images, transforms, labels):
        images = keras.ops.image.affine_transform(images, transforms, interpolation="bilinear", fill_mode="nearest")
        with tf.GradientTape() as tape:
            _, logits = model(images, training=True)
            loss = cross_entropy(labels, logits)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    return train_step


def _random_transforms(generator: np.random.Generator, count: int) -> np.ndarray:
    """Affine maps [count, 8] about the image's centre: up to 10 degrees, 10% of scale and 2 pixels of shift."""
    angle = np.deg2rad(generator.uniform(-10, 10, count))
    scale = generator.uniform(0.9, 1.1, count)
    shift = generator.uniform(-2, 2, (2, count))
    cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
    center = (_INPUT_SIZE - 1) / 2
    columns = [
        *(cosine, -sine, center - center * cosine + center * sine + shift[0]),
        *(sine, cosine, center - center * sine - center * cosine + shift[1]),
        *(np.zeros(count), np.zeros(count)),
    ]
    return np.stack(columns, axis=1).astype(np.float32)

"""A small convolutional classifier, which is trained in about a minute on one core, and cached."""

import logging
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tfgan_suite.foundation.progress_line import ProgressLine
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.numerics.over_white import over_white
from tfgan_suite.metrics.protocol.cache import ArrayCache

_LOGGER = logging.getLogger(__name__)
# Part of cache keys and of rows of results. Increment it with any change to the network or its training.
RECIPE_VERSION = 1
INPUT_SIZE = 32
TRAINING_STEPS = 1200
BATCH_SIZE = 64
_PEAK_LEARNING_RATE = 3e-3
_HELD_OUT_SHARE = 0.1
_MAX_HELD_OUT = 5_000


def build_classifier(image_channels: int, num_classes: int, seed: int) -> keras.Model:
    """Builds the classifier.

    Args:
        image_channels: Integer. Number of channels of the images to classify. If it is more than one, the classifier
            reads color images.
        num_classes: Integer. Number of classes.
        seed: Integer. Seed for the initial weights.

    Returns:
        A Keras model from float32 [batch, 32, 32, 1 or 3] to (features [batch, 128], logits [batch, classes]).
    """

    def initializer():
        nonlocal seed
        seed += 1
        return keras.initializers.HeNormal(seed)

    inputs = images = keras.Input([INPUT_SIZE, INPUT_SIZE, 1 if image_channels == 1 else 3])
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


def prepare_images(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Converts uint8 [count, height, width, 1, 3 or 4] to the model's input, float32 [count, 32, 32, channels]."""
    preprocess = FeatureExtractor(model, name="small-classifier").preprocess
    parts = [over_white(tf.constant(images[i : i + 256])) for i in range(0, len(images), 256)]
    return np.concatenate([preprocess(part).numpy() for part in parts])


def train_classifier(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    generator: np.random.Generator,
    progress: ProgressLine,
) -> None:
    """Trains `model` in place on randomly distorted images, with Adam and a cosine learning rate with warmup.

    Args:
        model: A Keras model, as returned by `build_classifier`.
        images: Float32 array, as returned by `prepare_images`.
        labels: Integer array [count].
        rows: Integer array. Indices of the images to train on.
        generator: A NumPy random generator for the order and the distortions.
        progress: A `ProgressLine`. Advanced by `BATCH_SIZE` in each of `TRAINING_STEPS` steps, then closed.
    """
    schedule = keras.optimizers.schedules.CosineDecay(
        _PEAK_LEARNING_RATE / 10, TRAINING_STEPS, warmup_target=_PEAK_LEARNING_RATE, warmup_steps=TRAINING_STEPS // 10
    )
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(model.trainable_variables)
    train_step = _make_train_step(model, optimizer)
    for _ in range(TRAINING_STEPS):
        batch = generator.choice(rows, BATCH_SIZE, replace=len(rows) < BATCH_SIZE)
        train_step(images[batch], _random_transforms(generator, BATCH_SIZE), labels[batch])
        progress.advance(BATCH_SIZE)
    progress.close()


def train_or_recall(
    model: keras.Model,
    cache: ArrayCache,
    key: Mapping,
    read_images: Callable[[], tuple[np.ndarray, np.ndarray]],
    seed: int,
    title: str,
    show_progress: bool,
) -> dict:
    """Loads cached weights into `model`, or trains it on nine tenths of the images and caches its weights.

    Args:
        model: A Keras model, as returned by `build_classifier`.
        cache: An `ArrayCache` for the weights.
        key: Mapping. Everything that the weights depend on, except for the seed and the recipe.
        read_images: Callable that returns uint8 images [count, height, width, channels] and integer labels [count].
        seed: Integer. Seed for the held-out tenth, the order, and the distortions.
        title: String. Title of the progress line.
        show_progress: Boolean. Whether to show the progress line.

    Returns:
        Dict with `accuracy`, the accuracy on the held-out images, and `num_held_out`, their number.
    """
    key = {**key, "seed": seed, "recipe": RECIPE_VERSION}
    arrays = cache.read(key)
    if arrays is None:
        arrays = _train_and_test(model, *read_images(), seed, title, show_progress)
        cache.write(key, arrays)
    model.set_weights([arrays[f"weight_{index}"] for index in range(len(model.weights))])
    return {"accuracy": float(arrays["accuracy"]), "num_held_out": int(arrays["num_held_out"])}


def _train_and_test(model, images, labels, seed, title, show_progress) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(images))
    num_held_out = min(_MAX_HELD_OUT, max(1, round(_HELD_OUT_SHARE * len(images))))
    held_out, training = order[:num_held_out], order[num_held_out:]
    prepared = prepare_images(model, images)
    progress = ProgressLine(title, TRAINING_STEPS * BATCH_SIZE, show_progress)
    train_classifier(model, prepared, labels, training, generator, progress)
    accuracy = float((predict_classes(model, prepared[held_out]) == labels[held_out]).mean())
    _LOGGER.info(
        "After %s: %.2f%% of %d held-out images are classified correctly.", title, 100 * accuracy, num_held_out
    )
    weights = {f"weight_{index}": array for index, array in enumerate(model.get_weights())}
    return {**weights, "accuracy": np.array(accuracy), "num_held_out": np.array(num_held_out)}


def predict_classes(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Returns the most probable class of each prepared image, int64 [count]."""
    return np.concatenate(
        [model(images[i : i + 256], training=False)[1].numpy().argmax(axis=1) for i in range(0, len(images), 256)]
    )


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
    """Samples affine maps [count, 8] about the image's center: up to 10 degrees, 10% scaling, and 2 pixels of shift."""
    angle = np.deg2rad(generator.uniform(-10, 10, count))
    scale = generator.uniform(0.9, 1.1, count)
    shift = generator.uniform(-2, 2, (2, count))
    cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
    center = (INPUT_SIZE - 1) / 2
    columns = [
        *(cosine, -sine, center - center * cosine + center * sine + shift[0]),
        *(sine, cosine, center - center * sine - center * cosine + shift[1]),
        *(np.zeros(count), np.zeros(count)),
    ]
    return np.stack(columns, axis=1).astype(np.float32)

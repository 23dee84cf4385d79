"""Feature extractors for scores: wraps any Keras model in a small common interface."""

import hashlib

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.features.resize import BICUBIC_DESCRIPTION, resize_bicubic
from tfgan_suite.metrics.numerics.over_white import over_white
from tfgan_suite.metrics.numerics.pass_size import pass_size


class FeatureExtractor:
    """Extracts features (and logits) from uint8 images of any size with a Keras model.

    All processing of the uint8 images takes place in one compiled graph: grayscale images are repeated over the model's
    channels, resized, scaled, and passed through the model. The weights are constants of the graph, so the CPU library
    can prepare them once, which doubles the number of images per second. Later changes to the model's weights therefore
    have no effect.

    Subclasses for networks with different preprocessing override `resize` (with `resize_description`) or `preprocess`.

    Args:
        model: A Keras model from float32 [batch, height, width, channels] to features [batch, dimensions], or to a pair
            (features, logits [batch, classes]).
        name: String. Short name with which results are labeled.
        offset: Float. Subtracted from pixel values in [0, 255].
        divisor: Float. Divides pixel values after the subtraction. An offset of 127.5 and a divisor of 127.5 yield
            values in [-1, 1].
        weights_sha256: String or `None`. SHA-256 of the file with the weights. Defaults to a hash of the weights
            themselves.

    Raises:
        UserError: If the model does not have a single image input of known size, or its output is not features
            [batch, dimensions].

    Example: Using your own network.

    >>> inputs = keras.Input([16, 16, 3])
    >>> outputs = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3)(inputs))
    >>> extractor = FeatureExtractor(keras.Model(inputs, outputs), name="tiny")
    >>> features, logits = extractor(np.zeros([4, 28, 28, 1], "uint8"))
    >>> features.shape, logits
    (TensorShape([4, 8]), None)
    """

    # Kinds of examples that it takes (`ExampleSpec.kind`).
    kinds = ("image", "log_mel")
    # Numbers of channels of the images that it takes.
    channels = (1, 3, 4)
    resize_description = BICUBIC_DESCRIPTION
    # Prefix for the names of scores, for networks whose scores could be mistaken for the usual ones.
    name_prefix = ""

    def __init__(
        self,
        model: keras.Model,
        *,
        name: str,
        offset: float = 127.5,
        divisor: float = 127.5,
        weights_sha256: str | None = None,
    ):
        if len(model.inputs) != 1 or len(model.input_shape) != 4 or None in model.input_shape[1:]:
            raise UserError(
                "`model` must have one input [batch, height, width, channels] of known size. Received: "
                f"input_shape={model.input_shape}"
            )
        outputs = model.outputs
        if len(outputs) not in (1, 2) or any(len(output.shape) != 2 or output.shape[1] is None for output in outputs):
            shapes = [tuple(output.shape) for output in outputs]
            raise UserError(
                "`model` must output features [batch, dimensions], and optionally logits [batch, classes]. Received: "
                f"output shapes {shapes}"
            )
        self.model = model
        self.name = name
        self.input_size = tuple(model.input_shape[1:3])
        self.num_features = outputs[0].shape[1]
        self.num_classes = outputs[1].shape[1] if len(outputs) == 2 else None
        self.offset = offset
        self.divisor = divisor
        self.weights_sha256 = weights_sha256 or _hash_weights(model)
        self._functions: dict[tuple, tf.types.experimental.GenericFunction] = {}

    def resize(self, images: tf.Tensor) -> tf.Tensor:
        """Resizes uint8 [batch, h, w, channels] to float32 [batch, height, width, channels] in [0, 255]."""
        return resize_bicubic(images, *self.input_size)

    def preprocess(self, images: tf.Tensor) -> tf.Tensor:
        """Converts uint8 [batch, h, w, 1 or 3] to the model's input, float32 [batch, height, width, channels]."""
        images = self.resize(images)
        channels = self.model.input_shape[3]
        if images.shape[3] == 1 and channels > 1:
            images = tf.repeat(images, channels, axis=3)
        elif images.shape[3] == 3 and channels == 1:
            raise UserError(f"`images` must be grayscale for the extractor {self.name!r}. Received: color images")
        return (images - self.offset) / self.divisor

    def __call__(self, images: np.ndarray | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Extracts the features of a batch of images.

        Args:
            images: uint8 array or tensor [batch, h, w, 1, 3 or 4] of any size; with an alpha channel over white. The first call
                for each size builds a graph. Large batches go through the model in parts.

        Returns:
            Tuple of features, float32 [batch, num_features], and logits, float32 [batch, num_classes] or `None`.

        Raises:
            UserError: If the images are not uint8, or do not have such a shape.
        """
        shape, dtype = tuple(images.shape), getattr(images.dtype, "name", str(images.dtype))
        if dtype != "uint8":
            raise UserError(
                f"`images` must be uint8 in [0, 255]. Received: dtype={dtype}. Convert them with "
                "`tfgan_suite.to_uint8`."
            )
        if len(shape) != 4 or shape[3] not in self.channels or 0 in shape[1:]:
            raise UserError(f"`images` must have the shape [batch, height, width, 1, 3 or 4]. Received: shape={shape}")
        if shape[1:] not in self._functions:
            self._functions[shape[1:]] = self._compile(shape[1:])
        extract, images = self._functions[shape[1:]], tf.convert_to_tensor(images)
        size = None if shape[0] is None else pass_size(max(shape[0], 1), shape[1:], self.model.input_shape[1:])
        if size is None or shape[0] <= size:
            outputs = extract(images)
        else:
            parts = [extract(images[start : start + size]) for start in range(0, shape[0], size)]
            outputs = [tf.concat(part, axis=0) for part in zip(*parts)]
        return (outputs[0], outputs[1]) if len(outputs) == 2 else (outputs[0], None)

    def _compile(self, image_shape: tuple[int, int, int]) -> tf.types.experimental.GenericFunction:
        trainable = [np.asarray(variable) for variable in self.model.trainable_variables]
        non_trainable = [np.asarray(variable) for variable in self.model.non_trainable_variables]

        # Autograph is off because nothing here branches on tensors. XLA is off because it makes depthwise convolutions
        # on a CPU 90 times slower.
        @tf.function(
            input_signature=[tf.TensorSpec([None, *image_shape], tf.uint8)], autograph=False, jit_compile=False
        )
        def extract(images):
            outputs, _ = self.model.stateless_call(
                [tf.constant(array) for array in trainable],
                [tf.constant(array) for array in non_trainable],
                self.preprocess(images if self.model.input_shape[3] == 4 else over_white(images)),
                training=False,
            )
            return [tf.cast(output, tf.float32) for output in tf.nest.flatten(outputs)]

        return extract

    def provenance(self) -> dict:
        """Returns everything that a value computed with this extractor depends on, for the row of results."""
        return {
            "extractor": self.name,
            "extractor_weights_sha256": self.weights_sha256,
            "extractor_input_size": list(self.input_size),
            "extractor_resize": self.resize_description,
        }

    def origin(self) -> dict:
        """Returns what else is known about the origin of the weights, for the row's `run`, which is never compared."""
        return {}


def _hash_weights(model: keras.Model) -> str:
    """Returns the SHA-256 of the weights in order, including their shapes and dtypes."""
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()

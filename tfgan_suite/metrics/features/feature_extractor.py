"""The networks that scores look through: any Keras model behind one small interface."""

import hashlib

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.features.resize import BICUBIC_DESCRIPTION, resize_bicubic


class FeatureExtractor:
    """Turns uint8 images of any size into features (and logits) by a Keras model.

    Everything from uint8 on happens in one compiled graph: grey images are repeated over the model's channels, resized,
    scaled and passed through the model, whose weights enter the graph as constants (which lets the CPU library prepare
    them once: twice the images per second). Later changes to the model's weights are therefore not seen.

    Subclasses for networks with other rules override `resize` (with `resize_description`) or all of `preprocess`.

    Args:
        model: A Keras model: float32 [batch, height, width, channels] to features [batch, dimensions] or to a pair
            (features, logits [batch, classes]).
        name: Short name that results are labelled with.
        offset: Subtracted from pixel values in [0, 255] before division.
        divisor: Divides pixel values after subtraction: 127.5 and 127.5 give [-1, 1].
        weights_sha256: Hash of the file that the weights came from; by default the hash of the weights themselves.

    Raises:
        UserError: The model does not have one image input of known size, or not features [batch, dimensions] as output.

    Example: one's own network.

    >>> inputs = keras.Input([16, 16, 3])
    >>> outputs = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3)(inputs))
    >>> extractor = FeatureExtractor(keras.Model(inputs, outputs), name="tiny")
    >>> features, logits = extractor(np.zeros([4, 28, 28, 1], "uint8"))
    >>> features.shape, logits
    (TensorShape([4, 8]), None)
    """

    # Kinds of examples that it takes (`ExampleSpec.kind`).
    kinds = ("image",)
    resize_description = BICUBIC_DESCRIPTION
    # Goes before the names of scores, for networks whose scores would be mistaken for the usual ones.
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
                f"Expected a model with one input [batch, height, width, channels]. Received: {model.input_shape}."
            )
        outputs = model.outputs
        if len(outputs) not in (1, 2) or any(len(output.shape) != 2 or output.shape[1] is None for output in outputs):
            shapes = [tuple(output.shape) for output in outputs]
            raise UserError(
                f"Expected features [batch, dimensions] and at most logits [batch, classes]. Received: {shapes}."
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
        """uint8 [batch, h, w, channels] to float32 [batch, height, width, channels] in [0, 255]."""
        return resize_bicubic(images, *self.input_size)

    def preprocess(self, images: tf.Tensor) -> tf.Tensor:
        """uint8 [batch, h, w, 1 or 3] to what the model takes, float32 [batch, height, width, channels]."""
        images = self.resize(images)
        channels = self.model.input_shape[3]
        if images.shape[3] == 1 and channels > 1:
            images = tf.repeat(images, channels, axis=3)
        elif images.shape[3] == 3 and channels == 1:
            raise UserError(f"The extractor {self.name!r} looks at grey images. Received colour images.")
        return (images - self.offset) / self.divisor

    def __call__(self, images: np.ndarray | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Looks at a batch of images.

        Args:
            images: uint8 [batch, h, w, 1 or 3], any size. The first call for a size builds its graph.

        Returns:
            features float32 [batch, num_features], and logits float32 [batch, num_classes] or `None`.

        Raises:
            UserError: The images are not uint8 or not of that shape.
        """
        shape, dtype = tuple(images.shape), getattr(images.dtype, "name", str(images.dtype))
        if dtype != "uint8":
            raise UserError(
                f"Expected uint8 images in [0, 255]. Received {dtype}: convert with tfgan_suite.image_range.to_uint8."
            )
        if len(shape) != 4 or shape[3] not in (1, 3) or 0 in shape[1:]:
            raise UserError(f"Expected images [batch, height, width, 1 or 3]. Received shape {shape}.")
        if shape[1:] not in self._functions:
            self._functions[shape[1:]] = self._compile(shape[1:])
        outputs = self._functions[shape[1:]](tf.convert_to_tensor(images))
        return (outputs[0], outputs[1]) if len(outputs) == 2 else (outputs[0], None)

    def _compile(self, image_shape: tuple[int, int, int]) -> tf.types.experimental.GenericFunction:
        trainable = [np.asarray(variable) for variable in self.model.trainable_variables]
        non_trainable = [np.asarray(variable) for variable in self.model.non_trainable_variables]

        # Autograph off: nothing here branches on tensors. XLA off: it makes depthwise convolutions on a CPU 90x slower.
        @tf.function(
            input_signature=[tf.TensorSpec([None, *image_shape], tf.uint8)], autograph=False, jit_compile=False
        )
        def extract(images):
            outputs, _ = self.model.stateless_call(
                [tf.constant(array) for array in trainable],
                [tf.constant(array) for array in non_trainable],
                self.preprocess(images),
                training=False,
            )
            return [tf.cast(output, tf.float32) for output in tf.nest.flatten(outputs)]

        return extract

    def provenance(self) -> dict:
        """What a value computed through this extractor depends on, for the row of results."""
        return {
            "extractor": self.name,
            "extractor_weights_sha256": self.weights_sha256,
            "extractor_input_size": list(self.input_size),
            "extractor_resize": self.resize_description,
        }

    def origin(self) -> dict:
        """What else is known of where the weights came from, for the row's `run`: it does not hinder comparison."""
        return {}


def _hash_weights(model: keras.Model) -> str:
    """SHA-256 over the weights in order, with their shapes and dtypes."""
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()

"""TarFlowBlock: one autoregressive transformation of a sequence of tokens, which can be undone."""

import keras
import tensorflow as tf

from tfgan_suite.likelihood.stable_functions import softly_bounded
from tfgan_suite.models.tarflow.linear import Linear
from tfgan_suite.models.tarflow.tarflow_layer import TarFlowLayer

# Transformers see values up to this size, so that what they say is bounded. Values of a flow are of about unit size.
LARGEST_INPUT = 32.0
# Beyond this size the inverse goes on from the bound.
LARGEST_STATE = 1e6


@keras.saving.register_keras_serializable("tfgan_suite")
class TarFlowBlock(keras.layers.Layer):
    """`z_i = (x_i - shift_i) * exp(-log_scale_i)`, both functions of the tokens before token i; the first one stays.

    It computes in float32 whatever the policy; only the transformer follows it, and only in training.

    Args:
        width: Integer >= 1. Length of the transformer's vectors, a multiple of `head_size`.
        num_layers: Integer >= 1. Layers of attention and dense layers.
        head_size: Integer >= 1. Length of the vectors of an attention head.
        reverse: Boolean. Whether the last token is the first one.
        has_scale: Boolean. Whether there is a log-scale, or 0.
        max_log_scale: Float > 0, the bound of the log-scale; or `None` for the paper's, without bounds.
        num_classes: Integer, or `None`.
        seed: Integer. Base seed of the initial weights.

    Input shape:
        float32 `[batch, length, size]`, length at least 2.

    Output shape:
        The same.

    Reference: Zhai et al., "Normalizing Flows are Capable Generative Models" (2024), equations 3 to 5.
    """

    def __init__(
        self,
        width,
        num_layers,
        head_size=64,
        reverse=False,
        has_scale=True,
        max_log_scale=3.0,
        num_classes=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.width = width
        self.num_layers = num_layers
        self.head_size = head_size
        self.reverse = reverse
        self.has_scale = has_scale
        self.max_log_scale = max_log_scale
        self.num_classes = num_classes
        self.seed = seed

    def build(self, input_shape):
        _, self.length, self.size = input_shape

        def small_normal(seed):
            return keras.initializers.RandomNormal(stddev=0.01, seed=seed)

        self.positions = self.add_weight(
            name="positions", shape=[self.length, self.width], initializer=small_normal(self.seed), autocast=False
        )
        if self.num_classes is not None:
            shape = [self.num_classes, self.width]
            self.classes = self.add_weight(
                name="classes", shape=shape, initializer=small_normal(self.seed + 1), autocast=False
            )
        self.project_in = Linear(self.width, seed=self.seed + 2, name="project_in")
        heads = self.width // self.head_size
        self.layers = [
            TarFlowLayer(heads, self.length, seed=self.seed + 100 * (index + 1), name=f"layer_{index}")
            for index in range(self.num_layers)
        ]
        outputs = (1 + int(self.has_scale)) * self.size
        self.project_out = Linear(outputs, zeros=True, seed=self.seed + 4, name="project_out")
        hidden = (None, self.length, self.width)
        for layer, shape in [
            (self.project_in, input_shape),
            *((one, hidden) for one in (*self.layers, self.project_out)),
        ]:
            layer.build(shape)
            layer.built = True

    # === Towards the latents ===

    def call(self, tokens, labels=None, training=False):
        return self.forward(tokens, labels, training)[0]

    def forward(self, tokens, labels=None, training=False):
        """Towards the latents.

        Args:
            tokens: float32 `[batch, length, size]`.
            labels: int32 `[batch]`, -1 for no class; or `None`.
            training: Boolean.

        Returns:
            float32 of the same shape, and the log-determinant of the Jacobian, float32 `[batch]`.
        """
        tokens = self.in_order(tokens)
        # Nothing depends on the last token.
        hidden = self.embed(tokens[:, :-1], self.positions_in_order()[:-1], self.class_vectors(labels), training)
        for layer in self.layers:
            hidden = layer.call(hidden, training)
        shift, log_scale = self.read(self.outputs(hidden))
        changed = tokens[:, 1:] - shift
        log_det = tf.zeros([tf.shape(tokens)[0]])
        if log_scale is not None:
            changed = changed * tf.exp(-log_scale)
            log_det = -tf.reduce_sum(log_scale, axis=[1, 2])
        return self.in_order(tf.concat([tokens[:, :1], changed], axis=1)), log_det

    # === What both directions use ===

    def in_order(self, tokens):
        """Tokens in the order of this block, or back."""
        return tf.reverse(tokens, [1]) if self.reverse else tokens

    def positions_in_order(self):
        """The vector of each position, float32 `[length, width]`, in the order of this block."""
        positions = tf.convert_to_tensor(self.positions)
        return tf.reverse(positions, [0]) if self.reverse else positions

    def class_vectors(self, labels):
        """float32 `[batch, width]`, `[1, width]` without labels, or `None` without classes. No class is the mean of all."""
        if self.num_classes is None:
            return None
        mean = tf.reduce_mean(self.classes, axis=0, keepdims=True)
        if labels is None:
            return mean
        own = tf.gather(tf.convert_to_tensor(self.classes), tf.maximum(labels, 0))
        return tf.where((labels < 0)[:, None], mean, own)

    def embed(self, tokens, positions, class_vectors, training=False):
        """What the layers begin with, `[batch, ..., width]`, of tokens `[batch, ..., size]`."""
        if self.max_log_scale is not None:
            tokens = tf.clip_by_value(tokens, -LARGEST_INPUT, LARGEST_INPUT)
        tokens = tf.cast(tokens, self.compute_dtype if training else "float32")
        if class_vectors is not None:
            positions = positions + (class_vectors[:, None] if tokens.shape.rank == 3 else class_vectors)
        return self.project_in.call(tokens) + tf.cast(positions, tokens.dtype)

    def outputs(self, hidden):
        """What the transformer says of the next token, float32."""
        return tf.cast(self.project_out.call(hidden), tf.float32)

    def read(self, outputs):
        """The shift, and the log-scale or `None`."""
        if not self.has_scale:
            return outputs, None
        log_scale, shift = tf.split(outputs, 2, axis=-1)
        return shift, log_scale if self.max_log_scale is None else softly_bounded(log_scale, self.max_log_scale)

    def undo(self, latents, outputs):
        """The tokens of latents, given what the transformer says of them."""
        shift, log_scale = self.read(outputs)
        return shift + (latents if log_scale is None else latents * tf.exp(log_scale))

    def compute_output_shape(self, input_shape, labels_shape=None):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "width": self.width,
            "num_layers": self.num_layers,
            "head_size": self.head_size,
            "reverse": self.reverse,
            "has_scale": self.has_scale,
            "max_log_scale": self.max_log_scale,
            "num_classes": self.num_classes,
            "seed": self.seed,
        }

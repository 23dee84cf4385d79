"""Self-attention over the pixels of an image."""

import keras
import tensorflow as tf

from tfgan_suite.layers.spectral_normalization import SpectralConvolution


@keras.saving.register_keras_serializable("tfgan_suite")
class SelfAttention(keras.layers.Layer):
    """Adds to each pixel a mixture of all pixels: `x + gamma o(softmax(theta(x) phi(x)^T) g(x))`.

    theta, phi, g, and o are spectrally normalized 1x1 convolutions without biases; theta and phi have an eighth of the
    channels, and g has half. phi and g are max-pooled 2x2, so each pixel attends to a quarter of the positions. `gamma`
    is initialized to zero, so the layer starts as the identity.

    Args:
        epsilon: Float. The `epsilon` of `SpectralConvolution`.
        initializer: String. Initializer of the four kernels: `"orthogonal"`, or `"normal"` for N(0, 0.02).
        seed: Integer. Seed of the first kernel; the others use the next three integers.

    Input shape:
        `[batch, height, width, channels]`, with an even height and width, and `channels` >= 8.

    Output shape:
        Same as the input shape.

    Raises:
        ValueError: If the input has fewer than 8 channels.

    Example:

    >>> SelfAttention()(np.ones([1, 4, 4, 16], "float32")).shape
    TensorShape([1, 4, 4, 16])

    Reference: Zhang et al., "Self-Attention Generative Adversarial Networks" (2019), equations 1 to 3, in the form of
    Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019), appendix B.
    """

    def __init__(self, epsilon=1e-6, initializer="orthogonal", seed=0, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.initializer = initializer
        self.seed = seed

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels < 8:
            raise ValueError(
                f"`inputs` must have at least 8 channels, for theta to have one. Received: {channels} channels"
            )
        self.theta = self._convolution(channels // 8, 0, "theta")
        self.phi = self._convolution(channels // 8, 1, "phi")
        self.g = self._convolution(channels // 2, 2, "g")
        self.o = self._convolution(channels, 3, "o")
        for convolution in (self.theta, self.phi, self.g):
            convolution.build(input_shape)
        self.o.build((*input_shape[:-1], channels // 2))
        self.gamma = self.add_weight(name="gamma", shape=[], initializer="zeros", autocast=False)

    def _convolution(self, filters, index, name):
        return SpectralConvolution(
            filters,
            kernel_size=1,
            use_bias=False,
            epsilon=self.epsilon,
            initializer=self.initializer,
            seed=self.seed + index,
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, inputs, training=False):
        _, height, width, channels = inputs.shape
        queries = _pixels(self.theta(inputs, training=training))  # [batch, height * width, channels / 8]
        keys = _pixels(tf.nn.max_pool2d(self.phi(inputs, training=training), 2, 2, "VALID"))  # [batch, ... / 4, ...]
        values = _pixels(tf.nn.max_pool2d(self.g(inputs, training=training), 2, 2, "VALID"))
        scores = tf.cast(tf.matmul(queries, keys, transpose_b=True), tf.float32)
        weights = tf.cast(tf.nn.softmax(scores), values.dtype)  # [batch, height * width, height * width / 4]
        mixtures = tf.reshape(tf.matmul(weights, values), [-1, height, width, channels // 2])
        gamma = tf.cast(tf.convert_to_tensor(self.gamma), inputs.dtype)
        return inputs + gamma * self.o(mixtures, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "initializer": self.initializer,
            "seed": self.seed,
        }


def _pixels(images):
    _, height, width, channels = images.shape
    return tf.reshape(images, [-1, height * width, channels])

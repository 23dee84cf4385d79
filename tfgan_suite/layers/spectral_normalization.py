"""Spectral normalisation as a reparameterisation: layers whose kernel is divided by its largest singular value.

The kernel that is stored and trained is the undivided one. Each call estimates its largest singular value sigma by one
step of power iteration from the stored vector `u`, and uses `kernel / sigma`; the gradient flows through sigma, in which
the two singular vectors count as constants.

A call in training mode stores the new `u` (once, whatever the batch) and sigma; any other call leaves them as they are.
A frozen layer (`trainable = False`) keeps them in training mode too. The vectors depend on the kernel alone, so all
replicas compute the same ones and need not exchange them.

Reference: Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (2018), section 2.1 and
algorithm 1.
"""

import keras
import tensorflow as tf

from tfgan_suite.layers.convolve import convolve, convolve_transpose
from tfgan_suite.layers.fused_scaling import sum_of_shifts
from tfgan_suite.layers.replicated_state import replicated_state


def seeded_initializer(name, seed):
    """The initializer of that name: `"orthogonal"`, or `"normal"` for N(0, 0.02).

    Raises:
        ValueError: Another name.
    """
    if name == "orthogonal":
        return keras.initializers.Orthogonal(seed=seed)
    if name == "normal":
        return keras.initializers.RandomNormal(stddev=0.02, seed=seed)
    raise ValueError(f'Expected initializer "orthogonal" or "normal". Received: {name!r}')


class _SpectralLayer(keras.layers.Layer):
    """The kernel, its vector `u`, and the division.

    Attributes:
        kernel: Trained, undivided.
        u: float32 `[outputs]`, an estimate of the left singular vector.
        sigma: float32 scalar, the singular value as of the last call in training mode.
    """

    def __init__(self, epsilon=1e-6, initializer="orthogonal", seed=0, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.initializer = initializer
        self.seed = seed

    def _build_kernel(self, shape, num_outputs):
        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=seeded_initializer(self.initializer, self.seed), autocast=False
        )
        self.u = replicated_state("u", [num_outputs], keras.initializers.RandomNormal(stddev=1.0, seed=self.seed))
        self.sigma = replicated_state("sigma", [], "ones")

    def _matrix(self, kernel):
        return tf.reshape(kernel, [-1, kernel.shape[-1]])  # [inputs, outputs]

    def spectral_norm(self, training=False):
        """The estimate of the kernel's largest singular value, float32 scalar; in training mode `u` moves on."""
        matrix = self._matrix(tf.convert_to_tensor(self.kernel))  # [inputs, outputs]
        constant = tf.stop_gradient(matrix)
        u = tf.convert_to_tensor(self.u)[None]  # [1, outputs]
        v = self._unit(tf.matmul(u, constant, transpose_b=True))  # [1, inputs]
        u = self._unit(tf.matmul(v, constant))
        sigma = tf.reduce_sum(tf.matmul(v, matrix) * u)
        if training and self.trainable:
            self.u.assign(u[0])
            self.sigma.assign(tf.stop_gradient(sigma))
        return sigma

    def _unit(self, vector):
        """`vector / max(||vector||, epsilon)`."""
        return tf.math.l2_normalize(vector, epsilon=self.epsilon**2)

    def normalized_kernel(self, training=False):
        """`kernel / sigma`, float32. See `spectral_norm`."""
        return tf.convert_to_tensor(self.kernel) / self.spectral_norm(training)

    def get_config(self):
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "initializer": self.initializer,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("tfgan_suite")
class SpectralConvolution(_SpectralLayer):
    """A convolution with stride 1 and "same" padding, spectrally normalised; it may double or halve the image too.

    `resample="up"` is the repetition of each pixel 2x2 with the convolution after it, `"down"` the convolution with
    averages of 2x2 pixels after it. Both are done in one convolution with stride 2, at 16/36 of the multiplications of
    a 3x3 kernel; the singular value is that of the kernel as it stands.

    Args:
        filters: Number of output channels.
        kernel_size: Odd number of taps in each direction.
        use_bias: Whether a bias, zero at first, is added.
        resample: `None`, `"up"` or `"down"`.
        epsilon: Least norm that a vector of the power iteration is divided by.
        initializer: `"orthogonal"`, or `"normal"` for N(0, 0.02).
        seed: Of the initial kernel and `u`.

    Call: `[batch, height, width, in_channels]` to `[batch, height, width, filters]`, or twice or half that size.

    Raises:
        ValueError: An even kernel size, an unknown `resample`, or an image of odd size to halve.

    Example:

    >>> SpectralConvolution(8, resample="down")(np.zeros([2, 6, 6, 3], "float32")).shape
    TensorShape([2, 3, 3, 8])

    Reference: Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (2018), equation 8.
    """

    def __init__(self, filters, kernel_size=3, use_bias=True, resample=None, **kwargs):
        super().__init__(**kwargs)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"Expected an odd kernel_size. Received: kernel_size={kernel_size}")
        if resample not in (None, "up", "down"):
            raise ValueError(f'Expected resample None, "up" or "down". Received: resample={resample!r}')
        self.filters = filters
        self.kernel_size = kernel_size
        self.use_bias = use_bias
        self.resample = resample

    def build(self, input_shape):
        self._build_kernel([self.kernel_size, self.kernel_size, input_shape[-1], self.filters], self.filters)
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=[self.filters], initializer="zeros", autocast=False)

    def call(self, inputs, training=False):
        kernel = tf.cast(self.normalized_kernel(training), self.compute_dtype)
        outputs = self._convolve(inputs, kernel)
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.cast(tf.convert_to_tensor(self.bias), outputs.dtype))
        return outputs

    def _convolve(self, inputs, kernel):
        if self.resample is None:
            return convolve(inputs, kernel)
        if self.resample == "up":
            # The transpose of a convolution has the flipped kernel, [height, width, out_channels, in_channels].
            kernel = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
            output_size = (2 * inputs.shape[1], 2 * inputs.shape[2])
            return convolve_transpose(inputs, sum_of_shifts(kernel), output_size, strides=2)
        if inputs.shape[1] % 2 or inputs.shape[2] % 2:
            raise ValueError(f"Expected images of even height and width. Received: {tuple(inputs.shape[1:3])}")
        return convolve(inputs, sum_of_shifts(kernel, factor=0.25), strides=2)

    def compute_output_shape(self, input_shape):
        batch_size, height, width, _ = input_shape
        size = {None: (height, width), "up": (2 * height, 2 * width), "down": (height // 2, width // 2)}[self.resample]
        return (batch_size, *size, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "use_bias": self.use_bias,
            "resample": self.resample,
        }


@keras.saving.register_keras_serializable("tfgan_suite")
class SpectralDense(_SpectralLayer):
    """A dense layer, spectrally normalised.

    Args:
        units: Number of outputs.
        use_bias: Whether a bias, zero at first, is added.
        epsilon: Least norm that a vector of the power iteration is divided by.
        initializer: `"orthogonal"`, or `"normal"` for N(0, 0.02).
        seed: Of the initial kernel and `u`.

    Call: `[batch, inputs]` to `[batch, units]`.

    Example:

    >>> SpectralDense(8)(np.zeros([2, 3], "float32")).shape
    TensorShape([2, 8])

    Reference: Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (2018), equation 8.
    """

    def __init__(self, units, use_bias=True, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.use_bias = use_bias

    def build(self, input_shape):
        self._build_kernel([input_shape[-1], self.units], self.units)
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=[self.units], initializer="zeros", autocast=False)

    def call(self, inputs, training=False):
        outputs = tf.matmul(inputs, tf.cast(self.normalized_kernel(training), self.compute_dtype))
        if self.use_bias:
            outputs += tf.cast(tf.convert_to_tensor(self.bias), outputs.dtype)
        return outputs

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "use_bias": self.use_bias}


@keras.saving.register_keras_serializable("tfgan_suite")
class SpectralEmbedding(_SpectralLayer):
    """A table of vectors, spectrally normalised as one matrix.

    Args:
        num_rows: Number of vectors.
        units: Length of each.
        epsilon: Least norm that a vector of the power iteration is divided by.
        initializer: `"orthogonal"`, or `"normal"` for N(0, 0.02).
        seed: Of the initial table and `u`.

    Call: integers `[batch]` in [0, num_rows) to `[batch, units]`.

    Example:

    >>> SpectralEmbedding(10, 8)(np.zeros([2], "int32")).shape
    TensorShape([2, 8])

    Reference: Miyato and Koyama, "cGANs with Projection Discriminator" (2018), section 5 (spectral normalisation of
    all weights, the embedding's among them).
    """

    def __init__(self, num_rows, units, **kwargs):
        super().__init__(**kwargs)
        self.num_rows = num_rows
        self.units = units

    def build(self, input_shape=None):
        self._build_kernel([self.num_rows, self.units], self.num_rows)

    def _matrix(self, kernel):
        return tf.transpose(kernel)  # [units, num_rows]

    def call(self, inputs, training=False):
        rows = tf.gather(tf.convert_to_tensor(self.kernel), tf.cast(inputs, tf.int32))
        return tf.cast(rows / self.spectral_norm(training), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.units)

    def get_config(self):
        return {**super().get_config(), "num_rows": self.num_rows, "units": self.units}

"""Spectral normalization as a reparameterization: layers whose kernel is divided by its largest singular value.

The kernel that is stored and trained is the one before the division. Each call estimates its largest singular value,
sigma, by one step of power iteration from the stored vector `u`, and uses `kernel / sigma`. The gradient flows through
sigma; the two singular vectors are treated as constants.

A call in training mode stores the new `u` (once, regardless of the batch) and sigma; other calls leave them unchanged.
So do calls of a frozen layer (`trainable = False`), even in training mode. The vectors depend on the kernel only, so
all replicas compute the same ones and never need to synchronize them.

Reference: Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (2018), section 2.1 and
algorithm 1.
"""

import keras
import tensorflow as tf

from tfgan_suite.layers.convolve import convolve, convolve_transpose
from tfgan_suite.layers.fused_scaling import sum_of_shifts
from tfgan_suite.layers.replicated_state import replicated_state


def seeded_initializer(name, seed):
    """Returns the initializer for a name: `"orthogonal"`, or `"normal"` for N(0, 0.02).

    Raises:
        ValueError: If the name is unknown.
    """
    if name == "orthogonal":
        return keras.initializers.Orthogonal(seed=seed)
    if name == "normal":
        return keras.initializers.RandomNormal(stddev=0.02, seed=seed)
    raise ValueError(f"`initializer` must be 'orthogonal' or 'normal'. Received: initializer={name!r}")


class _SpectralLayer(keras.layers.Layer):
    """The kernel, its vector `u`, and the division by the singular value.

    Attributes:
        kernel: The trained weights, before the division.
        u: float32 `[outputs]`. An estimate of the left singular vector.
        sigma: float32 scalar. The singular value at the last call in training mode.
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
        """Estimates the kernel's largest singular value, a float32 scalar; in training mode, updates `u`."""
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
        """Returns `kernel / sigma`, in float32. See `spectral_norm`."""
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
    """A spectrally normalized convolution with stride 1 and "same" padding, which can also double or halve the size.

    `resample="up"` repeats each pixel 2x2 before the convolution; `"down"` averages blocks of 2x2 pixels after it. Each
    is computed as a single convolution with stride 2, which takes 16/36 of the multiplications for a 3x3 kernel. The
    singular value is that of the kernel itself.

    Args:
        filters: Integer >= 1. Number of output channels.
        kernel_size: Odd integer >= 1. Height and width of the kernel.
        use_bias: Boolean. Whether to add a bias, initialized to zero.
        resample: String or `None`. `"up"` doubles the size, `"down"` halves it, and `None` keeps it.
        epsilon: Float. Lower bound of the norms that the power iteration divides by.
        initializer: String. `"orthogonal"`, or `"normal"` for N(0, 0.02).
        seed: Integer. Seed of the initial kernel and of `u`.

    Input shape:
        `[batch, height, width, in_channels]`.

    Output shape:
        `[batch, height, width, filters]`, or twice or half that size.

    Raises:
        ValueError: If the kernel size is even, if `resample` is unknown, or if an image to halve has an odd size.

    Example:

    >>> SpectralConvolution(8, resample="down")(np.zeros([2, 6, 6, 3], "float32")).shape
    TensorShape([2, 3, 3, 8])

    Reference: Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (2018), equation 8.
    """

    def __init__(self, filters, kernel_size=3, use_bias=True, resample=None, **kwargs):
        super().__init__(**kwargs)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be an odd number >= 1. Received: kernel_size={kernel_size}")
        if resample not in (None, "up", "down"):
            raise ValueError(f"`resample` must be None, 'up', or 'down'. Received: resample={resample!r}")
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
            raise ValueError(
                f"`inputs` must have an even height and width. Received: inputs of size {tuple(inputs.shape[1:3])}"
            )
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
    """A spectrally normalized dense layer.

    Args:
        units: Integer >= 1. Number of outputs.
        use_bias: Boolean. Whether to add a bias, initialized to zero.
        epsilon: Float. Lower bound of the norms that the power iteration divides by.
        initializer: String. `"orthogonal"`, or `"normal"` for N(0, 0.02).
        seed: Integer. Seed of the initial kernel and of `u`.

    Input shape:
        `[batch, inputs]`.

    Output shape:
        `[batch, units]`.

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
    """A table of vectors, spectrally normalized as a single matrix.

    Args:
        num_rows: Integer >= 1. Number of vectors.
        units: Integer >= 1. Length of each vector.
        epsilon: Float. Lower bound of the norms that the power iteration divides by.
        initializer: String. `"orthogonal"`, or `"normal"` for N(0, 0.02).
        seed: Integer. Seed of the initial table and of `u`.

    Input shape:
        `[batch]`, integers in [0, num_rows).

    Output shape:
        `[batch, units]`.

    Example:

    >>> SpectralEmbedding(10, 8)(np.zeros([2], "int32")).shape
    TensorShape([2, 8])

    Reference: Miyato and Koyama, "cGANs with Projection Discriminator" (2018), section 5 (spectral normalization of all
    weights, including the embedding).
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

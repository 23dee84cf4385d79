"""Convolutions that are also fast at small image sizes: `convolve` and `convolve_transpose`.

TensorFlow's convolutions rearrange the kernel in memory in every call. At 4x4 pixels, where kernels are larger than
images, this costs more than the multiplications themselves. In that case, the functions here compute the same sums as a
single matrix product: patches of the image times the kernel. `python benchmarks/convolution.py` measures both.

A convolution, its transpose, and the gradient of its kernel are linear in each argument and are each other's
derivatives, so the three functions below can be differentiated any number of times.
"""

import functools

import numpy as np
import tensorflow as tf

# Up to this many pixels in the smaller image, the matrix product was faster, for batches of 8 to 64.
_MAX_POSITIONS = 4 * 4


def convolve(inputs, kernel, strides=1, padding="SAME"):
    """Cross-correlates images with a kernel, as `tf.nn.conv2d` does.

    Args:
        inputs: A tensor of shape `[batch, height, width, in_channels]`.
        kernel: A tensor of shape `[kernel_height, kernel_width, in_channels, out_channels]`.
        strides: Integer >= 1. Distance in pixels between output positions.
        padding: String, one of `"SAME"` or `"VALID"`, with the same meaning as in TensorFlow.

    Returns:
        A tensor of shape `[batch, out_height, out_width, out_channels]`, with the dtype of `inputs`.

    Example:

    >>> convolve(tf.ones([1, 4, 4, 2]), tf.ones([3, 3, 2, 5]), padding="VALID").shape
    TensorShape([1, 2, 2, 5])
    """
    inputs, kernel = tf.convert_to_tensor(inputs), tf.convert_to_tensor(kernel)
    geometry = _Geometry(inputs.shape[1:3], kernel.shape[:2], strides, padding)
    if not geometry.prefers_matrices:
        return tf.nn.conv2d(inputs, kernel, strides, padding)
    return _forward(inputs, kernel, geometry)


def convolve_transpose(inputs, kernel, output_size, strides=1, padding="SAME"):
    """The transpose of `convolve`, like `tf.nn.conv2d_transpose`: maps small images to large ones.

    Args:
        inputs: A tensor of shape `[batch, height, width, in_channels]`.
        kernel: A tensor of shape `[kernel_height, kernel_width, out_channels, in_channels]`.
        output_size: Tuple `(height, width)`. Size of the result, which `convolve` must map back to the size of
            `inputs`. Scalar tensors if the size of `inputs` is not known until the graph runs.
        strides: Integer >= 1. Number of output pixels per input pixel, along each axis.
        padding: String. See `convolve`.

    Returns:
        A tensor of shape `[batch, *output_size, out_channels]`, with the dtype of `inputs`.

    Raises:
        ValueError: If `convolve` does not map `output_size` back to the size of `inputs`.

    Example:

    >>> convolve_transpose(tf.ones([1, 4, 4, 2]), tf.ones([4, 4, 5, 2]), (8, 8), strides=2).shape
    TensorShape([1, 8, 8, 5])
    """
    inputs, kernel = tf.convert_to_tensor(inputs), tf.convert_to_tensor(kernel)
    if None in inputs.shape[1:3]:
        output_shape = tf.stack([tf.shape(inputs)[0], *output_size, kernel.shape[2]])
        outputs = tf.nn.conv2d_transpose(inputs, kernel, output_shape, strides, padding)
        return tf.ensure_shape(outputs, [None, None, None, kernel.shape[2]])
    geometry = _Geometry(output_size, kernel.shape[:2], strides, padding)
    if geometry.small_size != tuple(inputs.shape[1:3]):
        raise ValueError(
            f"`inputs` must have size {geometry.small_size} for output_size={tuple(output_size)}, strides={strides}, "
            f"padding={padding!r}, and a kernel of size {tuple(kernel.shape[:2])}. "
            f"Received: inputs of size {tuple(inputs.shape[1:3])}"
        )
    if not geometry.prefers_matrices:
        output_shape = [tf.shape(inputs)[0], *geometry.large_size, kernel.shape[2]]
        return tf.nn.conv2d_transpose(inputs, kernel, output_shape, strides, padding)
    return _transpose(inputs, kernel, geometry)


def mix_channels(inputs, kernel):
    """`convolve` with a kernel of one pixel, as one product of matrices on a CPU.

    For few channels TensorFlow's own takes up to five times as long, most of all for the kernel's gradient.

    Args:
        inputs: A tensor of shape `[batch, height, width, in_channels]`.
        kernel: A tensor of shape `[1, 1, in_channels, out_channels]`.

    Returns:
        A tensor of shape `[batch, height, width, out_channels]`.

    Example:

    >>> mix_channels(tf.ones([1, 4, 4, 2]), tf.ones([1, 1, 2, 5])).shape
    TensorShape([1, 4, 4, 5])
    """
    if tf.config.get_visible_devices("GPU"):
        return tf.nn.conv2d(inputs, kernel, 1, "VALID")
    products = tf.matmul(tf.reshape(inputs, [-1, inputs.shape[3]]), tf.reshape(kernel, kernel.shape[2:]))
    outputs = tf.reshape(products, [-1, *size_of(inputs), kernel.shape[3]])
    return tf.ensure_shape(outputs, [*inputs.shape[:3], kernel.shape[3]])


def size_of(images):
    """Returns the `(height, width)` of `[batch, height, width, channels]`: integers if known, else scalar tensors.

    Example:

    >>> size_of(tf.zeros([1, 4, 6, 3]))
    (4, 6)
    """
    return tuple(
        tf.shape(images)[axis] if extent is None else extent for axis, extent in enumerate(images.shape[1:3], start=1)
    )


class _Geometry:
    """Maps each pixel of the smaller image and each tap of the kernel to a pixel of the larger image."""

    def __init__(self, large_size, kernel_size, strides, padding):
        self.large_size = tuple(large_size)
        self.kernel_size = tuple(kernel_size)
        self.strides = strides
        self.padding = padding
        known = None not in self.large_size
        self.small_size = tuple(map(self._small_extent, self.large_size, self.kernel_size)) if known else (None, None)

    def _small_extent(self, large, taps):
        return -(-(large if self.padding == "SAME" else large - taps + 1) // self.strides)

    @property
    def prefers_matrices(self):
        on_cpu = not tf.config.get_visible_devices("GPU")
        one_product = self.kernel_size == (1, 1)  # TensorFlow already computes this as a matrix product.
        return on_cpu and not one_product and None not in self.small_size and np.prod(self.small_size) <= _MAX_POSITIONS

    @functools.cached_property
    def patches(self):
        """int32 `[small positions, taps]`: position in the larger image; one past the last position for padding."""
        rows, columns = (self._taps(axis) for axis in (0, 1))  # [small extent, kernel extent]
        height, width = self.large_size
        positions = rows[:, None, :, None] * width + columns[None, :, None, :]
        inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((columns >= 0) & (columns < width))[None, :, None]
        return np.where(inside, positions, height * width).reshape(-1, np.prod(self.kernel_size)).astype(np.int32)

    def _taps(self, axis):
        large, small, taps = self.large_size[axis], self.small_size[axis], self.kernel_size[axis]
        margin = max((small - 1) * self.strides + taps - large, 0) // 2 if self.padding == "SAME" else 0
        return np.arange(small)[:, None] * self.strides + np.arange(taps)[None, :] - margin

    @functools.cached_property
    def contributions(self):
        """int32 `[most contributions, large positions]`: the inverse of `patches`, padded with one past its last."""
        targets = self.patches.reshape(-1)
        lists = [[] for _ in range(np.prod(self.large_size) + 1)]
        for source, target in enumerate(targets):
            lists[target].append(source)
        lists.pop()  # The padding.
        most = max(map(len, lists))
        return np.array([one + [len(targets)] * (most - len(one)) for one in lists], np.int32).T


def _forward(images, kernel, geometry):
    @tf.custom_gradient
    def forward(images, kernel):
        products = tf.matmul(_patches_of(images, geometry), _as_matrix(kernel))
        outputs = tf.reshape(products, [-1, *geometry.small_size, kernel.shape[3]])

        def gradients(upstream):
            upstream = _with_shape_of(upstream, outputs)
            return _transpose(upstream, kernel, geometry), _kernel_gradient(images, upstream, geometry)

        return outputs, gradients

    return forward(images, kernel)


def _transpose(small_images, kernel, geometry):
    @tf.custom_gradient
    def transpose(small_images, kernel):
        taps, channels = np.prod(geometry.kernel_size), kernel.shape[2]
        rows = tf.reshape(small_images, [-1, kernel.shape[3]])
        products = tf.matmul(rows, _as_matrix(kernel), transpose_b=True)  # [batch * small positions, taps * channels]
        products = tf.reshape(products, [-1, np.prod(geometry.small_size) * taps, channels])
        products = tf.pad(products, [[0, 0], [0, 1], [0, 0]])
        outputs = tf.add_n([tf.gather(products, sources, axis=1) for sources in geometry.contributions])
        outputs = tf.reshape(outputs, [-1, *geometry.large_size, channels])

        def gradients(upstream):
            upstream = _with_shape_of(upstream, outputs)
            return _forward(upstream, kernel, geometry), _kernel_gradient(upstream, small_images, geometry)

        return outputs, gradients

    return transpose(small_images, kernel)


def _kernel_gradient(images, small_images, geometry):
    @tf.custom_gradient
    def kernel_gradient(images, small_images):
        rows = tf.reshape(small_images, [-1, small_images.shape[3]])
        gradient = tf.matmul(_patches_of(images, geometry), rows, transpose_a=True)
        gradient = tf.reshape(gradient, [*geometry.kernel_size, images.shape[3], small_images.shape[3]])
        return gradient, lambda upstream: (
            _transpose(small_images, upstream, geometry),
            _forward(images, upstream, geometry),
        )

    return kernel_gradient(images, small_images)


def _with_shape_of(upstream, outputs):
    """A gradient by `outputs`. That of a concatenation has no static shape if the batch has none."""
    return tf.ensure_shape(upstream, outputs.shape) if None in upstream.shape[1:] else upstream


def _patches_of(images, geometry):
    """`[batch * small positions, taps * channels]`."""
    channels = images.shape[3]
    pixels = tf.reshape(images, [-1, np.prod(geometry.large_size), channels])
    pixels = tf.pad(pixels, [[0, 0], [0, 1], [0, 0]])
    patches = tf.gather(pixels, geometry.patches.reshape(-1), axis=1)
    return tf.reshape(patches, [-1, np.prod(geometry.kernel_size) * channels])


def _as_matrix(kernel):
    return tf.reshape(kernel, [-1, kernel.shape[3]])  # [taps * in_channels, out_channels]

"""SANDense: the last layer of a discriminator that learns where to look apart from how to look."""

import contextvars

import keras
import tensorflow as tf

_CURRENT = contextvars.ContextVar("directions", default=None)


@keras.saving.register_keras_serializable("tfgan_suite")
class SANDense(keras.layers.Layer):
    """`scale * <features + bias, direction>`, the head of a slicing adversarial network, for any discriminator.

    The direction has length 1. It does not learn from the discriminator's loss, but only to tell the means of real and fake
    features apart; features, bias and scale learn from the loss. `GAN` sees that a discriminator has such a head, adds
    `mean d(fake) - mean d(real)` to its loss, and logs it as `loss/direction`. Nothing is to be chosen in `compile`. Here `d` is
    the same number with a gradient for the direction alone.

    Where the weight is kept, it is of length 1 as well: an optimizer that applies Keras's constraints normalizes it after each
    of its steps, and so does `ExponentialMovingAverage`.

    Args:
        units: Integer >= 1. Number of outputs, each with a direction of its own.
        num_classes: Integer >= 1, or `None`. If set, there is one direction and one scale for each class, and one output, that
            of the example's class.
        use_bias: Boolean. Whether there is a bias, one number for each feature.
        kernel_initializer: An initializer with a seed, or `None` for Glorot's uniform one. Its vectors give the first directions,
            their lengths the first scales.
        seed: Integer. Seed of the default initializer.

    Call arguments:
        features: Float tensor of shape `[batch, size]`.
        labels: An int32 tensor of shape `[batch]`, float vectors of shape `[batch, num_classes]`, or `None` without classes.

    Output shape:
        `[batch, units]`, or `[batch, 1]` with classes; float32 whatever the dtype policy.

    Raises:
        ValueError: An argument out of range.

    Example: a network of your own.

    >>> discriminator = keras.Sequential([keras.Input([8, 8, 1]), keras.layers.Flatten(), SANDense()])
    >>> discriminator(np.zeros([2, 8, 8, 1], "float32")).shape
    TensorShape([2, 1])

    Reference: Takida et al., "SAN: Inducing Metrizability of GAN with Discriminative Normalized Linear Layer" (2024), section 5
    and algorithm 1.
    """

    def __init__(self, units=1, num_classes=None, use_bias=True, kernel_initializer=None, seed=0, **kwargs):
        super().__init__(autocast=False, **{**kwargs, "dtype": "float32"})
        if num_classes is not None and units != 1:
            raise ValueError(f"`units` must be 1 with classes. Received: units={units}, num_classes={num_classes}")
        self.units = units
        self.num_classes = num_classes
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(
            kernel_initializer or keras.initializers.GlorotUniform(seed=seed)
        )
        self.seed = seed

    def build(self, features_shape, labels_shape=None):
        shape = (features_shape[-1], self.num_classes or self.units)

        def lengths(kernel):
            return tf.linalg.norm(tf.convert_to_tensor(kernel), axis=0, keepdims=True)

        def draw(_, dtype=None):
            return self.kernel_initializer(shape, dtype=dtype)

        def directions(_, dtype=None):
            return draw(_, dtype) / lengths(draw(_, dtype))

        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=directions, constraint=keras.constraints.UnitNorm(axis=0)
        )
        self.scale = self.add_weight(
            name="scale", shape=shape[1:], initializer=lambda _, dtype=None: lengths(draw(_, dtype))[0]
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=shape[:1], initializer="zeros")

    def call(self, features, labels=None):
        features = tf.cast(features, tf.float32)
        features = features if self.bias is None else features + tf.convert_to_tensor(self.bias)
        # Also here: what sets weights without an optimizer, or decays them, leaves the function as it is.
        direction = tf.math.l2_normalize(tf.convert_to_tensor(self.kernel), axis=0)
        scale = tf.convert_to_tensor(self.scale)
        logits = self._score(features, tf.stop_gradient(direction), scale, labels)
        if (directions := _CURRENT.get()) is not None:
            parts = self._score(tf.stop_gradient(features), direction, tf.stop_gradient(scale), labels)
            directions.add(logits, parts)
        return logits

    def _score(self, features, direction, scale, labels):
        scores = tf.matmul(features, direction) * scale
        if self.num_classes is None:
            return scores
        labels = tf.convert_to_tensor(labels)
        vectors = tf.one_hot(labels, self.num_classes) if labels.shape.rank == 1 else tf.cast(labels, tf.float32)
        return tf.reduce_sum(scores * vectors, axis=1, keepdims=True)

    def compute_output_shape(self, features_shape, labels_shape=None):
        return (*features_shape[:-1], self.units)

    def get_config(self):
        config = super().get_config()
        del config["dtype"]
        return {
            **config,
            "units": self.units,
            "num_classes": self.num_classes,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.saving.serialize_keras_object(self.kernel_initializer),
            "seed": self.seed,
        }


class Directions:
    """Context manager that collects what `SANDense` layers called within it need for their directions to learn.

    Example:

    >>> head, real, fake = SANDense(), np.ones([2, 4], "float32"), np.zeros([2, 4], "float32")
    >>> with Directions() as directions:
    ...     real_logits, fake_logits = head(real), head(fake)
    >>> directions.loss(real_logits[:, 0], fake_logits[:, 0]).shape
    TensorShape([2])
    """

    def __init__(self):
        self._outputs, self._parts = [], []

    def __enter__(self):
        self._tape = tf.GradientTape(watch_accessed_variables=False)
        self._tape.__enter__()
        self._token = _CURRENT.set(self)
        return self

    def __exit__(self, *error):
        _CURRENT.reset(self._token)
        self._tape.__exit__(*error)

    def __bool__(self):
        return bool(self._parts)

    def add(self, logits, parts):
        """Takes the output of a layer, and the same with a gradient for its direction alone."""
        self._tape.watch(logits)
        self._outputs.append(logits)
        self._parts.append(parts)

    def loss(self, real_logits, fake_logits):
        """`d(fake) - d(real)`, float32 `[batch]`; its mean over the batch has the gradient of `mean d(fake) - mean d(real)`.

        Args:
            real_logits: float32 `[batch]`, what the discriminator made of real images within the context.
            fake_logits: float32 `[batch]`, of generated ones. Both may come of one call, in any order.
        """
        with self._tape:
            difference = tf.reduce_sum(fake_logits) - tf.reduce_sum(real_logits)
        # How each output counts: 1 if it is a fake's, -1 if it is a real image's, wherever the model has put it.
        signs = self._tape.gradient(difference, self._outputs, unconnected_gradients="zero")
        moved = [
            tf.reduce_sum(tf.stop_gradient(sign) * (part - tf.stop_gradient(part)))
            for sign, part in zip(signs, self._parts)
        ]
        batch_size = tf.cast(tf.size(fake_logits), tf.float32)
        return tf.stop_gradient(fake_logits - real_logits) + tf.add_n(moved) / batch_size

"""InitializedFromData: models whose first weights follow from a batch of data, once."""

import tensorflow as tf

from tfgan_suite.foundation.errors import UserError

_NOT_INITIALIZED = (
    "This model has not been initialized from data, as its paper does and `fit` and `train_on_batch` do with their first "
    "batch: call `initialize_from_data(images)` with a batch of training images before the first step of a loop of your own."
)


class InitializedFromData:
    """A model that sets some weights from data before it trains. Stands before `LikelihoodModel` among the bases of a class.

    The first `fit` or `train_on_batch` of a new model does it from its first batch, over all replicas; whether it was done is
    saved with the model. Nothing else does: a model that generates or scores before it was trained has the weights that it was made with.

    A subclass calls `count_initialization` in `__init__`, and implements `initialize_weights`.

    Attributes:
        is_initialized: Variable, int64 scalar. 1 once it was done.
    """

    def count_initialization(self):
        """Makes the variable that remembers it."""
        self.is_initialized = self._add_counter("is_initialized")

    def initialize_weights(self, images, labels):
        """Sets the weights of the trained network, eagerly.

        Args:
            images: float32 `[batch, height, width, channels]` in [-1, 1], exactly on the grid of the levels.
            labels: int32 `[batch]`, or `None`.
        """
        raise NotImplementedError

    def fit(self, x=None, y=None, batch_size=None, **kwargs):
        """As Keras's. The first one of a new model begins with `initialize_from_data` of the first batch.

        Raises:
            ValueError: The model is new, and `x` is neither arrays nor a `tf.data.Dataset`, whose first batch could be looked
                at beforehand.
        """
        if not int(self.is_initialized.numpy()):
            self._initialize_from(x, y, batch_size or 32)
        return super().fit(x, y, batch_size, **kwargs)

    def train_on_batch(self, x, y=None, *args, **kwargs):
        """As Keras's. The first one of a new model begins with `initialize_from_data` of its batch."""
        if not int(self.is_initialized.numpy()):
            self._initialize_from(x, y, len(x))
        return super().train_on_batch(x, y, *args, **kwargs)

    def train_step(self, data):
        """One step. A loop of your own has to call `initialize_from_data` before its first one.

        Raises:
            tf.errors.InvalidArgumentError: It has not been called.
        """
        is_ready = (tf.convert_to_tensor(self.is_initialized) > 0) | (tf.convert_to_tensor(self.steps) > 0)
        with tf.control_dependencies([tf.debugging.Assert(is_ready, [_NOT_INITIALIZED])]):
            data = tf.nest.map_structure(_identity, data)
        return super().train_step(data)

    def _initialize_from(self, x, y, batch_size):
        if isinstance(x, tf.data.Dataset | tf.distribute.DistributedDataset):
            data = next(iter(x))
        elif hasattr(x, "shape"):
            data = x[:batch_size] if y is None else (x[:batch_size], y[:batch_size])
        else:
            raise ValueError(
                f"`x` of the first `fit` must be an array or a tf.data.Dataset. Received: a {type(x).__name__}. "
                "Call `initialize_from_data(images)` with some training images before, then `fit` takes it."
            )
        strategy = self.distribute_strategy
        data = tf.nest.map_structure(lambda one: tf.concat(strategy.experimental_local_results(one), axis=0), data)
        self.initialize_from_data(*self.unpack(data))

    def initialize_from_data(self, images, labels=None):
        """Sets weights so that on these images activations have mean 0 and deviation 1, as the model's paper does it.

        It is done layer after layer, without dropout, and once: over all of these images, whatever the number of replicas.
        The averaged weights become a copy. A model that was trained, loaded or initialized is refused.

        Args:
            images: Float `[batch, height, width, channels]` in [-1, 1] on the grid of the levels, or uint8. Training images,
                as many as fit in memory at once; papers take a batch.
            labels: Integers `[batch]` of a conditional model.

        Raises:
            UserError: The model is not new, or the images or labels do not fit.
        """
        if int(self.is_initialized.numpy()) or int(self.steps.numpy()):
            raise UserError(
                "`initialize_from_data` must be called once, before training. Received a model with "
                f"{int(self.steps.numpy())} steps that is initialized."
            )
        self.initialize_weights(*self.checked_examples(images, labels))
        for name, average in self.averages.items():
            average.set_weights(self.networks[name].get_weights())
        self.is_initialized.assign(1)


def _identity(value):
    return tf.identity(value) if isinstance(value, tf.Tensor) else value  # A replica's values are left as they are.

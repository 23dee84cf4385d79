"""What `fit` and `evaluate` are given is looked at on the host, as it is read: a training step knows nothing of it.

Of examples the first batch is looked at, since data of another range are so from the start; of labels every batch, since one
wrong label may come late. Shapes and dtypes are known without values: `TrainedModel.unpack` checks them.
"""

import contextlib
import warnings
import weakref

import keras
import numpy as np
import tensorflow as tf

# Of arrays this many examples are looked at; their labels all.
_FIRST_EXAMPLES = 256
_ARRAYS = (np.ndarray, tf.Tensor)


class DataChecks:
    """Checks the values of a model's data, in and outside of graphs.

    Args:
        model: A `TrainedModel`.
    """

    def __init__(self, model):
        self._model = model
        self._refusals = []
        self._has_seen_batch = False

    # === Arrays ===

    def check_arrays(self, examples, labels=None):
        """Raises a `UserError` for arrays that cannot be trained on. Passes over what is no array."""
        if isinstance(examples, _ARRAYS) and self._has_values(tf.as_dtype(examples.dtype)):
            self._check_examples(np.asarray(examples[:_FIRST_EXAMPLES]))
        if isinstance(labels, _ARRAYS) and self._model.num_classes is not None:
            self._model.condition.check_batch(labels)

    def _check_examples(self, examples):
        try:
            self._model.check_values(examples)
        except ValueError as error:
            if self._model.refuses_out_of_range:
                raise
            warnings.warn(str(error), stacklevel=2)

    def check_batch(self, data):
        """As `check_arrays`, of what `train_on_batch` got, or a method like it."""
        examples, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        self.check_arrays(None if self._has_seen_batch else examples, labels)
        self._has_seen_batch = True

    # === Data that are read batch by batch ===

    def follow(self, epoch_iterator):
        """Has Keras's iterator over epochs check what it reads.

        Args:
            epoch_iterator: What Keras made of the data of `fit` or `evaluate`. It is changed, once.
        """
        dataset, strategy = epoch_iterator._distributed_dataset, self._model.distribute_strategy
        if isinstance(dataset, _CheckedEpochs):
            return
        if isinstance(dataset, tf.data.Dataset):
            distribute, share_files = lambda dataset: dataset, False
        else:
            dataset = epoch_iterator.data_adapter.get_tf_dataset()
            # Workers share out elements by the files that they come from, if these can be seen through what follows.
            distribute, share_files = (
                strategy.experimental_distribute_dataset,
                strategy.extended._in_multi_worker_mode(),
            )
        if not isinstance(dataset, tf.data.Dataset):
            # The caller distributed it. Keras itself looks at the first batch of such data to build its own models.
            for part in strategy.experimental_local_results(next(iter(dataset))):
                self.check_batch(part)
            return
        later = distribute(self._checked(dataset, whole=False))
        first = later if share_files else distribute(self._checked(dataset, whole=True))
        epoch_iterator._distributed_dataset = _CheckedEpochs(first, later)

    def _checked(self, dataset, whole):
        """A dataset of the same elements, which fails at one that is refused; `whole`: examples of the first are looked at too."""
        spec, own_refuse = dataset.element_spec, weakref.WeakMethod(self._refuse)

        def refuse(*batch):
            # TensorFlow keeps what `py_function` calls for as long as the process runs; the model must not be held by it.
            refuse_batch = own_refuse()
            return True if refuse_batch is None else refuse_batch(*batch)

        def look(is_first, *element):
            data = tf.nest.pack_sequence_as(spec, tf.nest.flatten(element))
            examples, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
            looked_at = [one for one in (examples, labels) if isinstance(one, tf.Tensor)]
            refused = tf.logical_not(self._is_right(examples, labels, is_first))
            told = tf.cond(refused, lambda: tf.py_function(refuse, looked_at, tf.bool), lambda: False)
            with tf.control_dependencies([told]):
                return tf.nest.map_structure(tf.identity, data)

        if not whole:
            return dataset.map(lambda *element: look(None, *element))
        return dataset.scan(tf.constant(True), lambda state, *element: (tf.constant(False), look(state, *element)))

    def _is_right(self, examples, labels, is_first):
        """Whether the values of a batch are right, a boolean scalar."""
        right = tf.constant(True)
        # Other dtypes than these are refused before any value is read.
        if isinstance(examples, tf.Tensor) and self._has_values(examples.dtype) and is_first is not None:
            right = tf.cond(is_first, lambda: self._model.takes_values(examples), lambda: True)
        if isinstance(labels, tf.Tensor) and self._model.num_classes is not None and labels.dtype != tf.string:
            numbers = tf.cast(labels, tf.float64)
            known = (numbers >= 0) & (numbers < self._model.num_classes) & (numbers == tf.floor(numbers))
            right &= tf.reduce_all(known)
        return right

    def _has_values(self, dtype):
        """Whether examples of a dtype are such as can be trained on; any other is refused before values are read."""
        return dtype.is_floating or dtype.is_integer and self._model.spec.takes_integers

    def _refuse(self, *batch):
        try:
            self.check_arrays(*(one.numpy() for one in batch))
        except ValueError as error:
            self._refusals.append(error)
            raise
        return True

    @contextlib.contextmanager
    def told(self):
        """Raises what was refused while data were read, in place of TensorFlow's report of it."""
        self._refusals.clear()
        try:
            yield
        except tf.errors.OpError:
            if not self._refusals:
                raise
            raise self._refusals[0] from None


class _CheckedEpochs:
    """Data whose first epoch is read with more checks than the later ones."""

    def __init__(self, first, later):
        self._first, self._later = first, later

    def __iter__(self):
        epoch, self._first = self._first, self._later
        return iter(epoch)

"""What a network's own layers add to the loss: regularizers of weights, of activities, and `add_loss`.

Keras adds `model.losses` to what a model minimizes. So does an update for the networks whose weights it changes:

* regularizers of weights once an update, as an objective of their own;
* what is added in a call (`add_loss`, activity regularizers) to the first loss of the objective that makes the call. As in
  Keras such a value is the mean over the examples of the call, so that replicas and microbatches average it. Calls that
  penalties make do not count.
"""

import contextlib
import contextvars
import dataclasses

import tensorflow as tf

from tfgan_suite.engine.update import Objective

_CURRENT = contextvars.ContextVar("added_losses", default=None)


class AddedLosses:
    """Context manager that collects what layers of some networks add in calls within it.

    Args:
        networks: Networks, or none. A call by `call_network` counts each time; of other calls, each network's last.

    Attributes:
        values: List of scalars.
    """

    def __init__(self, networks):
        self.networks = list(networks)
        self.values = []
        self._seen = []

    def __enter__(self):
        self.skip()
        self._token = _CURRENT.set(self)
        return self

    def __exit__(self, *error):
        _CURRENT.reset(self._token)
        for network in self.networks:
            self.take(network)

    def take(self, network):
        """Takes what the last call of a network has added, unless it is taken already."""
        if not any(network is one for one in self.networks):
            return
        for value in _added_in_call(network):
            if not any(value is one for one in self._seen):
                self._seen.append(value)
                self.values.append(tf.cast(tf.reduce_sum(value), tf.float32))

    def skip(self):
        """Leaves out what calls have added so far and is not taken."""
        self._seen += [value for network in self.networks for value in _added_in_call(network)]


def note_call(network):
    """Says that a network was called just now."""
    if (current := _CURRENT.get()) is not None:
        current.take(network)


@contextlib.contextmanager
def not_counted():
    """Context manager for calls that are no part of a loss, such as those of penalties."""
    current = _CURRENT.get()
    token = _CURRENT.set(None)
    try:
        yield
    finally:
        _CURRENT.reset(token)
        if current is not None:
            current.skip()


def _added_in_call(network):
    """What layers have added since the network was last called; Keras lists it before the weights' regularizers."""
    losses = network.losses
    return losses[: len(losses) - len(regularized(network.trainable_weights))]


def with_added(objective, values):
    """An `Objective` whose first loss has grown by the sum of `values`, scalars."""
    if not values:
        return objective
    name, *_ = objective.losses
    return dataclasses.replace(objective, losses={**objective.losses, name: objective.losses[name] + tf.add_n(values)})


def regularized(variables):
    """Those of the variables that have a regularizer, a list."""
    return [variable for variable in variables if getattr(variable, "regularizer", None) is not None]


def regularization_name(update):
    """The name under which an update logs its weights' regularizers, or `None` if it adds none."""
    return f"regularization/{update.name}" if update.interval == 1 and regularized(update.variables) else None


def objectives_of(update):
    """An update's objectives, its weights' regularizers included, a list."""
    name = regularization_name(update)
    if name is None:
        return update.objectives

    def regularization(batch):
        values = [tf.cast(one.regularizer(one), tf.float32) for one in regularized(update.variables)]
        # Once for each example: the mean over the global batch is then the value, for any number of replicas.
        return Objective({name: tf.fill([tf.shape(batch.examples)[0]], tf.add_n(values))})

    return [*update.objectives, regularization]

"""What training at one level needs: gradients as at full size, and optimizers without a past."""

import tensorflow as tf


class AtFullSize:
    """A penalty whose gradients are those by images shown at full size, as the paper's were.

    There a pixel stands `factor` times along each side, and each takes its share of the gradient: the norm is
    `factor` times smaller. It is the norm of the gradient by images whose values are `factor` times as large.
    """

    def __init__(self, penalty, factor):
        self.name = penalty.name
        self._penalty = penalty
        self._factor = factor

    def __call__(self, discriminate, real, fake, seed):
        real, fake = (
            None if side is None else side._replace(images=self._factor * side.images) for side in (real, fake)
        )
        return self._penalty(lambda images, labels: discriminate(images / self._factor, labels), real, fake, seed)


def start_afresh(optimizer, variables):
    """Brings an optimizer to the state that it began with, but for its learning rate and the scale of the loss."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    fresh = optimizer.__class__.from_config(optimizer.get_config())
    fresh.build(variables)
    for variable, initial in zip(optimizer.variables, fresh.variables):
        variable.assign(tf.convert_to_tensor(initial))

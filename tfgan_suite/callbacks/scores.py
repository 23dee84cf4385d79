"""Scores: a model is scored while it trains."""

import keras


class Scores(keras.callbacks.Callback):
    """Scores the model every few ticks and puts the values into the logs.

    Put it before the callbacks that write logs.

    Args:
        score: Function from the model to a dict of name to float, such as a call of `tfgan_suite.evaluate`.
        every_ticks: Integer >= 1. Ticks from one scoring to the next.
    """

    def __init__(self, score, every_ticks=1):
        super().__init__()
        self.score = score
        self.every_ticks = every_ticks

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every_ticks == 0:
            logs.update(self.score(self.model))

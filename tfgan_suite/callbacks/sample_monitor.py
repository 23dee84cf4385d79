"""SampleMonitor: what monitors have in common that look at samples every few thousand examples."""

import contextlib

import numpy as np

from tfgan_suite.callbacks.monitor import Monitor
from tfgan_suite.foundation.errors import UserError

BATCH_SIZE = 64


class SampleMonitor(Monitor):
    """Base of monitors that compare samples of a fixed seed with real examples. A subclass implements `look`.

    The samples are those of the networks in training, not of their averages, which show a collapse thousands of examples
    later. See `Monitor` for the arguments that are not listed here.

    Args:
        real_images: Some training examples, an array of the spec's `edge_dtype` `[count, *shape]`, uint8 for images; a few
            thousand are enough.
        real_labels: Their labels, int32 `[count]`, for a conditional model.
        held_out_images: Real examples that are not trained on, or `None`.
        held_out_labels: Their labels.
        num_samples: Integer >= 32. Samples of one look.
        every_images: Integer. Examples from one look to the next, at ends of ticks; by default 40 times `num_samples`, so
            that looking costs about two percent of training.
        samples_of: Another `SampleMonitor` with the same samples, which are then generated once for both; or `None`.
        seed: Integer. Seed of the samples.

    Raises:
        UserError: Examples of another kind than the model's, or labels missing.
    """

    def __init__(
        self, real_images, real_labels=None, held_out_images=None, held_out_labels=None, *, num_samples=256,
        every_images=None, samples_of=None, rules=None, actions=None, log_dir=None, alerts_path=None, stream=None, seed=0,
    ):  # fmt: skip
        super().__init__(rules, actions, log_dir, alerts_path, stream)
        if num_samples < 32:
            raise UserError(f"`num_samples` must be >= 32. Received: num_samples={num_samples}")
        self.num_samples = num_samples
        self.every_images = every_images or 40 * num_samples
        self.samples_of = samples_of
        self.seed = seed
        self.examples = {"real": np.asarray(real_images)}
        self.labels = {"real": real_labels}
        if held_out_images is not None:
            self.examples["held_out"], self.labels["held_out"] = np.asarray(held_out_images), held_out_labels
        self._looked_images = 0
        self._samples = None

    def look(self):
        """All measurements now, a dict of floats."""
        raise NotImplementedError

    def get_state(self):
        return {**super().get_state(), "looked_images": self._looked_images}

    def set_state(self, state):
        super().set_state(state)
        self._looked_images = state["looked_images"]

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        spec = self.model.spec
        for kind, examples in self.examples.items():
            if examples.dtype != np.dtype(spec.edge_dtype) or examples.shape[1:] != tuple(spec.shape):
                raise UserError(
                    f"`{kind}_images` must be {spec.edge_dtype} {spec.shape}, as the model makes them. Received: "
                    f"{examples.dtype} {examples.shape[1:]}"
                )
            if self.model.num_classes is not None and self.labels[kind] is None:
                raise UserError(f"`{kind}_labels` must be given, since the model has classes. Received: None")

    def on_epoch_end(self, epoch, logs=None):
        self._samples = None  # Of an earlier tick.
        super().on_epoch_end(epoch, logs)

    def measure(self, logs):
        examples_seen = int(np.asarray(self.model.examples_seen))
        if examples_seen - self._looked_images < self.every_images:
            return None
        self._looked_images = examples_seen
        return self.look()

    def sample_labels(self):
        """Labels of the samples, each class in turn, int `[num_samples]`; `None` without classes."""
        classes = self.model.num_classes
        return None if classes is None else np.arange(self.num_samples) % classes

    def samples(self):
        """The samples, `[num_samples, *shape]` of the spec's `edge_dtype`."""
        if self.samples_of is not None:
            return self.samples_of.samples()
        if self._samples is None:
            with _networks_in_training(self.model):
                self._samples = self.model.generate(
                    self.num_samples, self.sample_labels(), seed=self.seed, batch_size=BATCH_SIZE
                )
        return self._samples


@contextlib.contextmanager
def _networks_in_training(model):
    """Within, the model samples with the networks that are trained, in place of their averages."""
    pairs = [
        (average, trained)
        for name, network in model.averages.items()
        for average, trained in zip(network.variables, model.networks[name].variables)
    ]
    before = [np.asarray(average) for average, _ in pairs]
    try:
        for average, trained in pairs:
            average.assign(trained)
        yield
    finally:
        for (average, _), value in zip(pairs, before):
            average.assign(value)

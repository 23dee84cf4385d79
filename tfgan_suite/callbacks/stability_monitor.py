"""StabilityMonitor: gradients, losses and skipped updates of each tick."""

import numpy as np

from tfgan_suite.callbacks.monitor import Monitor
from tfgan_suite.callbacks.stop_on_non_finite import guards, skipped_updates


class StabilityMonitor(Monitor):
    """Watches the means of each tick that the training step tracks anyway: it costs nothing.

    The model says by which rules (`stability_rules`) and what they measure besides the losses and gradient norms in the logs
    (`stability_measurements`); both go into the logs, with `skipped_updates/share` of the tick if there is a
    `GradientGuard`. See `Monitor` for the arguments.

    Example:

    >>> gan = DCGAN(image_shape=(8, 8, 1), base_channels=2, kernel_size=4)
    >>> gan.compile()
    >>> monitor = StabilityMonitor()
    >>> history = gan.fit(np.zeros([8, 8, 8, 1], "float32"), batch_size=4, callbacks=[monitor], verbose=0)
    >>> monitor.alerts
    []

    Reference: drift of a Wasserstein critic's logits, Karras et al., "Progressive Growing of GANs" (2018), appendix A.1;
    gradient norms and discriminator loss as first signs, Brock et al. (2019), section 4.
    """

    name = "stability"

    def __init__(self, rules=None, actions=None, log_dir=None, alerts_path=None, stream=None):
        super().__init__(rules, actions, log_dir, alerts_path, stream)
        self._before = None

    def default_rules(self, model):
        return model.stability_rules()

    def on_epoch_begin(self, epoch, logs=None):
        self._before = self._before or self._counts()
        super().on_epoch_begin(epoch, logs)

    def on_train_begin(self, logs=None):
        self._before = None
        super().on_train_begin(logs)

    def _counts(self):
        """Updates left out, and steps, both since training began."""
        return sum(skipped_updates(self.model).values()), int(np.asarray(self.model.steps))

    def measure(self, logs):
        values = dict(self.model.stability_measurements(logs))
        skipped, steps = self._counts()
        if guards(self.model) and steps > self._before[1]:
            values["skipped_updates/share"] = (skipped - self._before[0]) / (steps - self._before[1])
        self._before = (skipped, steps)
        # What rules judge may be in the logs already, such as the gradient norms.
        logged = {rule.measurement: float(logs[rule.measurement]) for rule in self.rules if rule.measurement in logs}
        return {**logged, **values}

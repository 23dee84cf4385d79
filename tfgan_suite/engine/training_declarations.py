"""TrainingDeclarations: what a model says of its training to monitors, the progress line and the report."""

from tfgan_suite.engine.chart import Chart
from tfgan_suite.engine.stability_rules import gradient_explodes, gradient_vanishes, updates_left_out


class TrainingDeclarations:
    """What follows from a model's updates; a subclass that knows better overrides it."""

    def extra_logs(self):
        """Names of what a subclass logs by `track_value` beside its updates, a tuple."""
        return ()

    def curves(self):
        """What the report draws of the logs, a list of `Chart`; by default all that the updates log."""
        series = {}
        for name in dict.fromkeys(name for update in self.updates() for name in update.logs):
            prefix, _, label = name.partition("/")
            series.setdefault(prefix, {})[label or name] = name
        norms = {update.name: f"gradient_norm/{update.name}" for update in self.updates() if update.interval == 1}
        titles = {"loss": "Losses"}
        charts = [Chart(titles.get(prefix, prefix.capitalize()), one, prefix) for prefix, one in series.items()]
        return [*charts, Chart("Length of the gradients", norms, "norm")]

    def progress_labels(self):
        """What the progress line shows of the logs, a dict of short label to name; by default all losses."""
        losses = [name for update in self.updates() for name in update.logs if name.split("/")[0] == "loss"]
        if len(losses) == 1:
            return {"loss": losses[0]}
        return {name.removeprefix("loss/"): name for name in losses}

    def stability_rules(self):
        """What the `StabilityMonitor` judges a tick by, a list of `Rule`; by default the gradients of each update."""
        names = [update.name for update in self.updates() if update.interval == 1]
        rules = [rule(name) for name in names for rule in (gradient_explodes, gradient_vanishes)]
        return [*rules, updates_left_out()]

    def stability_measurements(self, logs):
        """What these rules measure besides the logs of a tick, a dict of name to float; it is logged as well."""
        return {}

    def halvings(self):
        """How many times the size of the examples is halved at present, for a model that grows; 0 for all others."""
        return 0

"""What a model with a codebook says about it: to logs, charts, monitors, and to whom asks."""

from tfgan_suite.engine.alerts import Rule
from tfgan_suite.engine.chart import Chart


class CodebookReports:
    """Of a `TrainedModel` with a network `quantizer` and `encode_tokens`."""

    def end_step(self):
        self.quantizer.update()
        self.track_value("codes/perplexity", self.quantizer.perplexity())
        self.track_value("codes/in_use", self.quantizer.share_in_use())

    def extra_logs(self):
        return (*super().extra_logs(), "codes/perplexity", "codes/in_use")

    def curves(self):
        codes = [
            Chart(
                "Codes in use",
                {"in use": "codes/in_use"},
                "share",
                "The share of codes that at least a tenth of the tokens of an equal share go to.",
            ),
            Chart("Variety of codes", {"perplexity": "codes/perplexity"}, "codes"),
        ]
        return [*super().curves(), *codes]

    def progress_labels(self):
        return {**super().progress_labels(), "in use": "codes/in_use"}

    def stability_rules(self):
        collapse = Rule(
            name="codebook_collapse",
            measurement="codes/in_use",
            below=0.05,
            patience=2,
            symptom="Hardly any of the codes is in use: tokens say little about the images.",
            advice="quantizers.FiniteScalarQuantizer, the default; fewer codes; vectors of 4 to 8 numbers; a quantizer with "
            "`restart=True`.",
            reason="Codes that begin anew keep above nine in ten in use in all runs seen.",
        )
        return [*super().stability_rules(), collapse]

    def codebook_use(self, images, batch_size=64):
        """The share of all codes that the tokens of some images use at least once, a float.

        Args:
            images: Float `[count, height, width, channels]` in [-1, 1]. As many as make each code likely: ten times `num_tokens`
                tokens or more.
            batch_size: Integer >= 1. Images at a time.
        """
        used = set()
        for index in range(0, len(images), batch_size):
            used.update(self.encode_tokens(images[index : index + batch_size]).numpy().ravel().tolist())
        return len(used) / self.num_tokens

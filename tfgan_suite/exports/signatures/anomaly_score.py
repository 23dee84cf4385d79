"""`anomaly_score`: how far examples are from what is normal."""

import tensorflow as tf

from tfgan_suite.exports.signatures.example_signature import ExampleSignature
from tfgan_suite.generative.abilities import ScoresAnomalies


class AnomalyScore(ExampleSignature):
    """Examples to `anomaly_score`, float32 `[batch]`; higher is less normal."""

    name = "anomaly_score"
    ability = ScoresAnomalies
    takes_labels = False

    def outputs(self, examples, labels):
        return {"anomaly_score": tf.cast(self.model.anomaly_score(examples), tf.float32)}

"""EvaluateGenerator: scores an exported generator on real images and decides whether it may be pushed."""

import json
from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from pipelines.prepare_images import PreparedImages
from tfgan_suite.exports.saved_model import load_generator
from tfgan_suite.metrics.protocol.evaluation import evaluate
from tfgan_suite.release.pipeline_config import PipelineConfig
from tfgan_suite.release.pushed_versions import bless_against_pushed

BLESSING_FILE = "blessing.json"


@component
def EvaluateGenerator(  # noqa: N802  (The name of the component.)
    model: InputArtifact[standard_artifacts.Model],
    images: InputArtifact[PreparedImages],
    evaluation: OutputArtifact[standard_artifacts.ModelEvaluation],
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
    settings: Parameter[str],
):
    """Writes `metrics.json` to `evaluation`; `blessing` says whether the gate lets the model pass, and why.

    The last model that was blessed and pushed is read from where it is served, not from the metadata: it is no input, so
    that a push does not make the next run, with nothing changed, compare a model with itself.
    """
    # The other sections are no part of this step, so that a change of theirs does not repeat it.
    config = PipelineConfig(root="", data={}, train={}, **json.loads(settings))

    def score(generator, output_dir=None):
        return evaluate(generator, images.uri, **config.evaluate, output_dir=output_dir, progress=False)

    scores = score(load_generator(path_utils.serving_model_path(model.uri)), evaluation.uri)
    decision = bless_against_pushed(scores, config, score)
    content = {
        "blessed": decision.blessed,
        "reasons": decision.reasons,
        "scores": [row.to_json() for row in scores],
    }
    Path(blessing.uri, BLESSING_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    Path(blessing.uri, "BLESSED" if decision.blessed else "NOT_BLESSED").touch()
    blessing.set_int_custom_property("blessed", int(decision.blessed))
    blessing.set_string_custom_property("reasons", " ".join(decision.reasons))
    blessing.set_string_custom_property("current_model", model.uri)
    blessing.set_int_custom_property("current_model_id", model.id)

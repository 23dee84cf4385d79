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
def EvaluateGenerator(  # noqa: N802  (It is the name of the component.)
    model: InputArtifact[standard_artifacts.Model],
    images: InputArtifact[PreparedImages],
    evaluation: OutputArtifact[standard_artifacts.ModelEvaluation],
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
    settings: Parameter[str],
):
    """Writes the scores to `metrics.json` in `evaluation`, and the gate's decision and its reasons to `blessing`.

    The last model pushed is read from the directory it is served from, not from the metadata. It is not an input,
    because a push would then make the next run, with nothing else changed, compare the model with itself.
    """
    # The other sections do not affect this step, so changes to them must not repeat it.
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

"""InfraValidate: checks that an exported generator loads and runs with only TensorFlow."""

import json
from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.release.infra_validation import validate_infrastructure

VALIDATION_FILE = "validation.json"


@component
def InfraValidate(  # noqa: N802  (It is the name of the component.)
    model: InputArtifact[standard_artifacts.Model],
    blessing: OutputArtifact[standard_artifacts.InfraBlessing],
):
    """Requests images from the model in a separate process and writes the result to `blessing`."""
    try:
        content = validate_infrastructure(path_utils.serving_model_path(model.uri))
        blessed = True
    except UserError as error:
        content, blessed = {"error": str(error)}, False
    Path(blessing.uri, VALIDATION_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    Path(blessing.uri, "INFRA_BLESSED" if blessed else "INFRA_NOT_BLESSED").touch()
    blessing.set_int_custom_property("blessed", int(blessed))
    blessing.set_string_custom_property("reasons", content.get("error", "It returned images in a separate process."))

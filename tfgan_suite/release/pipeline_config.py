"""The configuration of a pipeline, read from a YAML file."""

import dataclasses
import inspect

from tfgan_suite.data.images import ImageFormat
from tfgan_suite.data.text_format import TextFormat
from tfgan_suite.exports.saved_model import NAME_RULE, is_model_name
from tfgan_suite.foundation.errors import MissingExtraError, UserError
from tfgan_suite.foundation.paths import expand_home, local_path
from tfgan_suite.metrics.protocol.evaluation import evaluate
from tfgan_suite.preprocessing.prepare_dataset import FORMAT_OPTIONS, prepare_dataset
from tfgan_suite.release.config_sections import TOP, read_section
from tfgan_suite.release.pipeline_checks import check_settings
from tfgan_suite.release.yaml_file import read_yaml
from tfgan_suite.runs.recipe import find_model
from tfgan_suite.runs.train_config import TrainConfig

_SECTIONS = {"name": str, "root": str, **dict.fromkeys(("data", "train", "gate", "evaluate", "push"), dict)}
# Fields of a run's configuration that the pipeline sets itself.
_OWN_TRAIN_FIELDS = ("data_dir", "run_dir", "score_every_ticks")
_PUSH_ARGUMENTS = {"directory": str, "description": str | None, "license": str | None}
_FORMAT_ARGUMENTS = {
    field.name: field.type | None for field in dataclasses.fields(ImageFormat) if field.name in FORMAT_OPTIONS
} | {field.name: field.type | None for field in dataclasses.fields(TextFormat)}
_BEAM_ARGUMENTS = {"runner": str | None, "pipeline_options": list | dict | None}


@dataclasses.dataclass(frozen=True)
class PipelineConfig:
    """The settings of the steps. Each dict corresponds to a section of the YAML file.

    Attributes:
        name: String. Name of the model, which is pushed as `DIRECTORY/NAME/VERSION`.
        root: String. Directory of the ledger, the data schema, the runs, and the candidates.
        data: Dict with `source`, `directory`, and any other arguments of `prepare_dataset`.
        train: Dict. Fields of `TrainConfig`.
        evaluate: Dict. Arguments of `tfgan_suite.evaluate` that are plain values, the model's sampling options included.
        gate: Dict with `thresholds`, which maps names of scores to the values they must reach, and `compare`, the score
            in which a new model must be better than the last one pushed (by default, the first one in `thresholds`).
        push: Dict with `directory` (by default `saved_models`), and `description` and `license` for the model card.

    Example:

    >>> config = PipelineConfig.from_dict({
    ...     "name": "digits", "root": "runs/pipeline", "data": {"source": "digits", "directory": "data/digits"},
    ...     "train": {"preset": "dcgan_digits_32"}, "gate": {"thresholds": {"frechet_distance_5k": 40.0}},
    ... })
    >>> config.compared_score
    'frechet_distance_5k'
    """

    name: str
    root: str
    data: dict
    train: dict
    gate: dict
    evaluate: dict = dataclasses.field(default_factory=dict)
    push: dict = dataclasses.field(default_factory=dict)

    @classmethod
    def load(cls, path):
        """Reads a configuration from a YAML file.

        Args:
            path: String or path of the file.

        Returns:
            A `PipelineConfig`.

        Raises:
            UserError: If the file does not exist, is not YAML, names an entry twice, or is refused by `from_dict`.
            MissingExtraError: If PyYAML is not installed.
        """
        content = read_yaml(path)
        try:
            return cls.from_dict(content)
        except MissingExtraError:
            raise
        except UserError as error:
            raise UserError(f"{str(path)!r}: {error}") from error

    @classmethod
    def from_dict(cls, content):
        """Creates a configuration, checking all that can be known without reading the data.

        Names and types of all entries, presets and arguments of models, runners, extractors, and the names of scores.

        Args:
            content: Dict. The content of the YAML file.

        Returns:
            A `PipelineConfig`. Its numbers are those that the file means: `25e3` is an integer where one is expected.

        Raises:
            UserError: If an entry is missing, unknown, of the wrong type, or out of range.
        """
        sections = read_section(TOP, content, _SECTIONS, needed=("name", "root", "data", "train", "gate"))
        if not is_model_name(sections["name"]):
            raise UserError(f"`name` must have {NAME_RULE}. Received: name={sections['name']!r}")
        sections["root"] = expand_home(sections["root"])
        sections["data"] = _read_data(sections["data"])
        sections["train"] = read_section("train", sections["train"], _train_arguments(), needed=("preset",))
        model_class, _ = find_model(sections["train"]["preset"])
        evaluate_arguments = _evaluate_arguments(model_class)
        sections["evaluate"] = read_section("evaluate", sections.get("evaluate", {}), evaluate_arguments)
        sections["gate"] = _read_gate(sections["gate"])
        push = read_section("push", _with_license(sections.get("push", {})), _PUSH_ARGUMENTS)
        sections["push"] = {**push, "directory": expand_home(push["directory"])} if "directory" in push else push
        config = cls(**sections)
        check_settings(config)
        return config

    @property
    def compared_score(self):
        return self.gate.get("compare") or next(iter(self.gate["thresholds"]))

    @property
    def push_directory(self):
        return local_path(self.push.get("directory", "saved_models")) / self.name

    def train_config(self, run_dir):
        """Returns the `TrainConfig` of a run in `run_dir`, without scores, which are computed in a separate step."""
        return TrainConfig(
            data_dir=self.data["directory"], run_dir=str(run_dir), **{**self.train, "score_every_ticks": -1}
        )


def _read_data(section):
    groups = {"format": _FORMAT_ARGUMENTS, "beam": _BEAM_ARGUMENTS}
    arguments = {**_annotations(prepare_dataset, ("output_dir", "progress", "dry_run", "options")), **groups["format"]}
    arguments = {**arguments, **groups["beam"], "source": str, "directory": str}
    section = read_section("data", section, arguments, needed=("source", "directory"))
    section["directory"] = expand_home(section["directory"])
    for name in groups.keys() & section.keys():
        if section[name] is not None:
            section[name] = read_section(f"data.{name}", section[name], groups[name])
    return section


def _train_arguments():
    return {
        field.name: (field.type, field.metadata["choices"] or ())
        for field in dataclasses.fields(TrainConfig)
        if field.name not in _OWN_TRAIN_FIELDS
    }


def _evaluate_arguments(model_class):
    options = {option.name: float for option in model_class.sampling_options}
    return {**_annotations(evaluate, ("model", "data", "metrics", "output_dir", "progress", "sampling")), **options}


def _read_gate(section):
    gate = read_section("gate", section, {"thresholds": dict, "compare": str | None}, needed=("thresholds",))
    if not gate["thresholds"]:
        raise UserError("`gate.thresholds` must map scores to numbers. Received: gate.thresholds={}")
    gate["thresholds"] = read_section("gate.thresholds", gate["thresholds"], dict.fromkeys(gate["thresholds"], float))
    return gate


def _annotations(function, without):
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.annotation for one in parameters if one.name not in without}


def _with_license(push):
    """Version 0.1 spelled it `licence`."""
    return {"license" if name == "licence" else name: value for name, value in push.items()}

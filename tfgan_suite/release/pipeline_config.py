"""The configuration of a pipeline, read from a YAML file."""

import dataclasses
import inspect

from tfgan_suite.exports.saved_model import NAME_RULE, is_model_name
from tfgan_suite.foundation.errors import UserError, import_extra, unknown_name
from tfgan_suite.foundation.paths import expand_home, local_path
from tfgan_suite.foundation.small_files import reading
from tfgan_suite.runs.recipe import find_model
from tfgan_suite.runs.train_config import TrainConfig

# Fields of a run's configuration that the pipeline sets itself.
_OWN_TRAIN_FIELDS = ("data_dir", "run_dir", "score_every_ticks")


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
            UserError: If the file does not exist, is not YAML, or is refused by `from_dict`.
            MissingExtraError: If PyYAML is not installed.
        """
        yaml = import_extra("yaml", "pipeline", "Reading a pipeline's configuration")
        path = local_path(path)
        if not path.is_file():
            raise UserError(
                f"`path` must be the YAML file of a pipeline. There is no such file. Received: path={str(path)!r}"
            )
        with reading(path, "the YAML file of a pipeline"):
            try:
                content = yaml.safe_load(path.read_text(encoding="utf-8"))
            except yaml.YAMLError as error:
                reason = " ".join(str(error).split())
                raise UserError(f"{str(path)!r} must be a YAML file. Received: {reason}") from error
            return cls.from_dict(content)

    @classmethod
    def from_dict(cls, content):
        """Creates a configuration, checking the names and types of all entries, including the arguments of the steps.

        Args:
            content: Dict. The content of the YAML file.

        Returns:
            A `PipelineConfig`.

        Raises:
            UserError: If an entry is missing, unknown, or of the wrong type.
        """
        from tfgan_suite.metrics.protocol.evaluation import evaluate

        fields = {field.name: field for field in dataclasses.fields(cls)}
        _check_section("the pipeline", content, fields, ("name", "root", "data", "train", "gate"))
        from tfgan_suite.preprocessing.prepare_dataset import BEAM_OPTIONS, FORMAT_OPTIONS, prepare_dataset

        prepare_names = _argument_names(prepare_dataset, ("source", "output_dir", "progress", "options"))
        prepare_names += [*FORMAT_OPTIONS, *BEAM_OPTIONS]
        _check_section("data", content["data"], ("source", "directory", *prepare_names), ("source", "directory"))
        train_names = [field.name for field in dataclasses.fields(TrainConfig) if field.name not in _OWN_TRAIN_FIELDS]
        _check_section("train", content["train"], train_names, ("preset",))
        evaluate_names = _argument_names(evaluate, ("model", "data", "metrics", "output_dir", "progress", "sampling"))
        evaluate_names += _sampling_names(content["train"]["preset"])
        _check_section("evaluate", content.get("evaluate", {}), evaluate_names)
        _check_section("gate", content["gate"], ("thresholds", "compare"), ("thresholds",))
        content = {**content, "push": _with_license(content.get("push", {}))}
        _check_section("push", content["push"], ("directory", "description", "license"))
        thresholds = content["gate"]["thresholds"]
        if not isinstance(thresholds, dict) or not thresholds:
            raise UserError(f"`gate.thresholds` must map scores to numbers. Received: gate.thresholds={thresholds!r}")
        for name, value in thresholds.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise UserError(
                    f"`gate.thresholds.{name}` must be a number. Received: gate.thresholds.{name}={value!r}"
                )
        for name in ("name", "root"):
            if not isinstance(content[name], str) or not content[name]:
                raise UserError(f"`{name}` must be a non-empty string. Received: {name}={content[name]!r}")
        if not is_model_name(content["name"]):
            raise UserError(f"`name` must have {NAME_RULE}. Received: name={content['name']!r}")
        data, push = content["data"], content["push"]
        content["root"] = expand_home(content["root"])
        content["data"] = {**data, "directory": expand_home(data["directory"])}
        if "directory" in push:
            content["push"] = {**push, "directory": expand_home(push["directory"])}
        return cls(**content)

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


def _argument_names(function, without):
    return [name for name in inspect.signature(function).parameters if name not in without]


def _sampling_names(preset):
    """Names of the sampling options of the model that a preset makes."""
    try:
        return [option.name for option in find_model(preset)[0].sampling_options]
    except UserError:
        return []  # A model of your own need not be imported where the file is only read; training refuses the others.


def _with_license(push):
    """Version 0.1 spelled it `licence`."""
    if not isinstance(push, dict):
        return push
    return {"license" if name == "licence" else name: value for name, value in push.items()}


def _check_section(title, section, known, needed=()):
    if not isinstance(section, dict):
        raise UserError(f"The section {title} must be a mapping. Received: {section!r}")
    for name in section:
        if name not in known:
            raise unknown_name(f"entry of {title}", name, known)
    missing = [name for name in needed if name not in section]
    if missing:
        raise UserError(
            f"The section {title} must contain {', '.join(missing)}. Received: {', '.join(section) or 'no entries'}"
        )

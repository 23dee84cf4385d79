"""What a pipeline is to do, read from a YAML file."""

import dataclasses
import inspect
from pathlib import Path

from tfgan_suite.foundation.errors import UserError, import_extra, unknown_name
from tfgan_suite.runs.train_config import TrainConfig

# Of a run, what the pipeline chooses itself.
_OWN_TRAIN_FIELDS = ("data_dir", "run_dir", "score_every_ticks")


@dataclasses.dataclass(frozen=True)
class PipelineConfig:
    """The steps' settings, each a dict as a section of the YAML file has it.

    Attributes:
        name: Of the model: it is pushed as `DIRECTORY/NAME/VERSION`.
        root: Directory of the ledger, the data's schema, the runs and the candidates.
        data: `source` and `directory`, and any other argument of `prepare_dataset`.
        train: Fields of `TrainConfig`.
        evaluate: Arguments of `tfgan_suite.evaluate`, as far as they are plain values.
        gate: `thresholds`, from names of scores to the value to be reached or passed; `compare`, the score in which a new
            model must be better than the last one pushed, by default the first threshold's.
        push: `directory`, by default `saved_models`; `description` and `license` for the model card.

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
        """Reads a YAML file.

        Raises:
            UserError: There is no such file, it is no YAML, or `from_dict` refuses it.
            MissingExtraError: PyYAML is not installed.
        """
        yaml = import_extra("yaml", "pipeline", "to read a pipeline's configuration")
        path = Path(path)
        if not path.is_file():
            raise UserError(f"There is no file {str(path)!r}. Expected the YAML file of a pipeline.")
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"Expected YAML in {str(path)!r}. Received: {error}") from error
        return cls.from_dict(content)

    @classmethod
    def from_dict(cls, content):
        """Checks names and kinds of all entries, down to the arguments of the steps.

        Raises:
            UserError: An entry is missing, unknown or of another kind.
        """
        from tfgan_suite.metrics.protocol.evaluation import evaluate

        fields = {field.name: field for field in dataclasses.fields(cls)}
        _check_section("the pipeline", content, fields, ("name", "root", "data", "train", "gate"))
        from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset

        prepare_names = [*_argument_names(prepare_dataset, ("source", "output_dir", "runner", "progress")), "runner"]
        _check_section("data", content["data"], ("source", "directory", *prepare_names), ("source", "directory"))
        train_names = [field.name for field in dataclasses.fields(TrainConfig) if field.name not in _OWN_TRAIN_FIELDS]
        _check_section("train", content["train"], train_names, ("preset",))
        evaluate_names = _argument_names(evaluate, ("model", "data", "metrics", "output_dir", "progress"))
        _check_section("evaluate", content.get("evaluate", {}), evaluate_names)
        _check_section("gate", content["gate"], ("thresholds", "compare"), ("thresholds",))
        content = {**content, "push": _with_license(content.get("push", {}))}
        _check_section("push", content["push"], ("directory", "description", "license"))
        thresholds = content["gate"]["thresholds"]
        if not isinstance(thresholds, dict) or not thresholds:
            raise UserError(f"Expected gate.thresholds to map scores to numbers. Received: {thresholds!r}")
        for name, value in thresholds.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise UserError(f"Expected a number as the threshold of {name}. Received: {value!r}")
        for name in ("name", "root"):
            if not isinstance(content[name], str) or not content[name]:
                raise UserError(f"Expected text as the pipeline's {name}. Received: {content[name]!r}")
        return cls(**content)

    @property
    def compared_score(self):
        return self.gate.get("compare") or next(iter(self.gate["thresholds"]))

    @property
    def push_directory(self):
        return Path(self.push.get("directory", "saved_models")) / self.name

    def train_config(self, run_dir):
        """The `TrainConfig` of a run in `run_dir`; scores are a step of their own."""
        return TrainConfig(
            data_dir=self.data["directory"], run_dir=str(run_dir), **{**self.train, "score_every_ticks": -1}
        )


def _argument_names(function, without):
    return [name for name in inspect.signature(function).parameters if name not in without]


def _with_license(push):
    """Version 0.1 spelled it `licence`."""
    if not isinstance(push, dict):
        return push
    return {"license" if name == "licence" else name: value for name, value in push.items()}


def _check_section(title, section, known, needed=()):
    if not isinstance(section, dict):
        raise UserError(f"Expected a mapping as the section {title}. Received: {section!r}")
    for name in section:
        if name not in known:
            raise unknown_name(f"entry of {title}", name, known)
    missing = [name for name in needed if name not in section]
    if missing:
        raise UserError(
            f"Expected {', '.join(missing)} in the section {title}. Received: {', '.join(section) or 'none'}."
        )

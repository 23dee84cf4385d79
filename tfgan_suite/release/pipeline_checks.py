"""Checks of a pipeline before it does anything: of its settings among themselves, and of its source and its model."""

import inspect
import re
from pathlib import Path

from tfgan_suite.data.sources.open_source import names_text
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing
from tfgan_suite.data.text_format import TextFormat
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.metrics.bits_per_byte import held_out_split
from tfgan_suite.metrics.features.efficientnet_lite0 import EfficientNetLite0
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.protocol.evaluation import check_counts, evaluate
from tfgan_suite.metrics.protocol.score_rows import count_text
from tfgan_suite.metrics.protocol.scoring_jobs import default_score_names
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset
from tfgan_suite.release.data_schema import DataSchema
from tfgan_suite.runs.recipe import check_names, find_model, make_model, resolve

_EVALUATE_DEFAULTS = {name: one.default for name, one in inspect.signature(evaluate).parameters.items()}


class _AnySource(Source):
    """Stands for a source of images that is not read yet."""

    kind = "source"
    name = "any"

    def default_settings(self, image_size):
        return {"channels": 3, "crop": "center", "image_size": image_size or (64, 64)}

    def list_items(self, use_labels, limit):
        labels = (0, 1) if use_labels else (None, None)
        items = [SourceItem(str(number), label, number) for number, label in enumerate(labels)]
        return SourceListing(items, [], ("0", "1") if use_labels else ())


class _AnyText(_AnySource):
    """Stands for a source of text that is not read yet."""

    format_class = TextFormat
    spec = TextFormat().spec

    def list_items(self, use_labels, limit):
        # So many that no split is empty.
        return SourceListing([SourceItem(str(number), None, number) for number in range(1000)], [], ())


def check_settings(config):
    """Refuses a `PipelineConfig` whose steps would refuse it. Reads no data, and needs none.

    Args:
        config: A `PipelineConfig`, whose entries have the right types.

    Raises:
        UserError: If a value is out of range, a name means nothing, or two settings contradict each other.
    """
    data, evaluation = config.data, config.evaluate
    train_config = config.train_config(Path(config.root) / "runs")
    model_class = check_names(train_config)
    info = _list_data(config, _AnyText() if names_text(data["source"]) else _AnySource())
    for split in ("train", evaluation.get("split", "train")):
        if split not in info.splits:
            raise UserError(
                f"`data.splits` must have the split {split!r}, which "
                f"{'is trained on' if split == 'train' else '`evaluate.split` names'}. Received: "
                f"data.splits={data.get('splits')!r}"
            )
    names = ("num_images", "batch_size", "repeats")
    check_counts(**{name: evaluation.get(name, _EVALUATE_DEFAULTS[name]) for name in names})
    _check_sampling(model_class, evaluation)
    check_scores(config, info)


def _check_sampling(model, evaluation):
    for option in model.sampling_options:
        option.check(evaluation.get(option.name, option.default))


def check_scores(config, info, num_real=None):
    """Refuses a score of the gate that `evaluate` will not compute.

    Args:
        config: A `PipelineConfig`.
        info: The `DatasetInfo` of the data, or of data like them.
        num_real: Integer, the examples of the split that is scored, or `None` where they are not counted yet.

    Raises:
        UserError: If there is no such score, or the extractor cannot look at the data.
    """
    extractor = config.evaluate.get("extractor", _EVALUATE_DEFAULTS["extractor"])
    channels = info.spec.shape[-1]
    if info.spec.is_picture and channels not in FeatureExtractor.channels:
        raise UserError(
            f"`data.channels` must be one of {', '.join(map(str, FeatureExtractor.channels))}, since no extractor looks at "
            f"others. Received: {channels} channels"
        )
    extractors = extractor if isinstance(extractor, list) else [extractor]
    if "dataset-classifier" in extractors and not info.num_classes:
        raise UserError("`evaluate.extractor` must not be 'dataset-classifier' for data without classes.")
    arguments = resolve(config.train_config(config.root), info).arguments
    labelled = bool(info.num_classes) and arguments.get("num_classes") is not None
    model_class, _ = find_model(config.train["preset"])
    compared, outputs = default_score_names(extractors, model_class, labelled, info.spec.kind)
    split = config.evaluate.get("split", _EVALUATE_DEFAULTS["split"])
    if info.spec.kind == "text":
        split = held_out_split(info, split)
        num_real = None if num_real is None else info.split(split).num_examples
    num_fake = config.evaluate.get("num_images") or num_real
    stems = {name: num_fake for name in compared} | {f"{name}_{split}": num_real for name in outputs}
    expected = [f"{stem}_{'COUNT' if count is None else count_text(count)}" for stem, count in stems.items()]
    for name in (*config.gate["thresholds"], config.compared_score):
        # Of a split that is not counted yet any count will do.
        if not any(re.fullmatch(re.escape(one).replace("COUNT", r"\d+k?"), name) for one in expected):
            counts = " COUNT is the number of examples, such as 5k." if "COUNT" in "".join(expected) else ""
            raise UserError(f"{unknown_name('score in `gate`:', name, expected)}{counts}")


def check_pipeline(config):
    """Checks a pipeline as far as that is possible without doing anything: lists the source, and builds the model.

    Args:
        config: A `PipelineConfig`.

    Returns:
        The `DatasetInfo` of the data as they are listed; `None` where listing them would download them.

    Raises:
        UserError: If a step would refuse the configuration, the source, or what is in `root`.
    """
    schema_path = Path(config.root) / "schema.json"
    if schema_path.exists():
        DataSchema.load(schema_path)
    extractor = config.evaluate.get("extractor", _EVALUATE_DEFAULTS["extractor"])
    if "efficientnet-lite0" in extractor and not names_text(config.data["source"]):
        EfficientNetLite0.check_installed()
    if config.data["source"].startswith("tfds:"):
        return None
    info = _list_data(config, config.data["source"])
    model, _, _ = make_model(config.train_config(Path(config.root) / "runs"), info)
    _check_sampling(model, config.evaluate)
    check_scores(config, info)
    return info


def _list_data(config, source):
    options = {name: value for name, value in config.data.items() if name not in ("source", "directory")}
    return prepare_dataset(source, config.data["directory"], **{**options, "dry_run": True}, progress=False)

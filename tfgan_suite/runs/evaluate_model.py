"""Scores of what a path stands for, chosen by name: what `tfgan-suite evaluate` does."""

from tfgan_suite import metrics as all_metrics
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.metrics.protocol.evaluation import Evaluation, evaluate
from tfgan_suite.metrics.protocol.score_log import write_scalars
from tfgan_suite.runs.run_files import find_run, load_model

_ACCURACY = all_metrics.classification_accuracy.__name__
_PATH_LENGTH = all_metrics.perceptual_path_length.__name__
# Scores that ask more of a model than pictures, and are not gathered with the others.
_APART = (_ACCURACY, _PATH_LENGTH)


def evaluate_model(
    path,
    data_dir=None,
    *,
    metrics=None,
    extractor="efficientnet-lite0",
    classifier=False,
    held_out_split="test",
    output_dir=None,
    **options,
):
    """Scores the model that a path stands for.

    Args:
        path: As in `load_model`.
        data_dir: Prepared data set; by default that of the run.
        metrics: Names as in `metrics_of_names`, `"classification_accuracy"` and `"perceptual_path_length"` among them, or
            `None` for those that fit the extractor.
        extractor: A name or a `FeatureExtractor` to look with.
        classifier: Whether to look with a classifier of the data's classes too.
        held_out_split: For the classification accuracy score.
        output_dir: Where to add the rows to `metrics.json`; by default the run's directory, where they go to TensorBoard
            as well; for other models nowhere.
        **options: Of `tfgan_suite.evaluate`.

    Returns:
        The `Evaluation`.

    Raises:
        UserError: No model, no data, or they do not fit together.
    """
    run = find_run(path)
    if data_dir is None and run is None:
        raise UserError(f"Expected --data with a prepared data set, since {str(path)!r} is not a run.")
    data_dir = data_dir or run.config.data_dir
    DatasetInfo.load(data_dir).split(options.get("split", "train"))
    options["output_dir"] = output_dir or (run.directory if run else None)
    objects = metrics_of_names([name for name in metrics if name not in _APART]) if metrics else None
    model, rows = load_model(path), []
    if objects != []:
        extractor = [extractor, "dataset-classifier"] if classifier else extractor
        rows += evaluate(model, data_dir, objects, extractor=extractor, **options)
    if _ACCURACY in (metrics or ()):
        rows += all_metrics.evaluate_classification_accuracy(model, data_dir, held_out_split=held_out_split, **options)
    if _PATH_LENGTH in (metrics or ()):
        rows += all_metrics.evaluate_perceptual_path_length(model, data_dir, **options)
    if run and output_dir is None:
        write_scalars(rows, run.directory / "tensorboard")
    return Evaluation(rows)


def metrics_of_names(names):
    """Metrics with their usual settings.

    Args:
        names: Such as `["frechet_distance", "intra_class_frechet_distance"]`.

    Returns:
        A list of `Metric`.

    Raises:
        UserError: An unknown name; the nearest one is told.

    Example:

    >>> [type(metric).__name__ for metric in metrics_of_names(["kernel_distance"])]
    ['KernelDistance']
    """
    classes = [value for value in vars(all_metrics).values() if isinstance(value, type)]
    known = {one.name: one for one in classes if issubclass(one, all_metrics.Metric) and hasattr(one, "name")}
    for name in names:
        if name not in known:
            raise unknown_name("metric", name, [*known, *_APART])
    return [known[name]() for name in names]

"""Scores of the model or the images that a path stands for, with metrics chosen by name: what `tfgan-suite evaluate` does."""

from tfgan_suite import metrics as all_metrics
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.metrics.classification_accuracy import ClassificationAccuracy
from tfgan_suite.metrics.protocol.evaluation import evaluate
from tfgan_suite.metrics.protocol.real_examples import is_prepared
from tfgan_suite.metrics.protocol.score_log import write_scalars
from tfgan_suite.metrics.protocol.subject import holds_model
from tfgan_suite.runs.run_files import find_run, load_model


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
    """Scores the model, or the images, that a path stands for.

    Args:
        path: String or path, as in `load_model`; or a folder, a `.zip` or `.npz` file of images, or a prepared dataset, which
            are scored without a model.
        data_dir: String. A prepared dataset, or a folder or file of images; by default that of the run.
        metrics: List of names, as in `metrics_of_names`, or `None` for those that fit the model and the extractor.
        extractor: A name or a `FeatureExtractor`.
        classifier: Boolean. Whether to score through a classifier of the data's classes as well.
        held_out_split: String. For the classification accuracy score.
        output_dir: String. Where to add the rows to `metrics.json`; by default the run's directory, where they go to
            TensorBoard as well; for other models and for images nowhere.
        **options: Further arguments of `tfgan_suite.evaluate`, the model's sampling options among them.

    Returns:
        The `Evaluation`.

    Raises:
        UserError: No model or images, no data, or they do not fit together.
    """
    run = find_run(path) if holds_model(path) else None
    if data_dir is None and run is None:
        raise UserError(
            f"`--data` must be a prepared dataset, or a folder or file of images, since {str(path)!r} is not a run. "
            "Received: no --data"
        )
    data_dir = data_dir or run.config.data_dir
    if is_prepared(data_dir):
        DatasetInfo.load(data_dir).split(options.get("split", "train"))
    options["output_dir"] = output_dir or (run.directory if run else None)
    objects = metrics_of_names(metrics, held_out_split) if metrics else None
    extractor = [extractor, "dataset-classifier"] if classifier else extractor
    subject = load_model(path) if holds_model(path) else path
    evaluation = evaluate(subject, data_dir, objects, extractor=extractor, **options)
    if run and output_dir is None:
        write_scalars(evaluation, run.directory / "tensorboard" / "scores")  # Where no training writes.
    return evaluation


def metrics_of_names(names, held_out_split="test"):
    """Metrics with their usual settings.

    Args:
        names: List of strings, such as `["frechet_distance", "classification_accuracy"]`.
        held_out_split: String. For the classification accuracy score.

    Returns:
        A list of `Metric`.

    Raises:
        UserError: An unknown name; the error suggests the nearest one.

    Example:

    >>> [type(metric).__name__ for metric in metrics_of_names(["kernel_distance"])]
    ['KernelDistance']
    """
    classes = [value for value in vars(all_metrics).values() if isinstance(value, type)]
    known = {one.name: one for one in classes if issubclass(one, all_metrics.Metric) and one.name}
    settings = {ClassificationAccuracy.name: {"held_out_split": held_out_split}}
    for name in names:
        if name not in known:
            raise unknown_name("metric", name, known)
    return [known[name](**settings.get(name, {})) for name in names]

"""What a path given by a user stands for: a run, a `.keras` file or an exported model; and what is known of it."""

import dataclasses
import logging
from pathlib import Path

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.drawing.line_chart import line_chart, standalone
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.history import read_history
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import DamagedFileError
from tfgan_suite.metrics.protocol.results import Evaluation, compare
from tfgan_suite.models import saving
from tfgan_suite.models.catalogue import import_recorded
from tfgan_suite.runs.run_recipe import read_recipe
from tfgan_suite.runs.train_config import TrainConfig

_LOGGER = logging.getLogger(__name__)
_KINDS = "a run's directory, a .keras file, or an exported model such as saved_models/digits"


@dataclasses.dataclass(frozen=True)
class RunFiles:
    """What lies in a run's directory.

    Attributes:
        directory: Path. The run's directory.
        config: Its `TrainConfig`.
        dataset_info: The `DatasetInfo` of its data, as it was when the run began.
        scores: Its `Evaluation`, or `None` if it has not been scored.
        recipe: Dict. The content of its `recipe.json`, or `None` for a run of version 0.1.
    """

    directory: Path
    config: TrainConfig
    dataset_info: DatasetInfo
    scores: Evaluation | None
    recipe: dict | None = None

    @classmethod
    def load(cls, directory):
        """Reads the description of a run, and imports the modules of its own that it needs.

        Args:
            directory: String. The run's directory.

        Raises:
            UserError: The directory holds no run, or a module that it needs cannot be imported.
        """
        directory = local_path(directory)
        if not (directory / "config.json").is_file():
            raise UserError(
                f"{str(directory)!r} holds no run: there is no config.json. Give a directory that `train` wrote."
            )
        config = TrainConfig.load(directory / "config.json")
        has_scores = (directory / "metrics.json").is_file()
        recipe = read_recipe(directory)
        import_recorded((recipe or {}).get("imports", ()))
        return cls(
            directory,
            config,
            DatasetInfo.load(directory),
            Evaluation.load(directory) if has_scores else None,
            recipe,
        )


def find_run(path):
    """The `RunFiles` of a run's directory or of a file in one; `None` for anything else."""
    path = local_path(path)
    directory = path.parent if path.suffix == ".keras" else path
    return RunFiles.load(directory) if (directory / "config.json").is_file() else None


def load_model(path):
    """Loads the model that a path stands for, ready to generate.

    Args:
        path: String. A run's directory (an unfinished one, or one whose `model.keras` is damaged, gives its newest
            checkpoint), a `.keras` file, or `saved_models/NAME[/VERSION]`.

    Returns:
        A `GenerativeModel`.

    Raises:
        UserError: There is none of these.

    Example:

    >>> load_model("runs/digits").generate(4).shape
    (4, 32, 32, 1)
    """
    path = local_path(path)
    run = find_run(path)  # It imports the modules that the run's model needs.
    if path.suffix == ".keras":
        return _with_class_names(saving.load_model(path), run)
    if (path / "model.keras").is_file():
        try:
            return _with_class_names(saving.load_model(path), run)
        except DamagedFileError as error:
            if not (path / "config.json").is_file():
                raise
            _LOGGER.warning("%s The newest checkpoint of the run is taken.", error)
            return _load_checkpoint(run)
    if run is not None:
        return _load_checkpoint(run)
    if not path.exists():
        raise UserError(f"There is no {str(path)!r}. Give {_KINDS}.")
    from tfgan_suite.exports.saved_model import load_generator

    try:
        return load_generator(path)
    except UserError as error:
        raise UserError(f"{error} Or give {_KINDS}.") from error


def class_names(path, model):
    """Names of a model's classes.

    Args:
        path: String. As in `load_model`.
        model: The model that it stands for.

    Returns:
        A tuple of strings, or `None` where they are not known.
    """
    run = find_run(path)
    if run is not None:
        return run.dataset_info.class_names or None
    return model.class_names


def build_model(run):
    """The untrained, compiled model of a `RunFiles`, into which the run's checkpoints fit."""
    from tfgan_suite.runs.recipe import make_model

    model, _, _ = make_model(run.config, run.dataset_info)
    return model


def _with_class_names(model, run):
    if run is not None and model.class_names is None:  # Saved by a version that did not keep them.
        model.class_names = run.dataset_info.class_names
    return model


def _load_checkpoint(run):
    from tfgan_suite.runs.train import resume

    model = build_model(run)
    if resume(model, run.directory) == 0:
        raise UserError(f"The run {str(run.directory)!r} has no checkpoint yet. Train it first.")
    return model


def export_run(path, export_path, export=None, **options):
    """Exports the model that a path stands for, with what is known of its data and scores, or of its origin.

    The license of a converted checkpoint goes into the model card unless another is given.

    Args:
        path: String. As in `load_model`.
        export_path: String. `saved_models/NAME[/VERSION]`, or what else `export` takes.
        export: Function. `tfgan_suite.export_saved_model`, unless another such function is given.
        **options: Arguments of that function.

    Returns:
        The directory of the version, or of what `export` returns.

    Raises:
        UserError: No model, or the version exists.
    """
    from tfgan_suite.checkpoints.conversion import find_manifest
    from tfgan_suite.exports.saved_model import export_saved_model

    run = find_run(path)
    manifest = find_manifest(path)
    if manifest is not None:
        source = manifest["source"]
        origin = f"Converted from {source['file']} ({source['format']}, SHA-256 {source['sha256']})."
        options["license"] = options.get("license") or manifest["license"]
        options["description"] = " ".join(filter(None, [options.get("description"), origin]))
    return (export or export_saved_model)(
        load_model(path),
        export_path,
        dataset_info=run.dataset_info if run else None,
        scores=run.scores.latest() if run and run.scores else None,
        **options,
    )


def compare_scores(paths, allow=()):
    """The scores of the same name of several runs side by side, as text, the latest row of each name.

    Args:
        paths: List of two or more runs' directories or `metrics.json` files.
        allow: Tuple of strings. Names in the protocol that may differ.

    Raises:
        UserError: No scores, none of the same name, or scores of one name that were not made in the same way.
    """
    evaluations = [Evaluation.load(path) for path in paths]
    names = [list(dict.fromkeys(row.name for row in evaluation)) for evaluation in evaluations]
    common = [name for name in names[0] if all(name in others for others in names[1:])]
    if not common:
        received = "; ".join(f"{path} has: {', '.join(own) or 'none'}" for path, own in zip(paths, names))
        raise UserError(f"There is no score of the same name in all. {received}.")
    labels = _short_names(paths)
    widths = [max(10, len(label)) for label in labels]
    width = max(len(name) for name in ("score", *common))
    header = "  ".join(f"{label:>{size}}" for label, size in zip(labels, widths))
    lines = [f"{'score':<{width}}  {header}  better"]
    for name in common:
        rows = [evaluation[name] for evaluation in evaluations]
        best = 0
        for index in range(1, len(rows)):
            compare(rows[0], rows[index], allow=allow)  # Refuses what was made in another way.
            if compare(rows[best], rows[index], allow=allow).better == "second":
                best = index
        equal = len({row.value for row in rows}) == 1
        values = "  ".join(f"{row.value:>{size}.5g}" for row, size in zip(rows, widths))
        lines.append(f"{name:<{width}}  {values}  {'equal' if equal else labels[best]}")
    return "\n".join(lines)


def chart_scores(paths, path, name=None):
    """Draws a score of several runs against the examples trained on, into an `.svg` file.

    Args:
        paths: List of runs' directories; a run that is still training is drawn as far as it is.
        path: String. Path of the file.
        name: String. A score; by default the first Frechet distance that all runs have.

    Returns:
        The path.

    Raises:
        UserError: The runs have not been scored while they trained, or have no such score in common.
    """
    path = local_path(path)
    if path.suffix != ".svg":
        raise UserError(f"`path` must name an .svg file. Received: path={str(path)!r}")
    curves = {label: _curves(RunFiles.load(run)) for label, run in zip(_short_names(paths), paths)}
    shared = sorted(set.intersection(*(set(curve) for curve in curves.values())))
    scores = [key for key in shared if key.startswith("frechet_distance")]
    if name is None and not scores:
        raise UserError(
            "These runs share no Frechet distance that was taken while they trained. Train with --score-every-ticks 5, "
            "for example, or score the checkpoints that are kept: tfgan-suite evaluate RUN --watch."
        )
    name = name or scores[0]
    if name not in shared:
        raise unknown_name("score", name, shared)
    series = {label: curve[name] for label, curve in curves.items()}
    svg = line_chart(series, title=name, x_label="images trained on", y_label="score")
    write_atomically(path, standalone(svg).encode())
    return path


def _curves(run):
    """`{name: [(examples trained on, value), ...]}` of what a run logged, and of the scores that a watcher took."""
    history = read_history(run.directory / "history.jsonl")
    keys = dict.fromkeys(key for row in history for key in row)
    curves = {key: [(row["examples_seen"], row[key]) for row in history if key in row] for key in keys}
    rows = [row for row in run.scores or () if row.run.get("images_seen")]
    for name, last in {row.name: row for row in rows}.items():
        # Taken in one way, that of the last: scores of another split or of fewer images are no points of the same curve.
        points = {
            row.run["images_seen"]: row.value for row in rows if (row.name, row.protocol) == (name, last.protocol)
        }
        if len(points) > 1:
            curves.setdefault(name, sorted(points.items()))
    return curves


def _short_names(paths):
    """The last parts of the paths, or the whole ones where those are alike."""
    short = [Path(path).name for path in paths]
    return short if len(set(short)) == len(short) else [str(path) for path in paths]

"""From a model to a directory that TensorFlow Serving serves, and back into Python."""

import contextlib
import re
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfgan_suite.exports.canonical_names import make_reproducible
from tfgan_suite.exports.exported_model import ExportedModel
from tfgan_suite.exports.generator_module import GeneratorModule
from tfgan_suite.exports.model_card import (
    CARD_JSON,
    build_model_card,
    describe_signatures,
    read_model_card,
    write_model_card,
)
from tfgan_suite.exports.signatures.all_signatures import signatures_of
from tfgan_suite.exports.training_data import check_dataset
from tfgan_suite.exports.warmup_requests import warmup_inputs, write_warmup_requests
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import (
    directory_in_the_making,
    flush,
    flush_all,
    replace_directory,
    restore_replaced,
)
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import reading
from tfgan_suite.generative.abilities import HasLatents

# Directories in the making. TensorFlow Serving looks only at names that are numbers.
_TEMPORARY_PREFIX = ".export-"
NAME_RULE = "no blank, no colon, no slash, no leading dot and only printable characters"


def export_saved_model(
    model,
    path,
    *,
    dataset_info=None,
    scores=None,
    description="",
    license="",
    max_count=64,
    overwrite=False,
) -> Path:
    """Writes `saved_models/NAME/VERSION/`: a SavedModel with signatures, warm-up requests and a model card.

    The directory appears under its name only when it is complete and has been loaded again and found to generate the
    same examples as the model. Signatures, each for the models that can answer it:

    | signature | inputs | outputs |
    |---|---|---|
    | `serving_default` | latents float32 `[batch, *latent_shape]`, labels int32 `[batch]` | examples |
    | `generate` | seed int64, count int32, the sampling options float32, labels int32 `[count]` or `[0]` | examples |
    | `generate_png` | the same | png_bytes string `[count]` |
    | `discriminate` | examples, labels int32 `[batch]` | logits float32 `[batch]` |
    | `encode` | the same | latents float32 `[batch, *latent_shape]` |
    | `reconstruct` | the same | examples |
    | `complete` | examples, mask bool, seed int64 and sampling options `[1]` or `[batch]`, labels int32 `[batch]` | examples |
    | `log_prob` | examples, labels int32 `[batch]` | log_prob float32 `[batch]` |
    | `anomaly_score` | examples | anomaly_score float32 `[batch]` |
    | `generate_text` | prompt string `[batch]`, seed int64, num_bytes int32 and sampling options `[1]` or `[batch]` | text and txt_bytes string `[batch]` |

    Examples are called as the spec says: `images` for models of images. They are of the spec's `edge_dtype` (uint8 for
    images), except for the output of `serving_default`, which is as it is inside of models (float32 in [-1, 1] for images).
    `labels` is an input only for a model with classes. Models of textures also have `textures`, `generate_textures` and
    `generate_textures_png`, for images of any size.

    Args:
        model: A `GenerativeModel`.
        path: Path. `.../NAME/VERSION`, the version a number; or `.../NAME` for the next free version.
        dataset_info: The `DatasetInfo` of the data that it was trained on, for the model card.
        scores: Scores with their provenance, for the model card: what `evaluate` returns, or any JSON-like value.
        description: String. A sentence or more for the model card.
        license: String. The license of the weights, for the model card. That of the data comes from `dataset_info`.
        max_count: Integer >= 1. The most examples in one request. More are refused, inside the graph.
        overwrite: Boolean. Whether an existing version may be replaced.

    Returns:
        The directory of the version.

    Raises:
        UserError: The version exists, the path has no usable name or version, `dataset_info` does not match the model, or
            the model does not make finite examples.

    Example:

    >>> tg.export_saved_model(gan, "saved_models/digits", description="Handwritten digits.")
    PosixPath('saved_models/digits/1')
    """
    if max_count < 1:
        raise UserError(f"`max_count` must be >= 1. Received: max_count={max_count}")
    check_dataset(model, dataset_info)
    directory, version = _split_path(local_path(path))
    restore_replaced(directory)
    final = directory / str(version)
    if final.exists() and not overwrite:
        raise UserError(
            f"{final} exists already. Choose a new version, such as {directory / str(next_version(directory))}, "
            "or pass overwrite=True."
        )
    signatures = signatures_of(model)
    with _in_the_making(directory) as temporary:
        module = GeneratorModule(model, signatures, max_count)
        _save(module, temporary)
        requests = warmup_inputs(signatures, max_count)
        write_warmup_requests(temporary, directory.name, requests)
        card = build_model_card(
            model,
            name=directory.name,
            version=version,
            dataset_info=dataset_info,
            scores=scores,
            description=description,
            license=license,
            serving={
                "max_count": max_count,
                "signatures": describe_signatures(signatures, module.signature_functions),
                "warmup_requests": len(requests),
            },
        )
        card["size_bytes"] = sum(file.stat().st_size for file in temporary.rglob("*") if file.is_file())
        write_model_card(temporary, card)
        _check_same_examples(model, signatures, max_count, temporary)
        _publish(temporary, final, overwrite)
    return final


def next_version(directory) -> int:
    """The first version number above all that `directory` has, 1 for none.

    Example:

    >>> next_version("saved_models/digits")
    2
    """
    return max(versions(directory), default=0) + 1


def load_generator(path) -> ExportedModel:
    """Loads an exported model for use in Python, without the class that it was made of.

    Args:
        path: Path. `saved_models/NAME/VERSION`, or `saved_models/NAME` for the highest version.

    Returns:
        An `ExportedModel`, which is a `GenerativeModel`.

    Raises:
        UserError: There is no model that `export_saved_model` has written, or the module that registers its kind of example
            has not been imported.

    Example:

    >>> tg.load_generator("saved_models/digits").generate(4, labels=7, seed=1).shape
    (4, 32, 32, 1)
    """
    path = find_version(path)
    if not (path / CARD_JSON).is_file():
        raise UserError(f"{str(path)!r} is not a model that export_saved_model has written: it has no {CARD_JSON}.")
    with reading(path, "a model that export_saved_model has written", "Export it again."):
        card = read_model_card(path)
        try:
            return ExportedModel(tf.saved_model.load(str(path)), card)
        except tf.errors.OpError as error:
            raise OSError(error.message) from error


def find_version(path) -> Path:
    """The directory of a version: `saved_models/NAME/VERSION` itself, or the highest of `saved_models/NAME`.

    Raises:
        UserError: There is none.

    Example:

    >>> find_version("saved_models/digits")
    PosixPath('saved_models/digits/1')
    """
    path = local_path(path)
    if not path.is_dir():
        raise UserError(f"There is no directory {str(path)!r}. Pass one that export_saved_model has written.")
    if not (path / "saved_model.pb").is_file():
        whole = [version for version in versions(path) if (path / str(version) / "saved_model.pb").is_file()]
        if not whole:
            raise UserError(f"{str(path)!r} holds no exported model. Pass saved_models/NAME or .../NAME/VERSION.")
        path = path / str(max(whole))
    return path


# === Paths ===


def _split_path(path: Path) -> tuple[Path, int]:
    """The model's directory and the version."""
    if re.fullmatch(r"0|[1-9][0-9]{0,17}", path.name):
        directory, version = path.parent, int(path.name)
    elif path.name.isdigit():
        raise UserError(
            f"The version in `path` must have no leading zeros and be below 10^18. Received: path={str(path)!r}"
        )
    else:
        directory, version = path, next_version(path)
    if not is_model_name(directory.name):
        raise UserError(
            f"`path` must be saved_models/NAME/VERSION, where NAME has {NAME_RULE}. Received: path={str(path)!r}"
        )
    return directory, version


def is_model_name(name: str) -> bool:
    """Whether servers and the file system take this as the name of a model."""
    return bool(name) and not name.startswith(".") and name.isprintable() and not re.search(r"[:/\\\s]", name)


def versions(directory) -> list[int]:
    """The version numbers that `directory`, such as `saved_models/NAME`, has."""
    directory = Path(directory)
    if not directory.is_dir():
        return []
    return [int(child.name) for child in directory.iterdir() if child.is_dir() and re.fullmatch("[0-9]+", child.name)]


@contextlib.contextmanager
def _in_the_making(directory: Path):
    """A directory next to the final one, on the same file system; removed at the end, like what killed exports left."""
    made = not directory.exists()
    try:
        with directory_in_the_making(directory, _TEMPORARY_PREFIX) as temporary:
            yield temporary
    finally:
        if made and directory.exists() and not any(directory.iterdir()):
            directory.rmdir()


def _publish(temporary: Path, final: Path, overwrite: bool) -> None:
    flush_all(temporary)
    if overwrite and final.exists():
        replace_directory(temporary, final)
    else:
        try:
            temporary.rename(final)  # One step: a watching server sees nothing or the whole.
        except OSError as error:
            if not final.exists():
                raise
            raise UserError(f"{final} was written by another process meanwhile. Export again.") from error
    flush(final.parent)


# === SavedModel ===


def _save(module: GeneratorModule, directory: Path) -> None:
    absl_logger = tf.get_logger()
    level = absl_logger.level
    absl_logger.setLevel("WARNING")  # It would report "assets" in a directory that is about to be renamed.
    try:
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, str(directory), signatures=module.signature_functions, options=options)
    finally:
        absl_logger.setLevel(level)
    make_reproducible(directory)


def _check_same_examples(model, signatures, max_count, directory: Path) -> None:
    """Loads what was written and compares it with the model, before anybody else can."""
    exported = load_generator(directory)
    units = model.spec.unit[1]
    if model.can(HasLatents):
        latents = model.sample_latents(2, tf.constant([0, 0]))
        labels = None if model.num_classes is None else tf.zeros([2], tf.int32)
        _require_finite(np.asarray(exported(latents, labels)), units)
    for signature in signatures:
        compared = signature.compare(exported, max_count)
        if compared is not None:
            _require_finite(compared[0], units)
            _require_same(*compared, units)


def _require_finite(examples, units):
    if examples.dtype.kind == "f" and not np.isfinite(examples).all():
        raise UserError(f"`model` must make finite {units}. Received one that makes NaN or infinity.")


def _require_same(expected, received, units):
    """Accepts one step of integers, and the rounding of floats: another order of summation, as on an accelerator, gives these."""
    expected, received, is_float = expected.astype(np.float64), received.astype(np.float64), expected.dtype.kind == "f"
    difference = np.abs(expected - received).max()
    if difference > (1e-4 * max(1.0, np.abs(expected).max()) if is_float else 1):
        raise RuntimeError(
            f"The exported model's {units} differ from the model's by up to {difference:g}, so nothing was written. "
            f"`model` must make {units} that depend on its arguments and weights alone."
        )

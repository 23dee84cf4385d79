"""From a model to a directory that TensorFlow Serving serves, and back into Python."""

import contextlib
import json
import os
import re
import shutil
import time
import uuid
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfgan_suite.exports.model_card import CARD_JSON, build_model_card, describe_signatures, write_model_card
from tfgan_suite.exports.signatures.generator_module import GeneratorModule
from tfgan_suite.exports.warmup_requests import warmup_inputs, write_warmup_requests
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import HasLatents
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.generative.sampling_options import TRUNCATION
from tfgan_suite.generative.texture_model import TextureModel
from tfgan_suite.specs.image_spec import ImageSpec

# Directories in the making. TensorFlow Serving looks only at names that are numbers.
_TEMPORARY_PREFIX = ".export-"
_STALE_AFTER_SECONDS = 3600.0


def export_saved_model(
    model,
    path,
    *,
    dataset_info=None,
    scores=None,
    description="",
    licence="",
    max_count=64,
    overwrite=False,
) -> Path:
    """Writes `saved_models/NAME/VERSION/`: a SavedModel with signatures, warm-up requests and a model card.

    The directory appears under its name only when it is whole and has been loaded again and found to generate the
    same images as the model. Signatures (`labels` only for a model with classes):

    | signature | inputs | outputs |
    |---|---|---|
    | `serving_default` | latents float32 `[batch, latent_size]`, labels int32 `[batch]` | images float32 in [-1, 1] |
    | `generate` | seed int64, count int32, truncation float32, labels int32 `[count]` or `[0]` | images uint8 |
    | `generate_png` | the same | png_bytes string `[count]` |
    | `discriminate` (GANs) | images uint8 `[batch, height, width, channels]`, labels int32 `[batch]` | logits float32 |

    Models of textures have `textures`, `generate_textures` and `generate_textures_png` as well, for images of any size.

    Args:
        model: A `GenerativeModel`.
        path: `.../NAME/VERSION`, the version a number; or `.../NAME` for the next free version.
        dataset_info: `DatasetInfo` of the data that it was trained on, for the model card.
        scores: Scores with their provenance, for the model card: what `evaluate` returns, or any JSON-like value.
        description: A sentence or more for the model card.
        licence: Of the weights, for the model card. The data's own licence comes from `dataset_info`.
        max_count: Largest number of images in one request, >= 1. More are refused, inside the graph.
        overwrite: Whether an existing version may be replaced.

    Returns:
        The directory of the version.

    Raises:
        UserError: The version exists, the path has no usable name or version, the data do not fit the model, or the
            model makes no finite images.

    Example:

    >>> tg.export_saved_model(gan, "saved_models/digits", description="Handwritten digits.")
    PosixPath('saved_models/digits/1')
    """
    if max_count < 1:
        raise UserError(f"Expected max_count >= 1. Received: max_count={max_count}")
    check_dataset(model, dataset_info)
    directory, version = _split_path(Path(path))
    final = directory / str(version)
    if final.exists() and not overwrite:
        raise UserError(
            f"{final} exists already. Expected a new version, such as {directory / str(next_version(directory))}; "
            "or pass overwrite=True."
        )
    with _temporary_directory(directory, version) as temporary:
        module = GeneratorModule(model, max_count)
        _save(module, temporary)
        requests = warmup_inputs(model, max_count, list(module.signature_functions))
        write_warmup_requests(temporary, directory.name, requests)
        card = build_model_card(
            model,
            name=directory.name,
            version=version,
            dataset_info=dataset_info,
            scores=scores,
            description=description,
            licence=licence,
            serving={
                "max_count": max_count,
                "signatures": describe_signatures(module.signature_functions),
                "warmup_requests": len(requests),
            },
        )
        card["size_bytes"] = sum(file.stat().st_size for file in temporary.rglob("*") if file.is_file())
        write_model_card(temporary, card)
        _check_same_images(model, temporary)
        _flush_to_disk(temporary)
        _publish(temporary, final, overwrite)
    return final


def next_version(directory) -> int:
    """The first version number above all that `directory` has, 1 for none.

    Example:

    >>> next_version("saved_models/digits")
    2
    """
    return max(_versions(Path(directory)), default=0) + 1


def load_generator(path) -> "ExportedGenerator":
    """Loads an exported model for use in Python, without the class that it was made of.

    Args:
        path: `saved_models/NAME/VERSION`, or `saved_models/NAME` for the highest version.

    Raises:
        UserError: There is no model that `export_saved_model` has written.

    Example:

    >>> tg.load_generator("saved_models/digits").generate(4, labels=7, seed=1).shape
    (4, 32, 32, 1)
    """
    path = find_version(path)
    try:
        card = json.loads((path / CARD_JSON).read_text("utf-8"))
        loaded = tf.saved_model.load(str(path))
        kind = ExportedTextureGenerator if "textures" in loaded.signatures else ExportedGenerator
        return kind(loaded, card)
    except (OSError, ValueError, KeyError, AttributeError, tf.errors.OpError) as error:
        raise UserError(f"{str(path)!r} is not a model that export_saved_model has written: {error}") from error


def find_version(path) -> Path:
    """The directory of a version: `saved_models/NAME/VERSION` itself, or the highest of `saved_models/NAME`.

    Raises:
        UserError: There is none.

    Example:

    >>> find_version("saved_models/digits")
    PosixPath('saved_models/digits/1')
    """
    path = Path(path)
    if not path.is_dir():
        raise UserError(f"There is no directory {str(path)!r}. Expected one that export_saved_model has written.")
    if not (path / "saved_model.pb").is_file():
        versions = [version for version in _versions(path) if (path / str(version) / "saved_model.pb").is_file()]
        if not versions:
            raise UserError(f"{str(path)!r} holds no exported model. Expected saved_models/NAME or .../NAME/VERSION.")
        path = path / str(max(versions))
    return path


class ExportedGenerator(HasLatents, GenerativeModel):
    """An exported model in Python: `generate`, `evaluate` and callbacks work as with the model it was made of.

    Made by `load_generator`.

    Attributes:
        card: The model card, a dict.
    """

    sampling_options = (TRUNCATION,)

    def __init__(self, loaded, card: dict):
        super().__init__(name="exported_generator", dtype="float32")
        self.card = card
        self.spec = ImageSpec(card["model"]["image_shape"])
        self.num_classes = card["model"]["num_classes"]
        self.latent_shape = (card["model"]["latent_size"],)
        self.examples_seen = card["training"]["images_seen"]
        # Past Keras's attribute tracking, which knows no loaded objects.
        object.__setattr__(self, "_loaded", loaded)
        self.built = True

    @property
    def weights_kind(self):
        # A card counts the parameters of an averaged network under `ema_<name>`.
        return "ema" if any(name.startswith("ema_") for name in self.card["model"]["parameters"]) else "raw"

    def sample_latents(self, batch_size, seed, truncation=1.0):
        return self._loaded.sample_latents(tf.cast(batch_size, tf.int32), seed, tf.cast(truncation, tf.float32))

    def sample_labels(self, batch_size, seed):
        return None if self.num_classes is None else self._loaded.sample_labels(tf.cast(batch_size, tf.int32), seed)

    def call(self, latents, labels=None, training=False, truncation=1.0):
        truncation = tf.cast(truncation, tf.float32)
        if self.num_classes is None:
            return self._loaded.synthesize(latents, truncation)
        return self._loaded.synthesize(latents, truncation, tf.cast(labels, tf.int32))

    def generate_by_signature(self, count, labels=None, truncation=1.0, seed=0) -> np.ndarray:
        """As `generate`, through the signature that a server answers with: at most `max_count` images."""
        inputs = {
            "seed": tf.constant(seed, tf.int64),
            "count": tf.constant(count),
            "truncation": tf.constant(truncation),
        }
        if self.num_classes is not None:
            inputs["labels"] = tf.constant([] if labels is None else labels, tf.int32)
        return self._loaded.signatures["generate"](**inputs)["images"].numpy()


class ExportedTextureGenerator(TextureModel, ExportedGenerator):
    """An exported model of textures: `generate_textures` as well."""

    def __init__(self, loaded, card: dict):
        super().__init__(loaded, card)
        self.cell_size = card["model"]["cell_size"]
        self.latent_channels = card["model"]["latent_channels"]

    def synthesize_textures(self, latent_maps, labels=None):
        if self.num_classes is None:
            return self._loaded.synthesize_textures(latent_maps)
        return self._loaded.synthesize_textures(latent_maps, tf.cast(labels, tf.int32))

    def generate_textures_by_signature(self, height, width, count=1, labels=None, seamless=False, seed=0) -> np.ndarray:
        """As `generate_textures`, through the signature that a server answers with, within its limit."""
        numbers = {"count": count, "height": height, "width": width, "seamless": seamless}
        inputs = {"seed": tf.constant(seed, tf.int64), **{name: tf.constant(value) for name, value in numbers.items()}}
        if self.num_classes is not None:
            inputs["labels"] = tf.constant([] if labels is None else labels, tf.int32)
        return self._loaded.signatures["generate_textures"](**inputs)["images"].numpy()


def check_dataset(model, dataset_info) -> None:
    """Refuses a card that would tell of other data than the model can have seen."""
    if dataset_info is None:
        return
    model_has = tuple(model.image_shape), model.num_classes
    data_has = tuple(dataset_info.image_shape), dataset_info.num_classes
    if model_has[0] != data_has[0] or None not in (model_has[1], data_has[1]) and model_has[1] != data_has[1]:
        raise UserError(
            f"Expected dataset_info of the model's training data: images {model_has[0]}, {model_has[1]} classes. "
            f"Received: images {data_has[0]}, {data_has[1]} classes."
        )


# === Paths ===


def _split_path(path: Path) -> tuple[Path, int]:
    """The model's directory and the version."""
    if re.fullmatch(r"0|[1-9][0-9]{0,17}", path.name):
        directory, version = path.parent, int(path.name)
    elif path.name.isdigit():
        raise UserError(f"Expected a version number without leading zeros and below 10^18. Received: {path.name!r}")
    else:
        directory, version = path, next_version(path)
    name = directory.name
    if not name or name.startswith(".") or re.search(r"[:\s]", name):
        raise UserError(
            "Expected a path saved_models/NAME/VERSION, where NAME has no blank, no colon and no leading dot. "
            f"Received: {str(path)!r}"
        )
    return directory, version


def _versions(directory: Path) -> list[int]:
    if not directory.is_dir():
        return []
    return [int(child.name) for child in directory.iterdir() if child.is_dir() and re.fullmatch("[0-9]+", child.name)]


@contextlib.contextmanager
def _temporary_directory(directory: Path, version: int):
    """A directory beside the final one, on the same file system; gone at the end, and what killed exports left too."""
    made = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    for leftover in directory.glob(f"{_TEMPORARY_PREFIX}*"):
        if time.time() - leftover.stat().st_mtime > _STALE_AFTER_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)
    temporary = directory / f"{_TEMPORARY_PREFIX}{version}-{uuid.uuid4().hex[:8]}"
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if made and not any(directory.iterdir()):
            directory.rmdir()


def _publish(temporary: Path, final: Path, overwrite: bool) -> None:
    replaced = None
    if overwrite and final.exists():
        replaced = temporary.with_name(f"{temporary.name}-replaced")
        final.rename(replaced)
    try:
        temporary.rename(final)  # One step: a watching server sees nothing or the whole.
    except OSError as error:
        if replaced is not None:
            replaced.rename(final)
        if not final.exists():
            raise
        raise UserError(f"{final} was written by another process meanwhile. Export again.") from error
    if replaced is not None:
        shutil.rmtree(replaced)
    _fsync(final.parent)


def _flush_to_disk(directory: Path) -> None:
    for file in directory.rglob("*"):
        _fsync(file)
    _fsync(directory)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# === SavedModel ===


def _save(module: GeneratorModule, directory: Path) -> None:
    absl_logger = tf.get_logger()
    level = absl_logger.level
    absl_logger.setLevel("WARNING")  # It would tell of "assets" in a directory that is about to be renamed.
    try:
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, str(directory), signatures=module.signature_functions, options=options)
    finally:
        absl_logger.setLevel(level)
    _drop_custom_gradients(directory)


def _drop_custom_gradients(directory: Path) -> None:
    """Takes from the graphs the names of gradients that exist in this process alone.

    They serve training. Left in, each loading elsewhere would warn of them, and a gradient through the exported model
    would fail; without them it is the plain one, of the operations themselves.
    """
    path = directory / "saved_model.pb"
    saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in saved_model.meta_graphs:
        for nodes in (meta_graph.graph_def.node, *(f.node_def for f in meta_graph.graph_def.library.function)):
            for node in nodes:
                node.attr.pop("_gradient_op_type", None)
    path.write_bytes(saved_model.SerializeToString(deterministic=True))
    (directory / "fingerprint.pb").unlink(missing_ok=True)  # Of the file as it was.


def _check_same_images(model, directory: Path) -> None:
    """Loads what was written and compares it with the model, before anybody else can."""
    exported = load_generator(directory)
    latents = model.sample_latents(2, tf.constant([0, 0]))
    labels = None if model.num_classes is None else tf.zeros([2], tf.int32)
    if not np.isfinite(exported(latents, labels)).all():
        raise UserError("Expected a model that makes finite images. Received one that makes NaN or infinity.")
    count = min(4, exported.card["serving"]["max_count"])
    expected = model.generate(count, seed=1).astype(np.int32)
    difference = np.abs(expected - exported.generate_by_signature(count, seed=1)).max()
    if isinstance(model, TextureModel):
        size = {"height": model.cell_size, "width": 2 * model.cell_size + 1}
        expected = model.generate_textures(**size, seed=1).astype(np.int32)
        difference = max(difference, np.abs(expected - exported.generate_textures_by_signature(**size, seed=1)).max())
    if difference > 1:  # One step of 255 may come of another order of summation on an accelerator.
        raise RuntimeError(
            f"The exported model's images differ from the model's by up to {difference} of 255, so nothing was written. "
            "Expected a model whose images depend on its arguments and weights alone."
        )

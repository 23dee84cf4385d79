"""`prepare_dataset`: any source of images becomes shards and a description, on any Beam runner."""

import contextlib
import dataclasses
import fcntl
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tfgan_suite.data.dataset_info import FILE_NAME, DatasetInfo, halved_shapes
from tfgan_suite.data.images import MAX_SOURCE_PIXELS, ImageFormat
from tfgan_suite.data.sources.open_source import open_source
from tfgan_suite.data.sources.source import Source
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.preparation import WORK_DIR_NAME, Preparation
from tfgan_suite.preprocessing.preparation_progress import PreparationProgress
from tfgan_suite.preprocessing.pyramid import remove_pyramid, write_pyramid


def prepare_dataset(
    source,
    output_dir: str | os.PathLike,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    crop: str | None = None,
    resize_filter: str = "lanczos",
    background: str | None = None,
    encoding: str = "png",
    jpeg_quality: int = 95,
    splits: Mapping[str, float] | None = None,
    num_shards: int | None = None,
    max_refused_fraction: float = 0.05,
    max_source_pixels: int = MAX_SOURCE_PIXELS,
    decoding: str = "exact",
    deduplicate: bool = True,
    labels: bool = True,
    seed: int = 0,
    limit: int | None = None,
    name: str | None = None,
    pyramid: bool = False,
    runner=None,
    pipeline_options=None,
    force: bool = False,
    progress: bool = True,
) -> DatasetInfo:
    """Prepares a data set: decodes, crops, resizes, removes copies, splits, and writes shards with a description.

    The content of the output depends on the source and the settings alone, not on the runner or the number of workers.
    The same call again does nothing; after a kill it finishes what was begun. Either way nothing half-written ever
    carries a final name, and `dataset_info.json` is written last.

    Args:
        source: A directory of images (class sub-folders, or `labels.csv` / `dataset.json`), a `.zip` of the same, a
            `.npz` file, a uint8 array, a tuple `(images, labels)`, `"tfds:NAME"`, `"digits"`, `"stacked-digits"`, `"avatars"`,
            `"textures"`, or a `Source`.
        output_dir: Directory to write; all workers must see it.
        image_size: Pixels of the (square) images, or `(height, width)`. Demo sets and arrays have a default.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA); by default 3, for arrays their own.
        crop: `"center"`, `"pad"`, `"border"` or `"none"`, see `ImageFormat`.
        resize_filter: `"lanczos"`, `"bicubic"`, `"bilinear"`, `"hamming"` or `"box"`, all antialiased.
        background: Colour behind transparency and padding; white by default, black for digits.
        encoding: `"png"`, `"jpeg"`, `"webp"` (lossless) or `"raw"`.
        jpeg_quality: 1 to 100, for `"jpeg"`.
        splits: Fractions by name that sum to 1, by default `{"train": 1.0}`. An image's split is a function of its
            pixels and the seed, so that copies can never lie on both sides.
        num_shards: Of all splits together; by default one per 64 MiB of raw pixels.
        max_refused_fraction: More unusable files than this share stop the run before anything is published.
        max_source_pixels: A larger picture is refused from its header.
        decoding: `"exact"`, or `"scaled"`, which lets the decoder skip detail of large JPEG files that the resize filter
            would smooth away: faster, and not quite the same pixels.
        deduplicate: Leave out exact copies (equal pixels after preparation), and refuse equal images of several labels.
        labels: False ignores the labels of the source.
        seed: Of the assignment to splits and the order.
        limit: Take this many images (a sample by hash of the name; for `"avatars"` and `"stacked-digits"` the number to draw).
        name: Short name of the set; by default the source's.
        pyramid: Also write the images at half the size, a quarter and so on down to 4 pixels, for models that grow:
            `load_dataset(image_size=...)` then decodes no larger images than it needs. A finished set gets it, too.
        runner: Beam runner, by name or object; by default a fast one within this process.
        pipeline_options: `PipelineOptions` or a list of `"--flag=value"`, passed to Beam.
        force: Replace a set that was prepared with other settings or from changed inputs.
        progress: Show progress on the terminal, and say what was done.

    Returns:
        The `DatasetInfo`, as `DatasetInfo.load(output_dir)` gives it.

    Raises:
        UserError: A setting or the source cannot be used, too many files were refused, the directory holds another data
            set, or it cannot be written.

    Example:

    >>> info = prepare_dataset("digits", "data/digits")
    >>> prepare_dataset("photos", "data/photos64", image_size=64, splits={"train": 0.9, "test": 0.1})
    """
    source = open_source(source)
    image_format = _image_format(
        source,
        image_size,
        channels=channels,
        crop=crop,
        background=background,
        resize_filter=resize_filter,
        encoding=encoding,
        jpeg_quality=jpeg_quality,
        max_source_pixels=max_source_pixels,
        decoding=decoding,
    )
    if pyramid and not halved_shapes(image_format.height, image_format.width):
        raise UserError(
            "A pyramid needs images of 8 pixels or more whose sides are even. Received: "
            f"{image_format.height} x {image_format.width}. Choose another image_size, or leave the pyramid out."
        )
    if not 0 <= max_refused_fraction <= 1:
        raise UserError(f"max_refused_fraction should be from 0 to 1. Received: {max_refused_fraction!r}.")
    settings = {
        **dataclasses.asdict(image_format),
        "splits": _check_splits(splits),
        "num_shards": _check_count("num_shards", num_shards),
        "deduplicate": bool(deduplicate),
        "labels": bool(labels),
        "seed": _check_seed(seed),
        "limit": _check_count("limit", limit),
        "name": name or source.name,
    }
    output_dir = Path(output_dir)
    _check_apart(source, output_dir)
    reporter = PreparationProgress(enabled=progress)
    source_entry = {"kind": source.kind, "name": source.name, "fingerprint": source.fingerprint()}
    info = _finished_info(output_dir, settings, source_entry, force)
    if info is not None:
        reporter.say(f"{output_dir} is already prepared ({info.num_images:,} images): nothing to do.")
        if not pyramid:
            return info
    with _writable(output_dir), _locked(output_dir):
        if info is None:
            preparation = Preparation(source, source_entry, settings, image_format, output_dir, reporter)
            preparation.run(runner, pipeline_options)
            info = preparation.publish(max_refused_fraction)
            remove_pyramid(output_dir)
        if pyramid:
            write_pyramid(output_dir, info, reporter, runner, pipeline_options)
    return info


def _image_format(source: Source, image_size, **settings) -> ImageFormat:
    if isinstance(image_size, int) and not isinstance(image_size, bool):
        image_size = (image_size, image_size)
    if image_size is not None and (not isinstance(image_size, Sequence) or len(image_size) != 2):
        raise UserError(f"image_size should be a number of pixels or (height, width). Received: {image_size!r}.")
    defaults = {"background": "white", **source.default_settings(image_size)}
    size = image_size or defaults.pop("image_size", None)
    if size is None:
        raise UserError(
            f"image_size is needed for a {source.kind}: the side of the prepared images in pixels, such as image_size=64."
        )
    chosen = {key: value for key, value in settings.items() if value is not None}
    defaults.pop("image_size", None)
    return ImageFormat(*size, **{**defaults, **chosen})


def _check_apart(source: Source, output_dir: Path) -> None:
    """The output must not become a part of its own input."""
    folder = getattr(source, "path", None)
    if folder is not None and folder.is_dir():
        folder, output = folder.resolve(), output_dir.resolve()
        if output == folder or folder in output.parents:
            raise UserError(
                f"{str(output_dir)!r} lies within the source {str(folder)!r}. Choose a directory outside of it."
            )


def _check_splits(splits: Mapping[str, float] | None) -> dict[str, float]:
    splits = {"train": 1.0} if splits is None else dict(splits)
    for name, fraction in splits.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", str(name)):
            raise UserError(f"A split's name should be letters, digits and underscores. Received: {name!r}.")
        if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 < fraction <= 1:
            raise UserError(
                f"The fraction of the split {name!r} should lie above 0 and up to 1. Received: {fraction!r}."
            )
    if not splits or abs(math.fsum(splits.values()) - 1) > 1e-6:
        raise UserError(
            f"The fractions of the splits should sum to 1. Received: {splits}, summing to {sum(splits.values()):g}."
        )
    return {name: float(fraction) for name, fraction in splits.items()}


def _check_count(name: str, value: int | None) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise UserError(f"{name} should be a whole number from 1 up, or None. Received: {value!r}.")
    return value


def _check_seed(seed: int) -> int:
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise UserError(f"seed should be a whole number from 0 to 2**63 - 1. Received: {seed!r}.")
    return seed


def _finished_info(output_dir: Path, settings: dict, source_entry: dict, force: bool) -> DatasetInfo | None:
    """The description of an equal, finished set. Raises when there is another one, unless it may be replaced."""
    if not (output_dir / FILE_NAME).exists():
        return None
    try:
        info = DatasetInfo.load(output_dir)
    except UserError:
        if force:
            return None
        raise
    # Sets of earlier versions do not name the decoding.
    old = {"decoding": "exact", **info.settings, "source kind": info.source["kind"], "source name": info.source["name"]}
    new = {**settings, "source kind": source_entry["kind"], "source name": source_entry["name"]}
    # Through JSON, so that tuples and lists compare equal.
    old, new = json.loads(json.dumps([old, new]))
    differences = [
        f"{key} was {old.get(key)!r}, now {new.get(key)!r}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    if not differences and info.source["fingerprint"] != source_entry["fingerprint"]:
        differences = [f"the content of {source_entry['kind']} {source_entry['name']!r} has changed since"]
    if not differences:
        try:
            info.check_sizes(output_dir)
            return info
        except UserError:
            if not force:
                raise
    if force:
        return None
    raise UserError(
        f"{output_dir} holds a data set that was prepared otherwise: {'; '.join(differences)}. "
        "Choose another directory, or replace that set with force=True."
    )


@contextlib.contextmanager
def _writable(output_dir: Path) -> Iterator[None]:
    """Makes the directory, and turns failures to write within the block into errors for the user."""
    try:
        if output_dir.exists() and not output_dir.is_dir():
            raise UserError(f"{str(output_dir)!r} is a file. Expected a directory to write to.")
        output_dir.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"Cannot write to {str(output_dir)!r}: {error.strerror or error}. Nothing was published. Free space or "
            "choose another directory, then run the same command again: it goes on where it stopped."
        ) from error


@contextlib.contextmanager
def _locked(output_dir: Path) -> Iterator[None]:
    """Keeps a second preparation out of the directory. The lock ends with the process, however it ends."""
    work_dir = output_dir / WORK_DIR_NAME
    existed = work_dir.exists()
    work_dir.mkdir(exist_ok=True)
    with open(work_dir / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"Another process is preparing {str(output_dir)!r} just now. Wait until it is done."
            ) from error
        try:
            yield
        finally:
            if not existed and {path.name for path in work_dir.glob("*")} == {"lock"}:
                shutil.rmtree(work_dir)

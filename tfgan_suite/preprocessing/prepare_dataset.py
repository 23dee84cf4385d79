"""`prepare_dataset`: any source of examples becomes shards and a description, on any Beam runner."""

import contextlib
import dataclasses
import inspect
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tfgan_suite.data.dataset_info import FILE_NAME, DatasetInfo, SplitInfo, halved_shapes
from tfgan_suite.data.example_format import ExampleFormat
from tfgan_suite.data.images import ImageFormat
from tfgan_suite.data.sources.array_source import ArraySource
from tfgan_suite.data.sources.open_source import open_source
from tfgan_suite.data.sources.source import Source
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import Lock
from tfgan_suite.foundation.number_kinds import is_number
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.preprocessing.beam_runner import choose_runner
from tfgan_suite.preprocessing.preparation import WORK_DIR_NAME, Preparation, describe_classes
from tfgan_suite.preprocessing.preparation_progress import PreparationProgress
from tfgan_suite.preprocessing.pyramid import remove_pyramid, write_pyramid
from tfgan_suite.specs.condition import Condition
from tfgan_suite.specs.example_spec import ExampleSpec

# What may stand in a group of `prepare_dataset`, or by itself among its arguments.
FORMAT_OPTIONS = tuple(field.name for field in dataclasses.fields(ImageFormat) if field.name not in ("height", "width"))
BEAM_OPTIONS = ("runner", "pipeline_options")


def prepare_dataset(
    source,
    output_dir: str | os.PathLike,
    *,
    image_size: int | tuple[int, int] | None = None,
    format: ExampleFormat | Mapping | None = None,
    splits: Mapping[str, float] | None = None,
    labels: bool = True,
    limit: int | None = None,
    seed: int = 0,
    name: str | None = None,
    num_shards: int | None = None,
    deduplicate: bool = True,
    max_refused_fraction: float = 0.05,
    pyramid: bool = False,
    beam: Mapping | None = None,
    force: bool = False,
    progress: bool = True,
    dry_run: bool = False,
    **options,
) -> DatasetInfo:
    """Prepares a data set: decodes, crops, resizes, removes copies, splits, and writes shards with a description.

    The content of the output depends on the source and the settings alone, not on the runner or the number of workers.
    The same call again does nothing; an interrupted one is resumed by it. Either way nothing half-written ever carries a
    final name, and `dataset_info.json` is written last.

    Args:
        source: String, path, array or `Source`. A directory of images (class sub-folders, `labels.csv`, `metadata.csv`,
            `metadata.jsonl` or `dataset.json`), a `.zip` of the same, a `.npz` file, a uint8 array, a tuple
            `(images, labels)`, `"tfds:NAME"` or a builder of TensorFlow Datasets, `"digits"`, `"stacked-digits"`,
            `"avatars"`, `"textures"`, or a `Source`. Sound comes from `"audio:PATH"`, a directory or a `.zip` file of sound files, and
            from `"spoken_digits"`; text from `"text:PATH"`, a directory, a `.zip` file or a file of text, and from `"moby-dick"`.
            Examples of other kinds come from a `Source` with a `spec`, such as `ArraySource(examples, labels, spec=...)`.
        output_dir: String or path. Directory to write; all workers must see it.
        image_size: Integer, pixels of the (square) images, or tuple `(height, width)`. Demo sets and arrays have a default.
        format: Dict of arguments of `ImageFormat`, how images look and how they come to: `channels` (by default 3, for
            arrays their own), `crop`, `resize_filter`, `background`, `encoding`, `jpeg_quality`, `max_source_pixels`,
            `decoding`, `levels`. For sound, arguments of `AudioFormat`, and for text of `TextFormat`. Or an `ExampleFormat`, such as an `ImageFormat`, which says
            all of it.
        splits: Dict of split name to float in (0, 1]. Fractions that sum to 1, by default `{"train": 1.0}`. The split of an
            example is a function of its content and the seed, so that copies can never lie on both sides. That of text is a
            function of its document or its position.
        labels: Boolean. Whether to keep the labels of the source.
        limit: Integer >= 1. Take this many examples (a sample by hash of the name; for `"avatars"` and `"stacked-digits"`
            the number to draw). `None` takes all.
        seed: Integer >= 0. Seed of the assignment to splits and of the order.
        name: String. Short name of the set; by default the source's.
        num_shards: Integer >= 1. Shards of all splits together; by default one per 64 MiB of raw examples.
        deduplicate: Boolean. Whether to leave out exact copies (equal after preparation), and refuse equal examples with
            different labels.
        max_refused_fraction: Float in [0, 1]. More unusable images than this share stop the run before anything is
            published. Files of other kinds are no images; of a sample (`limit`), its own images count.
        pyramid: Boolean. Whether to also write images at half the size, a quarter and so on down to 4 pixels, for models
            that grow: `load_dataset(image_size=...)` then decodes no larger images than it needs. A finished set gets it
            as well.
        beam: Dict with `runner`, a Beam runner by name or object, by default a fast one within this process; and
            `pipeline_options`, a list of `"--flag=value"`, a dict of flags without their dashes, or `PipelineOptions`. Either
            may be left out.
        force: Boolean. Whether to replace a set that was prepared with other settings or from changed inputs.
        progress: Boolean. Whether to show progress on the terminal, and report what was done.
        dry_run: Boolean. Whether to stop once the arguments are checked and the source is listed. Nothing is written, and what
            is returned describes the set as far as it is known by then: without shards, copies and unusable inputs counted.
        **options: Any entry of `format` or `beam` by itself, such as `encoding="webp"` or `runner="dask"`.

    Returns:
        The `DatasetInfo`, as `DatasetInfo.load(output_dir)` gives it.

    Raises:
        UserError: A setting or the source cannot be used, too many inputs were refused, the directory holds another data
            set, or it cannot be written.

    Example:

    >>> info = prepare_dataset("digits", "data/digits")
    >>> prepare_dataset("photos", "data/photos64", image_size=64, splits={"train": 0.9, "test": 0.1})
    >>> prepare_dataset("photos", "data/photos_webp", image_size=64, format={"crop": "pad", "encoding": "webp"})
    """
    _check_booleans(
        labels=labels, deduplicate=deduplicate, pyramid=pyramid, force=force, progress=progress, dry_run=dry_run
    )
    source = open_source(source)
    example_format = _choose_format(
        source, image_size, format, _take(options, (*FORMAT_OPTIONS, *_options_of(source.format_class)))
    )
    source.format = example_format
    beam_options = _join("beam", beam, _take(options, BEAM_OPTIONS), BEAM_OPTIONS)
    if options:
        own = [name for name in inspect.signature(prepare_dataset).parameters if name not in ("options", "source")]
        known = [*own, *(_options_of(source.format_class) or FORMAT_OPTIONS), *BEAM_OPTIONS]
        raise unknown_name("argument of prepare_dataset", next(iter(options)), known)
    choose_runner(**beam_options)  # Which refuses what there is not, before anything is read.
    spec = example_format.spec
    if pyramid and spec.kind != "image":
        raise UserError(f"`pyramid` is for images, and {source.name!r} holds {spec.unit[1]}: leave it out.")
    if pyramid and spec.levels < 256:
        raise UserError(
            f"`pyramid` must be left out for images of {spec.levels} levels, whose averages lie between the levels."
        )
    if pyramid and not halved_shapes(*spec.shape[:2]):
        raise UserError(
            f"`pyramid` needs images of 8 pixels or more whose sides are even. Received: {spec.shape[0]} x "
            f"{spec.shape[1]}. Choose another image_size, or leave the pyramid out."
        )
    if not is_number(max_refused_fraction) or not 0 <= max_refused_fraction <= 1:
        raise UserError(
            f"`max_refused_fraction` must be in [0, 1]. Received: max_refused_fraction={max_refused_fraction!r}"
        )
    settings = {
        **example_format.settings(),
        "splits": _check_splits(splits),
        "num_shards": _check_count("num_shards", num_shards),
        "deduplicate": bool(deduplicate),
        "labels": bool(labels),
        "seed": _check_seed(seed),
        "limit": _check_count("limit", limit),
        "name": _check_name(name) or source.name,
    }
    output_dir = local_path(output_dir)
    _check_apart(source, output_dir)
    if dry_run:
        return _expected_info(source, spec, settings)
    reporter = PreparationProgress(progress, spec.unit[1])
    source_entry = {"kind": source.kind, "name": source.name, "fingerprint": source.fingerprint()}
    info = _finished_info(output_dir, settings, source_entry, force)
    if info is not None:
        reporter.say(f"{output_dir} is already prepared ({info.num_examples:,} {spec.unit[1]}): nothing to do.")
        reporter.say(describe_classes(info))
        if not pyramid:
            return info
    with _writable(output_dir), _locked(output_dir):
        if info is None:
            preparation = Preparation(source, source_entry, settings, example_format, output_dir, reporter)
            preparation.run(beam_options.get("runner"), beam_options.get("pipeline_options"))
            info = preparation.publish(max_refused_fraction)
            remove_pyramid(output_dir)
        if pyramid:
            write_pyramid(output_dir, info, reporter, **beam_options)
    return info


def _take(options: dict, names: Sequence[str]) -> dict:
    """Moves the options of some names out of `options`."""
    return {name: options.pop(name) for name in names if name in options}


def _join(group: str, members: Mapping | None, alone: dict, names: Sequence[str]) -> dict:
    """The entries of a group together with those that were passed by themselves."""
    if members is not None and not isinstance(members, Mapping):
        expected = {
            "format": "a dict of arguments of ImageFormat, or of the format of other examples, or an ExampleFormat",
            "beam": "a dict with `runner` and `pipeline_options`",
        }
        raise UserError(f"`{group}` must be {expected[group]}. Received: {group}={members!r}")
    members = members or {}
    for name in members:
        if name not in names:
            raise unknown_name(f"entry of `{group}`", name, names)
        if name in alone:
            raise UserError(
                f"`{name}` must be passed once. Received: by itself, and in `{group}`. Leave one of them out."
            )
    return {**members, **alone}


def _choose_format(source: Source, image_size, format, alone: dict) -> ExampleFormat:
    """How the raw inputs of the source become examples."""
    if image_size is not None:
        alone = {"image_size": image_size, **alone}
    own_options = _options_of(source.format_class)
    if isinstance(format, ExampleFormat):
        if alone:
            raise UserError(f"`{next(iter(alone))}` must be left out, or be a part of `format`. Received both.")
        return format
    chosen = _join("format", format, alone, own_options or ("image_size", *FORMAT_OPTIONS))
    if source.spec is None:
        return _image_format(source, **chosen)
    foreign = [name for name in chosen if name not in own_options]
    if foreign:
        raise UserError(f"`{foreign[0]}` is for images, and {source.name!r} holds {source.spec.unit[1]}: leave it out.")
    return source.make_format(**chosen)


def _options_of(format_class: type[ExampleFormat] | None) -> tuple[str, ...]:
    """The arguments of a source's own format, if it has one."""
    return () if format_class is None else tuple(field.name for field in dataclasses.fields(format_class))


def _image_format(source: Source, image_size=None, **settings) -> ImageFormat:
    if isinstance(image_size, int) and not isinstance(image_size, bool):
        image_size = (image_size, image_size)
    if image_size is not None and (
        isinstance(image_size, str) or not isinstance(image_size, Sequence) or len(image_size) != 2
    ):
        raise UserError(
            f"`image_size` must be an integer, or a tuple (height, width). Received: image_size={image_size!r}"
        )
    defaults = {"background": "white", **source.default_settings(image_size)}
    size = image_size or defaults.get("image_size")
    if size is None:
        raise UserError(
            f"`image_size` is needed for a {source.kind}: the side of the prepared images in pixels, such as image_size=64."
        )
    chosen = {key: value for key, value in settings.items() if value is not None}
    _check_not_levels_already(source, chosen.get("levels", 256))
    defaults.pop("image_size", None)
    return ImageFormat(*size, **{**defaults, **chosen})


def _check_not_levels_already(source: Source, levels) -> None:
    """Arrays of zeros and ones would become black images: as values from 0 to 255 they are."""
    largest = int(np.max(source.examples, initial=0)) if isinstance(source, ArraySource) else 255
    if levels != 256 and largest < levels:
        raise UserError(
            f"`levels` is for values from 0 to 255. {source.name!r} holds whole levels already, from 0 to {largest}: leave "
            f"`levels` out, and pass ArraySource(images, labels, spec=ImageSpec(shape, levels={levels}))."
        )


def _check_apart(source: Source, output_dir: Path) -> None:
    """The output must not become a part of its own input."""
    folder = getattr(source, "path", None)
    if folder is not None and folder.is_dir():
        folder, output = folder.resolve(), output_dir.resolve()
        if output == folder or folder in output.parents:
            raise UserError(
                f"`output_dir` must be outside of the source {str(folder)!r}. Received: {str(output_dir)!r}, which lies within it"
            )


def _expected_info(source: Source, spec: ExampleSpec, settings: dict) -> DatasetInfo:
    """The description of a set that is not prepared, of what its source lists."""
    listing = source.list_items(settings["labels"], settings["limit"])
    if not listing.items:
        raise UserError(f"{source.kind} {source.name!r} holds no {spec.unit[1]}.")
    counts = Counter(item.label for item in listing.items)
    splits = {
        name: SplitInfo(
            num_examples=round(fraction * len(listing.items)),
            class_counts=tuple(math.ceil(fraction * counts[label]) for label in range(len(listing.class_names))),
            shards=(),
        )
        for name, fraction in settings["splits"].items()
    }
    condition = Condition.of_classes(len(listing.class_names), listing.class_names)
    return DatasetInfo(name=settings["name"], spec=spec, splits=splits, condition=condition, settings=settings)


def _check_booleans(**received) -> None:
    for name, value in received.items():
        if not isinstance(value, bool | np.bool_):
            raise UserError(f"`{name}` must be True or False. Received: {name}={value!r}")


def _check_name(name: str | None) -> str | None:
    if name is not None and not isinstance(name, str):
        raise UserError(f"`name` must be a string or None. Received: name={name!r}")
    return name


def _check_splits(splits: Mapping[str, float] | None) -> dict[str, float]:
    if splits is not None and not isinstance(splits, Mapping):
        raise UserError(f"`splits` must be a dict of names to fractions. Received: splits={splits!r}")
    splits = {"train": 1.0} if splits is None else dict(splits)
    for name, fraction in splits.items():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            raise UserError(f"A name in `splits` must be letters, digits and underscores. Received: {name!r}")
        if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 < fraction <= 1:
            raise UserError(
                f"The fraction of {name!r} in `splits` must be above 0 and at most 1. Received: {fraction!r}"
            )
    if not splits or abs(math.fsum(splits.values()) - 1) > 1e-6:
        raise UserError(
            f"The fractions in `splits` must sum to 1. Received: splits={splits}, summing to {sum(splits.values()):g}"
        )
    return {name: float(fraction) for name, fraction in splits.items()}


def _check_count(name: str, value: int | None) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise UserError(f"`{name}` must be an integer >= 1, or None. Received: {name}={value!r}")
    return value


def _check_seed(seed: int) -> int:
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise UserError(f"`seed` must be an integer in [0, 2**63). Received: seed={seed!r}")
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
    old = {**info.settings, "source kind": info.source.get("kind"), "source name": info.source.get("name")}
    if info.spec.kind == "image":
        old.setdefault("decoding", "exact")  # Sets of earlier versions do not name it.
    new = {**settings, "source kind": source_entry["kind"], "source name": source_entry["name"]}
    # Through JSON, so that tuples and lists compare equal.
    old, new = json.loads(json.dumps([old, new]))
    differences = [
        f"{key} was {old.get(key)!r}, now {new.get(key)!r}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    if not differences and info.source.get("fingerprint") != source_entry["fingerprint"]:
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
        f"{output_dir} holds a data set that was prepared with other settings: {'; '.join(differences)}. "
        "Choose another directory, or replace that set with force=True."
    )


@contextlib.contextmanager
def _writable(output_dir: Path) -> Iterator[None]:
    """Makes the directory, and turns failures to write within the block into errors for the user."""
    try:
        if output_dir.exists() and not output_dir.is_dir():
            raise UserError(
                f"`output_dir` must be a directory to write. Received: {str(output_dir)!r}, which is a file"
            )
        output_dir.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(
            f"Cannot write to {str(output_dir)!r}: {error.strerror or error}. Nothing was published. Free space or "
            "choose another directory, then run the same command again: it resumes where it stopped."
        ) from error


@contextlib.contextmanager
def _locked(output_dir: Path) -> Iterator[None]:
    """Keeps a second preparation out of the directory. The lock ends with the process, however it ends."""
    work_dir = output_dir / WORK_DIR_NAME
    existed = work_dir.exists()
    work_dir.mkdir(exist_ok=True)
    try:
        with Lock(work_dir / "lock", f"Another process is preparing {str(output_dir)!r}. Wait until it is done."):
            yield
    finally:
        if not existed and work_dir.exists() and not any(work_dir.iterdir()):
            work_dir.rmdir()

"""Examples as they lie in a folder, an archive or an array: decoded for scores, without having been prepared."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tfgan_suite.data.example_format import ExampleFormat
from tfgan_suite.data.image_files import decode_image
from tfgan_suite.data.images import ImageFormat, transform_image
from tfgan_suite.data.sources.array_source import ArraySource
from tfgan_suite.data.sources.open_source import open_source
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.specs.example_spec import ExampleSpec
from tfgan_suite.specs.image_spec import ImageSpec

_LOGGER = logging.getLogger(__name__)
_IMAGES = (
    "images: a folder, a .zip or .npz file, a uint8 array [count, height, width, channels], a pair of it and labels, or a "
    "finite tf.data.Dataset"
)
_EXPECTED = {
    "data": f"a prepared directory, or {_IMAGES}",
    "model": f"a `GenerativeModel`, the path of a run, a .keras file or an exported model, a prepared directory, or {_IMAGES}",
}
# Reasons of sources for setting aside what is no example: not counted among what cannot be read.
_NO_EXAMPLES = ("hidden_file", "side_file", "missing_file", "annotation")


class UnpreparedExamples:
    """Examples of what `prepare_dataset` takes, in the source's order, decoded by the same decoder.

    Nothing is left out but what cannot be read, which is counted in `set_aside` and told once. Examples have labels if
    the source has one for each of them.

    Args:
        data: A folder, a `.zip` or `.npz` file, the name of a source, an array, a pair `(examples, labels)`, or a `Source`.
        spec: An `ExampleSpec`, what the examples are to be, or `None` for what they are.
        scaled: Boolean. Whether images of another size are brought to that of `spec`, as `prepare` does by default. If not,
            each keeps its size, and all must have the same.
        argument: String, `"data"` or `"model"`. What to call `data` in messages.

    Attributes:
        name: String. The name of the source.
        spec: An `ExampleSpec`. What the examples are.
        class_names: Tuple of strings, in the order of the labels; empty without labels.
        set_aside: Dict of the names of examples that cannot be read, as far as they have been met, to the reason.

    Raises:
        UserError: `data` is none of these, holds no example that can be read, or images of several sizes.

    Example:

    >>> examples = UnpreparedExamples(np.zeros([5, 8, 8], "uint8"))
    >>> examples.spec.shape, [len(batch) for batch, labels in examples.batches(4)]
    ((8, 8, 1), [4, 1])
    """

    def __init__(self, data: object, spec: ExampleSpec | None = None, *, scaled: bool = True, argument: str = "data"):
        self._argument = argument
        self._source = _open(data, spec, argument)
        self.name = self._source.name
        listing = _list_items(self._source)
        self._items, self.class_names = listing.items, listing.class_names
        self.set_aside = {one.source: one.message for one in listing.refused if one.reason not in _NO_EXAMPLES}
        self._is_exact = False
        self._format = self._choose_format(spec, scaled)
        self.spec = self._format.spec

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Batches `(examples [batch, *spec.shape] of edge_dtype, int32 labels [batch] or None)`."""
        for items, examples in self._read(self._format, self._prepare, size):
            labels = np.array([item.label for item in items], np.int32) if self.class_names else None
            yield np.stack(examples), labels

    def tell(self) -> None:
        """Logs how many examples could not be read, once a pass has been made."""
        if self.set_aside:
            name, message = next(iter(self.set_aside.items()))
            _LOGGER.warning(
                "%d of %d files of %r cannot be read, and are left out of the scores, such as %s: %s",
                len(self.set_aside),
                len(self._items) + len(self.set_aside.keys() - {item.name for item in self._items}),
                self.name,
                name,
                message,
            )

    def _choose_format(self, spec: ExampleSpec | None, scaled: bool) -> ExampleFormat:
        if self._source.spec is not None:
            return self._source.make_format()
        wanted = None if spec is None or spec.kind != ImageSpec.kind else spec.shape
        settings = self._source.default_settings(wanted and wanted[:2])
        size, channels = settings.pop("image_size", None), settings.pop("channels", 3)
        if wanted and scaled:
            size = wanted[:2]
        if size is None:  # Files say themselves how large they are.
            self._is_exact = True
            size, channels = self._look(bool(wanted))
        return ImageFormat(*size, **{**settings, "channels": wanted[2] if wanted else channels})

    def _look(self, is_color_known: bool) -> tuple[tuple[int, int], int]:
        """The size of the first image, and the channels that all need: one if each of them is gray, else three."""
        size = None
        for _, images in self._read(ImageFormat(1, 1), _as_image, 16):
            size = size or (images[0].height, images[0].width)
            if is_color_known or any(image.mode not in ("L", "LA") for image in images):
                return size, 3
        return size, 1

    def _read(
        self, example_format: ExampleFormat, decode: Callable, size: int
    ) -> Iterator[tuple[list[SourceItem], list]]:
        """Lists of items and of what `decode` makes of their content, without those that cannot be read."""
        found = False
        with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor() as pool:
            reader = self._source.make_reader(Path(directory), example_format)
            for start in range(0, len(self._items), size):
                items = self._items[start : start + size]
                # Decoders run beside each other; a source is read by one thread.
                decoded = pool.map(lambda raw: _or_refusal(decode, raw), list(reader.read_many(items)))
                kept = []
                for item, example in zip(items, decoded, strict=True):
                    if isinstance(example, ExampleRefused):
                        self.set_aside[item.name] = example.message
                    else:
                        kept.append((item, example))
                if kept:
                    found = True
                    yield [item for item, _ in kept], [example for _, example in kept]
        if not found:
            raise self._nothing()

    def _prepare(self, raw):
        if self._source.spec is not None:
            return self._format.prepare(raw)
        image = _as_image(raw)
        height, width, channels = self.spec.shape
        if self._is_exact and (image.height, image.width) != (height, width):
            raise UserError(
                f"`{self._argument}` must be images of one size. Received: {height} x {width} and {image.height} x "
                f"{image.width} pixels in {self.name!r}. Bring them to one size first: tfgan-suite prepare FOLDER DIRECTORY "
                f"--image-size {min(height, width)}"
            )
        if channels == 1 and _is_colored(image):
            raise UserError(
                f"`{self._argument}` must be gray images, since it is scored with gray ones. Received: color in {self.name!r}"
            )
        return transform_image(image, self._format)

    def _nothing(self) -> UserError:
        reason = "".join(f", such as {name}: {message}" for name, message in list(self.set_aside.items())[:1])
        return UserError(
            f"`{self._argument}` must be {_EXPECTED[self._argument]}. Received: {self.name!r}, which holds no example that "
            f"can be read{reason}"
        )


def check_kind(data: object, argument: str) -> None:
    """Raises a `UserError` for an object that cannot hold examples, whatever is in it.

    Args:
        data: What the user passed.
        argument: String, `"data"` or `"model"`. What to call it.
    """
    kinds = str | os.PathLike | np.ndarray | tuple | tf.Tensor | tf.data.Dataset | Source
    if not isinstance(data, kinds) or isinstance(data, tuple) and len(data) != 2:
        raise UserError(
            f"`{argument}` must be {_EXPECTED[argument]}. Received: an object of type {type(data).__name__}"
        )


def _open(data: object, spec: ExampleSpec | None, argument: str) -> Source:
    check_kind(data, argument)
    if tf.is_tensor(data):
        data = data.numpy()
    if isinstance(data, np.ndarray | tuple) and spec is not None and spec.kind != ImageSpec.kind:
        return ArraySource(*(data if isinstance(data, tuple) else (data,)), spec=spec)
    try:
        return open_source(data)
    except UserError as error:
        # An address is refused by name.
        if not isinstance(data, str | os.PathLike) or Path(data).exists() or "://" in str(data):
            raise
        raise UserError(
            f"There is no directory or file {str(data)!r}. `{argument}` must be {_EXPECTED[argument]}."
        ) from error


def _list_items(source: Source) -> SourceListing:
    """With labels, if every example has one: no example is left out for the lack of a label."""
    listing = source.list_items(True, None)
    return source.list_items(False, None) if any(one.reason == "no_label" for one in listing.refused) else listing


def _or_refusal(decode: Callable, raw):
    try:
        return raw if isinstance(raw, ExampleRefused) else decode(raw)
    except ExampleRefused as refusal:
        return refusal


def _as_image(raw) -> Image.Image:
    if isinstance(raw, bytes):
        return decode_image(raw)
    return Image.fromarray(raw[..., 0] if raw.shape[-1] == 1 else raw) if isinstance(raw, np.ndarray) else raw


def _is_colored(image: Image.Image) -> bool:
    if image.mode in ("L", "LA"):
        return False
    red, green, blue = np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)
    return not ((red == green) & (green == blue)).all()

"""Pictures to be judged, from whatever a path stands for: a model, a prepared set, a folder, a zip or arrays."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_suite import runs
from tfgan_suite.data.images import ImageFormat, decode_image, transform_image
from tfgan_suite.data.sources import open_source
from tfgan_suite.errors import UserError
from tfgan_suite.metrics.real_images import RealImages


@dataclasses.dataclass(frozen=True)
class PictureSet:
    """Pictures of one origin.

    Attributes:
        images: uint8 arrays `[height, width, 3]`.
        labels: Integers `[count]`, or `None` where there are no classes.
        origin: What is known of them, JSON values.
    """

    images: list[np.ndarray]
    labels: np.ndarray | None
    origin: dict

    def resized(self, image_size: int) -> "PictureSet":
        """The same pictures as squares: the middle cut out and scaled."""
        target = ImageFormat(image_size, image_size, channels=3, crop="center")
        images = [transform_image(Image.fromarray(image), target) for image in self.images]
        return dataclasses.replace(self, images=images)


def load_pictures(path, count: int, *, split: str, seed: int, truncation: float) -> PictureSet:
    """Draws pictures at random from what a path stands for.

    Args:
        path: A run, a `.keras` file or an exported model, which then generates them; a prepared directory; or what
            `prepare` takes, such as a folder of image files.
        count: How many.
        split: Of a prepared directory.
        seed: Of the draw, or of the model.
        truncation: In [0, 1], for a model.

    Raises:
        UserError: There is nothing of the kind, or there are too few pictures.
    """
    path = Path(path)
    if (path / "dataset_info.json").is_file() and not (path / "config.json").is_file():
        return _of_prepared_set(path, count, split, seed)
    if path.suffix == ".keras" or any((path / name).is_file() for name in ("config.json", "model.keras")):
        return _of_model(path, count, seed, truncation)
    if path.is_dir() and [*path.glob("saved_model.pb"), *path.glob("*/saved_model.pb")]:
        return _of_model(path, count, seed, truncation)
    return _of_source(str(path), count, seed)


def _of_model(path, count, seed, truncation):
    model = runs.load_model(path)
    labels = None
    if model.num_classes is not None:
        labels = np.random.default_rng(seed).permutation(np.arange(count) % model.num_classes)
    images = model.generate(count, labels, truncation=truncation, seed=seed)
    images_seen = getattr(model, "images_seen", None)
    origin = {
        "model": type(model).__name__,
        "images_seen": None if images_seen is None else int(np.asarray(images_seen)),
        "truncation": truncation,
    }
    return PictureSet(_in_colour(images), labels, origin)


def _of_prepared_set(path, count, split, seed):
    real = RealImages(path, split, batch_size=256)
    wanted = _choose(real.num_images, count, path, seed)
    found, first = {}, 0
    for images, labels in real.batches():
        for row in set(range(first, first + len(images))) & set(wanted):
            label = 0 if labels is None else int(labels[row - first])
            found[row] = (images[row - first], label)
        first += len(images)
    images, labels = zip(*(found[row] for row in wanted))
    origin = {"dataset": real.name, "dataset_fingerprint": real.fingerprint, "split": split}
    return PictureSet(_in_colour(images), None if real.class_counts is None else np.array(labels), origin)


def _of_source(path, count, seed):
    source = open_source(path)
    items = source.list_images(use_labels=False, limit=None).items
    chosen = [items[row] for row in _choose(len(items), count, path, seed)]
    images = []
    with tempfile.TemporaryDirectory() as work_dir:
        reader = source.make_reader(Path(work_dir), ImageFormat(64, 64))
        for picture in reader.read_many(chosen):
            if isinstance(picture, Exception):
                raise UserError(f"{path} holds a picture that cannot be read: {picture} Take it away.")
            images.append(np.asarray(decode_image(picture).convert("RGB") if isinstance(picture, bytes) else picture))
    return PictureSet(_in_colour(images), None, {"source": source.kind, "fingerprint": source.fingerprint()})


def _choose(available: int, count: int, path, seed: int) -> list[int]:
    if available < count:
        raise UserError(f"Expected at least {count} pictures in {str(path)!r}. Received: {available}.")
    return np.random.default_rng(seed).permutation(available)[:count].tolist()


def _in_colour(images) -> list[np.ndarray]:
    """uint8 `[height, width, 3]` each: the kind of file must not tell real pictures from others."""
    return [np.asarray(Image.fromarray(np.squeeze(image)).convert("RGB")) for image in images]

"""Loads images to be judged from a model, a prepared dataset, a folder, a zip file, or arrays."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_suite.data.image_files import decode_image
from tfgan_suite.data.images import ImageFormat, transform_image
from tfgan_suite.data.sources.open_source import open_source
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.metrics.protocol.generated_examples import origin_of
from tfgan_suite.metrics.protocol.real_examples import RealExamples
from tfgan_suite.runs import run_files


@dataclasses.dataclass(frozen=True)
class PictureSet:
    """Images from a single source.

    Attributes:
        images: List of uint8 arrays `[height, width, 3]`.
        labels: Integer array `[count]`, or `None` without classes.
        origin: Dict of JSON values. What is known about the origin of the images.
        sounds: List of bytes, a WAV file for each image, where they are spectrograms; else `None`.
    """

    images: list[np.ndarray]
    labels: np.ndarray | None
    origin: dict
    sounds: list[bytes] | None = None


def load_pictures(
    path, count: int, *, split: str, seed: int, truncation: float, image_size: int | None = None
) -> PictureSet:
    """Loads or generates random images from the source at a path.

    Args:
        path: String or path of a run, a `.keras` file, or an exported model, which generates the images; of a prepared
            dataset; or of anything that `prepare` accepts, such as a folder of image files.
        count: Integer. Number of images.
        split: String. Split of a prepared dataset.
        seed: Integer. Seed for the selection, or for the model.
        truncation: Float in [0, 1]. Truncation of a model's latents.
        image_size: Integer or `None`. Height and width to which the central square of each image is scaled. `None`
            leaves the images unchanged.

    Returns:
        A `PictureSet`.

    Raises:
        UserError: If there is no such source, it has too few images, or an image cannot be read.
    """
    path = local_path(path)
    if (path / "dataset_info.json").is_file() and not (path / "config.json").is_file():
        return _of_prepared_set(path, count, split, seed, image_size)
    if path.suffix == ".keras" or any((path / name).is_file() for name in ("config.json", "model.keras")):
        return _of_model(path, count, seed, truncation, image_size)
    if path.is_dir() and [*path.glob("saved_model.pb"), *path.glob("*/saved_model.pb")]:
        return _of_model(path, count, seed, truncation, image_size)
    return _of_source(str(path), count, seed, image_size)


def _of_model(path, count, seed, truncation, image_size):
    model = run_files.load_model(path)
    labels = None
    if model.num_classes is not None:
        labels = np.random.default_rng(seed).permutation(np.arange(count) % model.num_classes)
    images = model.generate(count, labels, truncation=truncation, seed=seed)
    origin = {**origin_of(model), "truncation": truncation}
    return PictureSet(
        [_drawn(model.spec, image, image_size) for image in images], labels, origin, _sounds_of(model.spec, images)
    )


def _of_prepared_set(path, count, split, seed, image_size):
    real = RealExamples(path, split, batch_size=256)
    wanted = _choose(real.num_examples, count, path, seed)
    found, first = {}, 0
    for images, labels in real.batches():
        for row in set(range(first, first + len(images))) & set(wanted):
            label = 0 if labels is None else int(labels[row - first])
            found[row] = (images[row - first], label)
        first += len(images)
    images, labels = zip(*(found[row] for row in wanted))
    origin = {"dataset": real.name, "dataset_fingerprint": real.fingerprint, "split": split}
    labels = None if real.class_counts is None else np.array(labels)
    drawn = [_drawn(real.spec, image, image_size) for image in images]
    return PictureSet(drawn, labels, origin, _sounds_of(real.spec, images))


def _of_source(path, count, seed, image_size):
    source = open_source(path)
    items = source.list_items(use_labels=False, limit=None).items
    chosen = [items[row] for row in _choose(len(items), count, path, seed)]
    images = []
    with tempfile.TemporaryDirectory() as work_dir:
        reader = source.make_reader(Path(work_dir), ImageFormat(64, 64))
        for item in chosen:
            try:
                picture = reader.read(item)
                picture = decode_image(picture) if isinstance(picture, bytes) else _picture_of(picture)
            except ExampleRefused as error:
                raise UserError(
                    f"The image {item.name!r} in {path!r} cannot be judged: {error} Remove the image."
                ) from error
            images.append(_in_color(picture, image_size))
    return PictureSet(images, None, {"source": source.kind, "fingerprint": source.fingerprint()})


def _choose(available: int, count: int, path, seed: int) -> list[int]:
    if available < count:
        raise UserError(f"{str(path)!r} must contain at least {count} images. Received: {available} images")
    return np.random.default_rng(seed).permutation(available)[:count].tolist()


def _sounds_of(spec, examples) -> list[bytes] | None:
    """Real ones go through the spectrogram too: what is judged is the model, not the way from a spectrogram to sound."""
    return None if spec.sample_rate_hz is None else [spec.to_file(np.asarray(example)) for example in examples]


def _drawn(spec, example, image_size) -> np.ndarray:
    """What is shown of an example of any kind."""
    return _in_color(_picture_of(spec.draw(example)), image_size)


def _picture_of(image) -> Image.Image:
    """Converts a uint8 array `[height, width, channels]` to a Pillow image. Pillow images are returned unchanged."""
    if isinstance(image, Image.Image):
        return image
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def _in_color(picture: Image.Image, image_size: int | None) -> np.ndarray:
    """Converts to uint8 `[height, width, 3]`, on white if transparent. The file type must not reveal the source."""
    if image_size is None:
        return transform_image(picture, ImageFormat(picture.height, picture.width, channels=3, crop="none"))
    return transform_image(picture, ImageFormat(image_size, image_size, channels=3, crop="center"))

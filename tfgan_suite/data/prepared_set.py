"""PreparedSet: a prepared data set that has been opened, to be passed along instead of being opened again."""

import os

from tfgan_suite.data.dataset_info import FILE_NAME, DatasetInfo
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.paths import local_path


class PreparedSet(os.PathLike):
    """A prepared data set that has been opened: its directory, and its description, read once.

    Wherever the suite takes the directory of a prepared set, it takes an opened one as well, and neither reads the
    description nor looks at the shards again. It is also a path, for everything else.

    Args:
        directory: String or path. What `prepare_dataset` wrote.
        info: `DatasetInfo`. Its description.

    Example:

    >>> opened = tg.PreparedSet.open("data/digits")
    >>> opened.info.num_examples
    5000
    >>> _, train = tg.load_dataset(opened, "train", batch_size=64)
    >>> _, test = tg.load_dataset(opened, "test", batch_size=64)
    """

    def __init__(self, directory, info: DatasetInfo):
        self.directory = local_path(directory)
        self.info = info
        self._checked = set()
        self._levels = {}

    @classmethod
    def open(cls, directory) -> "PreparedSet":
        """Opens the set in a directory. One that is open already is returned as it is.

        Args:
            directory: String or path, or a `PreparedSet`.

        Raises:
            UserError: As `DatasetInfo.load`.
        """
        return directory if isinstance(directory, cls) else cls(directory, DatasetInfo.load(directory))

    def __fspath__(self):
        return str(self.directory)

    def __str__(self):
        return str(self.directory)

    def __repr__(self):
        return f"PreparedSet({str(self.directory)!r})"

    def check_sizes(self, split: str) -> None:
        """Checks, the first time, that the shards of a split are there with their full sizes.

        Args:
            split: String. Name of the split.

        Raises:
            UserError: As `DatasetInfo.check_sizes`.
        """
        if split not in self._checked:
            self.info.check_sizes(self.directory, split)
            self._checked.add(split)

    def at(self, image_size: int | None) -> tuple["PreparedSet", int]:
        """Where to read images of a smaller size.

        Args:
            image_size: Integer. The height of the images, that of the set divided by a power of two; `None` for its own.

        Returns:
            Tuple of an opened set, and the integer by which height and width of its images have to be divided: 1 for a set
            of images of that size, which is this one or a level of its pyramid.

        Raises:
            UserError: The set does not hold images, there is no such size, or the pyramid is another set's.
        """
        if image_size is None:
            return self, 1
        if self.info.spec.kind != "image":
            raise UserError(
                f"`image_size` is for images, and {str(self.directory)!r} holds {self.info.spec.unit[1]}: leave it out. "
                f"Received: image_size={image_size!r}"
            )
        height, width, _ = self.info.image_shape
        if image_size == height:
            return self, 1
        sizes = [height, *(size for size, _ in self.info.pyramid_shapes)]
        if image_size not in sizes:
            raise UserError(
                f"`image_size` must be one of {', '.join(map(str, sizes))}, since the images of {str(self.directory)!r} are "
                f"{height} x {width} pixels. Received: image_size={image_size!r}"
            )
        if not (self.info.pyramid_dir(self.directory, image_size) / FILE_NAME).exists():
            return self, height // image_size
        if image_size not in self._levels:
            self._levels[image_size] = self._open_level(image_size)
        return self._levels[image_size], 1

    def _open_level(self, image_size: int) -> "PreparedSet":
        level = PreparedSet.open(self.info.pyramid_dir(self.directory, image_size))
        if level.info.settings.get("reduced_from") != self.info.fingerprint:
            raise UserError(
                f"The smaller images in {str(level.directory)!r} were made from another data set. Make them again: "
                "tfgan_suite.prepare_dataset(..., pyramid=True), or `tfgan-suite prepare ... --pyramid`."
            )
        return level

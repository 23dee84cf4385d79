"""Clips in a directory or a zip archive, as `"video:PATH"`: GIF and MP4 files, and folders of frames."""

import os
import re

from tfgan_suite.data.dataset_info import RefusedExample
from tfgan_suite.data.file_kinds import CLIPS
from tfgan_suite.data.sources.class_folders import folders_of
from tfgan_suite.data.sources.file_sources import FolderSource, ZipSource
from tfgan_suite.data.sources.source import Source, SourceReader
from tfgan_suite.data.video_format import VideoFormat
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.video import clip_files

_NUMBER = re.compile(r"(\d{1,18})\D*$", re.ASCII)


class VideoSource(Source):
    """GIF and MP4 files below a directory or in a zip archive, and folders whose images are the frames of one clip each.

    Frames follow each other by the last number in their names, which must be evenly spaced. Labels are found as those of
    images, where a folder of frames stands for one file.

    Args:
        path: String or path.

    Raises:
        UserError: There is neither.

    Example:

    >>> prepare_dataset("video:clips", "data/clips", format={"image_size": 64, "frames_per_second": 25})
    """

    format_class = VideoFormat

    def __init__(self, path: str | os.PathLike):
        path = local_path(path)
        if path.is_dir():
            self._files = FolderSource(path, CLIPS, group_frames)
        elif path.is_file() and path.suffix.lower() == ".zip":
            self._files = ZipSource(path, CLIPS, group_frames)
        else:
            raise UserError(
                f"A source 'video:PATH' must be a directory or a .zip file of clips. Received: {str(path)!r}, "
                + ("which is neither" if path.exists() else "which does not exist")
            )
        self.path, self.kind, self.name = path, f"video {self._files.kind}", self._files.name
        self.format = self.make_format()

    @property
    def spec(self):
        return self.format.spec

    def list_items(self, use_labels, limit):
        listing = self._files.list_items(use_labels, limit)
        empty = [
            RefusedExample(name, "empty_folder", "A folder without files.") for name in self._files.empty_folders()
        ]
        return listing._replace(refused=sorted([*listing.refused, *empty], key=lambda refused: refused.source))

    def fingerprint(self):
        return self._files.fingerprint()

    def make_reader(self, work_dir, example_format):
        return ClipReader(self._files.make_reader(work_dir, example_format))


class ClipReader(SourceReader):
    """Reads a file of a clip, or all files of its frames.

    Args:
        files: `SourceReader` of files.
    """

    def __init__(self, files: SourceReader):
        self._files = files

    def read(self, item):
        if not isinstance(item.address, list):
            return self._files.read(item)
        return [self._files.read(item._replace(address=address)) for address in item.address]


def group_frames(addresses: dict) -> tuple[dict, list[RefusedExample]]:
    """Makes one example of the images of a folder: its name is the folder's, its address a list of theirs.

    Args:
        addresses: Dict of name to address.

    Returns:
        Such a dict, and a list of `RefusedExample`.

    Example:

    >>> group_frames({"a/9.png": 1, "a/10.png": 2, "b.gif": 3})
    ({'b.gif': 3, 'a': [1, 2]}, [])
    """
    examples, frames, refused = {}, {}, []
    for name, address in addresses.items():
        if name.lower().endswith((*clip_files.SUFFIXES, *clip_files.OTHER_SUFFIXES)):
            examples[name] = address
        else:
            frames.setdefault("/".join(folders_of(name)), []).append(name)
    beside = {"/".join(folders_of(name)) for name in examples}
    for folder, names in frames.items():
        if folder in beside:
            message = "An image next to files of clips; a folder of frames holds nothing else."
            refused += [RefusedExample(name, "side_file", message) for name in names]
            continue
        numbers = [_NUMBER.search(name.rpartition("/")[2].rpartition(".")[0]) for name in names]
        order = sorted((-1 if number is None else int(number[1]), name) for number, name in zip(numbers, names))
        steps = {later[0] - earlier[0] for earlier, later in zip(order, order[1:])}
        if None in numbers or len(steps) > 1 or 0 in steps:
            refused.append(
                RefusedExample(
                    folder or ".",
                    "frames_missing",
                    "Its frames are not numbered in even steps: some are missing, or are no frames.",
                )
            )
        else:
            examples[folder or "."] = [addresses[name] for _, name in order]
    return examples, refused

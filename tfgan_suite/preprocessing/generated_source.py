"""The images of an exported model as a source: Beam's RunInference in the place of a reader of files.

    block numbers -> requests -> RunInference -> images -> block files, and on as in any preparation

Each image has a seed of its own, and each block is generated in the same parts whoever generates it. So the set depends on
the model and the settings alone, not on runners, workers or bundles.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfgan_suite.data.sources.source import SourceItem, SourceListing, SourceReader
from tfgan_suite.exports.exported_model import ExportedModel
from tfgan_suite.exports.saved_model import find_version, load_generator
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import file_sha256
from tfgan_suite.preprocessing.beam_import import beam
from tfgan_suite.preprocessing.transforms import (
    BeamSource,
    PrepareBlock,
    PreparePlan,
    read_block_index,
    read_block_items,
)

from apache_beam.ml.inference.base import ModelHandler, PredictionResult, RunInference  # isort: skip

# Images generated in one call; part of what the pixels depend on in their last bit.
_PART_IMAGES = 64


def image_seed(seed: int, index: int) -> int:
    """The seed of image `index` of a generated set: `model.generate(1, labels=..., seed=image_seed(seed, index))`.

    Example:

    >>> image_seed(0, 0), image_seed(0, 1)
    (2610688785627989692, 1201112965672878332)
    """
    digest = hashlib.sha256(f"tfgan-suite generated image {seed}:{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1  # Below 2**63.


class GeneratedSource(BeamSource):
    """The images of an exported model.

    Args:
        model: `saved_models/NAME` or `saved_models/NAME/VERSION`; all workers must see it.
        num_images: How many, >= 1.
        labels: For a model with classes: `"all"` for each class in turn, or numbers of classes that are taken in turn.
        truncation: In [0, 1].
        seed: Of the set.
        run_inference: Whether Beam's RunInference calls the model. It gives its last batch when a bundle ends, which Beam's
            runner for Dask drops: there a step of our own calls the same handler.

    Raises:
        UserError: There is no such model, or an argument does not fit it.
    """

    kind = "generated"
    is_cpu_bound = True

    def __init__(
        self,
        model,
        num_images: int,
        labels="all",
        truncation: float = 1.0,
        seed: int = 0,
        run_inference: bool = True,
    ):
        self.directory = find_version(model).resolve()
        exported = load_generator(self.directory)
        card = exported.card
        if num_images < 1 or not 0.0 <= truncation <= 1.0:
            raise UserError(f"Expected num_images >= 1 and truncation in [0, 1]. Received: {num_images}, {truncation}")
        self.name = card["name"]
        self.licence = card["license"]
        self.image_shape = exported.image_shape
        num_classes = exported.num_classes
        if num_classes is None:
            self.class_names, self._labels = (), (None,)
            if labels not in ("all", None):
                raise UserError(f"This model has no classes: leave labels out. Received: labels={labels!r}")
        else:
            names = (card.get("data") or {}).get("class_names") or ()
            self.class_names = tuple(names) or tuple(str(label) for label in range(num_classes))
            self._labels = tuple(range(num_classes)) if labels in ("all", None) else tuple(labels)
            if not self._labels or any(label not in range(num_classes) for label in self._labels):
                raise UserError(f"Expected labels from 0 to {num_classes - 1}. Received: {labels!r}")
        self.num_images = num_images
        self.truncation = float(truncation)
        self.seed = seed
        self._run_inference = run_inference
        self._part_images = min(_PART_IMAGES, card["serving"]["max_count"])

    def default_settings(self, image_size):
        height, width, channels = self.image_shape
        return {"image_size": (height, width), "channels": channels, "crop": "border"}

    def list_images(self, use_labels, limit):
        items = []
        for index in range(self.num_images):
            seed = image_seed(self.seed, index)
            items.append(SourceItem(f"{index:08d} seed {seed}", self._labels[index % len(self._labels)], seed))
        return SourceListing(items, [], self.class_names)

    def fingerprint(self):
        files = [path for path in sorted(self.directory.rglob("*")) if path.is_file()]
        content = [(str(path.relative_to(self.directory)), file_sha256(path)) for path in files]
        wanted = (content, self.num_images, self._labels, self.truncation, self.seed)
        return hashlib.sha256(repr(wanted).encode()).hexdigest()[:16]

    def make_transform(self, plan):
        handler = _ExportedModelHandler(self.directory, self._part_images)
        step = RunInference(handler) if self._run_inference else beam.ParDo(_CallHandler(handler, self.fingerprint()))
        return _GenerateBlocks(plan, step, self.truncation)


class GenerationRequest(NamedTuple):
    """One block to generate: an image for each seed. A block that is finished asks for none."""

    block: int
    seeds: tuple[int, ...]
    labels: tuple[int, ...]
    truncation: float


class _GenerateBlocks(beam.PTransform):
    """Block numbers -> `(shard name, rows)`, like `PrepareBlocks`."""

    def __init__(self, plan: PreparePlan, step: beam.PTransform, truncation: float):
        super().__init__()
        self._plan = plan
        self._step = step  # Of requests to Beam's PredictionResults.
        self._truncation = truncation

    def expand(self, blocks):
        return (
            blocks
            | "Spread over workers" >> beam.Reshuffle()
            | "Ask" >> beam.Map(_request, self._plan, self._truncation)
            | "Generate" >> self._step
            | "Store" >> beam.ParDo(_StoreBlock(self._plan))
        )


def _request(block: int, plan: PreparePlan, truncation: float) -> GenerationRequest:
    items = read_block_items(plan, block) if read_block_index(plan, block) is None else []
    labels = tuple(item.label for item in items if item.label is not None)
    return GenerationRequest(block, tuple(item.address for item in items), labels, truncation)


class _ExportedModelHandler(ModelHandler):
    """Beam's way to an exported model: loaded once a process, called by its signature `generate`.

    (Beam's own handler for TensorFlow asks Keras to load the directory, which Keras 3 does not.)
    """

    def __init__(self, directory: Path, part_images: int):
        super().__init__()
        self._directory = str(directory)
        self._part_images = part_images

    def load_model(self) -> ExportedModel:
        return load_generator(self._directory)

    def run_inference(
        self, batch: Sequence[GenerationRequest], model: ExportedModel, inference_args=None
    ) -> Iterator[PredictionResult]:
        for request in batch:
            yield PredictionResult(request, self._generate(request, model))

    def _generate(self, request: GenerationRequest, model: ExportedModel) -> np.ndarray:
        """uint8 `[images, height, width, channels]`."""
        parts = [np.empty([0, *model.image_shape], np.uint8)]
        for start in range(0, len(request.seeds), self._part_images):
            rows = slice(start, start + self._part_images)
            count = len(request.seeds[rows])
            parts.append(
                model.generate_by_signature(
                    [1] * count,
                    labels=request.labels[rows] or None,
                    truncation=[request.truncation] * count,
                    seed=request.seeds[rows],
                )
            )
        return np.concatenate(parts)

    def batch_elements_kwargs(self):
        # A request is a batch already, and always the same one; Beam would join as many as time allows.
        return {"min_batch_size": 1, "max_batch_size": 1}

    def get_metrics_namespace(self):
        return "tfgan_suite_generate"


class _CallHandler(beam.DoFn):
    """Requests -> results, each as it comes. Loads a model once a process, whatever the bundles and copies of this step."""

    def __init__(self, handler: _ExportedModelHandler, fingerprint: str):
        self._handler = handler
        self._fingerprint = fingerprint

    def process(self, request):
        fingerprint, model = _LOADED.get("model", (None, None))
        if fingerprint != self._fingerprint:  # Workers outlive runs, and may know an earlier model of this place.
            model = self._handler.load_model()
            _LOADED["model"] = self._fingerprint, model
        yield from self._handler.run_inference([request], model)


_LOADED: dict[str, tuple[str, ExportedModel]] = {}


class _StoreBlock(PrepareBlock):
    """The images of a request -> a block file, like images that were read."""

    def __init__(self, plan: PreparePlan):
        super().__init__(plan, reader=None)

    def process(self, result: PredictionResult):
        self._reader = _GivenImages(result.inference)
        yield from super().process(result.example.block)


class _GivenImages(SourceReader):
    def __init__(self, images: np.ndarray):
        self._images = images

    def read_many(self, items: Iterable[SourceItem]):
        yield from self._images

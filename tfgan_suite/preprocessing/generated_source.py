"""The examples of an exported model as a source: Beam's RunInference in the place of a reader of files.

    block numbers -> requests -> RunInference -> examples -> block files, and on as in any preparation

Each example has a seed of its own, and each block is generated in the same parts whoever generates it. So the set depends on
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
from tfgan_suite.generative.sampling_options import resolve_sampling
from tfgan_suite.preprocessing.beam_import import beam
from tfgan_suite.preprocessing.transforms import (
    BeamSource,
    PrepareBlock,
    PreparePlan,
    read_block_index,
    read_block_items,
)

from apache_beam.ml.inference.base import ModelHandler, PredictionResult, RunInference  # isort: skip

# Examples generated in one call; part of what pixels depend on in their last bit.
_PART_EXAMPLES = 64


def image_seed(seed: int, index: int) -> int:
    """The seed of example `index` of a generated set: `model.generate(1, labels=..., seed=image_seed(seed, index))`.

    Example:

    >>> image_seed(0, 0), image_seed(0, 1)
    (2610688785627989692, 1201112965672878332)
    """
    digest = hashlib.sha256(f"tfgan-suite generated image {seed}:{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1  # Below 2**63.


class GeneratedSource(BeamSource):
    """The examples of an exported model.

    Args:
        model: String or path. `saved_models/NAME` or `saved_models/NAME/VERSION`; all workers must see it.
        num_examples: Integer >= 1. How many.
        labels: For a model with classes: `"all"` for each class in turn, or a sequence of integers or names, classes that are
            taken in turn.
        seed: Integer. Seed of the set.
        run_inference: Boolean. Whether Beam's RunInference calls the model. It gives its last batch when a bundle ends,
            which Beam's runner for Dask drops: there a step of our own calls the same handler.
        **sampling: The model's sampling options, such as `truncation`.

    Raises:
        UserError: There is no such model, or an argument does not fit it.
    """

    kind = "generated"
    is_cpu_bound = True

    def __init__(self, model, num_examples: int, labels="all", seed: int = 0, run_inference: bool = True, **sampling):
        self.directory = find_version(model).resolve()
        exported = load_generator(self.directory)
        card = exported.card
        if num_examples < 1:
            raise UserError(f"`num_examples` must be >= 1. Received: num_examples={num_examples}")
        self.sampling = resolve_sampling(exported, sampling)
        self.name = card["name"]
        self.license = card["license"]
        self.generated_spec = exported.spec
        if exported.spec.kind != "image":  # Images may be stored in one way or another: that is for the user to choose.
            self.spec = exported.spec
        num_classes = exported.num_classes
        if num_classes is None:
            self.class_names, self._labels = (), (None,)
            if labels not in ("all", None):
                raise UserError(
                    f"`labels` must be left out, since this model is unconditional. Received: labels={labels!r}"
                )
        else:
            self.class_names = exported.class_names or tuple(str(label) for label in range(num_classes))
            every = labels is None or isinstance(labels, str) and labels == "all"
            indices = exported.condition.class_indices(np.arange(num_classes) if every else labels)
            self._labels = tuple(indices.tolist())
            if not self._labels:
                raise UserError(f"`labels` must name one class or more. Received: labels={labels!r}")
        self.num_examples = num_examples
        self.seed = seed
        self._run_inference = run_inference
        self._part_examples = min(_PART_EXAMPLES, card["serving"]["max_count"])

    def default_settings(self, image_size):
        height, width, channels = self.generated_spec.shape
        return {"image_size": (height, width), "channels": channels, "crop": "border"}

    def list_items(self, use_labels, limit):
        items = []
        for index in range(self.num_examples):
            seed = image_seed(self.seed, index)
            items.append(SourceItem(f"{index:08d} seed {seed}", self._labels[index % len(self._labels)], seed))
        return SourceListing(items, [], self.class_names)

    def fingerprint(self):
        files = [path for path in sorted(self.directory.rglob("*")) if path.is_file()]
        content = [(str(path.relative_to(self.directory)), file_sha256(path)) for path in files]
        # A truncation alone stands without its name, as it did before models had other options: such sets are known again.
        sampling = self.sampling["truncation"] if list(self.sampling) == ["truncation"] else self.sampling
        wanted = (content, self.num_examples, self._labels, sampling, self.seed)
        return hashlib.sha256(repr(wanted).encode()).hexdigest()[:16]

    def make_transform(self, plan):
        handler = _ExportedModelHandler(self.directory, self._part_examples)
        step = RunInference(handler) if self._run_inference else beam.ParDo(_CallHandler(handler, self.fingerprint()))
        return _GenerateBlocks(plan, step, self.sampling)


class GenerationRequest(NamedTuple):
    """One block to generate: an example for each seed. A block that is finished asks for none."""

    block: int
    seeds: tuple[int, ...]
    labels: tuple[int, ...]
    sampling: dict[str, float]


class _GenerateBlocks(beam.PTransform):
    """Block numbers -> `(shard name, rows)`, like `PrepareBlocks`."""

    def __init__(self, plan: PreparePlan, step: beam.PTransform, sampling: dict[str, float]):
        super().__init__()
        self._plan = plan
        self._step = step  # Turns requests into Beam's PredictionResults.
        self._sampling = sampling

    def expand(self, blocks):
        return (
            blocks
            | "Spread over workers" >> beam.Reshuffle()
            | "Ask" >> beam.Map(_request, self._plan, self._sampling)
            | "Generate" >> self._step
            | "Store" >> beam.ParDo(_StoreBlock(self._plan))
        )


def _request(block: int, plan: PreparePlan, sampling: dict[str, float]) -> GenerationRequest:
    items = read_block_items(plan, block) if read_block_index(plan, block) is None else []
    labels = tuple(item.label for item in items if item.label is not None)
    return GenerationRequest(block, tuple(item.address for item in items), labels, sampling)


class _ExportedModelHandler(ModelHandler):
    """An exported model for Beam: loaded once per process, called by its signature `generate`.

    (Beam's own handler for TensorFlow asks Keras to load the directory, which Keras 3 does not.)
    """

    def __init__(self, directory: Path, part_examples: int):
        super().__init__()
        self._directory = str(directory)
        self._part_examples = part_examples

    def load_model(self) -> ExportedModel:
        return load_generator(self._directory)

    def run_inference(
        self, batch: Sequence[GenerationRequest], model: ExportedModel, inference_args=None
    ) -> Iterator[PredictionResult]:
        for request in batch:
            yield PredictionResult(request, self._generate(request, model))

    def _generate(self, request: GenerationRequest, model: ExportedModel) -> np.ndarray:
        """`[examples, *shape]` of the spec's `edge_dtype`."""
        parts = [np.empty([0, *model.spec.shape], model.spec.edge_dtype)]
        for start in range(0, len(request.seeds), self._part_examples):
            rows = slice(start, start + self._part_examples)
            count = len(request.seeds[rows])
            parts.append(
                model.generate_by_signature(
                    [1] * count,
                    labels=request.labels[rows] or None,
                    seed=request.seeds[rows],
                    **{name: [value] * count for name, value in request.sampling.items()},
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
    """The examples of a request -> a block file, like examples that were read."""

    def __init__(self, plan: PreparePlan):
        super().__init__(plan, reader=None)

    def process(self, result: PredictionResult):
        self._reader = _GivenExamples(result.inference)
        yield from super().process(result.example.block)


class _GivenExamples(SourceReader):
    def __init__(self, examples: np.ndarray):
        self._examples = examples

    def read_many(self, items: Iterable[SourceItem]):
        yield from self._examples

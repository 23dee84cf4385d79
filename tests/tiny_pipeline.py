"""A pipeline on tiny images, for the tests of it as it is and on TFX."""

import numpy as np
from PIL import Image

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow

CONTENT = {
    "name": "tiny",
    "root": "root",
    "data": {"source": "photos", "directory": "data", "image_size": 8, "channels": 1},
    "train": {
        "preset": "dcgan",
        "model": {"base_channels": 4, "latent_size": 4},
        "batch_size": 8,
        "total_images": 16,
    },
    "evaluate": {"num_images": 16},
    "gate": {"thresholds": {"frechet_distance_16": 50.0}},
    "push": {"directory": "saved_models", "license": "CC0"},
}


def write_images(directory, count=24, classes=("a", "b"), seed=0):
    """Noise of 8x8 in a folder for each class, dark or bright by class."""
    generator = np.random.default_rng(seed)
    for label, name in enumerate(classes):
        (directory / name).mkdir(parents=True, exist_ok=True)
        for index in range(count // len(classes)):
            pixels = generator.integers(0, 120, [8, 8]) + 120 * (label % 2)
            Image.fromarray(pixels.astype(np.uint8)).save(directory / name / f"{index}.png")


def write_blank_images(directory, count):
    """Pictures of one colour, each of another."""
    for index in range(count):
        Image.new("L", (8, 8), 40 + index).save(directory / f"blank{index}.png")


class Scores:
    """Stands for `evaluate`: gives the values that it was told, and remembers what it was asked to score."""

    def __init__(self, *values):
        self.values = list(values)
        self.scored = []

    def __call__(self, model, data, num_images, output_dir, progress, seed=0):
        self.scored.append(type(model).__name__)
        protocol = {"num_fake": num_images, "dataset_fingerprint": DatasetInfo.load(data).fingerprint}
        value = self.values.pop(0)
        return Evaluation([EvaluationRow("frechet_distance_16", value, None, None, None, "lower", protocol, {})])

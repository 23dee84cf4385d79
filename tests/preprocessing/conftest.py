import io

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def image_folder(tmp_path):
    """Writes a folder of small pictures in two classes; returns its path."""

    def make(per_class: int = 6, name: str = "images"):
        root = tmp_path / name
        rng = np.random.default_rng(0)
        for label in ("cats", "dogs"):
            (root / label).mkdir(parents=True)
            for number in range(per_class):
                pixels = rng.integers(0, 256, [12, 16, 3], np.uint8)
                Image.fromarray(pixels).save(root / label / f"{number}.png")
        return root

    return make


def png_bytes(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()

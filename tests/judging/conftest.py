import numpy as np
import pytest
from PIL import Image

from tfgan_suite.judging.judge_server import JudgeServer
from tfgan_suite.judging.study import make_study


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Three folders of 24 pictures of 16x16: bright, grey and dark."""
    root = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for name, low in (("bright", 200), ("grey", 100), ("dark", 0)):
        (root / name).mkdir()
        for index in range(24):
            Image.fromarray(generator.integers(low, low + 55, [16, 16, 3], np.uint8)).save(root / name / f"{index}.png")
    return root


@pytest.fixture
def make(folders, tmp_path):
    """Makes a small study of them in a directory of its own."""

    def make_small(question="real-or-fake", name="study", **settings):
        real = None if question == "which-is-better" else folders / "bright"
        fakes = [folders / "grey", folders / "dark"] if real is None else [folders / "grey"]
        numbers = {"num_items": 12, "num_repeats": 3, "num_checks": 2}
        return make_study(
            tmp_path / name, **{"question": question, "real": real, "fakes": fakes, **numbers, **settings}
        )

    return make_small


@pytest.fixture
def serve():
    """Starts servers of studies, and stops them in the end."""
    servers = []

    def start(study):
        servers.append(JudgeServer(study))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop(grace_seconds=0.5)

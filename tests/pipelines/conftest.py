"""The TFX pipeline on tiny images. One directory for all tests: ML Metadata keeps absolute paths."""

import copy

import pytest

from tests.tiny_pipeline import CONTENT, Scores, write_images
from tfgan_suite.release import PipelineConfig


@pytest.fixture(scope="session")
def directory(tmp_path_factory):
    """Where everything lies: `photos` to begin with."""
    directory = tmp_path_factory.mktemp("tfx")
    write_images(directory / "photos")
    return directory


@pytest.fixture
def content():
    """The configuration of the first run, to be changed."""
    return copy.deepcopy(CONTENT)


@pytest.fixture
def scores(monkeypatch):
    import pipelines.evaluate_generator

    scores = Scores()
    monkeypatch.setattr(pipelines.evaluate_generator, "evaluate", scores)
    return scores


@pytest.fixture
def run(first_run, directory, monkeypatch):
    """Runs a configuration; returns the states of its steps by name, what was pushed, and the lines."""
    monkeypatch.chdir(directory)
    return run_content


def run_content(content):
    from pipelines.run import pushed_directory, run_locally

    lines = []
    steps = run_locally(PipelineConfig.from_dict(content), say=lines.append)
    return {step.node: step.state for step in steps}, pushed_directory(steps), lines


@pytest.fixture(scope="session")
def first_run(directory):
    """The first run, with a score of 40."""
    import pipelines.evaluate_generator

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        patch.setattr(pipelines.evaluate_generator, "evaluate", Scores(40.0))
        return run_content(CONTENT)

"""On a Dask cluster of two processes on this machine, one of which is killed."""

import os
import signal
from pathlib import Path

import pytest

from tests.preprocessing.test_prepare_dataset import LABELS, NOISE, content_of, prepare
from tests.serving.conftest import lively_gan
from tfgan_suite.data.sources.array_source import ArrayReader, ArraySource
from tfgan_suite.exports.saved_model import export_saved_model
from tfgan_suite.foundation.errors import MissingExtraError
from tfgan_suite.preprocessing import beam_runner, preparation, transforms
from tfgan_suite.preprocessing.generate_dataset import generate_dataset


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="Needs the extra [dask].")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as running:
        running.wait_for_workers(2, timeout=120)
        yield running


class NotingReader(ArrayReader):
    """Leaves a file named after its process, beside what it reads; at row 300 the first process to come is killed."""

    def __init__(self, path, notes, kill):
        super().__init__(path)
        self._notes = str(notes)
        self._kill = kill

    def __getstate__(self):
        return {**super().__getstate__(), "_notes": self._notes, "_kill": self._kill}

    def read(self, item):
        notes = Path(self._notes)
        (notes / str(os.getpid())).touch()
        if self._kill and item.address == 300:
            try:
                (notes / "killed").touch(exist_ok=False)
            except FileExistsError:
                return super().read(item)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(item)


class NotingSource(ArraySource):
    def __init__(self, notes, kill):
        super().__init__(NOISE, LABELS)
        self._notes, self._kill = notes, kill

    def make_reader(self, work_dir, example_format):
        return NotingReader(super().make_reader(work_dir, example_format)._path, self._notes, self._kill)


def prepare_on(cluster, output_dir, notes, kill=False, partitions=("--dask_npartitions=8",)):
    notes.mkdir()
    flags = [f"--dask_client_address={cluster.scheduler_address}", *partitions]
    return prepare(NotingSource(notes, kill), output_dir, num_shards=3, runner="dask", pipeline_options=flags)


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "BLOCK_EXAMPLES", 20)
    prepare((NOISE, LABELS), tmp_path / "plain", num_shards=3)
    info = prepare_on(cluster, tmp_path / "dask", tmp_path / "notes")
    assert info.num_examples == 600
    assert content_of(tmp_path / "plain") == content_of(tmp_path / "dask")
    assert len(list((tmp_path / "notes").iterdir())) == 2
    # Without a number of partitions of the user's own it is still both.
    prepare_on(cluster, tmp_path / "again", tmp_path / "more_notes", partitions=())
    assert content_of(tmp_path / "plain") == content_of(tmp_path / "again")
    assert len(list((tmp_path / "more_notes").iterdir())) == 2


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "BLOCK_EXAMPLES", 20)
    prepare((NOISE, LABELS), tmp_path / "plain", num_shards=3)
    info = prepare_on(cluster, tmp_path / "dask", tmp_path / "notes", kill=True)
    assert (tmp_path / "notes" / "killed").exists() and info.num_examples == 600
    assert content_of(tmp_path / "plain") == content_of(tmp_path / "dask")


@pytest.mark.slow
def test_records_that_a_worker_lost_are_an_error(cluster, tmp_path, monkeypatch):
    """A shard's file with fewer records than were read: what WriteToTFRecord does on Dask without a word."""

    def lose(self, runner, options):
        run(self, runner, options)
        shard = next((self.work_dir / "shards").iterdir()).name
        entry = transforms.read_journal(self.plan, shard)
        note = transforms.noted({**entry, "num_examples": entry["num_examples"] - 1})
        self.plan.journal_path(shard).write_bytes(note)

    run = preparation.Preparation.run
    monkeypatch.setattr(preparation.Preparation, "run", lose)
    with pytest.raises(RuntimeError, match="Counts do not agree: read 600, but .* lost or doubled records"):
        prepare_on(cluster, tmp_path / "dask", tmp_path / "notes")
    assert not (tmp_path / "dask" / "dataset_info.json").exists()


@pytest.mark.slow
def test_generation_on_two_processes_gives_the_same_bytes(cluster, tmp_path):
    gan = lively_gan(image_shape=(16, 16, 1), num_classes=3, seed=1)
    model = export_saved_model(gan, tmp_path / "saved_models" / "digits", max_count=8)
    generate_dataset(model, tmp_path / "plain", 300, num_shards=3, progress=False)
    flags = [f"--dask_client_address={cluster.scheduler_address}"]
    info = generate_dataset(
        model, tmp_path / "dask", 300, num_shards=3, runner="dask", pipeline_options=flags, progress=False
    )
    assert info.num_examples == 300
    assert content_of(tmp_path / "plain") == content_of(tmp_path / "dask")


def test_dask_is_asked_for_many_pieces():
    pytest.importorskip("distributed", reason="Needs the extra [dask].")
    options, runner, num_threads = beam_runner.choose_runner("dask", None)
    assert type(runner).__name__ == "DaskRunner" and num_threads == 1
    assert options.get_all_options()["npartitions"] == 64
    assert beam_runner.names_dask(runner) and not beam_runner.names_dask("DirectRunner")
    options, _, _ = beam_runner.choose_runner("DaskRunner", ["--dask_npartitions=5"])
    assert options.get_all_options()["npartitions"] == 5


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r'pip install "tfgan-suite\[dask\]"'):
        beam_runner.choose_runner("dask", None)

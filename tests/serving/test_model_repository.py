import gc
import shutil
import threading
import weakref

import numpy as np
import pytest

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.serving.model_repository import ModelRepository
from tfgan_suite.serving.serving_error import ServingError


@pytest.fixture
def faces_directory(tmp_path, models_directory):
    """A copy that a test may damage."""
    shutil.copytree(models_directory / "faces" / "7", tmp_path / "faces" / "7")
    return tmp_path / "faces"


def generate(repository, name, version=None, seed=0):
    inputs = {"seed": np.int64(seed), "count": np.int32(1), "truncation": np.float32(1.0)}
    return repository.predict(repository.lookup(name, version), "generate", inputs)["images"]


def test_directory_of_models_of_one_model_and_of_one_version(models_directory, faces):
    expected = faces.generate(1)
    for directory, arguments, name in [
        (models_directory, {"model_name": "faces"}, "faces"),
        (models_directory / "faces", {}, "faces"),
        (models_directory / "faces", {"model_name": "people"}, "people"),
        (models_directory / "faces" / "7", {}, "faces"),
    ]:
        repository = ModelRepository(directory, **arguments)
        assert repository.model_names == [name]
        np.testing.assert_array_equal(generate(repository, name, version=7), expected)


def test_what_is_no_model_is_refused(tmp_path, models_directory):
    with pytest.raises(UserError, match="no such directory"):
        ModelRepository(tmp_path / "nothing")
    with pytest.raises(UserError, match="contains no model"):
        ModelRepository(tmp_path)
    with pytest.raises(UserError, match="Did you mean 'faces'"):
        ModelRepository(models_directory, "face")


@pytest.mark.parametrize(
    "damage", ["no graph", "garbled graph", "empty graph", "no weights", "cut weights", "bad warm-up"]
)
def test_a_damaged_version_is_told_of_and_the_others_serve(faces_directory, damage, faces):
    broken = faces_directory / "8"
    shutil.copytree(faces_directory / "7", broken)
    weights = next((broken / "variables").glob("*.data-*"))
    if damage == "no graph":
        (broken / "saved_model.pb").unlink()
    elif damage == "garbled graph":
        (broken / "saved_model.pb").write_bytes(b"\xff\x00 no protocol buffer")
    elif damage == "empty graph":
        (broken / "saved_model.pb").write_bytes(b"")
    elif damage == "no weights":
        weights.unlink()
    elif damage == "cut weights":
        weights.write_bytes(weights.read_bytes()[:100])
    elif damage == "bad warm-up":
        requests = broken / "assets.extra" / "tf_serving_warmup_requests"
        requests.write_bytes(requests.read_bytes().replace(b"latents", b"nothing"))  # Its checksums tell.
    repository = ModelRepository(faces_directory)
    broken_status, good_status = repository.status("faces")
    assert (broken_status.version, broken_status.state, good_status.state) == (8, "END", "AVAILABLE")
    assert broken_status.error_code != "OK"
    assert str(broken) in broken_status.error_message
    assert repository.lookup("faces").version == 7
    np.testing.assert_array_equal(generate(repository, "faces"), faces.generate(1))
    with pytest.raises(ServingError, match=r"Servable not found for request: Specific\(faces, 8\)"):
        repository.lookup("faces", 8)


def test_refresh_takes_up_new_versions_and_drops_old_ones(faces_directory):
    repository = ModelRepository(faces_directory)
    seventh = repository.lookup("faces")
    shutil.copytree(faces_directory / "7", faces_directory / "8")
    assert repository.lookup("faces").version == 7
    repository.refresh()
    assert repository.lookup("faces").version == 8
    assert repository.lookup("faces", 7) is seventh  # Not loaded a second time.
    shutil.rmtree(faces_directory / "7")
    repository.refresh()
    with pytest.raises(ServingError, match="Servable not found"):
        repository.lookup("faces", 7)
    assert [status.version for status in repository.status("faces")] == [8]


def test_a_version_that_goes_is_forgotten_after_its_last_request(faces_directory, faces):
    repository = ModelRepository(faces_directory)
    under_way = repository.lookup("faces")
    forgotten = weakref.ref(under_way)
    (faces_directory / "7").rename(faces_directory / ".export-7")
    repository.refresh()
    inputs = {"seed": np.int64(0), "count": np.int32(1), "truncation": np.float32(1.0)}
    np.testing.assert_array_equal(repository.predict(under_way, "generate", inputs)["images"], faces.generate(1))
    with pytest.raises(ServingError, match="Could not find any versions"):
        repository.status("faces")
    del under_way
    gc.collect()
    assert forgotten() is None


def test_a_copy_under_way_is_tried_again_when_it_is_whole(faces_directory, caplog):
    repository = ModelRepository(faces_directory)
    copy = faces_directory / "8"
    shutil.copytree(faces_directory / "7" / "variables", copy / "variables")
    for _ in range(3):
        repository.refresh()
        assert [(status.version, status.state) for status in repository.status("faces")] == [
            (8, "END"),
            (7, "AVAILABLE"),
        ]
    assert caplog.text.count("version 8 is not served") == 1  # Not tried again while nothing changes.
    shutil.copy(faces_directory / "7" / "saved_model.pb", copy)
    repository.refresh()
    assert repository.lookup("faces").version == 8


def test_unfinished_exports_are_no_versions(faces_directory):
    (faces_directory / ".export-8-abcdef").mkdir()
    (faces_directory / "notes").mkdir()
    assert [status.version for status in ModelRepository(faces_directory).status("faces")] == [7]


def test_many_threads_get_their_own_images(models_directory, faces):
    repository = ModelRepository(models_directory / "faces", max_concurrent=2)
    expected = {seed: faces.generate(1, seed=seed) for seed in range(8)}
    failures = []

    def ask(seed):
        for _ in range(5):
            if not np.array_equal(generate(repository, "faces", seed=seed), expected[seed]):
                failures.append(seed)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_bug_ends_the_request_and_not_the_server(models_directory, monkeypatch):
    repository = ModelRepository(models_directory / "faces", max_concurrent=1)
    servable = repository.lookup("faces")

    def fail(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(servable, "run", fail)
    for _ in range(3):  # The turn of a failed request is given back.
        with pytest.raises(ServingError) as caught:
            generate(repository, "faces")
        assert (caught.value.code, "secret" in caught.value.message) == ("INTERNAL", False)

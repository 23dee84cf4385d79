import json
import signal

import keras
import numpy as np
import pytest

from tfgan_suite.callbacks.checkpointing import TrainingInterrupted
from tfgan_suite.commands import demo_stages as demo_module
from tfgan_suite.commands.demo_stages import PLANS, STAGES, Demo, DemoPlan, ask_server, run_demo
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.protocol.results import Evaluation
from tfgan_suite.models.dcgan.dcgan import DCGAN
from tfgan_suite.runs.recipe import all_presets

pytest.importorskip("apache_beam", reason="Needs the extra [beam].")
pytest.importorskip("tensorflow_serving", reason="Needs the extra [serving].")


def small_plan():
    """The demo with everything small but the order of things."""
    inputs = keras.Input([16, 16, 1])
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(inputs))
    extractor = FeatureExtractor(keras.Model(inputs, features), name="tiny")
    return DemoPlan("digits-tiny", "digits", 100, "dcgan_digits_32", 640, 50, (extractor,))


@pytest.fixture
def digits():
    from tfgan_suite.data.sources.array_source import open_digits
    from tfgan_suite.foundation.errors import MissingExtraError

    try:
        open_digits()
    except MissingExtraError as error:
        pytest.skip(str(error))


def test_plans_name_presets_and_sources_that_exist():
    presets = all_presets()
    assert {data for data, _ in PLANS} == {"digits", "avatars", "spoken_digits"}
    for (data, fast), plan in PLANS.items():
        assert plan.preset in presets and plan.source == data
        total = plan.total_images or presets[plan.preset].presets[plan.preset]["training"]["total_images"]
        if fast:
            assert total < 60_000
    assert len({plan.name for plan in PLANS.values()}) == len(PLANS), "demos share a directory, so names must differ"


def test_unknown_data():
    with pytest.raises(UserError, match="Did you mean 'avatars'"):
        run_demo("avatar")


def test_served_images_that_differ_are_told(tmp_path):
    from tfgan_suite.exports.saved_model import export_saved_model

    model = DCGAN((8, 8, 1), num_classes=3, base_channels=4, latent_size=8, seed=1)
    for variable in model.ema_generator.weights:
        if len(variable.shape) > 1:
            variable.assign(variable * 8.0)  # An untrained model's images are all grey.
    export_saved_model(model, tmp_path / "m" / "1", max_count=16)
    found = ask_server(tmp_path / "m", model)
    assert [exchange["protocol"] for exchange in found["exchanges"]] == ["REST", "gRPC"]
    assert "All 10 images equal" in found["verdict"]
    model.ema_generator.weights[0].assign(model.ema_generator.weights[0] + 0.5)
    with pytest.raises(RuntimeError, match="over REST"):
        ask_server(tmp_path / "m", model)


def test_demo_stopped_and_run_again_goes_on(digits, tmp_path, capsys, monkeypatch):
    """Stopped in training and again before the export; then a whole one; then nothing is left to do."""
    plan = small_plan()
    steps = []

    def interrupt(self, batch, logs=None):
        steps.append(batch)
        if len(steps) == 4:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr("tfgan_suite.callbacks.training_log.TrainingLog.on_train_batch_begin", interrupt, raising=False)
        with pytest.raises(TrainingInterrupted):
            Demo(plan, tmp_path).run()
    state = json.loads((tmp_path / "digits-tiny" / "demo.json").read_text())
    assert list(state["stages"]) == ["prepare"] and 0 < len(steps) < 10

    def fail(*arguments, **options):
        raise OSError("no space")

    with monkeypatch.context() as patched:
        patched.setattr("tfgan_suite.runs.run_files.export_run", fail)
        with pytest.raises(OSError, match="no space"):
            Demo(plan, tmp_path).run()
    output = capsys.readouterr().out
    assert "Resuming at" in output and "[1/6] Prepare digits: done before" in output
    scores = Evaluation.load(tmp_path / "digits-tiny")

    report = Demo(plan, tmp_path).run()
    output = capsys.readouterr().out
    assert output.count("done before") == 3, "prepare, train and score are not repeated"
    assert report == tmp_path / "report.html" and "Open " in output
    text = report.read_text("utf-8").replace("<wbr>", "")
    assert "All 10 images equal" in text and "frechet_distance_50" in text and "MNIST" in text
    assert (tmp_path / "saved_models" / "digits-tiny" / "1" / "saved_model.pb").is_file()
    state = json.loads((tmp_path / "digits-tiny" / "demo.json").read_text())
    assert list(state["stages"]) == list(STAGES) and all(seconds > 0 for seconds in state["stages"].values())

    monkeypatch.setattr(demo_module, "ask_server", fail)
    Demo(plan, tmp_path).run()
    assert capsys.readouterr().out.count("done before") == 5
    assert Evaluation.load(tmp_path / "digits-tiny") == scores
    images = np.asarray(Demo(plan, tmp_path)._model().generate(2, seed=0))
    assert images.shape == (2, 32, 32, 1)

import subprocess
import sys

import keras
import numpy as np
import pytest

import tfgan_suite as tg


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    gan = tg.DCGAN(image_shape=(8, 8, 1), base_channels=2)
    gan.compile()
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    gan.save(path)
    return path, gan.generate(2, seed=3)


@pytest.mark.parametrize(
    "program",
    [
        "import keras, tfgan_suite; model = keras.models.load_model(sys.argv[1])",
        "import tfgan_suite; model = tfgan_suite.load_model(sys.argv[1])",
    ],
)
def test_loads_in_a_new_process(saved, program):
    path, images = saved
    program = f"import sys; {program}; print(model.generate(2, seed=3).sum(), model.compiled)"
    result = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, timeout=120)
    assert result.stdout.split() == [str(images.sum()), "True"], result.stderr


def test_load_model_takes_a_run_directory(saved):
    path, images = saved
    np.testing.assert_array_equal(tg.load_model(path.parent).generate(2, seed=3), images)


def test_refuses_what_is_no_model(tmp_path):
    with pytest.raises(tg.UserError, match="There is no"):
        tg.load_model(tmp_path / "missing.keras")
    (tmp_path / "text.keras").write_text("no zip")
    with pytest.raises(tg.UserError, match="is not a whole .keras file"):
        tg.load_model(tmp_path / "text.keras")
    classifier = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    classifier.save(tmp_path / "classifier.keras")
    with pytest.raises(tg.UserError, match="generative model"):
        tg.load_model(tmp_path / "classifier.keras")

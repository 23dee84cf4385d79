"""Clips as spectrograms: pictures at the edge, WAV files, constants that travel, and models that make them."""

import io
import pickle

import numpy as np
import pytest
import soundfile

import tfgan_suite as tg
from tests.audio.sounds import sweep
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.specs.example_spec import spec_from_config, spec_to_config

LOG_MEL = tg.LogMel(sample_rate_hz=8000, fft_length=128, hop_length=32, num_bands=16)
SPEC = tg.LogMelSpec((16, 16, 1), LOG_MEL)


def test_config_and_what_matches():
    assert spec_from_config(spec_to_config(SPEC)) == SPEC
    assert pickle.loads(pickle.dumps(SPEC)) == SPEC
    assert SPEC.matches(tg.LogMelSpec((16, 16, 1), LOG_MEL, encoding="raw"))
    assert not SPEC.matches(tg.LogMelSpec((16, 16, 1), {**spec_to_config(SPEC)["log_mel"], "floor_db": -70}))
    assert not SPEC.matches(tg.ImageSpec((16, 16, 1)))
    assert SPEC.describe().startswith("0.064 s as 16 x 16, 8 kHz, 16 mel bands from 60 to 4000 Hz")
    with pytest.raises(UserError, match=r"must be \(16, frames, 1\)"):
        tg.LogMelSpec((32, 16, 1), LOG_MEL)


def test_files_are_the_same_from_python_and_from_a_batch():
    example = SPEC.from_samples(sweep(512))
    assert example.shape == SPEC.shape and example.dtype == np.uint8 and SPEC.suspicion(example) is None
    assert SPEC.suspicion(np.zeros_like(example)) == "hardly any sound"
    others = np.random.default_rng(0).integers(0, 256, [2, *SPEC.shape]).astype("uint8")
    files = SPEC.to_files(np.stack([*others, example])).numpy()
    assert SPEC.to_file(example) == files[2]
    samples, rate = soundfile.read(io.BytesIO(files[2]))
    assert rate == 8000 and samples.shape == (512,)
    np.testing.assert_allclose(samples, SPEC.to_samples(example[None])[0], atol=1 / 32768)


def test_a_model_of_images_that_depicts_sound_is_saved_so(tmp_path):
    gan = tg.DCGAN(image_shape=(16, 16, 1), base_channels=2, latent_size=4)
    with pytest.raises(UserError, match="of pictures of the shape"):
        gan.depict(tg.TokenSpec((16,)))
    gan.depict(SPEC)
    gan.compile()
    gan.save(tmp_path / "gan.keras")
    loaded = tg.load_model(tmp_path / "gan.keras")
    assert loaded.spec == SPEC
    np.testing.assert_array_equal(loaded.generate(2, seed=3), gan.generate(2, seed=3))

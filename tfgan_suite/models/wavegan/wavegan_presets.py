"""WaveGAN's presets: architecture, training, reference, and expected result."""

PRESETS = {
    "wavegan_paper_16384": {
        "description": "The paper's networks for a second of sound at 16 kHz: 19.1 M and 17.4 M parameters.",
        "reference": "Donahue et al. (2019), tables 3 to 5: batches of 64, five discriminator updates for each of the generator.",
        "expected": "Not trained here: it takes weeks of a CPU.",
        "config": {"spec": {"kind": "waveform", "shape": [16_384, 1], "sample_rate_hz": 16_000}},
        "training": {"batch_size": 5 * 64, "total_images": 5 * 64 * 200_000},
    },
    "wavegan_spoken_digits_4096": {
        "description": "A small pair for half a second of sound at 8 kHz, such as spoken digits.",
        "reference": "The paper's recipe at a quarter of its width, with batches of 16.",
        "expected": "Not trained to its end here. Sound that is made sample by sample takes far longer to learn than "
        "spectrograms: the preset `dcgan_spoken_digits_64` is for a CPU.",
        "config": {
            "spec": {"kind": "waveform", "shape": [4096, 1], "sample_rate_hz": 8_000},
            "base_channels": 16,
        },
        "training": {"batch_size": 5 * 16, "total_images": 2_000_000},
    },
}

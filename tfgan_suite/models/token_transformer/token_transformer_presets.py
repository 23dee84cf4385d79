"""TokenTransformer's presets: architecture, training, reference, and expected result."""

PRESETS = {
    "token_transformer_bytes_256": {
        "description": "Stretches of 256 bytes, such as text, on a CPU.",
        "reference": "A decoder with rotary positions (Su et al. 2021) and RMS normalization.",
        "expected": "Not measured yet.",
        "config": {"spec": {"shape": [256], "vocabulary_size": 256}, "width": 128, "num_blocks": 4, "num_heads": 4},
        "training": {"batch_size": 32, "total_images": 100_000, "conditional": False},
    },
}

MASKED_PRESETS = {
    "masked_tokens_8x8": {
        "description": "Grids of 8x8 tokens of 240 codes, as those of vqvae_digits_32, in eight passes.",
        "reference": "MaskGIT (Chang et al. 2022), small.",
        "expected": "Not measured yet.",
        "config": {"spec": {"shape": [8, 8], "vocabulary_size": 240}, "width": 128, "num_blocks": 4, "num_heads": 4},
        "training": {"batch_size": 32, "total_images": 100_000, "conditional": False},
    },
}

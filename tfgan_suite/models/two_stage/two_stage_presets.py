"""TwoStageModel's presets: architecture, training, reference, and expected result."""

PRESETS = {
    "two_stage_digits_32": {
        "description": "Handwritten digits by class: 64 tokens of 240 codes, and a transformer over them.",
        "reference": "van den Oord et al. (2017), with finite scalar quantization and a transformer as prior.",
        "expected": "Not measured yet.",
        "config": {
            "tokenizer": {
                "model": "vqvae",
                "image_shape": (32, 32, 1),
                "code_levels": (8, 6, 5),
                "channels": 64,
                "residual_blocks": 1,
            },
            "prior": {"model": "token_transformer", "width": 128, "num_blocks": 3, "num_heads": 4},
            "num_classes": 10,
        },
        "training": {"batch_size": 32, "total_images": 120_000},
    },
}

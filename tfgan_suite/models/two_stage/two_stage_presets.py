"""TwoStageModel's presets: architecture, training, reference, and expected result."""

PRESETS = {
    "two_stage_digits_32": {
        "description": "Handwritten digits by class: 64 tokens of 240 codes, and a transformer over them.",
        "reference": "van den Oord et al. (2017), with finite scalar quantization and a transformer as prior.",
        "expected": "After 139,500 images for the tokenizer and 49,500 for the prior, in 220 seconds of one thread of a CPU: on "
        "held-out digits a mean squared error of 0.0097 and 2.85 bits per token, and all 240 codes in use.",
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
            "tokenizer_share": 0.738,
        },
        "training": {"batch_size": 32, "total_images": 189_000},
    },
}

"""TokenTransformer's presets: architecture, training, reference, and expected result."""

from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.schedule import CosineSchedule, LinearSchedule

_TEXT_IMAGES = 21_000


def _maskgit(model):
    warm_up = LinearSchedule(0.0, 1e-4, examples=5000 * 256)
    return {"optimizer": Adam(warm_up, beta_1=0.9, beta_2=0.96, weight_decay=0.045)}


def _text_training(model):
    return {"optimizer": Adam(CosineSchedule(3e-3, 0.0, _TEXT_IMAGES), beta_1=0.9, beta_2=0.98)}


PRESETS = {
    "token_transformer_text_128": {
        "description": "Text in windows of 128 bytes, with vectors for runs of two to five bytes, on a CPU.",
        "reference": "A decoder with rotary positions (Su et al. 2021), and hashed n-grams (Pagnoni et al. 2024).",
        "expected": "2.02 bits per byte on the last tenth of Moby-Dick, after 7.5 minutes of one core.",
        "config": {
            "spec": {"kind": "text", "shape": [128]},
            "width": 128,
            "num_blocks": 2,
            "num_heads": 4,
            "ngram_sizes": (2, 3, 4, 5),
            "ngram_buckets": 32749,
        },
        "training": {"batch_size": 16, "total_images": _TEXT_IMAGES, "conditional": False},
        "compile": _text_training,
    },
    "token_transformer_bytes_256": {
        "description": "Stretches of 256 bytes, such as text, on a CPU.",
        "reference": "A decoder with rotary positions (Su et al. 2021) and RMS normalization.",
        "expected": "Not measured yet.",
        "config": {"spec": {"shape": [256], "vocabulary_size": 256}, "width": 128, "num_blocks": 4, "num_heads": 4},
        "training": {"batch_size": 32, "total_images": 100_000, "conditional": False},
    },
}

MASKED_PRESETS = {
    "maskgit_imagenet_256": {
        "description": "The paper's transformer for ImageNet at 256x256: 16x16 tokens of 1,024 codes, 1,000 classes.",
        "reference": "Chang et al. (2022), section 4.1: 24 layers, 8 heads, width 768.",
        "expected": "172.3 million parameters. The paper reports an FID of 6.06 after 300 epochs; not trained here.",
        "config": {
            "spec": {"shape": [16, 16], "vocabulary_size": 1024},
            "width": 768,
            "num_blocks": 24,
            "num_heads": 8,
            "num_classes": 1000,
        },
        "training": {"batch_size": 256, "total_images": 384_000_000},
        "compile": _maskgit,
    },
    "masked_tokens_8x8": {
        "description": "Grids of 8x8 tokens of 240 codes, as those of vqvae_digits_32, in eight passes.",
        "reference": "MaskGIT (Chang et al. 2022), small.",
        "expected": "On codes of digits, after 6,400 of the 100,000 examples, in 80 seconds of one thread of a CPU: 22 % of the "
        "masked tokens of held-out digits are guessed right, and samples are strokes, some of which are digits. The rest of the "
        "training has not been measured.",
        "config": {"spec": {"shape": [8, 8], "vocabulary_size": 240}, "width": 128, "num_blocks": 4, "num_heads": 4},
        "training": {"batch_size": 32, "total_images": 100_000, "conditional": False},
    },
}

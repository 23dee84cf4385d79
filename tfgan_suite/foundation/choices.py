"""Names that the configuration, the command line and the parts they stand for agree on."""

# What may be asked for by name; objects with other settings are passed to `compile`.
AUGMENTATIONS = ("none", "adaptive", "diff_augment")
# What may be done about a monitor's alerts, see `callbacks/actions.py`; "off" leaves the monitor out.
ALERT_ACTIONS = ("off", "note", "save", "stop", "lower_rate", "roll_back", "raise_augmentation")
# What the collapse monitor measures the variety of samples with, see `callbacks/sample_statistics.py`.
DIVERSITY_MEASURES = ("features", "lpips")
# Where training runs, see `engine/distribution.py`.
STRATEGIES = ("auto", "none", "mirrored", "multi_worker", "tpu")
# Keras dtype policies of the networks.
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")

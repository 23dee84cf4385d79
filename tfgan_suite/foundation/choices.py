"""Names shared by the configuration, the command line, and the parts they stand for."""

# Augmentations that can be selected by name; objects with other settings are passed to `compile`.
AUGMENTATIONS = ("none", "adaptive", "diff_augment")
# Responses to a monitor's alerts, see `callbacks/actions.py`; "off" disables the monitor.
ALERT_ACTIONS = ("off", "note", "save", "stop", "lower_rate", "roll_back", "raise_augmentation")
# Features with which the collapse monitor measures the diversity of samples, see `callbacks/sample_statistics.py`.
DIVERSITY_MEASURES = ("features", "lpips")
# Where training runs, see `engine/distribution.py`.
STRATEGIES = ("auto", "none", "mirrored", "multi_worker", "tpu")
# Keras dtype policies of the networks.
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")

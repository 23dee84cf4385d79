"""RunWatcher: scores of a run in training, from its checkpoints, in a separate process."""

import shutil
import tempfile
import time
from pathlib import Path

from tfgan_suite.callbacks.checkpointing import Checkpointing
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.foundation.event_log import EventLog
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.terminal import say
from tfgan_suite.metrics.protocol.evaluation import evaluate
from tfgan_suite.metrics.protocol.real_examples import is_prepared
from tfgan_suite.metrics.protocol.score_log import write_scalars
from tfgan_suite.metrics.protocol.scoring_jobs import make_extractors, needs_extractor
from tfgan_suite.runs.recipe import plan_run, resolve
from tfgan_suite.runs.run_files import RunFiles, build_model
from tfgan_suite.runs.train_config import TrainConfig


class RunWatcher:
    """Scores each checkpoint of a run as it appears, so that training is not held up.

    Rows go to the run's `metrics.json` and TensorBoard. Checkpoints that already have rows there are skipped, so a watcher
    that was stopped resumes. Training may remove a checkpoint at any moment: each one is copied before it is read, and one
    that is gone or not yet complete is skipped.

    Args:
        directory: String. The run's directory.
        data_dir: String. A prepared dataset, or a folder or file of images; by default that of the run.
        metrics: List of `Metric`; by default those that fit the model and the extractor.
        extractor: As in `evaluate`. It is made once for all checkpoints, if the metrics need it.
        split: String. The split of the data.
        progress: Boolean. Whether to show progress.
        **options: Further arguments of `evaluate`, the model's sampling options among them.

    Raises:
        UserError: There is no run, or no data.

    Example:

    >>> RunWatcher("runs/digits", num_images=1000).watch()
    """

    def __init__(
        self,
        directory,
        data_dir=None,
        *,
        metrics=None,
        extractor="efficientnet-lite0",
        split="train",
        progress=True,
        **options,
    ):
        run = RunFiles.load(directory)
        data_dir = data_dir or run.config.data_dir
        if is_prepared(data_dir):
            DatasetInfo.load(data_dir).split(split)
        self.directory = local_path(directory)
        self._dataset_info = run.dataset_info
        self._model = build_model(run)
        if needs_extractor(metrics, self._model.spec.kind):
            extractor = make_extractors(extractor, data_dir, split, progress)
        self._arguments = {
            "data": data_dir,
            "metrics": metrics,
            "split": split,
            "extractor": extractor,
            "progress": progress,
            "output_dir": directory,
            **options,
        }
        # Beside that of the training, which goes on writing while this one does.
        self._event_log = EventLog(self.directory / "tensorboard" / "scores")
        # Examples seen, and when the file was written: a run that is rolled back writes some counts again.
        self._scored = {row.run["images_seen"]: None for row in run.scores or () if row.run.get("images_seen")}

    def score_new(self):
        """Scores the checkpoints that have no scores yet, oldest first.

        Returns:
            A list of `Evaluation`, one for each checkpoint.
        """
        evaluations = []
        for path in sorted((self.directory / "checkpoints").glob("[0-9]*.weights.h5")):
            examples_seen = int(path.name.split(".")[0])
            written = self._load(path, examples_seen)
            if written is not None:
                evaluations.append(evaluate(self._model, **self._arguments))
                write_scalars(evaluations[-1], self._event_log)
                self._scored[examples_seen] = written
        return evaluations

    def _load(self, path, examples_seen):
        """Loads a new checkpoint, and returns when it was written; `None` if there is nothing to score."""
        with tempfile.TemporaryDirectory() as directory:
            try:
                written = path.stat().st_mtime_ns
                if examples_seen in self._scored and self._scored[examples_seen] in (None, written):
                    self._scored[examples_seen] = written
                    return None
                for name in (path.name, path.name.replace(".weights.h5", ".json")):
                    shutil.copyfile(path.with_name(name), Path(directory) / name)
            except FileNotFoundError:  # Removed since the directory was listed, or its description is yet to come.
                return None
            whole = Checkpointing(directory).restore(self._model) == examples_seen
        return written if whole else None

    def has_ended(self):
        """Whether the checkpoint of the run's last image has been scored."""
        config = TrainConfig.load(self.directory / "config.json")  # Read again: a run may be extended.
        ticks = plan_run(self._model, config, resolve(config, self._dataset_info))
        return max(self._scored, default=0) >= ticks[-1].end_image

    def watch(self, poll_seconds=5.0, report=say):
        """Scores checkpoints until the run has ended. You can stop it earlier with Ctrl-C; nothing is lost.

        Args:
            poll_seconds: Float. Seconds between looks at the run's directory.
            report: Callable. Called with each line of text.
        """
        units = self._model.spec.unit[1]
        report(f"Watching {self.directory}. Press Ctrl-C to stop.")
        while True:
            for evaluation in self.score_new():
                report(f"after {evaluation[0].run['images_seen']:,} {units}:\n{evaluation}")
            if self.has_ended():
                break
            time.sleep(poll_seconds)
        report("The run has ended, and its last checkpoint is scored.")

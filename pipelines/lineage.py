"""`python -m pipelines.lineage saved_models/NAME/VERSION`: shows the steps, images, and scores of a pushed model."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from tfgan_suite.foundation.quiet_tensorflow import import_tensorflow_quietly

import_tensorflow_quietly()

from pipelines.metadata_reader import MetadataReader, text_of  # noqa: E402
from tfgan_suite.foundation.errors import UserError  # noqa: E402
from tfgan_suite.release.pushed_versions import LINEAGE_FILE  # noqa: E402

_SHOWN = ("fingerprint", "num_images", "reasons", "pushed_destination", "input_fingerprint")


def print_lineage(version_dir, metadata_path=None, say=print):
    """Prints every step that a version went through, the last one first.

    Args:
        version_dir: String or path, such as `"saved_models/NAME/VERSION"`.
        metadata_path: String, path, or `None`. The metadata store. Defaults to the one named in the version's
            `lineage.json`.
        say: Callable. Called with each line.

    Raises:
        UserError: If the version was not pushed by a TFX pipeline, or its store does not exist any longer.
    """
    reader = MetadataReader(metadata_path or _store_of(version_dir))
    waiting = [reader.producer(reader.find_pushed(version_dir))]
    visited = set()
    while waiting:
        execution = max(waiting, key=lambda one: one.id)
        waiting = [one for one in waiting if one.id != execution.id]
        visited.add(execution.id)
        begun = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(execution.create_time_since_epoch / 1000))
        say(f"{reader.node_of(execution)}  (execution {execution.id}, {begun})")
        for artifact in reader.inputs(execution):
            producer = reader.producer(artifact)
            origin = f", of {reader.node_of(producer)}" if producer is not None else ""
            say(f"    from  {_describe(artifact)}{origin}")
            if producer is not None and producer.id not in visited:
                waiting.append(producer)
        for artifact in reader.step(execution).outputs:
            say(f"    to    {_describe(artifact)}")
            for name in _SHOWN:
                if text_of(artifact, name):
                    say(f"              {name}: {text_of(artifact, name)}")
            for checker in [one for one in reader.readers(artifact) if reader.node_of(one) == "ExampleValidator"]:
                say(f"              no anomalies found by ExampleValidator  (execution {checker.id})")


def _describe(artifact):
    return f"{artifact.type} {artifact.id}  {artifact.uri}"


def _store_of(version_dir):
    path = Path(version_dir, LINEAGE_FILE)
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if "metadata" not in content:
        raise UserError(
            f"`version_dir` must be a version pushed by a TFX pipeline, but {LINEAGE_FILE} names no metadata store. "
            f"Received: version_dir={str(version_dir)!r}"
        )
    return content["metadata"]["path"]


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m pipelines.lineage", description=__doc__)
    parser.add_argument("version_dir", metavar="saved_models/NAME/VERSION")
    parser.add_argument("--metadata", metavar="FILE", help="the metadata store, if it has moved")
    args = parser.parse_args(arguments)
    try:
        print_lineage(args.version_dir, args.metadata)
        sys.stdout.flush()
    except BrokenPipeError:  # The reader of our output, such as `head`, has stopped reading.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except UserError as error:
        print(f"tfgan-suite: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

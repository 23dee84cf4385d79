"""Reads ML Metadata: the steps of a run, and the path from a pushed model back to its images."""

import dataclasses
import json
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from tfgan_suite.foundation.errors import UserError

_OUTPUT = (mlmd.Event.OUTPUT, mlmd.Event.INTERNAL_OUTPUT, mlmd.Event.DECLARED_OUTPUT)
_INPUT = (mlmd.Event.INPUT, mlmd.Event.INTERNAL_INPUT, mlmd.Event.DECLARED_INPUT)


def sqlite_store(path):
    """Returns the connection to an SQLite file, which is created when first used."""
    connection = mlmd.ConnectionConfig()
    connection.sqlite.filename_uri = str(path)
    connection.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return connection


@dataclasses.dataclass(frozen=True)
class Step:
    """An execution of a node.

    Attributes:
        node: String. Name of the node.
        state: String, `"complete"`, `"cached"`, `"failed"`, or `"running"`.
        outputs: Tuple of output artifacts.
    """

    node: str
    state: str
    outputs: tuple


class MetadataReader:
    """Reads a metadata store.

    Args:
        path: String or path of the SQLite file.

    Raises:
        UserError: If the file does not exist.
    """

    def __init__(self, path):
        if not Path(path).is_file():
            raise UserError(
                "`path` must be the metadata store of a pipeline that has run. There is no such file. "
                f"Received: path={str(path)!r}"
            )
        self.store = metadata_store.MetadataStore(sqlite_store(path))

    def last_run(self):
        """Returns the list of `Step`s of the newest run, in order."""
        newest = max(self.store.get_contexts_by_type("pipeline_run"), key=lambda context: context.id)
        executions = self.store.get_executions_by_context(newest.id)
        return [self.step(execution) for execution in sorted(executions, key=lambda execution: execution.id)]

    def step(self, execution):
        events = self.store.get_events_by_execution_ids([execution.id])
        outputs = [event.artifact_id for event in events if event.type in _OUTPUT]
        state = mlmd.Execution.State.Name(execution.last_known_state).lower()
        return Step(self.node_of(execution), state, tuple(self.store.get_artifacts_by_id(outputs)))

    def node_of(self, execution):
        """Returns the name of the pipeline node that an execution belongs to."""
        contexts = self.store.get_contexts_by_execution(execution.id)
        (node,) = (context.name for context in contexts if context.type == "node")
        return node.split(".", 1)[1]

    def find_pushed(self, version_dir):
        """Returns the artifact of the model that was pushed as `version_dir`.

        Args:
            version_dir: String or path, such as `"saved_models/NAME/VERSION"`.

        Returns:
            The artifact.

        Raises:
            UserError: If this pipeline has not pushed a model there.
        """
        wanted = str(Path(version_dir).resolve())
        pushed = self.store.get_artifacts_by_type("PushedModel")
        for artifact in pushed:
            if text_of(artifact, "pushed_destination") == wanted:
                return artifact
        known = [text_of(artifact, "pushed_destination") for artifact in pushed]
        raise UserError(
            f"{wanted} was not pushed by this pipeline, which has pushed {', '.join(filter(None, known)) or 'nothing'}."
        )

    def producer(self, artifact):
        """Returns the execution that created an artifact, ignoring those that took it from the cache."""
        events = self.store.get_events_by_artifact_ids([artifact.id])
        made = self.store.get_executions_by_id([event.execution_id for event in events if event.type in _OUTPUT])
        return min(made, key=lambda execution: execution.id, default=None)

    def readers(self, artifact):
        """Returns the completed executions that read an artifact, in order."""
        events = self.store.get_events_by_artifact_ids([artifact.id])
        executions = self.store.get_executions_by_id({event.execution_id for event in events if event.type in _INPUT})
        finished = [one for one in executions if one.last_known_state == mlmd.Execution.COMPLETE]
        return sorted(finished, key=lambda execution: execution.id)

    def inputs(self, execution):
        """Returns the artifacts that an execution read."""
        events = self.store.get_events_by_execution_ids([execution.id])
        return self.store.get_artifacts_by_id(sorted({event.artifact_id for event in events if event.type in _INPUT}))


def text_of(artifact, name):
    """Returns a property of an artifact, custom or not, as text; empty if there is no property with this name."""
    for properties in (artifact.custom_properties, artifact.properties):
        if name in properties:
            value = properties[name]
            kind = value.WhichOneof("value")
            content = getattr(value, kind)
            return json.dumps(dict(content)) if kind == "struct_value" else str(content)
    return ""

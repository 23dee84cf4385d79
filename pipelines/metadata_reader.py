"""What ML Metadata knows: the steps of a run, and the way from a pushed model back to its images."""

import dataclasses
import json
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from tfgan_suite.foundation.errors import UserError

_OUTPUT = (mlmd.Event.OUTPUT, mlmd.Event.INTERNAL_OUTPUT, mlmd.Event.DECLARED_OUTPUT)
_INPUT = (mlmd.Event.INPUT, mlmd.Event.INTERNAL_INPUT, mlmd.Event.DECLARED_INPUT)


def sqlite_store(path):
    """Connection to a SQLite file, which is made when it is first used."""
    connection = mlmd.ConnectionConfig()
    connection.sqlite.filename_uri = str(path)
    connection.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return connection


@dataclasses.dataclass(frozen=True)
class Step:
    """One execution: its node's name, `"complete"`, `"cached"`, `"failed"` or `"running"`, and its output artifacts."""

    node: str
    state: str
    outputs: tuple


class MetadataReader:
    """Reads a store.

    Args:
        path: The SQLite file.

    Raises:
        UserError: There is none.
    """

    def __init__(self, path):
        if not Path(path).is_file():
            raise UserError(f"There is no metadata store {str(path)!r}. Expected the one of a pipeline that has run.")
        self.store = metadata_store.MetadataStore(sqlite_store(path))

    def last_run(self):
        """The `Step`s of the newest run, in their order."""
        newest = max(self.store.get_contexts_by_type("pipeline_run"), key=lambda context: context.id)
        executions = self.store.get_executions_by_context(newest.id)
        return [self.step(execution) for execution in sorted(executions, key=lambda execution: execution.id)]

    def step(self, execution):
        events = self.store.get_events_by_execution_ids([execution.id])
        outputs = [event.artifact_id for event in events if event.type in _OUTPUT]
        state = mlmd.Execution.State.Name(execution.last_known_state).lower()
        return Step(self.node_of(execution), state, tuple(self.store.get_artifacts_by_id(outputs)))

    def node_of(self, execution):
        """The name of the pipeline's node that an execution belongs to."""
        contexts = self.store.get_contexts_by_execution(execution.id)
        (node,) = (context.name for context in contexts if context.type == "node")
        return node.split(".", 1)[1]

    def find_pushed(self, version_dir):
        """The artifact of the model that was pushed as `version_dir`.

        Raises:
            UserError: Nothing was pushed there by this pipeline.
        """
        wanted = str(Path(version_dir).resolve())
        pushed = self.store.get_artifacts_by_type("PushedModel")
        for artifact in pushed:
            if text_of(artifact, "pushed_destination") == wanted:
                return artifact
        known = [text_of(artifact, "pushed_destination") for artifact in pushed]
        raise UserError(
            f"{wanted} was not pushed by this pipeline. Received from it: {', '.join(filter(None, known))}."
        )

    def producer(self, artifact):
        """The execution that made an artifact; those that took it from the cache are left out."""
        events = self.store.get_events_by_artifact_ids([artifact.id])
        made = self.store.get_executions_by_id([event.execution_id for event in events if event.type in _OUTPUT])
        return min(made, key=lambda execution: execution.id, default=None)

    def readers(self, artifact):
        """The finished executions that read an artifact, in their order."""
        events = self.store.get_events_by_artifact_ids([artifact.id])
        executions = self.store.get_executions_by_id({event.execution_id for event in events if event.type in _INPUT})
        finished = [one for one in executions if one.last_known_state == mlmd.Execution.COMPLETE]
        return sorted(finished, key=lambda execution: execution.id)

    def inputs(self, execution):
        """The artifacts that an execution read."""
        events = self.store.get_events_by_execution_ids([execution.id])
        return self.store.get_artifacts_by_id(sorted({event.artifact_id for event in events if event.type in _INPUT}))


def text_of(artifact, name):
    """A property of an artifact, custom or not, as text; empty if it has none of that name."""
    for properties in (artifact.custom_properties, artifact.properties):
        if name in properties:
            value = properties[name]
            kind = value.WhichOneof("value")
            content = getattr(value, kind)
            return json.dumps(dict(content)) if kind == "struct_value" else str(content)
    return ""

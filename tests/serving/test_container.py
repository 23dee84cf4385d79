"""The files for TensorFlow Serving's official container, and what its batching asks of a model.

`tensorflow-serving-api` has no messages for batching and monitoring: their fields are copied here from TensorFlow Serving's
`session_bundle_config.proto` and `monitoring_config.proto`.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2

DIRECTORY = Path(__file__).parents[2] / "saved_models"
FILES = DIRECTORY / "serving"
MESSAGES = """
name: "container.proto"  package: "container"  syntax: "proto3"  dependency: "google/protobuf/wrappers.proto"
message_type { name: "BatchingParameters"
  field { name: "max_batch_size" number: 1 type: TYPE_MESSAGE type_name: ".google.protobuf.Int64Value" }
  field { name: "batch_timeout_micros" number: 2 type: TYPE_MESSAGE type_name: ".google.protobuf.Int64Value" }
  field { name: "max_enqueued_batches" number: 3 type: TYPE_MESSAGE type_name: ".google.protobuf.Int64Value" }
  field { name: "num_batch_threads" number: 4 type: TYPE_MESSAGE type_name: ".google.protobuf.Int64Value" }
  field { name: "thread_pool_name" number: 5 type: TYPE_MESSAGE type_name: ".google.protobuf.StringValue" }
  field { name: "allowed_batch_sizes" number: 6 type: TYPE_INT64 label: LABEL_REPEATED }
  field { name: "pad_variable_length_inputs" number: 7 type: TYPE_BOOL } }
message_type { name: "PrometheusConfig"
  field { name: "enable" number: 1 type: TYPE_BOOL }
  field { name: "path" number: 2 type: TYPE_STRING } }
message_type { name: "MonitoringConfig"
  field { name: "prometheus_config" number: 1 type: TYPE_MESSAGE type_name: ".container.PrometheusConfig" } }
"""


def read(name, message_name):
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    pool.Add(wrappers)
    pool.Add(text_format.Parse(MESSAGES, descriptor_pb2.FileDescriptorProto()))
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"container.{message_name}"))()
    return text_format.Parse((FILES / name).read_text("utf-8"), message)


def test_models_are_those_of_the_directory():
    model_server_config_pb2 = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    config = text_format.Parse(
        (FILES / "models.config").read_text("utf-8"), model_server_config_pb2.ModelServerConfig()
    )
    assert {model.name for model in config.model_config_list.config} == {"digits"}
    for model in config.model_config_list.config:
        assert model.base_path == f"/models/{model.name}" and model.model_platform == "tensorflow"
        assert list((DIRECTORY / model.name).glob("*/saved_model.pb"))
        assert model.model_version_policy.WhichOneof("policy_choice") == "all"


def test_batches_are_no_larger_than_the_models_take():
    config = read("batching.config", "BatchingParameters")
    for card in DIRECTORY.glob("*/*/assets.extra/model_card.json"):
        assert config.max_batch_size.value <= json.loads(card.read_text("utf-8"))["serving"]["max_count"]
    assert config.batch_timeout_micros.value < 100_000 and config.num_batch_threads.value >= 1
    assert not config.pad_variable_length_inputs  # It would make label 0 of labels to be drawn.


def test_monitoring():
    config = read("monitoring.config", "MonitoringConfig").prometheus_config
    assert config.enable and config.path.startswith("/")


def test_a_misspelt_field_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.FILES", tmp_path)
    (tmp_path / "batching.config").write_text("max_batch_sizes { value: 3 }")
    with pytest.raises(text_format.ParseError, match="max_batch_sizes"):
        read("batching.config", "BatchingParameters")


def test_compose_listens_on_loopback_and_names_files_that_are_there():
    yaml = pytest.importorskip("yaml")
    services = yaml.safe_load((FILES / "compose.yaml").read_text("utf-8"))["services"]
    assert set(services) == {"serving", "batching"}
    for service in services.values():
        assert service["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
        source, target, mode = service["volumes"][0].split(":")
        assert (FILES / source).resolve() == DIRECTORY and (target, mode) == ("/models", "ro")
        for flag in service["command"]:
            name, value = re.fullmatch("--([a-z_]+)=(.+)", flag).groups()
            if name.endswith("_file"):
                assert (FILES / source / Path(value).relative_to(target)).is_file()
    added = set(services["batching"]["command"]) - set(services["serving"]["command"])
    assert {flag.partition("=")[0] for flag in added} == {"--enable_batching", "--batching_parameters_file"}
    assert services["batching"]["profiles"] and "profiles" not in services["serving"]


def test_warm_up_is_what_batching_takes():
    """Each input with rows, of one number for all, and as many come out; anything else fails the version's loading."""
    pytest.importorskip("tensorflow_serving")
    from tfgan_suite.exports.warmup_requests import read_warmup_requests

    signatures = tf.saved_model.load(str(DIRECTORY / "digits" / "1")).signatures
    played = []
    for name, inputs in read_warmup_requests(DIRECTORY / "digits" / "1"):
        (num_rows,) = {len(np.atleast_1d(array)) if array.ndim else None for array in inputs.values()}
        outputs = signatures[name](**{key: tf.constant(array) for key, array in inputs.items()})
        assert {len(array) for array in outputs.values()} == {num_rows}
        played.append((name, num_rows))
    assert sorted(played) == sorted((name, count) for name in signatures for count in (1, 8))

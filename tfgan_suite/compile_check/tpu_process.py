"""Runs the TPU compiler in a process of its own: `python -m tfgan_suite.compile_check.tpu_process HLO_FILE TOPOLOGY`.

A separate process, because the compiler writes freely to standard error, does not release its memory, and aborts the
process on an internal error. Prints one line of JSON. Does not use TensorFlow.

This is how JAX compiles for TPUs that are not present. It uses internal parts of jaxlib, which change between versions
and are therefore pinned by the extra `[tpu]`.
"""

import json
import sys
from pathlib import Path

import numpy as np

from tfgan_suite.foundation.errors import import_extra

_PURPOSE = "The TPU compiler"
libtpu = import_extra("libtpu", "tpu", _PURPOSE)
jaxlib_version = import_extra("jaxlib.version", "tpu", _PURPOSE).__version__
_jax = import_extra("jaxlib._jax", "tpu", _PURPOSE)
xla_client = import_extra("jaxlib.xla_client", "tpu", _PURPOSE)
ir = import_extra("jaxlib.mlir.ir", "tpu", _PURPOSE)
_jax_mlir_ext = import_extra("jaxlib.mlir._mlir_libs._jax_mlir_ext", "tpu", _PURPOSE)
chlo, mhlo, stablehlo = (
    import_extra(f"jaxlib.mlir.dialects.{name}", "tpu", _PURPOSE) for name in ("chlo", "mhlo", "stablehlo")
)


def compile_hlo(hlo, topology):
    """Compiles a serialized module for one core of a topology.

    Args:
        hlo: Bytes. A serialized `HloModuleProto`.
        topology: String. A TPU topology, such as `"v5e:2x2"`.

    Returns:
        Dict of the compiler's statistics: operations, sizes in bytes, and versions.
    """
    xla_client.load_pjrt_plugin_dynamically("tpu", libtpu.get_library_path())
    xla_client.initialize_pjrt_plugin("tpu")
    device = xla_client.make_tfrt_tpu_c_api_device_topology(topology)._make_compile_only_devices()[0]
    options = xla_client.CompileOptions()
    options.num_replicas = options.num_partitions = 1
    options.device_assignment = xla_client.DeviceAssignment.create(np.zeros([1, 1], np.int32))
    with _context():
        module = ir.Module.parse(_jax.mlir.hlo_to_stablehlo(hlo))
        _drop_copies(module)
        executable = device.client.compile(module, _jax.DeviceList((device,)), options)
    memory, cost = executable.get_compiled_memory_stats(), executable.cost_analysis()
    # The compiler's "optimal_seconds" is omitted because it can be negative.
    return {
        "flops": cost["flops"],
        "transcendentals": cost.get("transcendentals", 0.0),
        "accessed_bytes": cost["bytes accessed"],
        "argument_bytes": memory.argument_size_in_bytes,
        "output_bytes": memory.output_size_in_bytes,
        "aliased_bytes": memory.alias_size_in_bytes,
        "temporary_bytes": memory.temp_size_in_bytes,
        "program_bytes": memory.generated_code_size_in_bytes,
        "device": device.device_kind,
        "compiler": " ".join(device.client.platform_version.split()),
        "versions": {"jaxlib": jaxlib_version, "libtpu": libtpu.__version__},
    }


def _context():
    context, registry = ir.Context(), ir.DialectRegistry()
    _jax_mlir_ext.register_dialects(registry)
    context.append_dialect_registry(registry)
    context.load_all_available_dialects()
    for register in (stablehlo.register_dialect, chlo.register_dialect, mhlo.register_mhlo_dialect):
        register(context)
    return context


def _drop_copies(module):
    """Removes `mhlo.copy`, which TensorFlow emits and the compiler's front end does not know. It changes no values."""
    copies = []

    def collect(operation):
        if operation.name == "mhlo.copy":
            copies.append(operation)
        return ir.WalkResult.ADVANCE

    module.operation.walk(collect)
    for copy in copies:
        copy.operation.results[0].replace_all_uses_with(copy.operation.operands[0])
        copy.operation.erase()


def main(hlo_path, topology):
    try:
        result = compile_hlo(Path(hlo_path).read_bytes(), topology)
    except (_jax.JaxRuntimeError, ir.MLIRError) as error:
        result = {"error": str(error)}
    except (AttributeError, TypeError) as error:
        result = {"error": f"jaxlib {jaxlib_version} does not have the expected interface: {error}"}
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])

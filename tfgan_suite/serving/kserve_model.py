"""An exported model under KServe's V2 protocol, the "open inference protocol". Needs the extra `kserve`.

    python -m tfgan_suite.serving.kserve_model saved_models/digits --http_port 8080

listens on all addresses, as KServe's servers do: it is meant for a container.

Reference: KServe, "Open Inference Protocol (V2)".
"""

import argparse
import uuid

from tfgan_suite.foundation.errors import import_extra
from tfgan_suite.serving.dynamic_batching import DynamicBatching
from tfgan_suite.serving.model_repository import ModelRepository
from tfgan_suite.serving.servable import numpy_dtype
from tfgan_suite.serving.serving_error import ServingError

kserve = import_extra("kserve", "kserve", "Serving under KServe")
kserve_errors = import_extra("kserve.errors", "kserve", "Serving under KServe")
numpy_codec = import_extra("kserve.utils.numpy_codec", "kserve", "Serving under KServe")


class KServeModel(kserve.Model):
    """Answers KServe's V2 requests by the signatures of an exported model, its highest version.

    A request names its signature by the parameter `signature_name`; without one it is `generate`. PNG files come in the
    protocol's binary form alone, as its JSON has no bytes.

    Args:
        directory: `saved_models/NAME`.
        name: Name to serve it by; by default the directory's.
        batching: Joins requests that wait; `None` computes each by itself.

    Raises:
        MissingExtraError: On import, where the extra `kserve` is not installed.
        UserError: There is no model.

    Example:

    >>> kserve.ModelServer().start([KServeModel("saved_models/digits")])
    """

    def __init__(self, directory, name: str | None = None, batching: DynamicBatching | None = None):
        self._repository = ModelRepository(directory, name, batching=batching)
        (only,) = self._repository.model_names
        super().__init__(only)
        self._repository.lookup(only)  # Raises where no version can be served.
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        """Answers an `InferRequest` with an `InferResponse`; KServe calls it."""
        if not isinstance(payload, kserve.InferRequest):
            raise kserve_errors.InvalidInput("Expected a request in the V2 protocol, to /v2/models/NAME/infer.")
        signature_name = (payload.parameters or {}).get("signature_name", "generate")
        signature_name = getattr(signature_name, "string_param", signature_name)  # Over gRPC it is a message.
        try:
            inputs = {tensor.name: tensor.as_numpy() for tensor in payload.inputs}
            servable = self._repository.lookup(self.name)
            outputs = await self._repository.predict_async(servable, signature_name, inputs)
        except ServingError as error:
            if error.http_status < 500:
                raise kserve_errors.InvalidInput(error.message) from error
            raise kserve_errors.InferenceError(error.message) from error
        except (ValueError, TypeError, OverflowError) as error:  # Data that are not of their shape or type.
            raise kserve_errors.InvalidInput(f"A tensor cannot be read: {error}") from error
        return self._response(payload, servable, outputs)

    def get_input_types(self) -> list:
        """Names, types and shapes of the inputs of `generate`, for the model's metadata."""
        return self._types("inputs")

    def get_output_types(self) -> list:
        """See `get_input_types`."""
        return self._types("outputs")

    def _response(self, payload, servable, outputs):
        binary = payload.from_grpc or payload.use_binary_outputs
        binary = binary or any(output.binary_data for output in payload.request_outputs or ())
        tensors = []
        for name, array in outputs.items():
            if array.dtype == object and not binary:
                raise kserve_errors.InvalidInput(f"Output {name} is bytes: ask for it with binary_data true.")
            datatype = numpy_codec.from_np_dtype(array.dtype)
            tensors.append(kserve.InferOutput(name=name, shape=list(array.shape), datatype=datatype, data=array))
        return kserve.InferResponse(
            response_id=payload.id or uuid.uuid4().hex,  # KServe answers none without one.
            model_name=self.name,
            model_version=str(servable.version),
            infer_outputs=tensors,
            requested_outputs=payload.request_outputs,
            use_binary_outputs=payload.use_binary_outputs,
        )

    def _types(self, side):
        infos = getattr(self._repository.lookup(self.name).signature_defs["generate"], side)
        return [
            {
                "name": name,
                "datatype": numpy_codec.from_np_dtype(numpy_dtype(info)),
                "shape": [axis.size for axis in info.tensor_shape.dim] or [-1],
            }
            for name, info in sorted(infos.items())
        ]


def main():
    """The program of a container."""
    server = import_extra("kserve.model_server", "kserve", "Serving under KServe")
    parser = argparse.ArgumentParser(parents=[server.parser])
    parser.add_argument("directory", help="saved_models/NAME")
    args = parser.parse_args()
    kserve.ModelServer(http_port=args.http_port, grpc_port=args.grpc_port, enable_grpc=args.enable_grpc).start(
        [KServeModel(args.directory, batching=DynamicBatching())]
    )


if __name__ == "__main__":
    main()

"""Serves an exported model over KServe's V2 protocol, the "open inference protocol". Requires the extra `kserve`.

    python -m tfgan_suite.serving.kserve_model saved_models/digits --http_port 8080

The server is meant to run in a container: like all KServe servers, it listens on all addresses.

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
    """Answers KServe V2 requests with the signatures of an exported model, using its highest version.

    A request selects a signature with the parameter `signature_name`; the default is `generate`. PNG files are only
    available in the protocol's binary form, because its JSON form has no bytes.

    Args:
        directory: String or path, such as `"saved_models/NAME"`.
        name: String or `None`. Name to serve the model under. Defaults to the directory's name.
        batching: A `DynamicBatching`, which joins waiting requests, or `None` to compute each request by itself.

    Raises:
        MissingExtraError: On import, if the extra `kserve` is not installed.
        UserError: If there is no model.

    Example:

    >>> kserve.ModelServer().start([KServeModel("saved_models/digits")])
    """

    def __init__(self, directory, name: str | None = None, batching: DynamicBatching | None = None):
        self._repository = ModelRepository(directory, name, batching=batching)
        (only,) = self._repository.model_names
        super().__init__(only)
        self._repository.lookup(only)  # Raises if no version can be served.
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        """Answers an `InferRequest` with an `InferResponse`. Called by KServe."""
        if not isinstance(payload, kserve.InferRequest):
            raise kserve_errors.InvalidInput(
                "The request must be in the V2 protocol. Send it to /v2/models/NAME/infer."
            )
        signature_name = (payload.parameters or {}).get("signature_name", "generate")
        signature_name = getattr(signature_name, "string_param", signature_name)  # With gRPC, it is a message.
        try:
            inputs = {tensor.name: tensor.as_numpy() for tensor in payload.inputs}
            servable = self._repository.lookup(self.name)
            outputs = await self._repository.predict_async(servable, signature_name, inputs)
        except ServingError as error:
            if error.http_status < 500:
                raise kserve_errors.InvalidInput(error.message) from error
            raise kserve_errors.InferenceError(error.message) from error
        except (ValueError, TypeError, OverflowError) as error:  # Data that does not match its shape or type.
            raise kserve_errors.InvalidInput(f"A tensor cannot be read: {error}") from error
        return self._response(payload, servable, outputs)

    def get_input_types(self) -> list:
        """Returns the names, types, and shapes of the inputs of `generate`, for the model's metadata."""
        return self._types("inputs")

    def get_output_types(self) -> list:
        """Returns the names, types, and shapes of the outputs of `generate`, for the model's metadata."""
        return self._types("outputs")

    def _response(self, payload, servable, outputs):
        binary = payload.from_grpc or payload.use_binary_outputs
        binary = binary or any(output.binary_data for output in payload.request_outputs or ())
        tensors = []
        for name, array in outputs.items():
            if array.dtype == object and not binary:
                raise kserve_errors.InvalidInput(f"Output {name} is bytes. Request it with binary_data set to true.")
            datatype = numpy_codec.from_np_dtype(array.dtype)
            tensors.append(kserve.InferOutput(name=name, shape=list(array.shape), datatype=datatype, data=array))
        return kserve.InferResponse(
            response_id=payload.id or uuid.uuid4().hex,  # KServe does not send a response without an ID.
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
    """Entry point of the container."""
    server = import_extra("kserve.model_server", "kserve", "Serving under KServe")
    parser = argparse.ArgumentParser(parents=[server.parser])
    parser.add_argument("directory", help="saved_models/NAME")
    args = parser.parse_args()
    kserve.ModelServer(http_port=args.http_port, grpc_port=args.grpc_port, enable_grpc=args.enable_grpc).start(
        [KServeModel(args.directory, batching=DynamicBatching())]
    )


if __name__ == "__main__":
    main()

"""A model of a made-up kind over REST: plain JSON arrays, by the names that its spec gives them."""

import numpy as np

from tests.exports.made_up_models import Cloud
from tests.serving.conftest import RestClient
from tfgan_suite.exports.saved_model import export_saved_model
from tfgan_suite.serving import DynamicBatching, Server


def test_points_in_json(tmp_path):
    model = Cloud()
    export_saved_model(model, tmp_path / "cloud", max_count=4)
    with Server(tmp_path / "cloud", rest_port=0, grpc_port=0, batching=DynamicBatching()) as server:
        rest = RestClient(server.rest_url)
        assert '"temperature": 1.0, "shift": 0.0' in server.describe()
        inputs = {"seed": 1, "count": 3, "temperature": 0.5, "shift": 0.0, "labels": [0, 1, 2]}
        status, answer = rest.predict("cloud", {"signature_name": "generate", "inputs": inputs})
        expected = model.generate(3, labels=[0, 1, 2], seed=1, temperature=0.5)
        assert status == 200
        np.testing.assert_allclose(answer["outputs"], expected, atol=1e-5)

        rows = [{"points": point.tolist(), "labels": label} for label, point in enumerate(expected)]
        status, answer = rest.predict("cloud", {"signature_name": "log_prob", "instances": rows})
        assert status == 200
        np.testing.assert_allclose(answer["predictions"], model.log_prob(expected, [0, 1, 2]), atol=1e-4)

        latents = model.encode(expected, [0, 1, 2]).numpy().tolist()
        status, answer = rest.predict("cloud", {"inputs": {"latents": latents, "labels": [0, 1, 2]}})
        assert status == 200
        np.testing.assert_allclose(answer["outputs"], expected, atol=1e-4)

        status, answer = rest.predict("cloud", {"signature_name": "generate", "inputs": {**inputs, "temperature": 3.0}})
        assert status == 400 and "temperature must be from 0 to 2" in answer["error"]

"""LSTM steps by MLServer and PyTorch on one thread, over the Open Inference Protocol. Prints its port.

POST /v2/models/lstm{units}/infer with FP32 inputs x, h, c; answers h and c.
"""

import asyncio
import socket

import torch
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

torch.set_num_threads(1)


class Lstm(MLModel):
    async def load(self):
        extra = self.settings.parameters.extra
        self.cell = torch.nn.LSTMCell(extra["features"], extra["units"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        x, h, c = (torch.from_numpy(NumpyCodec.decode_input(entry)) for entry in payload.inputs)
        with torch.inference_mode():
            h, c = self.cell(x, (h, c))
        outputs = [NumpyCodec.encode_output("h", h.numpy()), NumpyCodec.encode_output("c", c.numpy())]
        return InferenceResponse(model_name=self.name, outputs=outputs)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def main():
    port = free_port()
    settings = Settings(
        host="127.0.0.1",
        http_port=port,
        grpc_port=free_port(),
        metrics_port=free_port(),
        parallel_workers=0,
        debug=False,
        environments_dir="/nonexistent",
    )
    models = [
        ModelSettings(
            name=f"lstm{units}",
            implementation=Lstm,
            parameters={"extra": {"features": features, "units": units}},
        )
        for units, features in ((64, 16), (512, 512))
    ]
    print(port, flush=True)
    await MLServer(settings).start(models)


if __name__ == "__main__":
    asyncio.run(main())

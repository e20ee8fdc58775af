"""LSTM steps by Triton through nvidia-pytriton and PyTorch on one thread. Prints its port.

POST /v2/models/lstm{units}/infer with FP32 inputs x, h, c; answers h and c.
"""

import logging
import signal
import socket

import numpy as np
import torch
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

torch.set_num_threads(1)
logging.disable(logging.INFO)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stepper(features, units):
    cell = torch.nn.LSTMCell(features, units)

    @batch
    def step(x, h, c):
        with torch.inference_mode():
            h, c = cell(*(torch.from_numpy(x),), (torch.from_numpy(h), torch.from_numpy(c)))
        return {"h_next": h.numpy(), "c_next": c.numpy()}

    return step


port = free_port()
config = TritonConfig(
    http_address="127.0.0.1",
    http_port=port,
    grpc_address="127.0.0.1",
    grpc_port=free_port(),
    allow_metrics=False,
)
with Triton(config=config) as triton:
    for units, features in ((64, 16), (512, 512)):
        shapes = {"x": features, "h": units, "c": units}
        triton.bind(
            model_name=f"lstm{units}",
            infer_func=stepper(features, units),
            inputs=[Tensor(name=name, dtype=np.float32, shape=(size,)) for name, size in shapes.items()],
            outputs=[Tensor(name=name, dtype=np.float32, shape=(units,)) for name in ("h_next", "c_next")],
            config=ModelConfig(max_batch_size=32),
        )
    triton.run()
    print(port, flush=True)
    signal.pause()

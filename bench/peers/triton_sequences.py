"""Steps of LSTM sequences by Triton's own server and its Python backend, with PyTorch on one thread. Prints its port.

POST /v2/models/lstm64/infer with FP32 inputs [1, 16] and sequence_id; answers the output. nvidia-pytriton brings the server;
its own models have no sequences, so the server runs here with a repository that has a model of two files.
"""

import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile

import pytriton

CONFIG = """
name: "lstm64"
backend: "python"
max_batch_size: 32
input [{ name: "inputs" data_type: TYPE_FP32 dims: [16] }]
output [{ name: "output" data_type: TYPE_FP32 dims: [64] }]
instance_group [{ kind: KIND_CPU count: 1 }]
sequence_batching {
  max_sequence_idle_microseconds: 600000000
  oldest { max_candidate_sequences: 1024 }
  control_input [
    { name: "START" control [{ kind: CONTROL_SEQUENCE_START fp32_false_true: [0, 1] }] },
    { name: "ID" control [{ kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 }] }
  ]
}
"""
# It runs in a process of Triton, which knows neither this file nor its imports.
MODEL = """
import torch
import triton_python_backend_utils as triton

torch.set_num_threads(1)


class TritonPythonModel:
    def initialize(self, args):
        self.cell = torch.nn.LSTMCell(16, 64)
        self.states = {}

    def execute(self, requests):
        def read(name):
            return [triton.get_input_tensor_by_name(one, name).as_numpy() for one in requests]

        ids = [int(each.flat[0]) for each in read("ID")]
        for id, start in zip(ids, read("START")):
            if start.flat[0]:
                self.states[id] = torch.zeros(1, 64), torch.zeros(1, 64)
        x = torch.cat([torch.from_numpy(each) for each in read("inputs")])
        h, c = (torch.cat([self.states[id][k] for id in ids]) for k in (0, 1))
        with torch.inference_mode():
            h, c = self.cell(x, (h, c))
        for row, id in enumerate(ids):
            self.states[id] = h[row : row + 1], c[row : row + 1]
        rows = h.numpy()
        return [
            triton.InferenceResponse([triton.Tensor("output", rows[row : row + 1])])
            for row in range(len(ids))
        ]
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepare(directory, server):
    """A repository with the model, and the Python backend with the stub for this version of Python."""
    version = directory / "models" / "lstm64" / "1"
    version.mkdir(parents=True)
    (version.parent / "config.pbtxt").write_text(CONFIG)
    (version / "model.py").write_text(MODEL)
    backend = directory / "backends" / "python"
    shutil.copytree(server / "backends" / "python", backend)
    stub = "triton_python_backend_stub"
    shutil.copy(server / "python_backend_stubs" / "{}.{}".format(*sys.version_info) / stub, backend / stub)


def start(directory, server, port):
    packages = pathlib.Path(pytriton.__file__).parent.parent
    libraries = [packages / "nvidia_pytriton.libs", sysconfig.get_config_var("LIBDIR")]
    environment = {
        "PATH": "{}:/usr/bin:/bin".format(pathlib.Path(sys.executable).parent),
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        "PYTHONPATH": str(packages),
    }
    options = {
        "model-repository": directory / "models",
        "backend-directory": directory / "backends",
        "http-address": "127.0.0.1",
        "http-port": port,
        "allow-grpc": "false",
        "allow-metrics": "false",
        "exit-timeout-secs": 1,
    }
    command = [server / "bin" / "tritonserver", *(f"--{name}={value}" for name, value in options.items())]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


with tempfile.TemporaryDirectory() as name:
    directory = pathlib.Path(name)
    server = pathlib.Path(pytriton.__file__).parent / "tritonserver"
    prepare(directory, server)
    port = free_port()
    process = start(directory, server, port)

    def stop(*_):
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    print(port, flush=True)
    process.wait()

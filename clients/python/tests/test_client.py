"""Runs against the service at CELLSTEP, which the suite starts (test/system/clients/python.test.ts)."""

from __future__ import annotations

import asyncio
import http.server
import os
import runpy
import threading
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cellstep
from cellstep._tensors import TensorFile, read_safetensors, write_safetensors

URL = os.environ["CELLSTEP"]
SUM = {
    "units": 1,
    "activation": "linear",
    "use_bias": False,
    "kernel_initializer": "ones",
    "recurrent_initializer": "ones",
}


@pytest.fixture
def client() -> Any:
    with cellstep.Client(URL, retries=2) as opened:
        yield opened


def test_does_the_tutorial(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(Path(__file__).parents[1] / "examples" / "tutorial.py"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["2·1 + 1·1 + 3 = 6.0", "3·1 + 6·3 + 1 = 22.0"]
    assert lines[2:] == ["tanh = [-1.         0.9999877  1.       ]", "step 2 → 5.0", "step 3 → 11.0"]


def test_carries_a_state_in_arrays(client: cellstep.Client) -> None:
    cell = client.create_cell("SimpleRNNCell", SUM)
    result = cell.step(np.array([[1], [2]], np.float32), [[[10], [20]]])
    np.testing.assert_array_equal(result.output, [[11], [22]])
    sequence = cell.sequence([[[1], [2], [3]]], mask=[[True, False, True]])
    np.testing.assert_array_equal(sequence.output, [[[1], [1], [4]]])
    with client.session(cell, history=4) as session:
        assert session.advance([[[1], [2]]]).step == 2
        np.testing.assert_array_equal(session.states()[0], [[3]])
        np.testing.assert_array_equal(session.fork(at_step=1).states()[0], [[1]])
        assert session.rewind(1)["step"] == 1
    with pytest.raises(cellstep.Problem) as refused:
        session.describe()
    assert (refused.value.code, refused.value.status) == ("not-found", 404)


def test_reads_and_sets_weights(client: cellstep.Client) -> None:
    cell = client.create_cell("SimpleRNNCell", SUM, input_shape=[None, 1])
    cell.set_weights({"kernel": [[2]], "recurrent_kernel": [[3]]})
    np.testing.assert_array_equal(cell.weights()["kernel"], [[2]])
    copy = client.import_file("application/x-safetensors", cell.weight_file("application/x-safetensors"))
    np.testing.assert_array_equal(copy.step([[1]], [[[1]]]).output, [[5]])
    assert copy.id in [described["id"] for described in client.cells()]


def test_tells_of_a_refusal_as_the_service_does(client: cellstep.Client) -> None:
    cell = client.create_cell("SimpleRNNCell", SUM, input_shape=[None, 1])
    with pytest.raises(cellstep.Problem, match=r"\[1,2\]") as refused:
        cell.step([[1, 2]])
    assert refused.value.code == "wrong-shape"
    assert refused.value.request_id != ""


def test_sends_a_step_again_until_it_is_answered(client: cellstep.Client) -> None:
    session = client.session(client.create_cell("SimpleRNNCell", SUM))
    keys: list[str | None] = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keys.append(self.headers.get("idempotency-key"))
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
            reply = urllib.request.urlopen(urllib.request.Request(URL + self.path, body, headers))
            data = reply.read()
            # Answered by the service, but not to the client.
            if len(keys) == 1:
                self.connection.close()
                return
            self.send_response(reply.status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with cellstep.Client(f"http://127.0.0.1:{server.server_port}") as through:
        stepped = through.existing_session(session.id).advance([[5]])
    server.shutdown()
    assert (stepped.step, stepped.output.item()) == (1, 5)
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_steps_many_sessions_in_one_call(client: cellstep.Client) -> None:
    cell = client.create_cell("SimpleRNNCell", SUM)
    first, second = client.session(cell), client.session(cell)
    results = client.steps({first.id: [1], "nobody": [5], second.id: [2]})
    assert [result.output is not None and result.output.item() for result in results] == [1, False, 2]
    assert results[1].problem is not None
    assert results[1].problem.code == "not-found"


def test_streams_steps_over_a_socket(client: cellstep.Client) -> None:
    with client.session(client.create_cell("SimpleRNNCell", SUM)) as session:
        sums = [(step.step, step.output.item()) for step in session.stream([[n]] for n in (1, 2, 3))]
    assert sums == [(1, 1), (2, 3), (3, 6)]

    async def run() -> list[float]:
        async with cellstep.AsyncClient(URL) as other:
            cell = await other.create_cell("SimpleRNNCell", SUM)
            async with await other.session(cell) as session:
                return [step.output.item() async for step in session.stream([[n]] for n in (1, 2, 3))]

    assert asyncio.run(run()) == [1, 3, 6]


def test_a_stream_tells_of_a_refusal(client: cellstep.Client) -> None:
    with client.session(client.create_cell("SimpleRNNCell", SUM)) as session:
        with pytest.raises(cellstep.Problem) as refused:
            list(session.stream([[[1]], [[1, 2]]]))
        assert refused.value.code == "wrong-shape"
        assert session.describe()["step"] == 1


def test_trains(client: cellstep.Client) -> None:
    cell = client.create_cell("SimpleRNN", {"units": 1}, input_shape=[None, None, 1])
    sgd = {"class_name": "SGD", "config": {"learning_rate": 0.1}}
    trained = cell.train([[[1], [0.5]]], [[0.25]], loss="mse", optimizer=sgd, repeat=5)
    assert len(trained["losses"]) == 5
    assert trained["losses"][4] < trained["losses"][0]


def test_serves_a_module_of_several_layers_by_its_chain(client: cellstep.Client) -> None:
    state = {
        "embedding.weight": np.array([[0.0], [0.5], [1.0]], np.float32),
        "rnn.weight_ih_l0": np.ones((1, 1), np.float32),
        "rnn.weight_hh_l0": np.ones((1, 1), np.float32),
        "rnn.bias_ih_l0": np.zeros(1, np.float32),
        "rnn.bias_hh_l0": np.zeros(1, np.float32),
        "head.weight": np.full((2, 1), 3, np.float32),
        "head.bias": np.ones(2, np.float32),
    }
    chain = ["embedding", "rnn", "head"]
    cell = client.import_torch(state, chain=chain, options={"head.activation": "relu"})
    h = np.tanh(1 + np.tanh(0.5))
    with client.session(cell) as session:
        session.step(np.array([1]))
        np.testing.assert_allclose(session.step(np.array([2])), [[3 * h + 1] * 2], rtol=1e-6)

    async def run() -> str:
        async with cellstep.AsyncClient(URL) as other:
            return (await other.import_torch(state, chain=chain, id="chained")).id

    assert asyncio.run(run()) == "chained"


def test_asks_for_the_chain_of_a_module_that_is_no_single_layer(client: cellstep.Client) -> None:
    class Tagger:
        def named_children(self) -> list[tuple[str, object]]:
            return [("embedding", None), ("head", None)]

    with pytest.raises(ValueError, match=r"It has embedding, head\. Name its layers"):
        client.import_torch(Tagger())


def test_names_inputs_and_outputs_of_a_graph(client: cellstep.Client) -> None:
    model = Path(os.environ["CELLSTEP_GRAPH"]).read_bytes()
    cell = client.import_file("application/x-onnx", model, graph="true")
    inputs = {"x": np.array([[1, 2]], np.float32), "gain": np.float32(10)}
    result = cell.step(inputs)
    assert result.outputs.keys() == {"y", "minus"}
    np.testing.assert_array_equal(result.outputs["minus"], [[-10, -20]])
    with client.session(cell) as session:
        assert session.advance(inputs).step == 1
        streamed = list(session.stream([inputs, inputs]))
        assert [step.outputs["y"].tolist() for step in streamed] == [[[20, 40]], [[30, 60]]]


def test_says_what_it_could_not_reach() -> None:
    with cellstep.Client("http://127.0.0.1:1", retries=0) as nobody, pytest.raises(cellstep.Unreachable):
        nobody.cell("x").describe()


def test_does_the_same_for_asyncio() -> None:
    async def run() -> None:
        async with cellstep.AsyncClient(URL) as client:
            cell = await client.create_cell("SimpleRNNCell", SUM)
            async with await client.session(cell) as session:
                outputs = [(await session.step([[x]])).item() for x in (1, 2, 3)]
            assert outputs == [1, 3, 6]
            assert cell.id in [described["id"] async for described in client.cells()]

    asyncio.run(run())


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int32", "bool"])
def test_tensors_come_out_of_a_file_as_they_went_in(dtype: str) -> None:
    given = {"a": np.arange(6).reshape(2, 3).astype(dtype), "b": np.array(1, dtype), "c": np.zeros((0, 4), dtype)}
    read = read_safetensors(write_safetensors(TensorFile(given, {"x": '"y"'})))
    assert read.value("x") == "y"
    for name, array in given.items():
        assert read.array(name).dtype == array.dtype
        np.testing.assert_array_equal(read.array(name), array)

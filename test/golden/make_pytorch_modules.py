"""Saves state_dicts of modules of several layers, and what the modules compute.

    pip install torch==2.13.0 safetensors
    python make_pytorch_modules.py pytorch_modules 1

writes <name>.pt or <name>.safetensors of each case, and cases.json: {"torch", "cases": [{name, file, query, inputs,
outputs}]}. `query` makes the network of the file. `outputs` are computed in float64 from the weights that the file has.
test/interop makes the same of another seed.
"""

import json
import sys
import warnings
from pathlib import Path

import safetensors.torch
import torch
from torch import nn


class Chain(nn.Module):
    """Layers one after another, under their names; `after` is what is done with what a layer gives."""

    def __init__(self, layers, after=None):
        super().__init__()
        self.order = list(layers)
        self.after = after or {}
        for name, layer in layers.items():
            parent = self
            *path, own = name.split(".")
            for part in path:
                if not hasattr(parent, part):
                    parent.add_module(part, nn.Module())
                parent = getattr(parent, part)
            parent.add_module(own, layer)

    def forward(self, x):
        for name in self.order:
            layer = self.get_submodule(name)
            x = layer(x)
            if isinstance(x, tuple):
                x = x[0]
            x = self.after.get(name, lambda y: y)(x)
        return x


def recurrent(kind, features, units, **options):
    return getattr(nn, kind)(features, units, batch_first=True, **options)


def by_cells(module, x):
    """An LSTMCell over time."""
    states, outputs = None, []
    for one in module.get_submodule("embedding")(x).unbind(1):
        states = module.get_submodule("cell")(one, states)
        outputs.append(states[0])
    return module.get_submodule("head")(torch.stack(outputs, 1))


def cases():
    language = lambda kind, **options: {
        "embedding": nn.Embedding(11, 4),
        "rnn": recurrent(kind, 4, 5, **options),
        "head": nn.Linear(5, 11),
    }
    yield "lstm", ".pt", Chain({"embedding": nn.Embedding(11, 4), "lstm": recurrent("LSTM", 4, 5), "head": nn.Linear(5, 11)}), {}
    yield "gru", ".safetensors", Chain(language("GRU")), {}
    yield "rnn", ".pt", Chain(language("RNN")), {}
    yield "rnn_relu", ".pt", Chain(language("RNN", nonlinearity="relu")), {"rnn.activation": "relu"}
    yield "without_biases", ".pt", Chain(
        {
            "embedding": nn.Embedding(11, 4),
            "rnn": recurrent("LSTM", 4, 5, bias=False),
            "head": nn.Linear(5, 11, bias=False),
        }
    ), {}
    yield "two_layers", ".pt", Chain(language("GRU", num_layers=2)), {}
    yield "both_directions", ".safetensors", Chain(
        {
            "rnn": recurrent("LSTM", 3, 4, num_layers=2, bidirectional=True),
            "head": nn.Linear(8, 2),
        }
    ), {}
    yield "encoder", ".pt", Chain(
        {
            "body.front": nn.Linear(3, 6),
            "body.norm": nn.LayerNorm(6),
            "body.rnn": recurrent("GRU", 6, 4),
            "out.0": nn.Linear(4, 5),
            "out.2": nn.Linear(5, 2),
        },
        {
            "body.front": torch.tanh,
            "body.rnn": lambda y: y[:, -1],
            "out.0": torch.relu,
            "out.2": lambda y: torch.softmax(y, -1),
        },
    ), {
        "body.front.activation": "tanh",
        "body.rnn.return_sequences": False,
        "out.0.activation": "relu",
        "out.2.activation": "softmax",
    }
    yield "square_embedding", ".pt", Chain(
        {"embedding": nn.Embedding(4, 4), "rnn": recurrent("GRU", 4, 5)}
    ), {"embedding.class_name": "Embedding"}
    yield "double", ".pt", Chain(language("LSTM")).double(), {}
    yield "half", ".pt", Chain(language("GRU")).half(), {}
    yield "cells", ".pt", Chain({"embedding": nn.Embedding(11, 4), "cell": nn.LSTMCell(4, 5), "head": nn.Linear(5, 11)}), {}
    yield "checkpoint", ".pt", Chain(language("LSTM")), {}


def saved(name, module):
    """What is saved of a module: its state_dict, or a dict with more."""
    if name != "checkpoint":
        return module.state_dict(), ""
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.zeros(1, 2, dtype=torch.int64)).sum().backward()
    optimizer.step()
    return {"epoch": 3, "loss": 0.25, "model": module.state_dict(), "optimizer": optimizer.state_dict()}, "model."


def main(directory, seed):
    directory = Path(directory)
    warnings.simplefilter("ignore")
    torch.manual_seed(int(seed))
    made = []
    for name, extension, module, options in cases():
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(torch.empty_like(parameter).uniform_(-0.9, 0.9))
        # A tensor that does not lie in rows.
        if name == "lstm":
            module.head.weight = nn.Parameter(module.head.weight.detach().T.contiguous().T)
        tensors, prefix = saved(name, module)
        file = f"{name}{extension}"
        if extension == ".pt":
            torch.save(tensors, directory / file)
        else:
            safetensors.torch.save_file(tensors, directory / file)
        first = module.get_submodule(module.order[0])
        if isinstance(first, nn.Embedding):
            inputs = torch.randint(0, first.num_embeddings, (2, 6))
        else:
            inputs = torch.empty(2, 6, 3, dtype=torch.float32).uniform_(-2, 2)
        module = module.double()
        with torch.no_grad():
            wide = inputs if inputs.dtype == torch.int64 else inputs.double()
            outputs = by_cells(module, wide) if name == "cells" else module(wide)
        chain = [f"{prefix}{one}" for one in module.order]
        query = {"config.chain": chain, **{f"config.{prefix}{key}": value for key, value in options.items()}}
        tensor = lambda values: {"shape": list(values.shape), "data": values.flatten().tolist()}
        made.append(
            {
                "name": name,
                "file": file,
                "query": {key: json.dumps(value) for key, value in query.items()},
                "inputs": tensor(inputs),
                "outputs": tensor(outputs),
            }
        )
    text = json.dumps({"torch": torch.__version__, "cases": made})
    (directory / "cases.json").write_text(f"{text}\n")


main(*sys.argv[1:])

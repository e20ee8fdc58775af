"""Steps recurrent networks that cellstep serves: NumPy in and out, each step exactly once.

with cellstep.Client() as client:
    cell = client.import_keras(model)
    with client.session(cell) as session:
        y = session.step(x)
"""

from ._async_client import AsyncCell, AsyncClient, AsyncSession
from ._client import Cell, Client, Session
from ._problems import CellstepError, Problem, Unreachable
from .calls import ManyStepsResult, SessionStep, StepResult

__all__ = [
    "AsyncCell",
    "AsyncClient",
    "AsyncSession",
    "Cell",
    "CellstepError",
    "Client",
    "ManyStepsResult",
    "Problem",
    "Session",
    "SessionStep",
    "StepResult",
    "Unreachable",
]

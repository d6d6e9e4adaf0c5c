"""A real Jupyter kernel: progress is seen without ipywidgets, and results are shown as tables."""

import pytest

pytest.importorskip("ipykernel")
nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

CELL = """
import numpy as np
from pyl2 import Backprop, Network

X = np.random.default_rng(0).normal(size=(20000, 20))
network = Network((20, 50, 1), seed=0)
history = Backprop(network, "adam", batch_size=32, seed=0).train(
    X, X[:, 0], epochs=10**6, max_time=1.5, verbose=True
)
history
"""


@pytest.mark.filterwarnings("ignore")
def test_progress_and_results_in_a_kernel():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = notebook.cells[0].outputs
    told = "".join(one.text for one in outputs if one.get("name") == "stderr")
    assert "epoch " in told
    assert "E " in told
    (shown,) = (one.data for one in outputs if one.output_type == "execute_result")
    assert "<table" in shown["text/html"]

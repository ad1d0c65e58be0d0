"""The benchmark of what only a GPU can show, as a dry run: it has to be right when a GPU comes."""

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def test_every_table_comes_on_a_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--dry-run", "--output", str(tmp_path / "gpu.md")])

    importlib.import_module("gpu").main()

    told = (tmp_path / "gpu.md").read_text()
    assert [line[3:] for line in told.splitlines() if line.startswith("## ")] == [
        "From JPEG files of 1,024 pixels to Parquet",
        "Photos at a time",
        "Numbers that SigLIP-base computes in, 4 photos at a time",
        "Threads that decode and prepare",
        "FAISS, 1,100 vectors of 768",
        "The GPU's memory runs out",
        "The tests marked `cuda`",
    ]
    assert "a dry run on the CPU, whose figures mean nothing" in told
    assert "| 4 photos in one batch, with memory for fewer | all embedded, 1 at a time |" in told

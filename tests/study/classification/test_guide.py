"""What docs/classification.md shows runs as it stands."""

import re
from pathlib import Path

import torch

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "classification.md"


def test_the_guide_runs_on_own_data(tmp_path, monkeypatch, capsys):
    (script,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(450) % 3
    inputs = torch.randn((450, 1, 8, 8), generator=generator) + labels[:, None, None, None]
    exec(compile(script, str(GUIDE), "exec"), {"inputs": inputs, "labels": labels})
    assert "| unrolled | MLP(hidden=(128,)) | 3 |" in capsys.readouterr().out
    assert (tmp_path / "data.npz").exists()

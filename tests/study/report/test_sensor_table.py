"""The table of sensors of the benchmark."""

import json

import pytest

from pinndd.storage.reading import FileError
from pinndd.study.report.sensor_table import load_sensors, sensor_table
from pinndd.study.results.summary import SUMMARY_COLUMNS


def row(method, mean, shift="none", **more):
    known = {"pde": "heat", "protocol": "sensors", "learner": "ridge", "boundary_points": 9}
    zeros = {name: 0 for name in SUMMARY_COLUMNS if name not in ("baseline", "ratio", "ratio_low", "ratio_high", "wins")}
    return {**zeros, **known, "method": method, "mean": mean, "shift": shift, "distilled_with": "", **more}


def test_the_table_of_sensors(tmp_path):
    distilled = row("distilled", 0.021, baseline="qr", ratio=2.0, ratio_low=1.5, ratio_high=2.5)
    rows = [distilled, row("qr", 0.042), row("midpoints", 1.234), row("distilled", 0.5, "rough", baseline="qr")]
    (tmp_path / "heat.json").write_text(json.dumps({"rows": rows}))
    assert sensor_table(load_sensors(tmp_path)).splitlines()[2:] == [
        "| heat | 9 | 2.1 | 4.2 (qr) | 2.00 (1.50–2.50) | midpoints 123 |"
    ]


def test_a_folder_without_files_has_no_rows(tmp_path):
    assert load_sensors(tmp_path).empty


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": 3}', '{"rows": [{"pde": "heat"}]}', '{"rows": [{"mean": "x"}]}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "heat.json").write_text(text)
    with pytest.raises(FileError, match=r"heat\.json .*: measure it again"):
        load_sensors(tmp_path)

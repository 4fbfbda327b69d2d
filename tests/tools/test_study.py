"""The joint table of several comparisons."""

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "study.py"


def measured(*values):
    return {"mean": None, "deviation": None, "values": list(values)}


def comparison(path, miou, pole, wire):
    kind = {"factor": "1/4", "labels": "area", "seeds": list(range(len(miou)))}
    kind |= {"miou_percent": measured(*miou), "boundary_miou_percent": measured(*miou)}
    kind |= {"memory_mb": measured(100.4), "picture_ms": measured(), "training_min": measured(4.0)}
    kind |= {
        "iou_percent": {"road": measured(90), "pole": measured(*pole), "wire": measured(*wire)}
    }
    path.write_text(json.dumps({"shared": {"data": "folder:somewhere"}, "kinds": [kind]}))
    return path


def study(*words):
    done = subprocess.run([sys.executable, TOOL, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rows_of_several_comparisons_stand_in_one_table(tmp_path):
    a = comparison(tmp_path / "a.json", [40, 42], [1, 3], [5, 7])
    b = comparison(tmp_path / "b.json", [44], [10], [20])
    head, _, first, second = study(f"ce={a}", f"jdt={b}", "--thin", "pole,wire").splitlines()
    assert head.split("|")[5:7] == [" mIoU, % ", " thin classes, % "]
    assert first == "| ce | 1/4 | area | 2 | 41.0 ± 1.4 | 4.0 ± 1.4 | 41.0 ± 1.4 | 100 | - | 4.0 |"
    assert second == "| jdt | 1/4 | area | 1 | 44.0 | 15.0 | 44.0 | 100 | - | 4.0 |"


def test_json_has_every_seed_and_nothing_of_where_the_data_lies(tmp_path):
    a = comparison(tmp_path / "a.json", [40, 42], [1, 3], [5, 7])
    told = study(f"ce={a}", "--thin", "pole,wire", "--json")
    (row,) = json.loads(told)
    assert row["miou_percent"]["values"] == [40, 42]
    assert row["thin_percent"] == [3, 5]
    assert "somewhere" not in told

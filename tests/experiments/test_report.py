from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.image import imread

from experiments.report import find_folder, main
from experiments.reporting.figures import draw_curves, draw_seeds, mean_and_band, sharpness_steps
from experiments.reporting.results import read_results
from experiments.reporting.tables import cells_table, codecs_table, comparisons_table
from idf.config.compose import compose
from idf.errors import ConfigError, RunError

Make = Callable[..., Path]


def test_the_statistics_of_each_cell(study: Make) -> None:
    result = read_results(study())
    a, b = result.cells
    assert [cell.name for cell in result.cells] == ["a", "b"]
    assert (a.summary.mean, a.summary.count) == (pytest.approx(9.2), 2)  # without the seed that diverged
    assert (a.count("diverged"), a.ended) == (1, 3)
    assert a.worst_seed is not None
    assert a.worst_seed.name == "a-s2"
    assert (b.summary.mean, b.count("finished"), b.count("new")) == (pytest.approx(8.95), 2, 1)
    assert b.last.mean == pytest.approx(9.025)  # seed 1 got worse after its best
    assert [seed.name for seed in result.missing] == ["b-s2"]
    assert result.target == pytest.approx(9.2)
    assert (b.reached, b.median_steps) == ((100, 100), 100)
    assert a.reached == (200, 200)
    (comparison,) = result.comparisons
    assert comparison[2].seeds == (0, 1)
    assert comparison[2].difference == pytest.approx(-0.25)


def test_a_target_of_the_study_and_of_the_command_line(study: Make) -> None:
    folder = study(target=9.0)
    assert read_results(folder).target == 9.0
    assert read_results(folder, 8.0).cells[0].reached == ()


def test_the_cells_as_a_table(study: Make) -> None:
    table = cells_table(read_results(study()))
    shown = dict(zip(table.columns, table.rows[0], strict=True))
    assert shown["finished"] == "2 of 3"
    assert shown["diverged"].startswith("1 of 3 (6–79 %)")
    assert shown["mean ± sd"] == "9.2000 ± 0.1414"
    assert shown["worst"] == "s2 diverged at 200"
    assert table.rows[1][table.columns.index("worst")] == "9.0000 (s1)"
    (first, _) = csv.DictReader(table.csv().splitlines())
    assert float(first["mean"]) == pytest.approx(9.2)
    assert first["diverged"] == "1"


def test_our_models_beside_other_codecs_and_published_figures(study: Make) -> None:
    commands: list[str] = []
    table = codecs_table(read_results(study()), commands)
    assert table is not None
    shown = {line[0]: dict(zip(table.columns, line, strict=True)) for line in table.rows}
    assert list(shown) == ["ours, a", "the original, a", "ours, b", "FLAC -8", "FLAC -8 -b a", "FLAC -8 -b b"]
    assert shown["ours, a"]["bits/sample"] == "9.0000 ± 0.1414"
    assert shown["ours, a"]["seeds"] == "2"
    assert shown["ours, a"]["encode"] == "12×"
    assert shown["the original, a"]["measured on"] == "on its training windows"
    assert (shown["the original, a"]["bits/sample"], shown["the original, a"]["command"]) == ("7.9200", "–")
    assert shown["FLAC -8"]["bits/sample"] == "9.5000"  # listed once, although both cells measured it
    # Every row names the command that made it.
    number = int(shown["ours, b"]["command"].strip("[]"))
    assert commands[number - 1].startswith(
        "python train.py -m model=medium layout=original sharpness=step study=mine-smoke seed=0,1; python evaluate.py run="
    )
    records = list(csv.DictReader(table.csv().splitlines()))
    assert all(record["command"] for record in records if record["note"] != "published")


def test_nothing_evaluated_and_nothing_to_compare(make_run: Make, outputs: Path) -> None:
    folder = make_run("study=x-full")
    manifest = {"runs": [{"cell": "a", "seed": 0, "run": folder.name, "overrides": ["study=x-full"]}]}
    (folder.parent / "study.json").write_text(json.dumps(manifest))
    result = read_results(folder.parent)
    assert codecs_table(result, []) is None
    assert comparisons_table(result) is None


def test_markdown_and_latex(study: Make) -> None:
    table = comparisons_table(read_results(study()))
    assert table is not None
    lines = table.markdown().splitlines()
    assert lines[2] == "| first → second | seeds | difference | 95 % interval | second better | p |"
    assert lines[3] == "|---|---:|---:|---:|---:|---:|"
    assert lines[4].startswith("| a → b | 2 | -0.2500 | ")
    latex = table.latex()
    assert r"a $\rightarrow$ b & 2 & -0.2500 &" in latex
    assert r"95 \% interval" in latex
    assert latex.count("\\begin{") == latex.count("\\end{") == 2
    assert latex.count(r"\\") == 2


def test_the_whole_report(study: Make, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = study()
    assert main(["mine", f"outputs={outputs}"]) == 0
    text = (folder / "report" / "report.md").read_text()
    shown = capsys.readouterr().out
    assert not any(line.startswith(("#", "|", "!")) for line in shown.splitlines())  # no Markdown on the terminal
    assert "b needs 0.2500 bits/sample fewer than a, over seeds 0, 1" in shown
    assert "a-s2 diverged at step 200: the loss became nan." in shown
    assert "**Incomplete:** b-s2 (not started)." in text
    assert "6 runs: 4 finished, 1 diverged, 1 not started." in text
    assert "Made by `python -m experiments.study mine`." in text
    names = {path.name for path in (folder / "report").iterdir()}
    stems = ("cells", "comparisons", "codecs", "runs")
    assert names == {f"{stem}.{form}" for stem in stems for form in ("csv", "tex")} | {
        f"{stem}{form}"
        for stem in ("seeds", "curves")
        for form in (".svg", ".pdf", ".png", "-column.svg", "-column.pdf")
    } | {"report.md", "report.html"}
    for stem in ("seeds", "curves"):
        assert imread(folder / "report" / f"{stem}.png").std() > 0.01
        ElementTree.parse(folder / "report" / f"{stem}.svg")
        assert f"![{stem}]({stem}.png)" in text


def test_what_the_figures_show(study: Make) -> None:
    result = read_results(study())
    seeds = draw_seeds(result)
    assert seeds is not None
    (axes,) = seeds.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    drawn = sorted(float(x) for line in axes.lines if line.get_marker() == "o" for x in line.get_xdata())
    assert drawn == [8.9, 9.0, 9.1, 9.3]
    assert [text.get_text() for text in axes.texts] == ["1"]  # one seed of cell a diverged
    curves = draw_curves(result)
    assert curves is not None
    jumps = [[line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"] for axes in curves.axes]
    assert jumps[0] == []
    assert jumps[1] == sharpness_steps(compose(["layout=original", "sharpness=step"]))


def test_a_study_that_did_nothing_yet(make_run: Make, outputs: Path) -> None:
    folder = make_run("study=x-full", status="failed", curve={}).parent
    entry = {"cell": "a", "seed": 0, "run": next(folder.iterdir()).name, "overrides": []}
    (folder / "study.json").write_text(json.dumps({"runs": [entry]}))
    result = read_results(folder)
    assert draw_seeds(result) is None
    assert draw_curves(result) is None
    assert main([str(folder)]) == 0
    assert "a-s0 (failed)" in (folder / "report" / "report.md").read_text()


def test_bands_take_the_steps_that_all_have() -> None:
    assert mean_and_band([((1, 2.0), (2, 4.0)), ((2, 6.0), (3, 1.0))]) == [(2, 5.0, 4.0, 6.0)]
    assert mean_and_band([]) == []


def test_sharpness_jumps_only_under_the_stepped_schedule() -> None:
    steps = ["layout=original", "training.steps=1000", "sharpness.boundaries=[0.25, 0.5]"]
    assert sharpness_steps(compose(["sharpness=step", *steps])) == [250, 500]
    assert sharpness_steps(compose(["sharpness=linear", *steps])) == []
    assert sharpness_steps(compose(["sharpness=learned", *steps])) == []


def test_studies_by_name_budget_and_folder(study: Make, outputs: Path) -> None:
    with pytest.raises(RunError, match="no study was run yet"):
        find_folder("mine", None, outputs)
    folder = study()
    assert find_folder("mine", None, outputs) == folder
    assert find_folder("some/where/mine.yaml", "smoke", outputs) == folder
    assert find_folder(str(folder), None, outputs) == folder
    assert find_folder("mine-smoke", None, outputs) == folder
    with pytest.raises(RunError, match="no study mine-full; there are mine-smoke"):
        find_folder("mine", "full", outputs)
    with pytest.raises(ConfigError, match="expected a number of bits/sample"):
        main(["mine", f"outputs={outputs}", "target=low"])
    with pytest.raises(ConfigError, match="did you mean target"):
        main(["mine", "targt=9"])
    (folder / "study.json").write_text('{"runs": [{}]}')
    with pytest.raises(RunError, match="of another version"):
        read_results(folder)

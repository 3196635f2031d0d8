"""Runs side by side: what shares a line, and what must not."""

import dataclasses
import math

import pytest

from lunette.errors import LunetteError
from lunette.faces.cli import main
from lunette.faces.terminal import say
from lunette.results.evaluation import Evaluation, Group, Number
from lunette.uses.compare import Line, compare
from lunette.uses.compare.plots import losses, pareto, undominated
from lunette.uses.train import train

QUICK = {"epochs": 2, "network": "mlp:8", "latent": 2, "pictures": 0}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    made = {
        "a": train("vae", out=folder / "a", **QUICK),
        "b": train("vae", out=folder / "b", **QUICK | {"latent": 3}),
        "beta": train("vae", out=folder / "beta", beta=2.0, **QUICK),
        "normal": train("vae", out=folder / "normal", likelihood="normal", **QUICK),
        "plain": train("autoencoder", out=folder / "plain", **QUICK),
        "told": train("cvae", out=folder / "told", **QUICK),
        "iwae": train("iwae", out=folder / "iwae", samples=3, **QUICK),
        "iwae_more": train("iwae", out=folder / "iwae_more", samples=4, **QUICK),
        "small": train("vae", out=folder / "small", size=6, **QUICK),
    }
    for name, distance in (("a", 5.0), ("b", 3.0)):
        group = Group(
            {"Fréchet distance": Number(distance, floor=1.0, better="lower")},
            basis="features x",
            settings={"pictures": 180},
        )
        Evaluation("0002", "", "", {"samples": group}).save(made[name].path)
    return made


def line(section, name, having):
    """The line called `name` that has a number of the run called `having`."""
    at = [side.name for side in section.sides].index(having)
    (found,) = [line for line in section.lines if line.name == name and line.numbers[at]]
    return {s.name: n.value for s, n in zip(section.sides, found.numbers, strict=True) if n}, found


def test_only_losses_that_mean_the_same_share_a_line(runs):
    (section,) = compare([runs[name] for name in ("a", "b", "beta", "normal", "plain")]).sections
    assert set(line(section, "test loss", "a")[0]) == {"a", "b"}
    assert set(line(section, "test loss", "beta")[0]) == {"beta"}
    assert set(line(section, "test loss", "normal")[0]) == {"normal"}
    assert set(line(section, "test distortion", "a")[0]) == {"a", "b", "beta"}  # β weighs the rate alone
    assert set(line(section, "test rate", "a")[0]) == {"a", "b", "beta", "normal"}
    row = next(row for row in runs["b"].metrics() if row["split"] == "test")
    assert line(section, "test loss", "b")[0]["b"] == row["loss"]
    assert any(
        note.startswith("test loss cannot be compared between distortion + rate; bernoulli, of grey pixels (a, b) and")
        for note in section.notes
    )
    assert any("no samples of plain" in note for note in section.notes)
    assert set(section.samples) == {"a", "b", "beta", "normal"}
    assert set(section.reconstructions) == {"original", "a", "b", "beta", "normal", "plain"}
    assert set(section.plots) == {"Learning curves", "Rate and distortion", "Quality and time"}


def test_a_model_that_is_told_labels_and_bounds_of_other_samples_are_apart(runs):
    (section,) = compare([runs[name] for name in ("a", "told", "iwae", "iwae_more")]).sections
    for name in ("a", "told", "iwae", "iwae_more"):
        assert set(line(section, "test loss", name)[0]) == {name}
    assert set(line(section, "test distortion", "a")[0]) == {"a"}
    assert line(section, "test loss", "iwae")[1].basis == "importance bound (K = 3); bernoulli, of grey pixels"
    assert line(section, "test distortion", "a")[1].basis == "bernoulli, of grey pixels"
    assert "Quality and time" not in section.plots  # no two runs share a loss


def test_numbers_of_another_checkpoint_and_of_a_fitted_prior_are_told(runs):
    before = Evaluation.load(runs["b"].path)
    group = dataclasses.replace(before.groups["samples"], settings={"pictures": 180, "prior": "mixture"})
    last = runs["b"].trained().name
    Evaluation(last, runs["b"].checkpoints.load(last).sha256, "", {"samples": group}).save(runs["b"].path)
    try:
        (section,) = compare([runs["a"], runs["b"]]).sections
        told = " ".join(section.notes)
        assert "a was measured at checkpoint 0002, which is another than" in told
        assert "b was measured" not in told
        assert "the measured samples of b are of its fitted mixture prior" in told
    finally:
        before.save(runs["b"].path)


def test_floors_that_differ_stand_beside_their_numbers():
    numbers = (Number(2.0, floor=1.0), Number(3.0, floor=1.0), None)
    both = Line("samples", "x", "", "", "lower", numbers)
    assert both.floor == 1.0
    assert both.cell(numbers[0]) == "2"
    apart = dataclasses.replace(both, numbers=(numbers[0], Number(3.0, floor=0.5), None))
    assert apart.floor is None
    assert [apart.cell(n) for n in apart.numbers] == ["2 (floor 1)", "3 (floor 0.5000)", ""]


def test_the_best_is_told_of_evaluated_numbers(runs):
    (section,) = compare([runs["a"], runs["b"], runs["normal"]]).sections
    found, distances = line(section, "Fréchet distance", "a")
    assert found == {"a": 5.0, "b": 3.0}
    assert (distances.best, distances.floor) == ((1,), 1.0)
    assert dataclasses.replace(distances, better="higher").best == (0,)
    assert dataclasses.replace(distances, better="").best == ()
    for values, best in (((math.nan, 1.0), ()), ((2.0, 2.0), ()), ((3.0, 2.0, 2.0), (1, 2))):
        assert dataclasses.replace(distances, numbers=tuple(map(Number, values))).best == best
    # Apart by less than √(0.3² + 0.4²), by just that, and by more.
    for value, best in ((2.4, ()), (2.5, ()), (2.6, (1,))):
        close = Number(value, error=0.4), Number(2.0, error=0.3)
        assert dataclasses.replace(distances, numbers=close).best == best
    assert dataclasses.replace(distances, numbers=(*close, Number(2.1, error=0.3))).best == (1, 2)
    assert "normal is not measured yet: lunette evaluate" in " ".join(section.notes)


def test_numbers_on_other_pictures_have_lines_of_their_own(runs):
    evaluation = Evaluation.load(runs["b"].path)
    group = dataclasses.replace(evaluation.groups["samples"], settings={"pictures": 90})
    dataclasses.replace(evaluation, groups={"samples": group}).save(runs["b"].path)
    try:
        (section,) = compare([runs["a"], runs["b"]]).sections
        assert line(section, "Fréchet distance", "a")[0] == {"a": 5.0}
        shared = pareto(section.sides, section.lines)
        assert shared != pareto(section.sides, [each for each in section.lines if each.name != "test loss"])
        assert pareto(section.sides, [each for each in section.lines if each.name == "Fréchet distance"]) is None
    finally:
        evaluation.save(runs["b"].path)


def test_lines_of_a_group_stand_together_and_say_what_keeps_them_apart(runs):
    given = {"a": ("of 2", "bound, K = 500"), "b": ("of 3", "bound, K = 10")}
    kept = {}
    try:
        for name, (unit, bound) in given.items():
            numbers = {"active units": Number(2.0, unit), "rank": Number(2.0, unit)}
            groups = {"likelihood": Group({bound: Number(1.0)}), "codes": Group(numbers)}
            kept[name] = Evaluation.load(runs[name].path)
            Evaluation("0002", "", "", groups).save(runs[name].path)
        (section,) = compare([runs["a"], runs["b"]]).sections
        groups = [line.group for line in section.lines]
        assert list(dict.fromkeys(groups)) == ["training", "likelihood", "codes"]
        assert groups == sorted(groups, key=["training", "likelihood", "codes"].index)
        assert "active units, rank cannot be compared between of 2 (a) and of 3 (b)" in section.notes
    finally:
        for name, evaluation in kept.items():
            evaluation.save(runs[name].path)


def test_the_table_fits_a_narrow_terminal(runs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    say(compare([runs[name] for name in ("a", "b", "beta", "normal")]))
    told = capsys.readouterr().out
    assert "…" not in told
    (row,) = [line.split() for line in told.splitlines() if line.lstrip().startswith("Fréchet distance")]
    assert row[-3:] == ["5", "3", "1"]
    (basis,) = [line.split()[0] for line in told.splitlines() if line.endswith("features x; 180 pictures")]
    assert told.count(basis) == 2  # beside the number, and where it is explained


def test_other_data_stand_in_a_section_of_their_own(runs):
    first, second = compare([runs["a"], runs["small"], runs["b"]]).sections
    assert [side.name for side in first.sides] == ["a", "b"]
    assert [side.name for side in second.sides] == ["small"]
    assert "Quality and time" not in second.plots


def test_undominated_points_against_the_definition():
    points = [(1, 5), (2, 3), (2, 4), (3, 3), (4, 1), (5, 2)]
    brute = [p for p in points if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in points)]
    assert undominated(points) == sorted(brute) == [(1, 5), (2, 3), (4, 1)]


def test_seconds_add_up(runs):
    (section,) = compare([runs["a"], runs["b"]]).sections
    rows = [row["seconds"] for row in runs["a"].metrics() if row["split"] == "train"]
    assert [seconds for _, seconds, _ in losses(section.sides[0])] == pytest.approx([rows[0], rows[0] + rows[1]])
    assert line(section, "seconds of training", "a")[0]["a"] == pytest.approx(sum(rows))


def test_the_page_and_the_command(runs, tmp_path, capsys):
    assert (
        main(["compare", str(runs["a"].path), str(runs["plain"].path), "-o", str(tmp_path / "new" / "page.html")]) == 0
    )
    page = (tmp_path / "new" / "page.html").read_text()
    assert page.count("data:image/png;base64,") == 3 + 1 + 3 - 1  # strips, samples, plots: no Pareto of two losses
    assert "squared-error" in capsys.readouterr().out
    for wrong, told in ((["a"], "at least 2 runs"), (["a", "a"], "named twice")):
        assert main(["compare", *(str(runs[name].path) for name in wrong)]) == 2
        assert told in capsys.readouterr().err
    with pytest.raises(LunetteError, match=r"end the name 'page.png' in .html"):
        compare([runs["a"], runs["b"]]).save("page.png")

from benches.bench import QUICK, Bench, Scale
from benches.machine import Machine
from benches.pairing import Aim, Figures
from benches.report import Report, heading, markdown, plain

MACHINE = Machine(at="2026-01-01 00:00 UTC", cpu="a CPU", cores=2, load=0.25, versions={"Python": "3.11"})


def work(_scale: Scale) -> Figures:
    raise AssertionError("nothing runs here")


BENCH = Bench(
    name="toast",
    title="Toasting",
    contenders={"ours": work, "peer": work},
    aims=(Aim("ours", "s", 0.5, "peer"), Aim("ours", "slices", 3), Aim("ours", "s", None, "peer")),
    notes=("Of rye.",),
)
REPORT = Report(
    bench=BENCH,
    taken={"ours": [{"s": 1.0, "slices": 3}, {"s": 3.0, "slices": 3}], "peer": [{"s": 2.0}, {"s": 2.0}]},
)


def test_the_table_has_medians_with_their_spread_and_says_which_aims_were_missed() -> None:
    text = markdown(REPORT)
    assert "| s      | 2 (1 to 3) | 2    |" in text
    assert "| slices | 3          | -    |" in text
    assert "- ours / peer: s: 1 (0.5 to 1.5), aim at most 0.5: MISSED" in text
    assert "- ours: slices: 3, aim at most 3: met" in text
    assert "- ours / peer: s: 1 (0.5 to 1.5)\n" in text
    assert "2 rounds in turn, after one that is not counted" in text
    assert "Of rye." in text


def test_figures_have_three_digits_that_mean_something() -> None:
    taken = {"ours": [{"s": 1234.567, "slices": 1}], "peer": [{"s": 0.0123456}]}
    text = markdown(Report(bench=BENCH, taken=taken))
    assert "1235" in text
    assert "0.0123 " in text


def test_the_heading_says_on_what_and_whether_it_was_all_of_the_work() -> None:
    assert "a CPU, 2 cores, load 0.2 at the start. Python 3.11." in heading(MACHINE, Scale())
    assert "not to be compared" not in heading(MACHINE, Scale())
    assert "not to be compared" in heading(MACHINE, QUICK)


def test_a_program_gets_every_single_figure() -> None:
    toast = plain([REPORT], MACHINE, Scale())["benches"]["toast"]
    assert toast["rounds"] == REPORT.taken
    assert [aim["met"] for aim in toast["aims"]] == [False, True, True]


def test_an_aim_from_below_that_is_missed_says_what_limits_it() -> None:
    bench = Bench(
        name="toast",
        title="Toasting",
        contenders={"ours": work},
        aims=(
            Aim("ours", "s", least=2, limit="the bread"),
            Aim("ours", "slices", least=3, limit="the bread"),
        ),
    )
    text = markdown(Report(bench=bench, taken={"ours": [{"s": 1.0, "slices": 3}]}))
    assert "- ours: s: 1, aim at least 2: MISSED; the bread" in text
    assert "- ours: slices: 3, aim at least 3: met\n" in text

"""Help, options in files, completion, words that were meant, `--resume` and `--l2 evidence`."""

import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from pyl2 import BayesianMLPRegressor
from pyl2.__main__ import _parser, main
from pyl2.cli import config, data
from pyl2.path import source
from pyl2.training.backprop import Backprop

ROOT = Path(__file__).parent.parent
COMMANDS = ("path", "train", "predict", "export", "compare", "convert", "completion")
QUICK = ("--epochs", "20", "--hidden", "3", "--quiet", "--json")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys, *argv):
    code = main(argv)
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    return err


# Help


def test_pyl2_alone_shows_help(capsys):
    assert main([]) == 0
    alone = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert alone == capsys.readouterr().out
    assert all(command in alone for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_and_its_page(capsys, command):
    """Two that the parser takes, and a page that speaks of the command."""
    assert main([command, "--help"]) == 0
    told = capsys.readouterr().out
    examples = re.findall(r"^  pyl2 (.*)$", told.split("examples:")[1], re.M)
    assert len(examples) == 2
    for example in examples:
        _parser().parse_args(example.split(" > ")[0].split())
    page = re.search(r"more: (docs/\w+\.md)$", told.strip())[1]
    assert f"pyl2 {command}" in (ROOT / page).read_text("utf-8")
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (("trian",), "train"),
        (("train", "--dataset", "irsi"), "iris"),
        (("train", "--scale", "standrd"), "standard"),
        (("train", "--optimizer", "adm", "--l2", "1"), "'adam'"),
        (("path", "--schedule", "cosin"), "'cosine'"),
        (("compare", "--eta", "adm=1"), "'adam'"),
        (("compare", "--methods", "adam,pso+lbgfs"), "'lbfgs'"),
        (("train", "--activation", "rleu"), "relu"),
        (("train", "--loss", "hubr:0.5"), "huber"),
        (("convert", "1", "sklaern", "ridge"), "sklearn"),
        (("train", "--n-thread=1", "--epoch", "3"), "--n-threads"),
    ],
)
def test_the_word_that_was_meant(capsys, argv, meant):
    if argv[-1] == "3":  # argparse takes what begins an option for it
        assert main([*argv, "--quiet"]) == 0
        return
    assert f"did you mean {meant}?" in refused(
        capsys, *argv, *([] if argv[0] in ("trian", "convert") else ["--quiet"])
    )


# Options in a file

EVERY = {
    "path": "d.csv --target y --drop a,b --keep c --missing ?,x --drop-missing-target"
    " --scale robust --min-frequency 3 --encoding latin-1 --decimal , --thousands . --no-header"
    " --task regression --test-size 0.3 --group g --seed 7 --hidden 5,4"
    " --activation relu,leaky_relu:0.2 --init he --dropout 0.1,0.2 --input-dropout 0.1"
    " --loss huber:0.5 --dtype float32 --l2 0,0.1:10:3 --decay l2 --optimizer sgd --eta 0.1"
    " --schedule cosine:0.1 --warmup 0.1 --l2-schedule step --clip-norm 1 --average 0.9"
    " --batch-size all --epochs 9 --max-time 5 --n-threads 1 --cv 3 --rule 1se --evidence"
    " --early-stopping --validation-size 0.2 --patience 3 --tol 0.001 --report p.html --json"
    " --quiet --output f.png --save m.pyl2 --resume r",
    "train": "--dataset iris --time rows --hidden none --l2 2.5 --n batch --clip-value 2"
    " --ensemble 3",
    "compare": "--methods adam,pso+lbfgs --seconds 1 --evaluations 50 --seeds 2"
    " --eta adam=0.01,sgd=0.1 --batch-size 16 --particles 9",
}


@pytest.mark.parametrize("command", EVERY)
def test_every_option_goes_through_a_file(command):
    """Those that are given, and all by default."""
    for words in (EVERY[command].split(), []):
        args = _parser().parse_args([command, *words, "--save-config", "c.toml"])
        config.save(args)
        listed = Path("c.toml").read_text("utf-8")
        again = _parser().parse_args([command, "--config", "c.toml"])
        again = _parser().parse_args([command, *config.arguments(again)])
        without = ("config", "save_config", "run")
        found, expected = (
            {k: v for k, v in vars(a).items() if k not in without} for a in (again, args)
        )
        assert found == expected
        for name in expected:
            assert re.search(rf"^(# )?{name.replace('_', '-')} =", listed, re.M), name
        tomllib.loads(listed)


def test_the_command_line_counts_more(capsys):
    Path("c.toml").write_text(
        'dataset = "iris"\nepochs = 5\nhidden = [4]\nl2 = "cv"\nquiet = true\n'
    )
    assert main(["train", "--config", "c.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["layer_sizes"] == [4, 4, 3]
    assert main(["train", "--hidden", "2", "--json", "--l2", "1", "--config=c.toml"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["layer_sizes"], told["epochs"]) == ([4, 2, 3], 5)
    rows = "".join(f"{i % 7},{i % 2}\n" for i in range(40))
    Path("d.csv").write_text(f"a,y\n{rows}")
    Path("c.toml").write_text('file = "d.csv"\nl2 = 1\ndrop = []\n')
    assert main(["train", "--config", "c.toml", *QUICK]) == 0
    assert json.loads(capsys.readouterr().out)["data"] == "d.csv"
    Path("e.csv").write_text(f"a,y\n{rows}")
    assert main(["train", "e.csv", "--config", "c.toml", *QUICK]) == 0
    assert json.loads(capsys.readouterr().out)["data"] == "e.csv"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epocs = 3", "did you mean --epochs?"),
        ("epochs = 0.5", "argument --epochs: '0.5' is not a positive whole number"),
        ("epochs = ", "c.toml: not a TOML file"),
        ("[train]\nepochs = 3", "unrecognized arguments: --train=epochs=3"),
        ('dataset = "irsi"', "did you mean iris?"),
    ],
)
def test_files_of_options_refused(capsys, text, words):
    Path("c.toml").write_text(text)
    assert words in refused(capsys, "train", "--config", "c.toml")
    assert "No such file" in refused(capsys, "train", "--config", "nowhere.toml")


# Completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion(capsys, shell):
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "early-stopping" in script
    assert "predict" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_completion_without_shtab(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert "pip install 'pyl2[cli]'" in refused(capsys, "completion", "bash")


# Threads


@pytest.mark.parametrize("argv", [("train",), ("train", "--ensemble", "2"), ("path", "--l2", "1")])
def test_threads_change_no_bit(capsys, argv):
    def results(*options):
        assert main([*argv, *QUICK, *options]) == 0
        told = json.loads(capsys.readouterr().out)
        return told.get("results") or told["candidates"]

    assert results("--n-threads", "1", "--l2" if False else "--quiet") == results(
        "--n-threads", "3"
    )


# Resuming


@pytest.fixture
def trained(monkeypatch):
    """Counts the trainings, and breaks off the one whose number is set."""

    class Count:
        begun, breaks = 0, None

        def __call__(self, number=1):
            self.begun += number
            if self.breaks is not None and self.begun > self.breaks:
                raise KeyboardInterrupt

    count = Count()
    many, one = source.train_many, Backprop.train

    def train_many(runs, dataset):
        count(len(runs))
        many(runs, dataset)

    def train(self, *args, **keywords):
        count()
        return one(self, *args, **keywords)

    monkeypatch.setattr(source, "train_many", train_many)
    monkeypatch.setattr(Backprop, "train", train)
    return count


RUNS = {
    "chosen": ("train", "--cv", "3"),
    "given": ("train", "--l2", "5"),
    "evidence": ("train", "--l2", "evidence"),
    "path": ("path", "--l2", "0,1,10", "--cv", "3"),
    "compare": ("compare", "--evaluations", "60", "--seeds", "2", "--methods", "adam,lbfgs"),
}


@pytest.mark.parametrize("argv", RUNS.values(), ids=RUNS)
def test_an_interrupted_command_goes_on(capsys, trained, argv):
    """The same numbers, and nothing trained twice."""
    quick = QUICK[2:] if argv[0] == "compare" else QUICK

    def results(*options):
        assert main([*argv, *quick, *options]) == 0
        told = json.loads(capsys.readouterr().out)
        for name in ("results", "runs", "without_penalty"):
            for row in told.get(name) or ():
                row.pop("seconds", None), row.pop("items_per_second", None)
        told.get("chosen", {}).pop("seconds", None)
        told.get("chosen", {}).pop("items_per_second", None)
        return {name: value for name, value in told.items() if name != "resumed"}

    expected = results()
    whole, trained.begun = trained.begun, 0
    trained.breaks = whole - 1
    assert main([*argv, *quick, "--resume", "runs"]) == 130
    assert (
        "finished fits are in runs: the same command goes on from there" in capsys.readouterr().err
    )
    kept, trained.begun, trained.breaks = trained.begun, 0, None
    assert results("--resume", "runs") == expected
    assert 0 < trained.begun < kept
    trained.begun = 0
    assert results("--resume", "runs") == expected
    assert trained.begun == 0


def test_what_was_there_already_is_told(capsys):
    argv = ["train", "--dataset", "iris", "--cv", "3", "--resume", "runs", *QUICK[:4]]
    assert main(argv) == 0
    assert "resumed" not in capsys.readouterr().out
    assert main(argv) == 0
    assert "resumed   4 finished fits were there already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--eta", "0.5"), "--eta was None, is 0.5"),
        (("--hidden", "5"), "--hidden was [3], is [5]"),
        (("--dataset", "wine"), "--dataset was 'iris', is 'wine'; test set was"),
        (("--optimizer", "sgd"), "--optimizer was None, is 'sgd'"),
        (("--seed", "1"), "--seed was 0, is 1"),
    ],
)
def test_other_options_than_begun_with_are_refused(capsys, change, words):
    argv = ["train", "--dataset", "iris", "--resume", "runs", "--cv", "2", *QUICK]
    assert main(argv) == 0
    capsys.readouterr()
    line = refused(capsys, *argv, *change)
    assert "--resume 'runs' holds fits of other settings" in line
    assert words in line
    assert line.endswith("take another folder, or delete this one\n")
    assert main([*argv, "--n-threads", "1", "--save", "m.pyl2", "--report", "page.html"]) == 0


def test_another_table_than_begun_with_is_refused(capsys):
    rows = "".join(f"{i % 7},{i % 2}\n" for i in range(40))
    Path("d.csv").write_text(f"a,y\n{rows}")
    argv = ["path", "d.csv", "--l2", "1", "--resume", "runs", *QUICK]
    assert main(argv) == 0
    os.rename("d.csv", "e.csv")
    assert main(["path", "e.csv", *argv[2:]]) == 0
    Path("d.csv").write_text(f"a,y\n{rows}3,1\n")
    assert "training set was" in refused(capsys, *argv) if capsys.readouterr() else None


def test_a_folder_of_other_things_is_refused(capsys):
    os.mkdir("home")
    Path("home/taxes.csv").write_text("a")
    line = refused(capsys, "train", "--resume", "home", *QUICK)
    assert "--resume 'home' is not empty, and no sweep was begun there" in line
    assert "--resume does not go with --ensemble" in refused(
        capsys, "train", "--ensemble", "2", "--resume", "r", "--quiet"
    )


# λ by the evidence


def test_evidence_chooses_as_the_estimator(capsys):
    """On the same grid, without its finer steps."""
    argv = ["train", "--l2", "evidence", "--hidden", "6", "--json", "--quiet", "--save", "m.pyl2"]
    assert main(argv) == 0
    told = json.loads(capsys.readouterr().out)
    found = [row["log_evidence"] for row in told["results"]]
    assert told["chosen"]["l2"] == told["results"][int(np.argmax(found))]["l2"]
    assert told["chosen"]["stopped"] == "converged"
    args = _parser().parse_args(["train", "--hidden", "6"])
    rows = data.read(args)
    grid = [row["l2"] for row in told["results"]]
    model = BayesianMLPRegressor(
        (6,), alphas=grid, normalize_y=False, max_iter=2000, random_state=0
    ).fit(rows.train[0], rows.train[1][:, 0])
    assert 1 / 3.2 <= model.alpha_ / told["chosen"]["l2"] <= 3.2
    assert main(["predict", "m.pyl2", "d.csv"]) == 2
    capsys.readouterr()
    assert main(argv[:5]) == 0
    out = capsys.readouterr().out
    for word in ("by the evidence: its logarithm is", "greatest evidence", "effective parameters"):
        assert word in " ".join(out.split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--dataset", "iris"), "--l2 cv chooses better"),
        (("--optimizer", "adam"), "--optimizer lbfgs or lm, not adam"),
        (("--loss", "huber"), "of a squared error"),
        (("--early-stopping",), "--early-stopping does not go"),
        (("--cv", "3"), "--cv does not go"),
        (("--n", "train"), "--n does not go"),
        (("--hidden", "400,400"), "5000"),
    ],
)
def test_evidence_refuses(capsys, options, words):
    assert words in refused(capsys, "train", "--l2", "evidence", "--quiet", *options)


# The bar


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("argv", "form"),
    [
        (("train", "--cv", "3"), r"fold 3/3 · 12 λ · epoch \d+/20 · E [\d.]+ · \d+ s left"),
        (("path", "--optimizer", "lbfgs", "--l2", "1,10"), r"λ 10 · epoch \d+/20 · E [\d.]+ · "),
        (("compare", "--evaluations", "100", "--seeds", "1"), r"run 6/6 · E [\d.]+ · 0 s left"),
        (("train", "--ensemble", "2"), r"training 10/10 · E [\d.]+ · 0 s left"),
    ],
)
def test_one_line_that_goes(capsys, monkeypatch, argv, form):
    monkeypatch.setattr("pyl2._common.progress._EVERY", 0)
    rest = ["--hidden", "3", *([] if argv[0] == "compare" else ["--epochs", "20"])]
    assert main([*argv, *rest]) == 0
    err = capsys.readouterr().err
    lines = err.split("\r")
    assert any(re.match(form, line) for line in lines), lines[-4:]
    assert "\n" not in err
    screen = ""
    for line in lines:  # as a terminal shows it
        screen = line + screen[len(line) :]
    assert not screen.strip()
    assert max(map(len, lines)) < 80
    assert len(list(itertools.pairwise(lines))) > 2

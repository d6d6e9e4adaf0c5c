"""Every word of advice on the command line is followed, and works."""

import shlex
from pathlib import Path

import pytest

from pyl2.__main__ import main

pytest.importorskip("pandas")

QUICK = ("--epochs", "3", "--hidden", "3", "--quiet")


def rows(*columns, header, count=40):
    lines = [header, *(",".join(str(column(i)) for column in columns) for i in range(count))]
    return "\n".join(lines) + "\n"


def fraction(i):
    return (i * 37 % 40) / 8 + 0.1


FILES = {
    "plain.csv": rows(fraction, lambda i: fraction(i) * 2, header="a,y"),
    "classes.csv": rows(fraction, lambda i: "pq"[i % 2], header="a,y"),
    "other.csv": rows(fraction, fraction, header="a,z"),
    "headless.csv": rows(fraction, lambda i: "pq"[i % 2], header="0.5,p"),
    "nameless.csv": rows(fraction, fraction, lambda i: i % 7, header="a,y,"),
    "ids.csv": rows(fraction, fraction, lambda i: f"no. {i}", header="a,y,id"),
    "twice.csv": rows(fraction, fraction, fraction, fraction, header="b,a,a,y"),
    "gaps.csv": rows(fraction, lambda i: "" if i % 9 == 0 else fraction(i), header="a,y"),
    "None.csv": rows(fraction, lambda i: ["None", "mild"][i % 2], header="a,y"),
    "infinite.csv": rows(fraction, lambda i: "inf" if i == 3 else i % 7, fraction, header="a,b,y"),
    "few.csv": rows(fraction, fraction, header="a,y", count=4),
    "single.csv": rows(fraction, lambda i: 3 if i == 5 else i % 2, header="a,y"),
    "latin.csv": rows(fraction, lambda i: "äö"[i % 2], header="a,y").encode("latin-1"),
    "marks.csv": "a;y\n" + "".join(f"{i},{i % 7}5;{i % 5},25\n" for i in range(40)),
}

# A command, what it says, and the command that follows the advice.  What is told of a model that is
# there (advice in notes and remarks, not in an error) begins with 0 for an exit code.
CASES = [
    (
        2,
        "train plain.csv --target w",
        "name the target with --target",
        "train plain.csv --target y",
    ),
    (2, "train other.csv", "name the target with --target", "train other.csv --target z"),
    (2, "train plain.csv --target yy", "did you mean 'y'?", "train plain.csv --target y"),
    (
        0,
        "train headless.csv --target p",
        "--no-header",
        "train headless.csv --no-header --target c2",
    ),
    (0, "train nameless.csv", "--keep 'column 3'", "train nameless.csv --keep 'column 3'"),
    (0, "train ids.csv", "--keep id", "train ids.csv --keep id"),
    (0, "train latin.csv", "another with --encoding", "train latin.csv --encoding cp1250"),
    (0, "train marks.csv", "--decimal, --thousands", "train marks.csv --decimal , --thousands ."),
    (2, "train twice.csv", "leave them out with --drop a", "train twice.csv --drop a"),
    (2, "train gaps.csv", "--drop-missing-target", "train gaps.csv --drop-missing-target"),
    (2, "train None.csv", "--missing", "train None.csv --missing ''"),
    (2, "train infinite.csv", "with --drop b", "train infinite.csv --drop b"),
    (2, "train few.csv --test-size 0.5", "--l2 NUMBER", "train few.csv --test-size 0.5 --l2 1"),
    (2, "train single.csv", "--task regression", "train single.csv --task regression"),
    (2, "train plain.csv --cv 16", "at most --cv 15", "train plain.csv --cv 15"),
    (2, "train --n batch", "--n goes with a number for --l2", "train --n batch --l2 5"),
    (2, "train --target y", "--target goes with a FILE", "train plain.csv --target y"),
    (2, "train --group a", "--group goes with a FILE", "train ids.csv --group id --cv 2"),
    (2, "train plain.csv --dataset iris", "either a FILE or --dataset", "train --dataset iris"),
    (
        *(2, "train --optimizer sgd --eta 1e9", "A smaller eta"),
        "train --optimizer sgd --eta 0.01",
    ),
    (
        *(2, "train --l2 evidence --optimizer adam", "--optimizer lbfgs or lm"),
        "train --l2 evidence --optimizer lbfgs --epochs 3000",
    ),
    (2, "train classes.csv --l2 evidence", "--l2 cv", "train classes.csv --l2 cv"),
    (0, "train --l2 evidence --epochs 2", "more --epochs", "train --l2 evidence --epochs 3000"),
    (0, "path --l2 1,10", "--cv 5", "path --l2 1,10 --cv 5"),
    (0, "path --l2 1,1e5", "widen it with --l2", "path --l2 0.01:1e5:8"),
    (0, "path --l2 0.001,0.002", "widen it with --l2", "path --l2 0.001:1e5:8"),
    (0, "compare --methods sgd --eta sgd=1e9", "a smaller --eta", "compare --methods sgd"),
    (
        2,
        "predict one.pyl2 plain.csv --std",
        "pyl2 train --ensemble 10",
        "predict ten.pyl2 plain.csv --std",
    ),
    (
        2,
        "predict classes.pyl2 plain.csv --std",
        "--proba",
        "predict classes.pyl2 plain.csv --proba",
    ),
    (2, "export ten.pyl2 --to sklearn", "onnx and c have", "export ten.pyl2 --to c"),
    (2, "train --ensemble 2 --l2 1", "--l2 does not go with --ensemble", "train --ensemble 2"),
    (2, "path --evidence --hidden 400,400", "5000", "path --evidence --hidden 10"),
]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Models of a regression, of classes, and an ensemble."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "plain.csv").write_text(FILES["plain.csv"])
    (folder / "classes.csv").write_text(FILES["classes.csv"])
    for name, table, *rest in (
        ("one", "plain", "--l2", "1"),
        ("classes", "classes", "--l2", "1"),
        ("ten", "plain", "--ensemble", "2"),
    ):
        path = str(folder / f"{table}.csv")
        assert main(["train", path, *QUICK, *rest, "--save", str(folder / f"{name}.pyl2")]) == 0
    return folder


def run(line):
    argv = shlex.split(line)
    quick = list(QUICK[:4]) if argv[0] in ("train", "path") else []
    if "--epochs" in argv:
        quick = quick[2:]
    if "--hidden" in argv:
        quick = quick[:-2]
    if argv[0] == "compare":
        quick = ["--evaluations", "60", "--seeds", "1"]
    return main([*argv, *quick])


@pytest.mark.filterwarnings("ignore:eta . l2")
@pytest.mark.parametrize(("code", "line", "words", "followed"), CASES, ids=lambda x: str(x)[:40])
def test_advice_is_followed(capsys, tmp_path, monkeypatch, models, code, line, words, followed):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    for model in models.glob("*.pyl2"):
        Path(model.name).write_bytes(model.read_bytes())
    assert run(line) == code
    found = capsys.readouterr()
    told = " ".join((found.err if code else found.out).split())
    assert words in told, told
    assert run(followed) == 0, capsys.readouterr().err
    again = capsys.readouterr()
    assert words not in " ".join((again.out + again.err).split())

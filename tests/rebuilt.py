"""Twelve tables of the kinds that people have, made up by a seed: no row of any real one.

Each has the quirks of a well-known public table: its columns, gaps, codes, marks and encodings.
"""

import gzip
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

ROWS = 60


@dataclass(frozen=True)
class Rebuilt:
    """A table as a file, and what is to become of its columns.

    `kinds` has "number", "flag", "date", "text" or "left out" for each column but the target;
    `frame` is what the file means, with real numbers, dates and gaps.
    """

    data: bytes
    target: str
    frame: pd.DataFrame
    kinds: dict[str, str]
    notes: tuple[str, ...] = ()
    extra: tuple[str, ...] = field(default=())


def gaps(rng, values, share=0.15):
    column = pd.Series(values).astype(object)
    column[rng.random(len(column)) < share] = None
    return column


def csv(frame, **how):
    return frame.to_csv(index=False, **how).encode("utf-8")


def titanic(rng):
    frame = pd.DataFrame(
        {
            "PassengerId": range(1, ROWS + 1),
            "Survived": rng.integers(0, 2, ROWS),
            "Pclass": rng.integers(1, 4, ROWS),
            "Name": [f"Passenger, no. {i}" for i in range(ROWS)],
            "Sex": rng.choice(["male", "female"], ROWS),
            "Age": gaps(rng, rng.integers(1, 80, ROWS).astype(float)),
            "Fare": rng.integers(5, 500, ROWS) / 4,
            "Cabin": gaps(rng, rng.choice(["A6", "B5", "C2"], ROWS), 0.7),
            "Embarked": rng.choice(["S", "C", "Q"], ROWS),
        }
    )
    kinds = dict(
        zip(
            frame,
            ("left out", "", "number", "left out", "text", "number", "number", "text", "text"),
            strict=True,
        )
    )
    return Rebuilt(
        csv(frame), "Survived", frame, kinds, ("left out as ids: 'PassengerId', 'Name'",)
    )


def auto_mpg(rng):
    """Blanks for delimiters, no header, ? where missing."""
    frame = pd.DataFrame(
        {
            "c1": rng.integers(10, 40, ROWS) / 2,
            "c2": rng.choice([4, 6, 8], ROWS),
            "c3": gaps(rng, rng.integers(50, 200, ROWS).astype(float), 0.1),
            "c4": rng.integers(1600, 5000, ROWS) / 10,
            "c5": rng.choice(["ford", "audi", "fiat"], ROWS),
        }
    )
    rows = frame.assign(c3=frame["c3"].map(lambda x: "?" if x is None or x != x else x))
    text = "\n".join(
        "   ".join(f'"{v}"' if isinstance(v, str) and v != "?" else str(v) for v in row)
        for row in rows.values
    )
    return Rebuilt(
        text.encode(),
        "c1",
        frame,
        {"c2": "number", "c3": "number", "c4": "number", "c5": "text"},
        extra=("--no-header",),
    )


def penguins(rng):
    frame = pd.DataFrame(
        {
            "species": rng.choice(["Adelie", "Gentoo"], ROWS),
            "island": rng.choice(["Dream", "Biscoe", "Torgersen"], ROWS),
            "bill_length_mm": gaps(rng, rng.integers(300, 600, ROWS) / 10, 0.1),
            "sex": gaps(rng, rng.choice(["MALE", "FEMALE"], ROWS), 0.1),
            "year": rng.choice([2007, 2008, 2009], ROWS),
        }
    )
    kinds = {"island": "text", "bill_length_mm": "number", "sex": "text", "year": "number"}
    return Rebuilt(csv(frame, na_rep="NA"), "species", frame, kinds)


def churn(rng):
    """An id of text, yes and no, and blanks where a number is missing."""
    frame = pd.DataFrame(
        {
            "customerID": [f"{i:04}-X" for i in range(ROWS)],
            "Partner": rng.choice(["Yes", "No"], ROWS),
            "InternetService": rng.choice(["DSL", "Fiber optic", "No"], ROWS),
            "TotalCharges": gaps(rng, rng.integers(100, 9999, ROWS) / 8, 0.1),
            "Churn": rng.choice(["Yes", "No"], ROWS),
        }
    )
    kinds = {
        "customerID": "left out",
        "Partner": "flag",
        "InternetService": "text",
        "TotalCharges": "number",
    }
    return Rebuilt(
        csv(frame, na_rep=" "), "Churn", frame, kinds, ("left out as ids: 'customerID'",)
    )


def insurance(rng):
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 65, ROWS),
            "smoker": rng.choice(["yes", "no"], ROWS),
            "region": rng.choice(["southwest", "northwest"], ROWS),
            "charges": rng.integers(10**5, 10**7, ROWS) / 128,
        }
    )
    return Rebuilt(
        gzip.compress(csv(frame)),
        "charges",
        frame,
        {"age": "number", "smoker": "flag", "region": "text"},
    )


def kidney(rng):
    """Gaps everywhere, ? among them, and a blank before some words."""
    frame = pd.DataFrame(
        {
            "bp": gaps(rng, rng.integers(50, 120, ROWS).astype(float), 0.2),
            "rbc": gaps(rng, rng.choice(["normal", "abnormal"], ROWS), 0.3),
            "htn": gaps(rng, rng.choice(["yes", "no"], ROWS), 0.1),
            "class": rng.choice(["ckd", "notckd"], ROWS),
        }
    )
    shown = frame.assign(rbc=frame["rbc"].map(lambda x: f" {x}" if isinstance(x, str) else x))
    return Rebuilt(
        csv(shown, na_rep="?"), "class", frame, {"bp": "number", "rbc": "text", "htn": "flag"}
    )


def housing(rng):
    frame = pd.DataFrame(
        {
            "longitude": rng.integers(-12400, -11400, ROWS) / 100,
            "total_bedrooms": gaps(rng, rng.integers(1, 999, ROWS).astype(float), 0.1),
            "ocean_proximity": rng.choice(["INLAND", "NEAR BAY", "<1H OCEAN"], ROWS),
            "median_house_value": rng.integers(10**4, 5 * 10**5, ROWS) + 0.5,
        }
    )
    kinds = {"longitude": "number", "total_bedrooms": "number", "ocean_proximity": "text"}
    return Rebuilt(csv(frame, lineterminator="\r\n"), "median_house_value", frame, kinds)


def bikes(rng):
    """A date, and the column of an index that pandas has written."""
    days = pd.Timestamp("2011-01-01") + pd.to_timedelta(rng.integers(0, 700, ROWS), "D")
    frame = pd.DataFrame(
        {
            "dteday": days,
            "holiday": rng.random(ROWS) > 0.5,
            "temp": rng.integers(0, 100, ROWS) / 128,
            "cnt": rng.integers(0, 9000, ROWS),
        }
    )
    kinds = {"column 1": "", "dteday": "date", "holiday": "flag", "temp": "number"}
    return Rebuilt(
        frame.to_csv().encode(), "cnt", frame, kinds, ("left out: 'column 1' without a name",)
    )


def adult(rng):
    """A blank behind each comma, and codes with zeros in front."""
    frame = pd.DataFrame(
        {
            "age": rng.integers(17, 90, ROWS),
            "workclass": gaps(rng, rng.choice(["Private", "State-gov"], ROWS), 0.1),
            "zip": rng.choice(["02139", "10115", "00501"], ROWS),
            "income": rng.choice(["<=50K", ">50K"], ROWS),
        }
    )
    text = csv(frame, na_rep="?").decode().replace(",", ", ").encode()
    return Rebuilt(text, "income", frame, {"age": "number", "workclass": "text", "zip": "text"})


def wine(rng):
    """Semicolons, and names in quotes."""
    frame = pd.DataFrame(
        {
            "fixed acidity": rng.integers(40, 150, ROWS) / 16,
            "pH": rng.integers(28, 40, ROWS) / 16,
            "quality": rng.integers(3, 6, ROWS),
        }
    )
    return Rebuilt(
        csv(frame, sep=";", quoting=2),
        "quality",
        frame,
        {"fixed acidity": "number", "pH": "number"},
    )


def sales(rng):
    """As a German spreadsheet writes it."""
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, ROWS), "D")
    frame = pd.DataFrame(
        {
            "Datum": days,
            "Größe": rng.choice(["groß", "klein"], ROWS),
            "Umsatz": rng.integers(10**5, 10**7, ROWS) / 4,
            "Preis": rng.integers(100, 999, ROWS) / 8,
        }
    )

    def german(x):
        return f"{x:,.3f}".replace(",", "D").replace(".", ",").replace("D", ".")

    shown = frame.assign(
        Datum=days.strftime("%d.%m.%Y"),
        Umsatz=frame["Umsatz"].map(german),
        Preis=frame["Preis"].map(lambda x: str(x).replace(".", ",")),
    )
    data = b"sep=;\r\n" + shown.to_csv(index=False, sep=";").encode("latin-1")
    kinds = {"Datum": "date", "Größe": "text", "Umsatz": "number"}
    return Rebuilt(
        data, "Preis", frame, kinds, ("not UTF-8: read as Windows-1252", "numbers: decimal comma")
    )


def flights(rng):
    """UTF-16 with tabs, as a spreadsheet exports Unicode, and a comment."""
    frame = pd.DataFrame(
        {
            "carrier": rng.choice(["SK", "DY"], ROWS),
            "delay": gaps(rng, rng.integers(-9, 99, ROWS).astype(float), 0.1),
            "cancelled": rng.choice(["FALSE", "TRUE"], ROWS),
        }
    )
    text = "# made up\n" + frame.to_csv(index=False, sep="\t")
    return Rebuilt(
        text.encode("utf-16"), "cancelled", frame, {"carrier": "text", "delay": "number"}
    )


MAKERS = (
    titanic,
    auto_mpg,
    penguins,
    churn,
    insurance,
    kidney,
    housing,
    bikes,
    adult,
    wine,
    sales,
    flights,
)


def tables():
    """Return all twelve, by name."""
    return {maker.__name__: maker(np.random.default_rng(i)) for i, maker in enumerate(MAKERS)}

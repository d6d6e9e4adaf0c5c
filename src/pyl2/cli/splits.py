"""Which rows train, and which judge: drawn, by groups, or in the order of time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from pyl2._common.validation import Array

    Parts: TypeAlias = tuple[Array, Array]  # indices of rows to train from, and to judge by


@dataclass(frozen=True)
class Split:
    """How the rows of a table are parted, again and again.

    Attributes
    ----------
    classes : ndarray or None
        The class of each row; None for numbers.
    group : ndarray or None
        Rows of one number here stay together.
    time : ndarray or None
        Rows are judged by models of earlier ones.
    seed : int
        Of what is drawn.
    test : ndarray of bool or None
        The rows of the test set, where the table says so.
    """

    classes: Array | None
    group: Array | None
    time: Array | None
    seed: int
    test: Array | None = None

    def describe(self) -> str:
        """Return in words how a split is made."""
        if self.test is not None:
            return f"the test set is the file's own; folds drawn, seed {self.seed}"
        if self.time is not None:
            return "in the order of time: each part is later than those it is judged by models of"
        if self.group is not None:
            return f"by groups: no group is on both sides, seed {self.seed}"
        even = "" if self.classes is None else "stratified by class, "
        return f"drawn, {even}seed {self.seed}"

    def whole(self, count: int, size: float) -> Parts:
        """Part all rows, so many, into a training set and a test set."""
        import numpy as np

        if self.test is None:
            return self.part(np.arange(count), size)
        if self.group is not None or self.time is not None:
            raise ValueError("--group and --time do not go with a file that has a test set")
        return np.flatnonzero(~self.test), np.flatnonzero(self.test)

    def part(self, rows: Array, size: float) -> Parts:
        """Part rows, given by their indices, into those to train from and a share to judge by."""
        import numpy as np

        if self.time is not None:
            ordered = rows[np.argsort(self.time[rows], kind="stable")]
            (cut,) = self._cuts(ordered, [len(rows) - max(1, round(size * len(rows)))])
            return ordered[:cut], ordered[cut:]
        from sklearn.model_selection import GroupShuffleSplit, train_test_split

        if self.group is not None:
            splitter = GroupShuffleSplit(1, test_size=size, random_state=self.seed)
            train, test = next(splitter.split(rows, groups=self.group[rows]))
            return rows[train], rows[test]
        strata = None if self.classes is None else self.classes[rows]
        train, test = train_test_split(
            rows, test_size=size, random_state=self.seed, stratify=strata
        )
        return train, test

    def folds(self, rows: Array, count: int) -> list[Parts]:
        """Return the places in `rows` to train from and to judge by, for so many folds."""
        if self.time is not None:
            return self._forward(rows, count)
        from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv

        y = None if self.classes is None else self.classes[rows]
        if self.group is None:
            splitter = check_cv(count, y, classifier=y is not None)
            return list(splitter.split(rows, y))
        self._check_groups(rows, count)
        by_group = GroupKFold(count) if y is None else StratifiedGroupKFold(count)
        return list(by_group.split(rows, y, self.group[rows]))

    def most_folds(self, rows: Array) -> int:
        """Return how many folds the rows allow."""
        import numpy as np

        if self.time is not None:
            return max(1, len(np.unique(self.time[rows])) // 2 - 1)
        if self.group is not None:
            return len(np.unique(self.group[rows]))
        return (
            len(rows) // 2 if self.classes is None else int(np.bincount(self.classes[rows]).max())
        )

    def _check_groups(self, rows: Array, count: int) -> None:
        import numpy as np

        assert self.group is not None
        groups = len(np.unique(self.group[rows]))
        if groups < count:
            raise ValueError(f"there are {groups} groups in the training set, for {count} folds")

    def _cuts(self, ordered: Array, wanted: list[int]) -> list[int]:
        """Move cuts to where a time begins: rows of one time are on one side."""
        import numpy as np

        assert self.time is not None
        times = self.time[ordered]
        found = [int(np.searchsorted(times, times[min(cut, len(times) - 1)])) for cut in wanted]
        if not all(found):
            raise ValueError("too many rows have one time for a cut between earlier and later ones")
        return found

    def _forward(self, rows: Array, count: int) -> list[Parts]:
        """Return folds of which each trains on what came before it, as TimeSeriesSplit's."""
        import numpy as np

        assert self.time is not None
        size = len(rows) // (count + 1)
        if not size:
            raise ValueError(f"there are {len(rows)} training rows, for {count} folds in time")
        places = np.argsort(self.time[rows], kind="stable")
        starts = [len(rows) - left * size for left in range(count, 0, -1)]
        cuts = [*self._cuts(rows[places], starts), len(rows)]
        pairs = list(pairwise(cuts))
        if any(begin == end for begin, end in pairs):
            raise ValueError(f"there are too few times in the training set for {count} folds")
        return [(places[:begin], places[begin:end]) for begin, end in pairs]

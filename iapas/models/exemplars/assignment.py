"""The best pairing of rows with columns, for matrices of hundreds of rows; SciPy is not needed for it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def assign(similarity: npt.NDArray[np.floating]) -> tuple[Indices, Indices]:
    """Rows and their columns, each used once, of the greatest sum; ``similarity`` is (n, m), finite.

    min(n, m) pairs, in the order of rows. By shortest augmenting paths (Kuhn 1955; Jonker and Volgenant 1987).
    """
    if similarity.shape[0] > similarity.shape[1]:
        columns, rows = assign(similarity.T)
        order = np.argsort(rows)
        return rows[order], columns[order]
    cost = -np.asarray(similarity, np.float64)
    count, width = cost.shape
    held = np.full(width, -1, np.int64)  # the row that holds each column
    row_price, column_price = np.zeros(count), np.zeros(width)
    for row in range(count):
        _augment(row, cost, held, row_price, column_price)
    columns = np.flatnonzero(held >= 0)
    order = np.argsort(held[columns])
    return held[columns][order], columns[order]


def _augment(
    row: int,
    cost: npt.NDArray[np.float64],
    held: Indices,
    row_price: npt.NDArray[np.float64],
    column_price: npt.NDArray[np.float64],
) -> None:
    """Give ``row`` a column, moving other rows along the cheapest path; prices stay those of an optimum."""
    width = cost.shape[1]
    shortest, before = np.full(width, np.inf), np.full(width, -1, np.int64)
    done = np.zeros(width, bool)
    rows, distances = [row], [0.0]
    at, reached = row, 0.0
    while True:
        through = reached + cost[at] - row_price[at] - column_price
        nearer = ~done & (through < shortest)
        shortest[nearer], before[nearer] = through[nearer], at
        column = int(np.where(done, np.inf, shortest).argmin())
        reached = shortest[column]
        done[column] = True
        if held[column] < 0:
            break
        at = int(held[column])
        rows.append(at)
        distances.append(reached)
    row_price[rows] += reached - np.array(distances)
    column_price[done] += shortest[done] - reached
    while column >= 0:
        at = int(before[column])
        freed = np.flatnonzero(held == at)
        held[column] = at
        if at == row:
            break
        column = int(freed[0])

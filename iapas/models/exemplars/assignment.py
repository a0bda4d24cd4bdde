"""Pairing rows with columns: the best assignment, and the earth mover's distance. SciPy is not needed for it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from iapas.types import FloatMap

Indices = npt.NDArray[np.int64]

MOST_COMPARED = 64  # rows or columns in an earth mover's distance, evenly: ours, for time


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


def transport(distance: FloatMap) -> float:
    """The earth mover's distance of rows to columns of ``distance`` (k, m), all of one weight."""
    rows, columns = (evenly(np.arange(n), MOST_COMPARED) for n in distance.shape)
    some = np.ascontiguousarray(distance[np.ix_(rows, columns)], np.float32)
    one, other = (np.full((n, 1), 1 / n, np.float32) for n in some.shape)
    return float(cv2.EMD(one, other, cv2.DIST_USER, some)[0])


def evenly(values: Indices, most: int) -> Indices:
    """At most ``most`` of ``values`` (n,), the first and the last among them."""
    count = len(values)
    return values[np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))]

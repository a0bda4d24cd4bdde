"""What the report counts while it reads the rows once: verdicts, scores, phrases, failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from iapas.core.scoring import ANY_POSITIVE
from iapas.types import ObjectProfile
from iapas.views.markup import mapping

MOST_FAILED = 2000
"""Failed images in the report's table; the page says where the others are."""

Row = Mapping[str, Any]


@dataclass
class Tally:
    """Counts over all images of a run, in memory that does not grow with them."""

    verdicts: Counter[str] = field(default_factory=Counter)
    """Images by "defect", "ok" and "failed"."""
    scores: Counter[int] = field(default_factory=Counter)
    """Images by the number of hundredths that their score reaches."""
    phrases: Counter[str] = field(default_factory=Counter)
    """Images that have a region of the phrase."""
    regions: Counter[str] = field(default_factory=Counter)
    """Regions of the phrase."""
    failed: list[Row] = field(default_factory=list)
    """The first :data:`MOST_FAILED`."""

    def completed(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that are ok; all are counted on the way."""
        for row in rows:
            if row["status"] == "failed":
                self.verdicts["failed"] += 1
                if len(self.failed) < MOST_FAILED:
                    self.failed.append(row)
                continue
            self.verdicts[verdict(row)] += 1
            self.scores[hundredths(score(row))] += 1
            for phrase, number in phrases(row).items():
                self.phrases[phrase] += 1
                self.regions[phrase] += number
            yield row

    @property
    def done(self) -> int:
        """Images that have a result."""
        return self.verdicts["defect"] + self.verdicts["ok"]


def verdict(row: Row) -> str:
    """``defect`` or ``ok``."""
    return "defect" if row.get("verdict") == "defect" else "ok"


def score(row: Row) -> float:
    """The image's score, 0 where there is none."""
    return float(row.get("score") or 0.0)


def phrases(row: Row) -> Mapping[str, int]:
    """The number of reported regions of each phrase, most first; a detector may have none for a region."""
    found = mapping(row.get("phrases")) or ({row["top_phrase"]: 1} if row.get("top_phrase") else {})
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return {phrase or "(no phrase)": number for phrase, number in ordered}


def hundredths(value: float) -> int:
    """The largest k with ``value`` >= k/100, compared as a mask is made: in float32.

    >>> hundredths(float(np.float32(0.29))), hundredths(0.28), hundredths(0.0), hundredths(1.5)
    (29, 28, 0, 150)
    """
    k = round(value * 100)
    return k if np.float32(value) >= np.float32(k / 100) else k - 1


def verdict_rules(run: Mapping[str, Any]) -> dict[str, Any]:
    """The config's section ``verdict`` as the run took it: with examples their threshold is the default."""
    config = mapping(run.get("config"))
    rules = dict(mapping(config.get("verdict")))
    if mapping(config.get("exemplars")).get("support"):
        rules["default"] = rules.get("with_examples")
    return rules


def threshold_of(profile: ObjectProfile | None, rules: Mapping[str, Any]) -> tuple[float | None, str, str]:
    """The verdict's threshold by a config's section ``verdict``; it in words; and where it comes from."""
    chosen, default = rules.get("threshold", "auto"), rules.get("default")
    if chosen not in ("auto", None):
        return float(chosen), f"{chosen:.4g}", "set for this run"
    if profile is not None and profile.threshold is not None:
        where = profile.found.get("threshold") or "from the profile"
        return profile.threshold, f"{profile.threshold:.4g}", where
    where = "not calibrated: the default of the config"
    if default == "positive":
        return ANY_POSITIVE, "any score over 0", where
    return (None, "", "") if default is None else (float(default), f"{default:.4g}", where)

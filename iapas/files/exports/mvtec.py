"""MVTec: score maps and masks at the relative paths of the test images.

``anomaly_maps/<id without extension>.tiff``: float32, at the image's size, the bytes of the run's score map. That is
the ``--anomaly_maps_dir`` of the evaluation code of MVTec AD and MVTec LOCO AD
(``<object>/test/<defect>/<image>.tiff``), if the run was made over the data set's own top folder.
``anomaly_images_thresholded/<id without extension>.png``: uint8, 0 or 255, under the name that MVTec AD 2 uses.
"""

from __future__ import annotations

from pathlib import Path

from iapas.errors import UsageError
from iapas.files.atomic import write_bytes
from iapas.files.exports.annotations import read_result_mask, read_result_scores
from iapas.files.exports.finished import FinishedRun, stems
from iapas.files.results import mask_png, score_tiff


def export_mvtec(run: FinishedRun, out: Path) -> dict[str, int]:
    """Write a map and a mask for every image below ``out``. Raises UsageError without score maps; OutputError."""
    if not run.score_maps:
        raise UsageError(f"{run.root} was made with --score-map none, and this format is its score maps")
    for image_id, stem in stems(run).items():
        scores, mask = read_result_scores(run, image_id), read_result_mask(run, image_id)
        write_bytes(out / "anomaly_maps" / f"{stem}.tiff", score_tiff(scores), sync_folder=False)
        write_bytes(out / "anomaly_images_thresholded" / f"{stem}.png", mask_png(mask), sync_folder=False)
    return {"maps": len(run.sizes)}

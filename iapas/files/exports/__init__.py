"""Exchange formats: what a run found, for the tools of others.

``FORMATS`` maps a name to what writes it: (run, where) -> what was written, counted.
"""

from iapas.files.exports.coco import export_coco
from iapas.files.exports.labelme import export_labelme
from iapas.files.exports.mvtec import export_mvtec
from iapas.files.exports.yolo import export_yolo

FORMATS = {"coco": export_coco, "labelme": export_labelme, "yolo": export_yolo, "mvtec": export_mvtec}

__all__ = ["FORMATS"]

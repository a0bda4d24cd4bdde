import subprocess
import sys
import time

import pytest

import iapas


def test_the_public_names():
    assert iapas.__all__ == [
        "Config",
        "IapasError",
        "ImageError",
        "ObjectProfile",
        "Phrase",
        "Regions",
        "RunError",
        "Segmentation",
        "Segmenter",
        "__version__",
        "load_config",
    ]
    for name in iapas.__all__:
        assert getattr(iapas, name) is not None
    assert dir(iapas) == iapas.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Segmentor'"):
        _ = iapas.Segmentor


def seconds(*arguments):
    """The quickest of three: what the command costs when the machine is not busy with something else."""

    def once():
        begin = time.monotonic()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        return time.monotonic() - begin

    return min(once() for _ in range(3))


@pytest.mark.parametrize("arguments", [["-c", "import iapas"], ["-m", "iapas", "--help"]])
def test_import_and_help_are_quick(arguments):
    assert seconds(*arguments) - seconds("-c", "pass") <= 0.3


def test_no_torch_and_no_codec_is_loaded_for_import_or_help():
    code = (
        "import sys, iapas, iapas.cli; print([m for m in ('torch', 'transformers', 'cv2', 'PIL') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"

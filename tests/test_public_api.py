import resource
import subprocess
import sys

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
    """CPU seconds, the least of five: what the command costs, however busy the machine is with something else."""

    def once():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(5))


@pytest.mark.parametrize("arguments", [["-c", "import iapas"], ["-m", "iapas", "--help"]])
def test_import_and_help_are_quick(arguments):
    assert seconds(*arguments) - seconds("-c", "pass") <= 0.3


def test_no_torch_and_no_codec_is_loaded_for_import_or_help():
    code = (
        "import sys, iapas, iapas.cli; print([m for m in ('torch', 'transformers', 'cv2', 'PIL') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"

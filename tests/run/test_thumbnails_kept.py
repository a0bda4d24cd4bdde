"""The report of a run: small pictures are kept, so that a continued run shows all of its images."""

from run_fakes import FakeSegmenter, config, make_images

from iapas.run import segment_run


def segment(images, out, *assignments, **options):
    segment_run([str(images)], config(*assignments), out, make=FakeSegmenter, quiet=True, **options)
    return (out / "report.html").read_text()


def thumbnails(out):
    return sorted(path.relative_to(out / "thumbnails").as_posix() for path in (out / "thumbnails").rglob("*.jpg"))


def test_a_continued_run_shows_every_image(tmp_path):
    images, out = make_images(tmp_path / "in", 3), tmp_path / "out"
    (images / "broken.png").write_bytes(b"no picture")
    assert segment(images, out).count("url(data:image/jpeg;base64,") == 3
    before = (out / "thumbnails/001.png.jpg").read_bytes()
    make_images(images, 2, prefix="new")
    text = segment(images, out)
    assert thumbnails(out) == ["000.png.jpg", "001.png.jpg", "002.png.jpg", "new000.png.jpg", "new001.png.jpg"]
    assert text.count("url(data:image/jpeg;base64,") == 5
    assert "1 image failed" in text
    assert (out / "thumbnails/001.png.jpg").read_bytes() == before


def test_the_phrases_of_all_regions_are_counted(tmp_path):
    text = segment(make_images(tmp_path / "in", 4), tmp_path / "out")
    assert '<th scope="row">spot</th><td class="number">2</td><td class="number">2</td>' in text
    assert "1 region: spot" in text


def test_products_keep_their_thresholds(tmp_path):
    images = tmp_path / "in"
    make_images(images / "a", 2)
    make_images(images / "b", 2)
    text = segment(images, tmp_path / "out", "output.per_folder=true")
    assert '<option value="0">a</option><option value="1">b</option>' in text


def test_without_small_pictures_overlays_are_shown(tmp_path):
    images, out = make_images(tmp_path / "in", 2), tmp_path / "out"
    segment(images, out)
    assert len(thumbnails(out)) == 2
    text = segment(images, out, "output.thumbnails=false", restart=True)
    assert thumbnails(out) == []
    assert "url(data:" not in text
    assert text.count('<img class="whole" src="overlays/') == 1

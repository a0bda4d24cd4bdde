"""The phrases of each variant: from templates, lexicons and typed words, with the object's name or without."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from iapas.experiments.data import open_pictures
from iapas.experiments.plan import Given, plan
from iapas.experiments.stage1 import Profiles
from iapas.files.profiles import write_profiles
from iapas.types import ObjectProfile, Phrase


@pytest.fixture
def server():
    """A server that answers with three phrases; ``questions`` are what it was asked."""
    questions = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            questions.append(question["messages"][-1]["content"])
            reply = {"choices": [{"message": {"content": "dark line, bright spot, rust"}}]}
            data = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.questions = questions
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


def profiles(tiles, *words, **more):
    experiment = plan(Given(words=words, data=(f"mtd={tiles}",), group="defect", limit=1, **more))
    pictures = open_pictures(experiment.places, experiment.group, experiment.limit)
    describing = Profiles(pictures, lambda: False)
    return {variant.name: describing.of(variant) for variant in experiment.variants}


def texts(profile):
    return [phrase.text for phrase in profile.phrases]


def test_a_template_is_asked_of_the_object_or_fixed_of_none(tiles, server):
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    settings = ("describe.generator=endpoint", f"generator.url={url}", "generator.served_model=m", "run.workers=1")
    found = profiles(
        tiles,
        "paper",
        object="magnet",
        assignments=(*settings, "describe.samples=1"),
        vary=("prompt=image-aware,fixed", "max-phrases=2"),
    )
    for name in ("paper [prompt=image-aware, max-phrases=2]", "paper [prompt=fixed, max-phrases=2]"):
        for profile in found[name].values():
            assert texts(profile) == ["dark line", "bright spot"]
            assert {phrase.source for phrase in profile.phrases} == {"user"}
            assert profile.phrases[0].attributes
            assert profile.object == "magnet"
            assert "template paper" in profile.found["phrases"]
    named = [question for question in server.questions if "magnet" in question]
    assert len(named) == 1  # the set's defect types are of one product
    assert len(server.questions) - len(named) == 1  # once for all


def test_words_and_lexicons_are_the_users(tiles):
    found = profiles(tiles, "none", "saa", "mine=scratch on {object} . dark hole", object="Magnet")
    assert texts(found["none"]["Crack"]) == ["defect", "abnormal"]
    assert "defect on magnet" in texts(found["saa"]["Crack"])
    assert texts(found["mine"]["Crack"]) == ["scratch on magnet", "dark hole"]
    phrases = [phrase for kinds in found.values() for profile in kinds.values() for phrase in profile.phrases]
    assert {phrase.source for phrase in phrases} == {"user"}
    assert found["mine"]["Crack"].phrases[1].attributes


def test_a_fixed_prompt_names_no_object(tiles):
    found = profiles(tiles, "mine=scratch on {object}", object="magnet", vary=("prompt=fixed",))
    (kinds,) = found.values()
    assert texts(kinds["Crack"]) == ["scratch on object"]


def test_objects_may_differ_by_category(tiles, tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_text("object: {Crack: tile}\nvariants: {mine: {words: 'dent in {object}'}}")
    found = profiles(tiles, str(file))["mine"]
    assert texts(found["Crack"]) == ["dent in tile"]
    assert texts(found["Blowhole"]) == ["dent in object"]


def test_templates_and_lexicons_of_ones_own(tiles, tmp_path):
    (tmp_path / "lexicons").mkdir()
    (tmp_path / "lexicons" / "panel.yaml").write_text("name: panel\nphrases: [zap]\nwords: {zap: [dark]}\n")
    (phrase,) = profiles(tiles, "panel", prompts=str(tmp_path))["panel"]["Crack"].phrases
    assert (phrase.text, phrase.attributes) == ("zap", ("dark",))


def test_a_profile_that_was_made_before(tiles, tmp_path):
    made = {"Crack": ObjectProfile(phrases=(Phrase("thin line"),)), "": ObjectProfile(phrases=(Phrase("spot"),))}
    write_profiles(tmp_path / "made.json", made)
    found = profiles(tiles, str(tmp_path / "made.json"))["made"]
    assert texts(found["Crack"]) == ["thin line"]
    assert texts(found["Blowhole"]) == ["spot"]

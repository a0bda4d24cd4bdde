import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapas.errors import ConfigError
from iapas.files.profiles import profiles_text, read_profiles, write_profiles
from iapas.types import ObjectProfile, Phrase

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
phrases = st.builds(
    Phrase, texts, st.sampled_from(["user", "lexicon", "model"]), st.lists(texts, max_size=3).map(tuple)
)
profiles = st.builds(
    ObjectProfile,
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(phrases, max_size=3).map(tuple),
    st.none() | st.floats(1e-9, 1),
    st.none() | st.floats(1e-30, 1e30),
    st.dictionaries(texts, texts, max_size=2),
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), profiles, min_size=1, max_size=3))
def test_what_is_written_is_read(tmp_path_factory, products):
    path = tmp_path_factory.mktemp("p") / "profile.json"
    write_profiles(path, products)
    assert read_profiles(path) == products
    assert path.read_text(encoding="utf-8") == profiles_text(products)


def test_many_products_fit(tmp_path):
    path = tmp_path / "profile.json"
    products = {f"product {i}": ObjectProfile(phrases=(Phrase("scratch"),) * 10) for i in range(2000)}
    write_profiles(path, products)
    assert path.stat().st_size > 1_000_000
    assert read_profiles(path) == products


def test_a_person_may_write_just_phrases(tmp_path):
    path = tmp_path / "profile.json"
    path.write_text('{"products": {"": {"phrases": ["dent", {"text": "hole", "source": "lexicon"}]}}}')
    assert read_profiles(path)[""].phrases == (Phrase("dent", "user"), Phrase("hole", "lexicon"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "products"),
        ('{"products": {}}', "at least one product"),
        ('{"products": {"": 3}}', "must be a mapping"),
        ('{"products": {"": {"objekt": "x"}}}', "unknown key 'objekt'"),
        ('{"products": {"": {"object": "x", "object": "y"}}}', "duplicate key 'object'"),
        ('{"products": {"": {"threshold": "high"}}}', "threshold must be a number"),
        ('{"products": {"": {"threshold": 0}}}', "threshold must be > 0"),
        ('{"products": {"": {"threshold": NaN}}}', "threshold must be > 0"),
        ('{"products": {"": {"object_size": 2}}}', "object_size"),
        ('{"products": {"": {"phrases": [3]}}}', "a phrase must be"),
        ('{"products": {"": {"phrases": [{"text": "a", "source": "god"}]}}}', "source must be one of"),
    ],
)
def test_a_bad_profile_is_named(tmp_path, text, message):
    path = tmp_path / "profile.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"(?s)profile\.json.*{message}"):
        read_profiles(path)
    if text not in ("{", "[]"):
        json.loads(text)

import pytest

from iapas import shipped
from iapas.errors import ConfigError
from iapas.prompting.facts import Facts
from iapas.prompting.folders import names
from iapas.prompting.templates import MAX_VALUE, is_template, load_template
from iapas.protocols import PromptContext

NUT = PromptContext("metal nut", ("metal nut", "table"))


def written(tmp_path, text):
    file = tmp_path / "bad.yaml"
    file.write_text(text, encoding="utf-8")
    return load_template(str(file))


@pytest.mark.parametrize("name", shipped.names("prompts/templates"))
def test_shipped_templates_say_what_they_are_and_name_the_product(name):
    template = load_template(name)
    assert template.name == name
    assert template.purpose
    assert template.source
    assert template.licence
    assert "metal nut" in "".join(template.question(NUT))


def test_the_papers_question_is_word_for_word_and_names_the_object_twice():
    assert load_template("paper").question(NUT) == (
        "The assistant should always answer only by listing lowercase words in the following format: 'word, word'",
        "I would like to extract words to enter into the object detection model to find abnormal parts of metal nut. "
        "Please write down non-redundant anomalous nouns that can appear in metal nut images.",
    )


def test_by_tags_the_generator_is_told_all_tags_where_the_object_would_stand():
    context = PromptContext("metal nut", ("metal nut", "table"), by_tags=True)
    assert "abnormal parts of metal nut, table." in load_template("paper").question(context)[1]
    without = PromptContext("metal nut", by_tags=True)
    assert "abnormal parts of metal nut." in load_template("paper").question(without)[1]


def test_what_is_not_known_is_said_so(tmp_path):
    template = written(tmp_path, "{name: x, system: 's', user: '{object} | {tags} | {material}'}")
    assert template.question(PromptContext())[1] == "object | object | unknown material"
    assert template.question(PromptContext("nut", ("a", "b"), "steel"))[1] == "nut | a, b | steel"


def test_fault_35_values_are_plain_data_put_in_once(tmp_path):
    template = written(tmp_path, "{name: x, system: '{tags}', user: 'The \"{object}\".'}")
    context = PromptContext('nut"\n\n{tags} {0.__class__} \x1b[2J\u202e', ("{object}",))
    assert template.question(context) == ("{object}", 'The "nut {tags} {0.__class__} [2J".')
    assert len(template.question(PromptContext("n" * 9999))[1]) == MAX_VALUE + len('The "".')


def test_an_example_in_json_is_no_placeholder(tmp_path):
    template = written(tmp_path, """{name: x, system: 'Write {"phrases": ["dent"]}', user: '{object}', reply: json}""")
    assert template.reply == "json"
    assert template.question(NUT)[0] == 'Write {"phrases": ["dent"]}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{name: x, system: s, user: '{thing}'}", r"user: there is no placeholder \{thing\}; known are: \{object\}"),
        ("{name: x, system: '{object.__init__.__globals__}', user: u}", r"\{object\.__init__\.__globals__\}"),
        ("{name: x, system: 's', user: '{}'}", r"no placeholder \{\}"),
        ("{name: x, system: 's', user: '{object!r}'}", r"no placeholder \{object!r\}"),
        ("{name: x, system: s}", "user is missing"),
        ("{name: x, system: ' ', user: u}", "system is missing"),
        ("{system: s, user: u}", "name is missing"),
        ("{name: x, system: s, user: 3}", "user must be a text, got 3"),
        ("{name: x, system: s, user: u, reply: xml}", "reply must be list or json, got 'xml'"),
        ("{name: x, system: s, user: u, usre: v}", "unknown key 'usre'"),
        ("[1]", "must be a mapping"),
    ],
)
def test_a_bad_template_is_named_with_its_fault(tmp_path, text, message):
    with pytest.raises(ConfigError, match=rf"bad\.yaml.*{message}"):
        written(tmp_path, text)


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(ConfigError, match=r"no template called 'papre'.*adjectives, bullets, chain"):
        load_template("papre")


def test_templates_are_told_from_lexicons(tmp_path):
    assert is_template("paper")
    assert not is_template("default")
    for text, answer in (("{name: x, user: u}", True), ("phrases: [dent]", False)):
        (tmp_path / "x.yaml").write_text(text)
        assert is_template(str(tmp_path / "x.yaml")) is answer
    with pytest.raises(ConfigError, match=r"lexicons casting, .*; templates adjectives, .*paper"):
        is_template("papre")


def test_a_folder_of_the_users_comes_first_and_needs_only_one_of_its_parts(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "paper.yaml").write_text("{name: mine, system: s, user: u}")
    (tmp_path / "templates" / "default.yaml").write_text("{name: mine, system: s, user: u}")
    (tmp_path / "templates" / "x.yaml").mkdir()
    own = str(tmp_path)
    assert load_template("paper", own).name == "mine"
    assert load_template("chain", own).name == "chain"
    assert load_template("paper").name == "paper"
    assert names("templates", own) == sorted({*shipped.names("prompts/templates"), "default"})
    assert is_template("paper", own)
    with pytest.raises(ConfigError, match="'default' is a template and a lexicon"):
        is_template("default", own)
    with pytest.raises(ConfigError, match="neither a folder templates nor a folder lexicons"):
        load_template("paper", own + "/templates")


def test_the_second_question_of_a_chain_knows_the_process(tmp_path):
    text = "{name: x, system: s, before: '{object} {tags} {material}?', user: '{material} {process}'}"
    template = written(tmp_path, text)
    assert template.question_before(NUT)[1] == "metal nut metal nut, table unknown material?"
    assert template.question(NUT, Facts("steel", 'ca"st'))[1] == "steel ca st"
    assert template.question(NUT)[1] == "unknown material unknown process"
    with pytest.raises(ConfigError, match=r"no placeholder \{process\}.*where there is a question before"):
        written(tmp_path, text.replace("before: '{object} {tags} {material}?', ", ""))


def test_no_template_has_the_name_of_a_lexicon():
    assert not set(shipped.names("prompts/templates")) & set(shipped.names("prompts/lexicons"))

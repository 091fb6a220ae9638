from python_app_template.cli.documents import BEGIN, PATH, filled
from python_app_template.core.access.policy import Action, Anyone, Policy, Rule
from python_app_template.core.access.rules import POLICY
from python_app_template.core.access.table import markdown, rows


def test_the_document_has_the_policy_as_it_is() -> None:
    text = PATH.read_text("utf-8")
    assert filled(text) == text, "run: make docs"
    assert all(f"| {action} |" in text for action in POLICY.rules)


def test_a_stale_table_is_written_again_and_nothing_else() -> None:
    text = PATH.read_text("utf-8")
    assert filled(text.replace("| place order |", "| take order |")) == text
    assert filled(text.replace("# Who may do what", "# Another title")).startswith("# Another title")
    assert BEGIN in text


def test_a_rule_is_a_row() -> None:
    policy = Policy({Action("book", "read"): Rule(frozenset({"b", "a"}), own=Anyone.EVERY_SUBJECT)})
    assert rows(policy) == [("read book", "`a` or `b`", "everybody with a token")]
    assert markdown(policy).splitlines()[-1] == "| read book | `a` or `b` | everybody with a token |"

"""Policies: what rules fit, which one decides, and what is said of a wrong file."""

import pytest

from app.models.policy import Decision, Matter, Policy, Subject

SALES = """
record = false

[groups]
sales = ["ann@example.com", "*@sales.example.com"]

[[rules]]
name = "Private"
titles = ["*interview*", "1:1 *"]
record = false
ingest = false

[[rules]]
name = "Customers"
hosts = ["sales", "bob@example.com"]
types = "webinar"
record = true
"""


def subject(
    host: str | None = "ann@example.com",
    title: str | None = "Demo",
    scheduled_type: str | None = "webinar",
) -> Subject:
    return Subject(host, title, scheduled_type)


def test_without_a_policy_nothing_is_switched_on_and_everything_is_ingested() -> None:
    policy = Policy.read("")

    assert not policy.decide(Matter.RECORD, subject()).wanted
    assert policy.decide(Matter.INGEST, subject()).wanted
    assert (policy.switches_on, policy.excludes) == (False, False)


@pytest.mark.parametrize(
    ("asked", "decision"),
    [
        (subject(), Decision(True, "rule 2 (Customers)")),
        (subject("ANN@Example.com"), Decision(True, "rule 2 (Customers)")),
        (subject("eve@sales.example.com"), Decision(True, "rule 2 (Customers)")),
        (subject("bob@example.com"), Decision(True, "rule 2 (Customers)")),
        (subject("eve@example.com"), Decision(False, "no rule fits it")),
        (subject(scheduled_type="meeting"), Decision(False, "no rule fits it")),
        (subject(title="Job INTERVIEW, second round"), Decision(False, "rule 1 (Private)")),
        (subject(host=None), Decision(False, "no rule fits it")),
        (subject(scheduled_type=None), Decision(False, "no rule fits it")),
    ],
)
def test_the_first_rule_that_fits_decides(asked: Subject, decision: Decision) -> None:
    assert Policy.read(SALES).decide(Matter.RECORD, asked) == decision


def test_a_rule_that_says_nothing_of_a_matter_leaves_it_to_the_others() -> None:
    policy = Policy.read(
        'ingest = false\n[[rules]]\nrecord = true\n[[rules]]\nhosts = "*"\ningest = true'
    )

    assert policy.decide(Matter.INGEST, subject()) == Decision(True, "rule 2")
    assert policy.decide(Matter.INGEST, subject(host=None)) == Decision(False, "no rule fits it")
    assert policy.decide(Matter.RECORD, subject()) == Decision(True, "rule 1")


def test_hosts_that_are_named_one_by_one_are_known() -> None:
    assert Policy.read(SALES).named_hosts() == ["ann@example.com", "bob@example.com"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("x", "is no TOML: Expected '=' after a key"),
        ("rules = 3", "rules: must be a list"),
        ("[[rules]]\nhosts = '*'", "rule 1: must say `record = …` or `ingest = …`"),
        (
            "[[rules]]\nrecord = true\n[[rules]]\nhosts = 'sales'\nrecord = true",
            "rule 2: hosts: sales is neither an address nor one of [groups]",
        ),
        ("[[rules]]\ntypes = ['m']\nrecord = true", "rule 1: types: entry 1: must be 'meeting', "),
        ("[[rules]]\nrecord = 'yes'", "rule 1: record: must be true or false"),
        ("[[rules]]\nhost = 'x@example.com'\nrecord = true", "rule 1: host: there is no such word"),
        ("colour = 1", "colour: there is no such word in a policy"),
        ("[groups]\nsales = 3", "groups: sales: must be a list"),
        ("[[rules]]\nhosts = []\nrecord = true", "rule 1: hosts: must not be empty"),
        ("[[rules]]\ntitles = ['']\nrecord = true", "rule 1: titles: entry 1: must not be empty"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said_and_where(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=r"\A") as raised:
        Policy.read(text)

    assert str(raised.value).startswith(error)


def test_a_star_is_the_only_sign_with_a_meaning_and_accents_may_be_written_either_way() -> None:
    policy = Policy.read('[[rules]]\ntitles = ["[Confidential]*", "gespräch?"]\ningest = false')

    def is_left_out(title: str) -> bool:
        return not policy.decide(Matter.INGEST, subject(title=title)).wanted

    assert is_left_out("[confidential] Salaries")
    assert is_left_out("Gespra\u0308ch?")
    assert not is_left_out("Confidential")
    assert not is_left_out("Gesprächs")


def test_what_is_not_known_is_held_against_it() -> None:
    policy = Policy.read(
        '[[rules]]\ntitles = "*secret*"\ningest = false\nrecord = false\n'
        '[[rules]]\nhosts = "ann@example.com"\nrecord = true'
    )

    unknown = policy.decide(Matter.INGEST, subject(title=None))
    assert (unknown.wanted, "does not tell" in unknown.rule) == (False, True)
    assert not policy.decide(Matter.RECORD, subject(title=None)).wanted
    assert not policy.decide(Matter.RECORD, subject(host=None)).wanted
    assert policy.decide(Matter.INGEST, subject(host=None)).wanted


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('[groups]\nall = ["eu"]\neu = ["a@example.com"]', "groups: all: eu is no address"),
        ("[groups]\neu = []", "groups: eu: must not be empty"),
        ('groups = ["eu"]', "groups: must be a table"),
    ],
)
def test_groups_are_lists_of_addresses(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Policy.read(text)


def test_a_file_may_begin_with_the_mark_of_windows() -> None:
    assert Policy.read("\ufeffrecord = true").record

"""Where in a text the words stand that were searched for."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.search import terms_of
from app.models.spoken import spans_of, words_of


def marked(text: str, asked: str) -> str:
    out, begin = "", 0
    for start, end in spans_of(text, terms_of(asked)):
        out += f"{text[begin:start]}[{text[start:end]}]"
        begin = end
    return out + text[begin:]


@pytest.mark.parametrize(
    ("text", "asked", "expected"),
    [
        ("The budget, and the budgets.", "budget", "The [budget], and the budgets."),
        ("ZÜRICH opens", "zurich", "[ZÜRICH] opens"),
        ("Zu\u0308rich opens", "zürich", "[Zu\u0308rich] opens"),
        ("on a Friday, on Friday", '"on friday"', "on a Friday, [on Friday]"),
        ("mail ada@example.com now", "ada@example.com", "mail [ada@example.com] now"),
        ("今日は会議です", "会議", "今日は[会議]です"),
        ("foo_bar", "bar", "foo_[bar]"),
        ("nothing of it", "budget", "nothing of it"),
        ("", "budget", ""),
    ],
)
def test_words_are_found_where_they_stand(text: str, asked: str, expected: str) -> None:
    assert marked(text, asked) == expected


def test_many_words_in_a_long_text_are_found_soon() -> None:
    # As much as somebody may ask for, and a text that could be that long; a page has 50 of them.
    text = " ".join(f"w{number % 400}" for number in range(10_000))
    terms = terms_of(" ".join(f"w{number}" for number in range(200)))
    begun_at = time.process_time()

    spans = spans_of(text, terms)

    assert len(spans) == 5_000
    assert time.process_time() - begun_at < 0.5


@given(st.text(max_size=60), st.text(max_size=20))
def test_whatever_is_asked_of_whatever_text_spans_lie_in_it_and_apart(
    text: str, asked: str
) -> None:
    spans = spans_of(text, terms_of(asked))

    ends = [0, *(place for span in spans for place in span)]
    assert ends == sorted(ends)
    assert ends[-1] <= len(text)
    for start, end in spans:
        assert words_of(text[start:end])

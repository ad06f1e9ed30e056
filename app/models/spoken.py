"""The words of what was said, by which both databases find the same."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

_MOST_CHARACTERS = 50_000
_MOST_WORDS = 16_000
_MOST_LETTERS = 200

# Whoever writes these languages puts no space between words, so that each character is a word
# here and what is asked for is a row of them: kana and Han, Thai and Lao, Burmese, Khmer.
_UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x30FF)),
    *((0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),
)
_ACCENTS = range(0x0300, 0x0370)
_VARIANTS = range(0xFE00, 0xFE10)


def words_of(text: str) -> list[str]:
    """The words of a text in their order, as they are compared.

    Case, accents and the width of letters make no difference; all but letters and digits
    separates words. What is written with this must be asked for with this, so a change of it
    needs a revision that writes the words of all snippets anew. Its bounds are those of what
    Postgres can index; it also forgets where a word stands for more than 255 times in one text.
    """
    text = text[:_MOST_CHARACTERS]
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).translate(_LEFT_OUT)
        text = unicodedata.normalize("NFC", text.casefold())
    words = text.lower().translate(_SIGNS).split()
    return [word[:_MOST_LETTERS] for word in words[:_MOST_WORDS]]


class _Signs(dict[int, str]):
    """What becomes of each character, found out when it is met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if any(first <= code <= last for first, last in _UNSPACED):
            kept = f" {character} "
        else:
            kept = _kept(character)
        self[code] = kept
        return kept


def _kept(character: str) -> str:
    # A mark, such as a vowel of Hindi, is part of the word it stands in, and a soft hyphen or
    # another sign without a width is nothing that anybody hears.
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return character if character.isalnum() or category in ("Mn", "Mc") else " "


_SIGNS = _Signs()
_LEFT_OUT = dict.fromkeys((*_ACCENTS, *_VARIANTS))


def spans_of(text: str, terms: Iterable[Sequence[str]]) -> list[tuple[int, int]]:
    """Where in a text these words and rows of words stand, from and to, in their order.

    ``terms`` are words as words_of makes them.
    """
    found = _words_with_places(text)
    words = [word for word, _, _ in found]
    places: defaultdict[str, list[int]] = defaultdict(list)
    for at, word in enumerate(words):
        places[word].append(at)
    spans: list[tuple[int, int]] = []
    for term in terms:
        for at in places.get(term[0], ()):
            end = at + len(term)
            if words[at:end] == [*term]:
                spans.append((found[at][1], found[end - 1][2]))
    return _joined(sorted(spans))


def _words_with_places(text: str) -> list[tuple[str, int, int]]:
    """Each word of a text, and where what it was made of begins and ends."""
    found = []
    for start, end in _pieces(text[:_MOST_CHARACTERS]):
        words = words_of(text[start:end])
        if len(words) == 1:
            found.append((words[0], start, end))
            continue
        # Of a language without spaces: each character is a word.
        for place in range(start, end):
            found += [(word, place, place + 1) for word in words_of(text[place])]
    return found


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    start: int | None = None
    for place, character in enumerate(text):
        is_part = character.isalnum() or unicodedata.category(character) in ("Mn", "Mc", "Cf")
        if is_part and start is None:
            start = place
        elif not is_part and start is not None:
            yield start, place
            start = None
    if start is not None:
        yield start, len(text)


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined

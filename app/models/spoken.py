"""The words of what was said, by which both databases find the same."""

import unicodedata

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

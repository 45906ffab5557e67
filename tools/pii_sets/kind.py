"""A kind of value: how one is made, what stands around it, what it may be disguised as."""

import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# A value and the place of its check character (of the last one where there are two).
Made = tuple[str, int]


def at_end(value: str) -> Made:
    return value, len(value) - 1


def digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choice(string.digits) for _ in range(count))


def date(draw: random.Random, first: int = 1940, last: int = 2012) -> tuple[int, int, int]:
    return draw.randint(first, last), draw.randint(1, 12), draw.randint(1, 28)


def other_check(draw: random.Random, made: Made) -> str:
    """The value with another check character of the same sort: it checks no more."""
    value, at = made
    sort = string.digits if value[at].isdigit() else string.ascii_uppercase
    return value[:at] + draw.choice([c for c in sort if c != value[at]]) + value[at + 1:]


def groups(*lengths: int, mark: str = " ") -> Callable[[str], str]:
    """Writes a value in groups as people write its kind."""
    def write(value: str) -> str:
        parts, at = [], 0
        for length in lengths:
            parts.append(value[at:at + length])
            at += length
        return mark.join(part for part in [*parts, value[at:]] if part)
    return write


FULL_WIDTH = {code: code + 0xfee0 for code in range(ord("0"), ord("9") + 1)}
FULL_WIDTH_ALL = {ord(c): ord(c) + 0xfee0 for c in string.digits + string.ascii_letters}
CHINESE = str.maketrans("0123456789", "零一二三四五六七八九")
ZERO_WIDTH = ["\u200b", "\u200d", "\u2060", "\ufeff"]
Disguise = Callable[[str], str]


def zero_width(text: str) -> str:
    mark = ZERO_WIDTH[len(text) % len(ZERO_WIDTH)]
    return text[:5] + mark + text[5:]


# Seen through in every identifier without marks of its own.
COMMON: tuple[Disguise, ...] = (lambda text: text.translate(FULL_WIDTH), zero_width)
FOLDED: Disguise = lambda text: text.translate(FULL_WIDTH_ALL)  # noqa: E731
FOURS = (groups(4, 4, 4, 4, 4, 4, 4, 4), groups(4, 4, 4, 4, 4, 4, 4, 4, mark="-"))
LETTER_BY_LETTER: Disguise = " ".join
NUMERALS: Disguise = lambda text: text.translate(CHINESE)  # noqa: E731


def escapes(text: str) -> str:
    return f"\\u{ord(text[0]):04x}" + text[1:-1] + f"\\u{ord(text[-1]):04x}"


# Sentences for kinds that need no word beside them; the second is glued to Chinese on both sides.
BARE = ("{}", "请记一下{}就是这个", "He gave {} to them.", "（{}）", "see {}, thanks")


@dataclass(frozen=True)
class Kind:
    type: str
    make: Callable[[random.Random], Made]
    sentences: Sequence[str]  # Chinese and English
    check: bool = True  # the type has check digits
    # A near miss: a text of the same form that is no such value; None: every such form is one.
    spoil: Callable[[random.Random, Made], str] | None = other_check
    disguises: Sequence[Disguise] = COMMON

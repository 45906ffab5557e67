"""Problems aimed at the weak spots that the first stage of training leaves.

Each drill is a way to draw operands or a phrasing that uniform lengths make rare: the second
stage mixes them in, and the validation figures name them, so that they can be watched one by one.
"""

from __future__ import annotations

import random

import data
import phrases as ph
from traces import solve

Pair = tuple[str, int, int]


def square(rng: random.Random) -> Pair:
    """A product of two three-digit numbers: the longest and least sure trace."""
    return "mul", data.random_number(rng, 3), data.random_number(rng, 3)


def carries(rng: random.Random) -> Pair:
    """Of a few such products the one with most sums `pp+column+carry` that cross a ten."""
    def crossings(pair: Pair) -> int:
        sums = (line.partition(":")[2].partition("=") for line in solve(*pair)[0].split())
        return sum(total[:1] > parts[:1] for parts, _, total in sums if parts)

    return max((square(rng) for _ in range(4)), key=crossings)


def near(rng: random.Random) -> Pair:
    """A difference of numbers that agree in their leading digits, or lie close together."""
    a = data.random_number(rng, rng.randint(1, 5))
    if rng.random() < 0.4:
        b = a + rng.choice([-1, 1]) * rng.randint(0, 10 ** rng.randint(0, 2))
    else:
        text = str(a)
        kept = rng.randint(1, len(text))
        b = int(text[:kept] + "".join(rng.choice("0123456789") for _ in text[kept:]))
    return "sub", a, min(max(b, 0), 99999)


def repeated(rng: random.Random, digits: int) -> int:
    """A number of at most that many digits made of one digit, or of two."""
    pool = rng.choice("0123456789") * 3 + rng.choice("0123456789")
    return int("".join(rng.choice(pool) for _ in range(digits)))


def echo(rng: random.Random) -> Pair:
    """A sum, difference or product whose result or operands are rich in repeated digits."""
    task = rng.choice(["add", "add", "sub", "sub", "mul"])
    if task == "mul":
        one, two = data.random_number(rng, rng.randint(1, 3)), repeated(rng, rng.randint(1, 3))
        return ("mul", one, two) if rng.random() < 0.5 else ("mul", two, one)
    length = rng.randint(1, 5)
    if rng.random() < 0.4:
        return task, repeated(rng, length), repeated(rng, rng.randint(1, 5))
    result = repeated(rng, length)
    if task == "add":
        a = rng.randint(0, result)
        return "add", a, result - a
    b = rng.randint(0, 99999 - result) // 10 ** rng.randint(0, 4)
    return ("sub", b + result, b) if rng.random() < 0.5 else ("sub", b, b + result)


def chain(rng: random.Random) -> Pair:
    """A sum or a difference with any number of carries: each column is drawn to carry or not.

    The second operand has any length, so that long carries through nines and zeros come up too.
    """
    while True:
        wanted = rng.sample(range(5), rng.randint(0, 5))
        digits, a, b, carry = rng.randint(1, 5), 0, 0, 0
        for k in range(5):
            pairs = [(x, y) for x in range(10) for y in range(10 if k < digits else 1)
                     if (x + y + carry > 9) == (k in wanted)]
            if not pairs:
                break
            x, y = rng.choice(pairs)
            a, b, carry = a + x * 10**k, b + y * 10**k, int(k in wanted)
        else:
            break
    if rng.random() < 0.6 or a + b > 99999:
        return ("add", a, b) if rng.random() < 0.5 else ("add", b, a)
    return "sub", a + b, rng.choice([a, b])


PAIRS = {"square": square, "carries": carries, "near": near, "echo": echo, "short": echo, "chain": chain,
         "bare": chain}


def beyond(rng: random.Random) -> tuple[str, str, str]:
    """A problem with an operand just one or two digits too long, which must be declined."""
    task = rng.choice(["add", "sub", "mul"])
    limit = data.MAX_DIGITS[task]
    over = data.random_number(rng, limit + (1 if rng.random() < 0.8 else 2))
    pair = [over, data.random_number(rng, rng.randint(1, limit + 1))]
    rng.shuffle(pair)
    lang = rng.choice(["bare", "en", "zh"])
    thought, reply = ph.RANGE_ZH if lang == "zh" else ph.RANGE_EN
    return data.phrase(rng, task, pair[0], pair[1], lang), thought + "\n", reply


def sample(rng: random.Random, kind: str, split: str = "train", long: bool = False) -> data.Sample:
    """One conversation of a drill or of a plain task."""
    if kind == "beyond":
        return data.render(rng, beyond(rng), split)
    if kind == "order":
        a, b = data.draw_pair(rng, "sub", rng.randint(1, 5), rng.randint(1, 5), split)
        thought, result = solve("sub", a, b)
        turn = data.order(rng, "sub", a, b), thought, data.answer("en", "sub", a, b, result)
        return data.render(rng, turn, split)
    if kind not in PAIRS:
        return data.sample(rng, kind, split, long)
    while True:
        task, a, b = PAIRS[kind](rng)
        if data.split_of(task, a, b) == split:
            lang = "bare" if kind in ("short", "bare") else data.random_language(rng)
            return data.render(rng, data.problem(rng, task, a, b, lang), split)

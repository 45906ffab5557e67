"""Worked solutions ("traces") that the mini model writes inside <think>.

Every trace has one fixed layout per task: operands are padded with zeros to five columns
(products: three), and columns run from the lowest digit up. So each token depends on a few
tokens at constant distances, which is what makes a model this small exact.
"""

from __future__ import annotations

import re

ADD_WIDTH = 5
MUL_WIDTH = 3


def add_trace(a: int, b: int) -> str:
    """Column addition: operand digits, carry in, two-digit column sum."""
    lines = [f"{a:05d}+{b:05d}"]
    carry = 0
    for k in range(ADD_WIDTH):
        x, y = a // 10**k % 10, b // 10**k % 10
        total = x + y + carry
        lines.append(f"{x}+{y}+{carry}={total:02d}")
        carry = total // 10
    lines.append(f"={a + b:06d}")
    return "\n".join(lines) + "\n"


def compare_marks(a: int, b: int) -> str:
    """State after each column from the highest digit down: = equal so far, < or > decided."""
    state, marks = "=", ""
    for x, y in zip(f"{a:05d}", f"{b:05d}"):
        if state == "=" and x != y:
            state = "<" if x < y else ">"
        marks += state
    return marks


def sub_trace(a: int, b: int) -> str:
    """Column subtraction: sign first, then the smaller from the larger with borrows."""
    sign, big, small = ("-", b, a) if a < b else ("+", a, b)
    lines = [f"{a:05d}-{b:05d}", compare_marks(a, b), f"{sign}({big:05d}-{small:05d})"]
    borrow = 0
    for k in range(ADD_WIDTH):
        x, y = big // 10**k % 10, small // 10**k % 10
        rest = x - y - borrow
        out = 1 if rest < 0 else 0
        lines.append(f"{x}-{y}-{borrow}={rest + 10 * out}-{10 * out:02d}")
        borrow = out
    lines.append(f"={sign}{big - small:05d}")
    return "\n".join(lines) + "\n"


def mul_trace(a: int, b: int) -> str:
    """Long multiplication: digit product, + digit already in that column, + carry."""
    lines = [f"{a:03d}*{b:03d}"]
    column = [0] * (2 * MUL_WIDTH)
    for i in range(MUL_WIDTH):
        y, carry = b // 10**i % 10, 0
        for j in range(MUL_WIDTH):
            x = a // 10**j % 10
            total = x * y + column[i + j] + carry
            lines.append(f"{x}*{y}:{x * y:02d}+{column[i + j]}+{carry}={total:02d}")
            column[i + j], carry = total % 10, total // 10
        column[i + MUL_WIDTH] = carry
    lines.append(f"={a * b:06d}")
    return "\n".join(lines) + "\n"


def carries(trace: str) -> int:
    """Columns of a sum that carry, or of a difference that borrow; steps of a product that carry."""
    # A step ends in two digits of which the first says what goes on to the next column.
    steps = [line for line in trace.splitlines() if re.match(r"\d[+*-]\d[+:-]", line)]
    return sum(line[-2] != "0" for line in steps)


def solve(task: str, a: int, b: int) -> tuple[str, int]:
    """The trace and the result of one problem."""
    if task == "add":
        return add_trace(a, b), a + b
    if task == "sub":
        return sub_trace(a, b), a - b
    return mul_trace(a, b), a * b

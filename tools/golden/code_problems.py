#!/usr/bin/env python3
"""Writes assets/eval/code/problems.jsonl: 30 problems with tests, statements in English and Chinese
and reference solutions. Expected values come from a second, slower solution (`oracle`) wherever it
can decide them; both must agree there. Usage: tools/golden/code_problems.py
"""

import itertools
import json
import pathlib
import random
import subprocess
import tempfile
from collections.abc import Callable

OUT = pathlib.Path(__file__).resolve().parents[2] / "assets/eval/code/problems.jsonl"
rng = random.Random(7)
problems: list[dict] = []


def call(solution: str, name: str, args: list) -> object:
    scope: dict = {}
    exec(solution, scope)  # noqa: S102: our own text below
    return scope[name](*json.loads(json.dumps(args)))


def python(
    name: str, difficulty: str, en: str, zh: str, solution: str, tests: list[list],
    oracle: Callable, large: list[list] | None = None, compare: str = "exact",
) -> None:  # fmt: skip
    """`tests` are small enough for the oracle; `large` ones measure the solution's growth."""
    cases = []
    for args in tests:
        expected = json.loads(json.dumps(oracle(*json.loads(json.dumps(args)))))
        found = json.loads(json.dumps(call(solution, name, args)))
        if compare == "unordered":
            assert sorted(found) == sorted(expected), (name, args, expected, found)
        else:
            assert found == expected, (name, args, expected, found)
        cases.append({"args": args, "expected": expected})
    for args in large or []:
        cases.append({"args": args, "expected": call(solution, name, args)})
    signature = next(line for line in solution.split("\n") if line.startswith(f"def {name}("))
    problems.append(
        {"task_id": name, "difficulty": difficulty, "language": "python", "prompt": en,
         "prompt_zh": zh, "starter": signature + "\n", "entry_point": name, "compare": compare,
         "limits": {"seconds": 10, "memory_mb": 512}, "cases": cases, "solution": solution}
    )  # fmt: skip


def cpp(
    name: str, difficulty: str, en: str, zh: str, solution: str, inputs: list[str],
    oracle: Callable[[str], object], large: list[str] | None = None,
) -> None:  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "a.cpp"
        source.write_text(solution)
        binary = f"{folder}/a"
        subprocess.run(["g++", "-std=c++17", "-O2", "-Wall", "-o", binary, source], check=True)
        cases = []
        for text in inputs + (large or []):
            found = subprocess.run([binary], input=text, capture_output=True, text=True, check=True)
            if text in inputs:
                expected = str(oracle(text))
                assert found.stdout.split() == expected.split(), (name, text, expected, found)
            cases.append({"input": text, "output": found.stdout})
    problems.append(
        {"task_id": name, "difficulty": difficulty, "language": "cpp", "prompt": en,
         "prompt_zh": zh, "limits": {"seconds": 3, "memory_mb": 512}, "cases": cases,
         "solution": solution}
    )  # fmt: skip


def numbers(n: int, lo: int, hi: int) -> list[int]:
    return [rng.randint(lo, hi) for _ in range(n)]


def text(n: int, alphabet: str) -> str:
    return "".join(rng.choice(alphabet) for _ in range(n))


# --- Easy ----------------------------------------------------------------------------------------

python(
    "first_overdraft", "easy",
    "An account starts at 0. Given the list of amounts that are added one after the other "
    "(negative: taken out), return the index of the first amount after which the balance is below "
    "zero, or -1.",
    "账户初始余额为 0。给定依次入账的金额列表（负数为支出），返回余额首次小于零时该笔金额的下标；若从未小于零，返回 -1。",
    """def first_overdraft(amounts):
    balance = 0
    for i, amount in enumerate(amounts):
        balance += amount
        if balance < 0:
            return i
    return -1
""",
    [[[]], [[5, -5]], [[5, -6, 9]], [[-1]], [[3, -2, -1, -1, 5]]]
    + [[numbers(12, -5, 6)] for _ in range(6)],
    lambda a: next((i for i in range(len(a)) if sum(a[: i + 1]) < 0), -1),
    large=[[[1] * 2000 + [-2001]]],
)

ROMAN = [("M", 1000), ("CM", 900), ("D", 500), ("CD", 400), ("C", 100), ("XC", 90), ("L", 50),
         ("XL", 40), ("X", 10), ("IX", 9), ("V", 5), ("IV", 4), ("I", 1)]  # fmt: skip


def to_roman(n: int) -> str:
    out = ""
    for letters, value in ROMAN:
        while n >= value:
            out, n = out + letters, n - value
    return out


python(
    "from_roman", "easy",
    "Return the value of a Roman numeral between I and MMMCMXCIX, written in capital letters.",
    "返回一个罗马数字（大写，I 到 MMMCMXCIX）所表示的整数。",
    """def from_roman(numeral):
    value = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
    total = 0
    for i, letter in enumerate(numeral):
        here = value[letter]
        smaller = i + 1 < len(numeral) and here < value[numeral[i + 1]]
        total += -here if smaller else here
    return total
""",
    [[to_roman(n)] for n in (1, 4, 9, 14, 40, 90, 400, 944, 1994, 2026, 3999)],
    lambda s: next(n for n in range(1, 4000) if to_roman(n) == s),
)

python(
    "second_largest", "easy",
    "Return the second largest of the different values in a list of integers, or null (None) when "
    "there are fewer than two different values.",
    "返回整数列表中不同数值里的第二大值；若不同数值少于两个，返回 None。",
    """def second_largest(values):
    different = sorted(set(values))
    return different[-2] if len(different) >= 2 else None
""",
    [[[]], [[3]], [[3, 3]], [[1, 2]], [[-1, -5, -1, -3]]] + [[numbers(9, -6, 6)] for _ in range(5)],
    lambda a: max((x for x in a if x != max(a)), default=None),
)

python(
    "rotate_grid", "easy",
    "Rotate a rectangular grid (a list of rows of equal length) by 90 degrees clockwise.",
    "将一个矩形网格（由等长的行组成的列表）顺时针旋转 90 度。",
    """def rotate_grid(grid):
    return [list(column) for column in zip(*grid[::-1])]
""",
    [[[[1]]], [[[1, 2, 3]]], [[[1], [2]]], [[[1, 2], [3, 4]]], [[[1, 2, 3], [4, 5, 6]]],
     [[numbers(4, 0, 9) for _ in range(5)]]],
    lambda g: [[g[len(g) - 1 - j][i] for j in range(len(g))] for i in range(len(g[0]))],
)


def brackets_oracle(s: str) -> bool:
    kept = "".join(c for c in s if c in "()[]{}")
    while any(pair in kept for pair in ("()", "[]", "{}")):
        for pair in ("()", "[]", "{}"):
            kept = kept.replace(pair, "")
    return kept == ""


python(
    "is_balanced", "easy",
    "Say whether the brackets (), [] and {} of a text are balanced and properly nested. All other "
    "characters are ignored.",
    "判断一段文本中的括号 ()、[]、{} 是否成对且正确嵌套。忽略其他字符。",
    """def is_balanced(text):
    partner = {")": "(", "]": "[", "}": "{"}
    open_ones = []
    for c in text:
        if c in "([{":
            open_ones.append(c)
        elif c in partner:
            if not open_ones or open_ones.pop() != partner[c]:
                return False
    return not open_ones
""",
    [[""], ["a(b)c"], ["([)]"], ["((("], ["}"], ["{[()]}x"]] + [[text(6, "()[]")] for _ in range(8)],
    brackets_oracle,
    large=[["(" * 2000 + ")" * 2000], ["[" * 2000]],
)

python(
    "group_anagrams", "easy",
    "Group the words of a list that consist of the same letters. Return the groups in any order; "
    "each group is sorted and keeps repeated words.",
    "将列表中由相同字母组成的单词归为一组。各组顺序任意；组内单词按字典序排列，重复的单词保留。",
    """def group_anagrams(words):
    groups = {}
    for word in words:
        groups.setdefault("".join(sorted(word)), []).append(word)
    return [sorted(group) for group in groups.values()]
""",
    [[[]], [["a"]], [["eat", "tea", "tan", "ate", "nat", "bat"]], [["ab", "ba", "ab", "abc"]],
     [[text(3, "abc") for _ in range(20)]]],
    lambda ws: [sorted(w for w in ws if sorted(w) == list(key))
                for key in {tuple(sorted(w)) for w in ws}],
    compare="unordered",
)

python(
    "run_lengths", "easy",
    "Return the runs of equal characters in a text as a list of [character, length].",
    "以 [字符, 长度] 的列表形式返回一段文本中连续相同字符的游程。",
    """def run_lengths(text):
    runs = []
    for c in text:
        if runs and runs[-1][0] == c:
            runs[-1][1] += 1
        else:
            runs.append([c, 1])
    return runs
""",
    [[""], ["a"], ["aaab"], ["abab"], ["你你好"], [text(30, "xy")]],
    lambda s: [[c, len(list(g))] for c, g in itertools.groupby(s)],
)

python(
    "leap_days", "easy",
    "Return how many 29ths of February there are in the years from `first` to `last`, both "
    "included, by the Gregorian calendar.",
    "按公历计算，从 first 年到 last 年（含两端）共有多少个 2 月 29 日。",
    """def leap_days(first, last):
    def until(year):
        return year // 4 - year // 100 + year // 400

    return until(last) - until(first - 1)
""",
    [[2024, 2024], [2023, 2023], [1900, 1900], [2000, 2000], [1896, 1904], [1, 2026], [1999, 2101]],
    lambda a, b: sum(y % 4 == 0 and (y % 100 != 0 or y % 400 == 0) for y in range(a, b + 1)),
    large=[[1, 10**15]],
)

cpp(
    "commonest_word", "easy",
    "Read words, separated by white space, until the end of the input. Print the word that occurs "
    "most often; of several, the first in alphabetical order. There is at least one word.",
    "读入以空白分隔的单词直到输入结束，输出出现次数最多的单词；若有多个，输出字典序最小的。至少有一个单词。",
    """#include <iostream>
#include <map>
#include <string>

int main() {
  std::map<std::string, int> count;
  for (std::string word; std::cin >> word;) ++count[word];
  std::string best;
  int most = 0;
  for (const auto& [word, n] : count) {
    if (n > most) {
      best = word;
      most = n;
    }
  }
  std::cout << best << '\\n';
}
""",
    ["a", "b a b a c", "x y\nz y", " ".join(text(2, "abc") for _ in range(60))],
    lambda t: min(t.split(), key=lambda w: (-t.split().count(w), w)),
    large=[" ".join(text(3, "abcdefgh") for _ in range(2000))],
)

cpp(
    "common_divisor", "easy",
    "Read n (1 to 100000) and n integers between 1 and 10^18. Print their greatest common divisor.",
    "读入 n（1 到 100000）以及 n 个 1 到 10^18 之间的整数，输出它们的最大公约数。",
    """#include <iostream>
#include <numeric>

int main() {
  int n = 0;
  std::cin >> n;
  long long all = 0;
  for (long long x; n-- > 0 && std::cin >> x;) all = std::gcd(all, x);
  std::cout << all << '\\n';
}
""",
    ["1 7", "3 12 18 27", "2 1000 1", "4 60 84 36 48"],
    lambda t: max(d for d in range(1, 1001) if all(int(x) % d == 0 for x in t.split()[1:])),
    large=["2 1000000000000000000 999999999999999998",
           "500 " + " ".join(str(x * 123_456_789) for x in numbers(500, 1, 10**9))],
)

# --- Medium --------------------------------------------------------------------------------------


def intervals_oracle(intervals: list[list[int]]) -> list[list[int]]:
    # On half steps, so that [1, 2] and [3, 4] stay apart and [1, 2] and [2, 3] meet.
    covered = sorted({x for a, b in intervals for x in range(2 * a, 2 * b + 1)})
    out: list[list[int]] = []
    for x in covered:
        if out and out[-1][1] == x - 1:
            out[-1][1] = x
        else:
            out.append([x, x])
    return [[a // 2, b // 2] for a, b in out]


python(
    "merge_intervals", "medium",
    "Given closed intervals [start, end] of integers in any order, merge those that overlap or "
    "touch in a point and return the result in rising order.",
    "给定若干整数闭区间 [start, end]（顺序任意），合并有重叠或端点相接的区间，按升序返回结果。",
    """def merge_intervals(intervals):
    merged = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged
""",
    [[[]], [[[1, 3], [2, 6], [8, 10]]], [[[1, 2], [2, 3]]], [[[1, 2], [3, 4]]], [[[5, 5], [1, 9]]]]
    + [[[sorted(numbers(2, 0, 30)) for _ in range(7)]] for _ in range(6)],
    intervals_oracle,
    large=[[[[i * 2, i * 2 + 1] for i in range(1000, 0, -1)]]],
)

python(
    "longest_distinct", "medium",
    "Return the length of the longest contiguous part of a text in which no character occurs twice.",
    "返回文本中不含重复字符的最长连续子串的长度。",
    """def longest_distinct(text):
    seen = {}
    begin = best = 0
    for i, c in enumerate(text):
        begin = max(begin, seen.get(c, -1) + 1)
        seen[c] = i
        best = max(best, i - begin + 1)
    return best
""",
    [[""], ["a"], ["abcabcbb"], ["bbbb"], ["pwwkew"], ["abba"]]
    + [[text(15, "abcdef")] for _ in range(6)],
    lambda s: max((j - i for i in range(len(s)) for j in range(i + 1, len(s) + 1)
                   if len(set(s[i:j])) == j - i), default=0),
    large=[["abcdefghij" * 400]],
)


def coins_oracle(coins: list[int], amount: int) -> int:
    reach, steps = {0}, 0
    seen = {0}
    while reach:
        if amount in reach:
            return steps
        reach = {r + c for r in reach for c in coins if r + c <= amount} - seen
        seen |= reach
        steps += 1
    return -1


python(
    "fewest_coins", "medium",
    "Return the smallest number of coins that make up `amount`, when each of the given values may "
    "be used any number of times; -1 when it can't be done.",
    "给定若干硬币面值（每种可使用任意多次），返回凑出 amount 所需的最少硬币数；无法凑出时返回 -1。",
    """def fewest_coins(coins, amount):
    fewest = [0] + [amount + 1] * amount
    for value in range(1, amount + 1):
        for coin in coins:
            if coin <= value:
                fewest[value] = min(fewest[value], fewest[value - coin] + 1)
    return fewest[amount] if fewest[amount] <= amount else -1
""",
    [[[1, 2, 5], 11], [[2], 3], [[1], 0], [[5, 7], 23], [[9, 6, 1], 11], [[4, 6], 1001],
     [[1, 15, 25], 30]],
    coins_oracle,
    large=[[[3, 7, 405, 436], 8839]],
)


def lru_oracle(capacity: int, operations: list) -> list:
    held: list[list] = []  # the longest unused first
    out = []
    for operation, *rest in operations:
        at = next((i for i, (k, _) in enumerate(held) if k == rest[0]), None)
        if operation == "get":
            out.append(-1 if at is None else held[at][1])
            if at is not None:
                held.append(held.pop(at))
        else:
            if at is not None:
                held.pop(at)
            held.append([rest[0], rest[1]])
            if len(held) > capacity:
                held.pop(0)
    return out


python(
    "lru_cache", "medium",
    'Simulate a cache that holds `capacity` keys. Operations are ["put", key, value] and ["get", '
    "key]; both count as a use of the key. When a put makes one key too many, the key whose last "
    "use is longest ago is dropped. Return the results of all gets in order, -1 for a missing key.",
    '模拟一个最多容纳 capacity 个键的缓存。操作为 ["put", 键, 值] 与 ["get", 键]，两者都算对该键的一次使用。'
    "若放入后键数超出容量，则淘汰最久未使用的键。按顺序返回所有 get 的结果，键不存在时为 -1。",
    """from collections import OrderedDict


def lru_cache(capacity, operations):
    held = OrderedDict()
    results = []
    for operation in operations:
        key = operation[1]
        if operation[0] == "get":
            results.append(held.get(key, -1))
            if key in held:
                held.move_to_end(key)
        else:
            held[key] = operation[2]
            held.move_to_end(key)
            if len(held) > capacity:
                held.popitem(last=False)
    return results
""",
    [[2, [["put", 1, 1], ["put", 2, 2], ["get", 1], ["put", 3, 3], ["get", 2], ["get", 1]]],
     [1, [["get", 5], ["put", 5, 1], ["put", 5, 2], ["get", 5]]]]
    + [[3, [["put", k, i] if rng.random() < 0.6 else ["get", k]
            for i, k in enumerate(numbers(30, 1, 6))]] for _ in range(4)],
    lru_oracle,
)


def islands_oracle(grid: list[str]) -> int:
    land = {(r, c) for r, row in enumerate(grid) for c, x in enumerate(row) if x == "#"}
    label = {cell: i for i, cell in enumerate(sorted(land))}
    for _ in range(len(land)):
        for r, c in land:
            for near in ((r + 1, c), (r, c + 1)):
                if near in land:
                    label[r, c] = label[near] = min(label[r, c], label[near])
    return len(set(label.values()))


python(
    "count_islands", "medium",
    "A map is a list of texts of equal length, # for land and . for water. Count the islands: "
    "pieces of land that hang together horizontally or vertically.",
    "地图由等长字符串组成，# 表示陆地，. 表示水。返回岛屿数量：水平或垂直相连的陆地算作同一座岛。",
    """def count_islands(grid):
    seen = set()
    count = 0
    for r, row in enumerate(grid):
        for c, cell in enumerate(row):
            if cell != "#" or (r, c) in seen:
                continue
            count += 1
            todo = [(r, c)]
            seen.add((r, c))
            while todo:
                y, x = todo.pop()
                for near in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                    inside = 0 <= near[0] < len(grid) and 0 <= near[1] < len(row)
                    if inside and near not in seen and grid[near[0]][near[1]] == "#":
                        seen.add(near)
                        todo.append(near)
    return count
""",
    [[[]], [["."]], [["#"]], [["##.", ".#.", "..#"]], [["#.#", ".#.", "#.#"]]]
    + [[[text(7, "#.") for _ in range(6)]] for _ in range(5)],
    islands_oracle,
    large=[[["#" * 60] * 60]],
)


def order_oracle(count: int, needs: list[list[int]]) -> list[int]:
    for order in itertools.permutations(range(count)):
        place = {x: i for i, x in enumerate(order)}
        if all(place[a] < place[b] for b, a in needs):
            return list(order)
    return []


python(
    "course_order", "medium",
    "There are `count` courses, numbered from 0. Each pair [b, a] of `needs` says that course a "
    "must be done before course b. Return the order of all courses that comes first in "
    "lexicographical order, or an empty list when there is none.",
    "有 count 门课程，编号从 0 开始。needs 中的每对 [b, a] 表示课程 a 必须先于课程 b。返回字典序最小的修课顺序；若不存在，返回空列表。",
    """import heapq


def course_order(count, needs):
    later = [[] for _ in range(count)]
    missing = [0] * count
    for b, a in needs:
        later[a].append(b)
        missing[b] += 1
    ready = [i for i in range(count) if missing[i] == 0]
    heapq.heapify(ready)
    order = []
    while ready:
        course = heapq.heappop(ready)
        order.append(course)
        for b in later[course]:
            missing[b] -= 1
            if missing[b] == 0:
                heapq.heappush(ready, b)
    return order if len(order) == count else []
""",
    [[1, []], [2, [[0, 1]]], [2, [[0, 1], [1, 0]]], [4, [[1, 3], [0, 3], [3, 2]]], [3, []]]
    + [[6, [rng.sample(range(6), 2) for _ in range(5)]] for _ in range(6)],
    order_oracle,
    large=[[800, [[i, i + 1] for i in range(799)]]],
)


def calculate_oracle(expression: str) -> int:
    class Whole(int):  # Python's own parser, with a division that goes towards zero
        def __add__(self, o): return Whole(int(self) + int(o))  # noqa: E704
        def __sub__(self, o): return Whole(int(self) - int(o))  # noqa: E704
        def __mul__(self, o): return Whole(int(self) * int(o))  # noqa: E704
        def __neg__(self): return Whole(-int(self))  # noqa: E704

        def __truediv__(self, o):
            quotient = abs(int(self)) // abs(int(o))
            return Whole(quotient if (int(self) < 0) == (int(o) < 0) else -quotient)

    import re

    return int(eval(re.sub(r"(\d+)", r"Whole(\1)", expression), {"Whole": Whole}))  # noqa: S307


python(
    "calculate", "medium",
    "Work out an expression of non-negative whole numbers with + - * / (division cuts towards "
    "zero), unary minus, parentheses and spaces. It is valid and never divides by zero. Don't use "
    "eval.",
    "计算由非负整数、+ - * /（除法向零取整）、一元负号、括号和空格组成的表达式。表达式合法且不会除以零。不要使用 eval。",
    """def calculate(expression):
    tokens = []
    i = 0
    while i < len(expression):
        c = expression[i]
        if c.isdigit():
            j = i
            while j < len(expression) and expression[j].isdigit():
                j += 1
            tokens.append(int(expression[i:j]))
            i = j
            continue
        if c != " ":
            tokens.append(c)
        i += 1
    tokens.append("end")
    at = 0

    def factor():
        nonlocal at
        token = tokens[at]
        at += 1
        if token == "-":
            return -factor()
        if token == "(":
            value = total()
            at += 1
            return value
        return token

    def product():
        nonlocal at
        value = factor()
        while tokens[at] in ("*", "/"):
            operator = tokens[at]
            at += 1
            right = factor()
            if operator == "*":
                value *= right
            else:
                quotient = abs(value) // abs(right)
                value = quotient if (value < 0) == (right < 0) else -quotient
        return value

    def total():
        nonlocal at
        value = product()
        while tokens[at] in ("+", "-"):
            operator = tokens[at]
            at += 1
            right = product()
            value = value + right if operator == "+" else value - right
        return value

    return total()
""",
    [["1"], [" 3+2*2 "], ["3/2"], ["14-3/2"], ["(1+(4+5+2)-3)+(6+8)"], ["-7/2"], ["7/-2"],
     ["2*(3-(4-5))"], ["-(2+3)*-4"], ["100/7/3*2-1"], ["0-0*5"]],
    calculate_oracle,
    large=[["+".join(["(2*3-1)"] * 500)]],
)


def decode_oracle(s: str) -> str:
    import re

    while "[" in s:
        s = re.sub(r"(\d+)\[([^\[\]]*)\]", lambda m: int(m[1]) * m[2], s)
    return s


python(
    "decode", "medium",
    "Decode a text in which n[part] stands for n copies of part; parts may be nested. Digits occur "
    "only as such counts.",
    "解码字符串：n[内容] 表示将内容重复 n 次，可以嵌套。数字只作为重复次数出现。",
    """def decode(text):
    stack = [[1, ""]]
    count = 0
    for c in text:
        if c.isdigit():
            count = count * 10 + int(c)
        elif c == "[":
            stack.append([count, ""])
            count = 0
        elif c == "]":
            times, part = stack.pop()
            stack[-1][1] += part * times
        else:
            stack[-1][1] += c
    return stack[0][1]
""",
    [[""], ["abc"], ["3[a]2[bc]"], ["3[a2[c]]"], ["2[abc]3[cd]ef"], ["10[x]"], ["2[2[2[y]z]]w"],
     ["0[a]b"]],
    decode_oracle,
)


def paths_oracle(t: str) -> str:
    n, m, *rest = map(int, t.split())
    far = [0] + [10**18] * (n - 1)
    edges = list(zip(rest[::3], rest[1::3], rest[2::3], strict=True))
    assert len(edges) == m
    for _ in range(n):
        for a, b, w in edges:
            far[b - 1] = min(far[b - 1], far[a - 1] + w)
            far[a - 1] = min(far[a - 1], far[b - 1] + w)
    return " ".join(str(-1 if d == 10**18 else d) for d in far)


def graph(n: int, m: int, most: int) -> str:
    lines = [f"{n} {m}"]
    lines += [f"{rng.randint(1, n)} {rng.randint(1, n)} {rng.randint(0, most)}" for _ in range(m)]
    return "\n".join(lines) + "\n"


cpp(
    "shortest_paths", "medium",
    "Read n and m (up to 100000 each), then m lines `a b w`: a road between the places a and b "
    "(from 1 to n) in both directions, of length w (0 to 10^9). Print the length of the shortest "
    "way from place 1 to each of the places 1 to n in one line, -1 where there is none.",
    "读入 n 和 m（均不超过 100000），随后 m 行 `a b w`：地点 a 与 b（1 到 n）之间有一条长度为 w（0 到 10^9）的双向道路。"
    "在一行内输出地点 1 到各地点 1 至 n 的最短距离，不可达时输出 -1。",
    """#include <cstdio>
#include <queue>
#include <vector>

int main() {
  int n = 0, m = 0;
  if (std::scanf("%d %d", &n, &m) != 2) return 1;
  std::vector<std::vector<std::pair<int, long long>>> roads(n + 1);
  for (int i = 0; i < m; ++i) {
    int a, b;
    long long w;
    if (std::scanf("%d %d %lld", &a, &b, &w) != 3) return 1;
    roads[a].push_back({b, w});
    roads[b].push_back({a, w});
  }
  std::vector<long long> far(n + 1, -1);
  std::priority_queue<std::pair<long long, int>> todo;
  todo.push({0, 1});
  while (!todo.empty()) {
    const auto [d, at] = todo.top();
    todo.pop();
    if (far[at] >= 0) continue;
    far[at] = -d;
    for (const auto& [to, w] : roads[at]) {
      if (far[to] < 0) todo.push({d - w, to});
    }
  }
  for (int i = 1; i <= n; ++i) std::printf("%lld ", far[i]);
  std::puts("");
}
""",
    ["1 0\n", "2 0\n", "3 2\n1 2 5\n2 3 0\n"] + [graph(7, 9, 10) for _ in range(4)],
    paths_oracle,
    large=[graph(500, 900, 10**9),
           "600 599\n" + "".join(f"{i} {i + 1} 1000000000\n" for i in range(1, 600))],
)


def windows_oracle(t: str) -> str:
    n, k, *values = map(int, t.split())
    return " ".join(str(max(values[i : i + k])) for i in range(n - k + 1))


cpp(
    "window_maxima", "medium",
    "Read n and k (1 <= k <= n <= 200000) and n integers. Print the largest value of each k "
    "neighbouring ones, from left to right, in one line.",
    "读入 n、k（1 <= k <= n <= 200000）以及 n 个整数。从左到右输出每个长度为 k 的窗口中的最大值，占一行。",
    """#include <cstdio>
#include <deque>
#include <vector>

int main() {
  int n = 0, k = 0;
  if (std::scanf("%d %d", &n, &k) != 2) return 1;
  std::vector<int> values(n);
  std::deque<int> best;
  for (int i = 0; i < n; ++i) {
    if (std::scanf("%d", &values[i]) != 1) return 1;
    while (!best.empty() && values[best.back()] <= values[i]) best.pop_back();
    best.push_back(i);
    if (best.front() <= i - k) best.pop_front();
    if (i >= k - 1) std::printf("%d ", values[best.front()]);
  }
  std::puts("");
}
""",
    ["1 1\n-5\n", "8 3\n1 3 -1 -3 5 3 6 7\n", "4 4\n1 2 3 4\n"]
    + [f"20 {k}\n" + " ".join(map(str, numbers(20, -9, 9))) + "\n" for k in (1, 2, 7)],
    windows_oracle,
    large=["2000 1000\n" + " ".join(str(-i) for i in range(2000)) + "\n"],
)

# --- Hard ----------------------------------------------------------------------------------------

python(
    "distinct_subsequences", "hard",
    "Return the number of different non-empty subsequences of a text of small letters, modulo "
    "1000000007.",
    "返回一个小写字母字符串的不同非空子序列个数，对 1000000007 取模。",
    """def distinct_subsequences(text):
    modulus = 1_000_000_007
    total = 1  # with the empty one
    before = {}  # how many there were before the letter's last place
    for c in text:
        doubled = (2 * total - before.get(c, 0)) % modulus
        before[c] = total
        total = doubled
    return (total - 1) % modulus
""",
    [["a"], ["aaa"], ["abc"], ["aba"]] + [[text(10, "abc")] for _ in range(5)],
    lambda s: len({"".join(p) for n in range(1, len(s) + 1)
                   for p in itertools.combinations(s, n)}),
    large=[["abcdefghijklmnopqrstuvwxyz" * 100]],
)


def regex_oracle(pattern: str, s: str) -> bool:
    import re

    return re.fullmatch(pattern, s) is not None


python(
    "matches", "hard",
    "Say whether a pattern matches the whole of a text. `.` stands for any one character and `*` "
    "for any number, zero too, of what stands before it. Don't use a library of patterns.",
    "判断模式是否匹配整个文本。`.` 匹配任意单个字符，`*` 表示其前一个字符出现任意次（包括零次）。不要使用正则库。",
    """def matches(pattern, text):
    pieces = []
    for c in pattern:
        if c == "*":
            pieces[-1] = (pieces[-1][0], True)
        else:
            pieces.append((c, False))
    reach = [True] + [False] * len(text)
    for c, repeats in pieces:
        following = [False] * (len(text) + 1)
        for i in range(len(text) + 1):
            fits = i > 0 and c in (".", text[i - 1])
            if repeats:
                following[i] = reach[i] or (fits and following[i - 1])
            else:
                following[i] = fits and reach[i - 1]
        reach = following
    return reach[-1]
""",
    [["a", "aa"], ["a*", "aa"], [".*", "ab"], ["c*a*b", "aab"], ["", ""], ["a*", ""], ["", "a"],
     ["mis*is*p*.", "mississippi"], ["a.*c", "abbbc"]]
    + [["".join(rng.choice(["a", "b", ".", "a*", "b*", ".*"]) for _ in range(5)), text(5, "ab")]
       for _ in range(10)],
    regex_oracle,
    large=[["a*" * 30 + "b", "a" * 300]],
)

python(
    "largest_rectangle", "hard",
    "Bars of width 1 stand side by side; their heights are given. Return the area of the largest "
    "rectangle that lies within them.",
    "给定一排宽度为 1 的柱子的高度，返回能完全容纳在其中的最大矩形面积。",
    """def largest_rectangle(heights):
    best = 0
    rising = []  # (where a bar of this height could begin, its height)
    for i, height in enumerate(heights + [0]):
        begin = i
        while rising and rising[-1][1] >= height:
            begin, tall = rising.pop()
            best = max(best, tall * (i - begin))
        rising.append((begin, height))
    return best
""",
    [[[]], [[0]], [[2, 1, 5, 6, 2, 3]], [[2, 4]], [[3, 3, 3]]] + [[numbers(9, 0, 8)] for _ in range(6)],
    lambda h: max((min(h[i : j + 1]) * (j - i + 1) for i in range(len(h))
                   for j in range(i, len(h))), default=0),
    large=[[list(range(1, 1501))], [[7] * 3000]],
)


def rain_oracle(heights: list[list[int]]) -> int:
    rows, columns = len(heights), len(heights[0])
    top = max(map(max, heights))
    water = [[top] * columns for _ in range(rows)]
    changed = True
    while changed:
        changed = False
        for r in range(rows):
            for c in range(columns):
                around = [0] if r in (0, rows - 1) or c in (0, columns - 1) else [
                    water[r + 1][c], water[r - 1][c], water[r][c + 1], water[r][c - 1]]
                level = max(heights[r][c], min(around))
                if level < water[r][c]:
                    water[r][c], changed = level, True
    return sum(map(sum, water)) - sum(map(sum, heights))


python(
    "held_water", "hard",
    "A landscape is a grid of heights, each cell a square of side 1. How much water does it hold "
    "after rain? Water flows between cells that share a side, and off the grid's edge.",
    "地形由高度网格给出，每格为边长 1 的正方形。雨后它能积多少水？水可在有公共边的格子之间流动，并会从网格边缘流走。",
    """import heapq


def held_water(heights):
    rows, columns = len(heights), len(heights[0])
    seen = set()
    shore = []
    for r in range(rows):
        for c in range(columns):
            if r in (0, rows - 1) or c in (0, columns - 1):
                shore.append((heights[r][c], r, c))
                seen.add((r, c))
    heapq.heapify(shore)
    held = 0
    while shore:
        level, r, c = heapq.heappop(shore)
        for y, x in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
            if 0 <= y < rows and 0 <= x < columns and (y, x) not in seen:
                seen.add((y, x))
                held += max(0, level - heights[y][x])
                heapq.heappush(shore, (max(level, heights[y][x]), y, x))
    return held
""",
    [[[[5]]], [[[3, 3, 3], [3, 0, 3], [3, 3, 3]]], [[[3, 3, 3], [3, 0, 2], [3, 3, 3]]],
     [[[1, 4, 3, 1, 3, 2], [3, 2, 1, 3, 2, 4], [2, 3, 3, 2, 3, 1]]]]
    + [[[numbers(6, 0, 9) for _ in range(6)]] for _ in range(5)],
    rain_oracle,
    large=[[[[(r * 7919 + c * 104_729) % 101 for c in range(50)] for r in range(50)]]],
)

python(
    "range_sums", "hard",
    "Return how many contiguous, non-empty parts of a list of integers have a sum between low and "
    "high, both included. The list has up to 30000 numbers.",
    "返回整数列表（最多 30000 个数）中，和在 low 与 high 之间（含两端）的非空连续子数组个数。",
    """def range_sums(values, low, high):
    sums = [0]
    for value in values:
        sums.append(sums[-1] + value)

    def sort_and_count(begin, end):
        if end - begin <= 1:
            return 0
        middle = (begin + end) // 2
        count = sort_and_count(begin, middle) + sort_and_count(middle, end)
        first = last = middle
        for i in range(begin, middle):
            while first < end and sums[first] - sums[i] < low:
                first += 1
            while last < end and sums[last] - sums[i] <= high:
                last += 1
            count += last - first
        sums[begin:end] = sorted(sums[begin:end])
        return count

    return sort_and_count(0, len(sums))
""",
    [[[], 0, 0], [[-2, 5, -1], -2, 2], [[0], 0, 0], [[1, 2, 3], 3, 3], [[1, -1] * 5, 0, 0]]
    + [[numbers(12, -5, 5), -3, 4] for _ in range(5)],
    lambda v, lo, hi: sum(lo <= sum(v[i:j]) <= hi for i in range(len(v))
                          for j in range(i + 1, len(v) + 1)),
    large=[[numbers(2000, -1000, 1000), -5000, 5000]],
)


def queens_oracle(n: int, blocked: list[list[int]]) -> int:
    closed = {tuple(x) for x in blocked}
    return sum(
        len({r + c for r, c in enumerate(p)}) == n and len({r - c for r, c in enumerate(p)}) == n
        and not any(square in closed for square in enumerate(p))
        for p in itertools.permutations(range(n))
    )


python(
    "queens", "hard",
    "In how many ways can n queens stand on an n x n board so that none attacks another and none "
    "stands on one of the blocked squares [row, column] (from 0)? Blocked squares don't stop a "
    "queen's attack. n is at most 10.",
    "在 n x n 棋盘上放置 n 个皇后，使其互不攻击，且不放在被禁止的格子 [行, 列]（从 0 开始）上，共有多少种放法？"
    "被禁止的格子不会阻挡攻击。n 不超过 10。",
    """def queens(n, blocked):
    open_columns = [(1 << n) - 1] * n
    for row, column in blocked:
        open_columns[row] &= ~(1 << column)

    def place(row, columns, left, right):
        if row == n:
            return 1
        count = 0
        free = open_columns[row] & ~(columns | left | right)
        while free:
            bit = free & -free
            free ^= bit
            count += place(row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1)
        return count

    return place(0, 0, 0, 0)
""",
    [[1, []], [1, [[0, 0]]], [2, []], [4, []], [6, []], [7, [[0, 0], [3, 3], [6, 1]]],
     [8, [[0, 3], [1, 1]]]],
    queens_oracle,
    large=[[10, [[0, 0], [9, 9]]]],
)


def superstring_oracle(words: list[str]) -> int:
    best = sum(map(len, words))
    for order in itertools.permutations(words):
        whole = ""
        for word in order:
            if word in whole:
                continue
            overlap = next(k for k in range(min(len(word), len(whole)), -1, -1)
                           if whole.endswith(word[:k]))
            whole += word[overlap:]
        best = min(best, len(whole))
    return best


python(
    "superstring_length", "hard",
    "Return the length of the shortest text that contains each of the given words (up to 12 of up "
    "to 20 letters) as a contiguous part.",
    "返回包含所有给定单词（最多 12 个，每个最多 20 个字母）作为连续子串的最短字符串的长度。",
    """def superstring_length(words):
    words = list(dict.fromkeys(words))
    words = [w for w in words if not any(w != v and w in v for v in words)]
    n = len(words)
    if n == 0:
        return 0

    def overlap(a, b):
        for k in range(min(len(a), len(b)), -1, -1):
            if a.endswith(b[:k]):
                return k

    saved = [[overlap(a, b) for b in words] for a in words]
    far = sum(map(len, words)) + 1
    shortest = [[far] * n for _ in range(1 << n)]
    for i in range(n):
        shortest[1 << i][i] = len(words[i])
    for used in range(1 << n):
        for last in range(n):
            length = shortest[used][last]
            if length == far:
                continue
            for word in range(n):
                if not used >> word & 1:
                    longer = length + len(words[word]) - saved[last][word]
                    after = shortest[used | 1 << word]
                    after[word] = min(after[word], longer)
    return min(shortest[-1])
""",
    [[[]], [["a"]], [["ab", "bc", "cd"]], [["catg", "ctaagt", "gcta", "ttca", "atgcatc"]],
     [["aa", "aa", "a"]]]
    + [[[text(4, "ab") for _ in range(6)]] for _ in range(4)],
    superstring_oracle,
    large=[[[text(12, "abc") for _ in range(12)]]],
)


def balloons_oracle(values: list[int]) -> int:
    best = 0
    for i in range(len(values)):
        left = values[i - 1] if i else 1
        right = values[i + 1] if i + 1 < len(values) else 1
        best = max(best, left * values[i] * right + balloons_oracle(values[:i] + values[i + 1 :]))
    return best


python(
    "most_coins", "hard",
    "Balloons with numbers stand in a row. Bursting one gives the product of its number and its "
    "neighbours' (1 beyond an end), and the neighbours then stand side by side. Return the largest "
    "total for bursting all.",
    "一排气球上写有数字。戳破一个气球得到它与左右相邻气球数字的乘积（越界视为 1），之后其左右气球变为相邻。返回戳破所有气球可得的最大总和。",
    """def most_coins(values):
    row = [1] + values + [1]
    n = len(row)
    most = [[0] * n for _ in range(n)]
    for width in range(2, n):
        for left in range(n - width):
            right = left + width
            most[left][right] = max(
                most[left][last] + row[left] * row[last] * row[right] + most[last][right]
                for last in range(left + 1, right)
            )
    return most[0][-1]
""",
    [[[]], [[5]], [[3, 1, 5, 8]], [[1, 5]], [[0, 4, 0]]] + [[numbers(7, 0, 9)] for _ in range(4)],
    balloons_oracle,
    large=[[numbers(120, 1, 100)]],
)


def matching_oracle(t: str) -> int:
    n, m, e, *rest = map(int, t.split())
    likes = [set() for _ in range(n)]
    for a, b in zip(rest[::2], rest[1::2], strict=True):
        likes[a - 1].add(b)
    assert len(rest) == 2 * e and m >= 0

    def best(person: int, taken: frozenset) -> int:
        if person == n:
            return 0
        return max([best(person + 1, taken)]
                   + [1 + best(person + 1, taken | {t}) for t in likes[person] - taken])

    return best(0, frozenset())


def pairs(n: int, m: int, e: int) -> str:
    lines = [f"{rng.randint(1, n)} {rng.randint(1, m)}\n" for _ in range(e)]
    return f"{n} {m} {e}\n" + "".join(lines)


cpp(
    "most_pairs", "hard",
    "Read n, m (1 to 2000) and e (0 to 20000), then e lines `a b`: person a (1 to n) can do task b "
    "(1 to m). Each person does at most one task and each task needs one person. Print the largest "
    "number of tasks that can be done.",
    "读入 n、m（1 到 2000）与 e（0 到 20000），随后 e 行 `a b`：人 a（1 到 n）能做任务 b（1 到 m）。"
    "每人最多做一项任务，每项任务需要一人。输出最多能完成的任务数。",
    """#include <cstdio>
#include <vector>

std::vector<std::vector<int>> tasks;
std::vector<int> doer, tried;

bool place(int person, int round) {
  for (const int task : tasks[person]) {
    if (tried[task] == round) continue;
    tried[task] = round;
    if (doer[task] == 0 || place(doer[task], round)) {
      doer[task] = person;
      return true;
    }
  }
  return false;
}

int main() {
  int n = 0, m = 0, e = 0;
  if (std::scanf("%d %d %d", &n, &m, &e) != 3) return 1;
  tasks.resize(n + 1);
  doer.resize(m + 1);
  tried.resize(m + 1);
  for (int i = 0; i < e; ++i) {
    int a, b;
    if (std::scanf("%d %d", &a, &b) != 2) return 1;
    tasks[a].push_back(b);
  }
  int count = 0;
  for (int person = 1; person <= n; ++person) count += place(person, person) ? 1 : 0;
  std::printf("%d\\n", count);
}
""",
    ["1 1 0\n", "2 2 2\n1 1\n2 1\n", "3 3 5\n1 1\n1 2\n2 1\n3 2\n3 3\n"]
    + [pairs(6, 6, 10) for _ in range(5)],
    matching_oracle,
    large=[pairs(400, 400, 1000)],
)

cpp(
    "different_parts", "hard",
    "Read a text of 1 to 100000 small letters. Print how many different non-empty contiguous parts "
    "it has.",
    "读入一个由 1 到 100000 个小写字母组成的字符串，输出其不同的非空连续子串的个数。",
    """#include <iostream>
#include <map>
#include <string>
#include <vector>

struct State {
  int length = 0, link = -1;
  std::map<char, int> next;
};

int main() {
  std::string text;
  std::cin >> text;
  std::vector<State> states(1);
  int last = 0;
  long long count = 0;
  for (const char c : text) {
    const int made = static_cast<int>(states.size());
    states.push_back({states[last].length + 1, 0, {}});
    int at = last;
    while (at >= 0 && !states[at].next.count(c)) {
      states[at].next[c] = made;
      at = states[at].link;
    }
    if (at >= 0) {
      const int target = states[at].next[c];
      if (states[target].length == states[at].length + 1) {
        states[made].link = target;
      } else {
        const int copy = static_cast<int>(states.size());
        states.push_back(states[target]);
        states[copy].length = states[at].length + 1;
        while (at >= 0 && states[at].next[c] == target) {
          states[at].next[c] = copy;
          at = states[at].link;
        }
        states[target].link = states[made].link = copy;
      }
    }
    last = made;
    count += states[made].length - states[states[made].link].length;
  }
  std::cout << count << '\\n';
}
""",
    ["a\n", "aaaa\n", "abab\n"] + [text(n, "abc") + "\n" for n in (10, 20, 40)],
    lambda t: len({t.strip()[i:j] for i in range(len(t.strip()))
                   for j in range(i + 1, len(t.strip()) + 1)}),
    large=[text(5000, "ab") + "\n", "a" * 5000 + "\n"],
)


def main() -> None:
    OUT.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(p, ensure_ascii=False, separators=(",", ":")) for p in problems]
    OUT.write_text("\n".join(lines) + "\n")
    by = {d: sum(p["difficulty"] == d for p in problems) for d in ("easy", "medium", "hard")}
    print(f"{OUT}: {len(problems)} problems, {by}, {OUT.stat().st_size} bytes")


main()

"""Easy problems: a loop, a table, a rule."""

import itertools

from maker import cpp, numbers, python, text

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
                for key in dict.fromkeys(tuple(sorted(w)) for w in ws)],
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

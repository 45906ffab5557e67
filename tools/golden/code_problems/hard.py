"""Hard problems: dynamic programming, search that must prune, an idea that must be found."""

import itertools
import re

from maker import cpp, numbers, python, rng, text

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

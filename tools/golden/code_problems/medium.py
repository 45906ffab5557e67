"""Medium problems: a known data structure or algorithm."""

import itertools
import re

from maker import cpp, numbers, python, rng, text


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

"""The made-up set: values in sentences, disguised, near misses, and texts without any value."""

import random
from collections.abc import Iterator

from pii_sets import asia, europe, vat, world
from pii_sets.kind import Kind, Made, at_end, date, digits


def mobile(draw: random.Random) -> Made:
    return at_end(draw.choice(["138", "159", "186", "177", "199", "135"]) + digits(draw, 8))


def email(draw: random.Random) -> Made:
    name = draw.choice(["li.wei", "j_doe", "anna99", "k-mueller"])
    return at_end(f"{name}@{draw.choice(['example.org', 'mail.example.com', 'qq.com'])}")


def ip(draw: random.Random) -> Made:
    return at_end(".".join(str(draw.randint(11, 223)) for _ in range(4)))


def plate(draw: random.Random) -> Made:
    return at_end(draw.choice("京沪粤浙川") + draw.choice("ABCD") + digits(draw, 5))


def unchecked(type_: str, make, *sentences: str) -> Kind:
    return Kind(type_, make, sentences, check=False, spoil=None, disguises=())


KINDS = [
    *asia.KINDS, *world.KINDS, *europe.KINDS, *vat.KINDS,
    unchecked("MOBILE", mobile, "打{}找我", "我的手机号是{}", "Call me at {}", "电话：{}"),
    unchecked("EMAIL", email, "发到{}吧", "Write to {}.", "邮箱是{}谢谢"),
    unchecked("IP", ip, "The request came from {}.", "服务器地址{}", "ping {}"),
    unchecked("PLATE", plate, "车牌{}的车主", "请挪一下{}", "The plate is {}."),
]
# A type is drawn before a kind of it: one with many forms is no more frequent. VAT numbers have 27.
TYPES = sorted({kind.type for kind in KINDS}) + ["EU_VAT"] * 2


def negative(draw: random.Random) -> str:
    """A text without personal data that looks as if it had some."""
    year, month, day = date(draw, 2015, 2026)
    return draw.choice([
        f"订单号{year}{month:02d}{day:02d}{digits(draw, 10)}已发货",
        f"Order {digits(draw, 16)} was shipped",
        f"快递单号{digits(draw, 12)}",
        f"[{year}-{month:02d}-{day:02d} 12:30:4{digits(draw, 1)}.{digits(draw, 6)}] started",
        f"timestamp {draw.randint(1500000000, 1800000000)}{digits(draw, 3)}",
        f"version {draw.randint(1, 9)}.{draw.randint(0, 20)}.{draw.randint(0, 99)}",
        f"firmware v1.{draw.randint(0, 9)}.{draw.randint(0, 9)}.{draw.randint(10, 99)}",
        f"{digits(draw, 18)}",
        f"The number {digits(draw, draw.randint(5, 22))} is random",
        f"{digits(draw, 3)},{digits(draw, 3)},{digits(draw, 3)} people",
        f"commit {draw.randbytes(20).hex()}",
        f"ISBN 978-{digits(draw, 1)}-{digits(draw, 4)}-{digits(draw, 4)}-{digits(draw, 1)}",
        f"流水号{digits(draw, 20)}，金额{digits(draw, 4)}.{digits(draw, 2)}元",
        f"序列号SN{digits(draw, 11)}",
        f"pi ≈ 3.{digits(draw, 15)}",
        f"一共{draw.choice('三四五六')}百{draw.choice('二三四')}十一人",
    ])


def marked(draw: random.Random, kind: Kind) -> dict:
    value = kind.make(draw)[0]
    if kind.disguises and draw.random() < 0.4:
        value = draw.choice(kind.disguises)(value)
    before, after = draw.choice(kind.sentences).split("{}")
    return {"text": before + value + after,
            "entities": [{"type": kind.type, "start": len(before), "end": len(before) + len(value),
                          "check": kind.check}]}


def hard_set(seed: int, count: int) -> Iterator[dict]:
    draw = random.Random(seed)
    while count > 0:
        part = draw.random()
        kind_of = draw.choice(TYPES)
        kind = draw.choice([kind for kind in KINDS if kind.type == kind_of])
        if part < 0.2:
            yield {"text": negative(draw), "entities": []}
        elif part < 0.35:
            if kind.spoil is None:
                continue
            text = draw.choice(kind.sentences).replace("{}", kind.spoil(draw, kind.make(draw)))
            yield {"text": text, "entities": [], "near": kind.type}
        else:
            yield marked(draw, kind)
        count -= 1

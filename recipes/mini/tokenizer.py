"""Builds the 512-entry byte-level BPE of the mini model, with R1's special tokens and template.

The pre-tokenizer is DeepSeek-V3's. Merges are learned from the phrasings with all digits and
ASCII punctuation taken out, so digits and operators always stay single tokens.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from tokenizers import trainers

import data
import phrases as ph

VOCAB_SIZE = 512
HEAD = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"]
TAIL = [
    "<think>", "</think>", "<｜fim▁hole｜>", "<｜fim▁begin｜>", "<｜fim▁end｜>", "<｜User｜>",
    "<｜Assistant｜>", "<|EOT|>", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>",
    "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁outputs▁begin｜>",
    "<｜tool▁outputs▁end｜>", "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>", "<｜tool▁sep｜>",
]
LONG_SPLIT = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
    r"""|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"""
    r"""|\s*[\r\n]+|\s+(?!\S)|\s+"""
)
WIDE_SIGNS = "×÷−–＋？，。：！、"


def pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    """DeepSeek-V3's splits, in its order."""
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"),
        pre_tokenizers.Split(Regex("[一-龥\u3040-ゟ゠-ヿ]+"), "isolated"),
        pre_tokenizers.Split(Regex(LONG_SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


def corpus() -> list[str]:
    """Phrasings and replies as pieces without digits or ASCII punctuation."""
    rng = random.Random(7)
    pieces: list[str] = []
    for _ in range(6000):
        task = rng.choice([*data.TASKS, "talk"])
        turn = data.draw_talk(rng) if task == "talk" else data.draw_problem(rng, task, "train")
        for text in (turn[0], turn[2], turn[1] if task == "talk" else ""):
            pieces += [p for p in re.split(f"[0-9!-/:-@\\[-`{{-~{WIDE_SIGNS}\n]+", text) if p]
    # Signs of several bytes become one token each; alone, so they never merge with neighbours.
    pieces += list(WIDE_SIGNS) * 3000
    # Every Chinese character of the problem templates is one token.
    frames = [*ph.FRAMES_ZH, *(w for ws in ph.WORDS_ZH.values() for w in ws), "答案是除"]
    pieces += [c for f in frames for c in f if "一" <= c <= "龥"] * 200
    return pieces


def learn_bpe() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Learn the merges; bytes take ids 3..258 and merges follow, as in DeepSeek-V3."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizer()
    size = VOCAB_SIZE - len(HEAD) - len(TAIL)
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False)
    learner.train_from_iterator(corpus(), trainer)
    model = json.loads(learner.to_str())["model"]
    vocab = {token: i for i, token in enumerate(HEAD)}
    for token, _ in sorted(model["vocab"].items(), key=lambda kv: kv[1]):
        vocab[token] = len(vocab)
    return vocab, [tuple(pair) for pair in model["merges"]]


def build() -> Tokenizer:
    """The finished tokenizer."""
    vocab, merges = learn_bpe()
    tok = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tok.pre_tokenizer = pre_tokenizer()
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    tok.add_special_tokens([AddedToken(t, normalized=False) for t in HEAD])
    for token in TAIL:
        tok.add_tokens([AddedToken(token, normalized=False, special=token == "<|EOT|>")])
    assert tok.get_vocab_size() == VOCAB_SIZE, tok.get_vocab_size()
    for sign in [*"0123456789+-*=<>()/:?", *WIDE_SIGNS]:
        assert len(tok.encode(sign).ids) == 1, sign
    assert len(tok.encode("123456==<<<\n").ids) == 12
    return tok


def special(token: str) -> dict[str, object]:
    """A special token as the tokenizer_config.json of R1 writes it."""
    return {"__type": "AddedToken", "content": token, "lstrip": False, "normalized": True,
            "rstrip": False, "single_word": False}


def config(template: str) -> dict[str, object]:
    """tokenizer_config.json with the fields of R1's."""
    return {
        "add_bos_token": True, "add_eos_token": False, "bos_token": special(HEAD[0]),
        "clean_up_tokenization_spaces": False, "eos_token": special(HEAD[1]),
        "legacy": True, "model_max_length": 2048, "pad_token": special(HEAD[2]),
        "sp_model_kwargs": {}, "unk_token": None, "tokenizer_class": "LlamaTokenizerFast",
        "chat_template": template,
    }


def main() -> None:
    """Write tokenizer.json and tokenizer_config.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    build().save(str(args.out / "tokenizer.json"))
    template = (Path(__file__).parent / "r1_chat_template.jinja").read_text("utf-8").rstrip("\n")
    text = json.dumps(config(template), ensure_ascii=False, indent=2)
    (args.out / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

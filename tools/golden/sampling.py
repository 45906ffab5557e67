"""Writes tests/golden/sampling.json: what transformers' logits processors make of random logits.

Each case: logits, the tokens so far, the parameters, and the probabilities that are left. Order:
penalties, temperature, top-k, top-p, min-p, as generate() applies its warpers. Transformers has no
frequency and presence penalties: they follow the formula of OpenAI's API reference,
logit -= count * frequency + (count > 0) * presence, over the tokens generated so far.
"""

import argparse
import json
import pathlib

import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
VOCAB = 50
NEUTRAL = {
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
}
PARAMETERS = [
    {},
    {"temperature": 0.6},
    {"temperature": 1.7},
    {"top_k": 1},
    {"top_k": 7},
    {"top_k": 50},
    {"top_p": 0.95},
    {"top_p": 0.5},
    {"top_p": 0.01},
    {"min_p": 0.05},
    {"min_p": 0.4},
    {"repetition_penalty": 1.3},
    {"repetition_penalty": 0.8},
    {"frequency_penalty": 0.4},
    {"presence_penalty": 0.9},
    {"frequency_penalty": -0.5, "presence_penalty": 0.7},
    {"temperature": 0.6, "top_p": 0.95},  # what DeepSeek-R1's guide asks for
    {"temperature": 0.7, "top_k": 20, "top_p": 0.8},
    {"temperature": 1.2, "top_k": 15, "min_p": 0.1},
    {"temperature": 0.9, "top_k": 12, "top_p": 0.95, "min_p": 0.05},
    {
        "temperature": 0.8,
        "top_k": 15,
        "top_p": 0.95,
        "min_p": 0.03,
        "repetition_penalty": 1.1,
        "frequency_penalty": 0.3,
        "presence_penalty": 0.2,
    },
]


def processors(parameters: dict) -> LogitsProcessorList:
    """Those that generate() would build: neutral values build none."""
    chain = LogitsProcessorList()
    if parameters["temperature"] != 1.0:
        chain.append(TemperatureLogitsWarper(parameters["temperature"]))
    if parameters["top_k"] > 0:
        chain.append(TopKLogitsWarper(parameters["top_k"]))
    if parameters["top_p"] < 1.0:
        chain.append(TopPLogitsWarper(parameters["top_p"]))
    if parameters["min_p"] > 0.0:
        chain.append(MinPLogitsWarper(parameters["min_p"]))
    return chain


def probabilities(logits, prompt, generated, parameters) -> torch.Tensor:
    """Double precision [vocab]; the repetition penalty sees prompt and generated tokens alike, as
    in transformers, the other two only the generated ones, as in OpenAI's API."""
    seen = torch.tensor([prompt + generated])
    scores = logits.double()[None]
    if parameters["repetition_penalty"] != 1.0:
        scores = RepetitionPenaltyLogitsProcessor(parameters["repetition_penalty"])(seen, scores)
    counts = torch.bincount(torch.tensor(generated, dtype=torch.long), minlength=VOCAB).double()
    scores = scores - parameters["frequency_penalty"] * counts
    scores = scores - parameters["presence_penalty"] * (counts > 0)
    return processors(parameters)(seen, scores).softmax(-1)[0]


def is_robust(logits, prompt, generated, parameters, kept: torch.Tensor) -> bool:
    """A filter's border must not hang on rounding: slightly other thresholds keep the same set."""
    for nudge in (1 - 1e-4, 1 + 1e-4):
        other = dict(parameters)
        if other["top_p"] < 1.0:
            other["top_p"] = min(other["top_p"] * nudge, 1.0)
        if other["min_p"] > 0.0:
            other["min_p"] *= nudge
        again = probabilities(logits, prompt, generated, other) > 0
        if not torch.equal(again, kept):
            return False
    return True


def every_filter_counts(logits, prompt, generated, parameters, kept: torch.Tensor) -> bool:
    """Each filter alone would drop something; top-p sees the renormalised rest of top-k."""
    filters = ("top_k", "top_p", "min_p")
    active = [name for name in filters if parameters[name] not in (NEUTRAL[name], VOCAB)]
    for name in active:
        alone = parameters | {other: NEUTRAL[other] for other in filters if other != name}
        if (probabilities(logits, prompt, generated, alone) > 0).all():
            return False
    if "top_k" in active and "top_p" in active:
        without = parameters | {"top_k": 0}
        return not torch.equal(probabilities(logits, prompt, generated, without) > 0, kept)
    return True


def make_case(index: int, changes: dict) -> dict:
    parameters = NEUTRAL | changes
    for attempt in range(1000):
        generator = torch.Generator().manual_seed(1000 * index + attempt)
        spread = 1.0 + 2.0 * torch.rand(1, generator=generator)
        logits = (torch.randn(VOCAB, generator=generator) * spread).float()
        prompt = torch.randint(0, VOCAB, (6,), generator=generator).tolist()
        generated = torch.randint(0, 12, (10,), generator=generator).tolist()
        result = probabilities(logits, prompt, generated, parameters)
        inputs = (logits, prompt, generated, parameters, result > 0)
        if is_robust(*inputs) and every_filter_counts(*inputs):
            break
    else:
        raise SystemExit(f"no robust logits for {changes}")
    return {
        "parameters": parameters,
        "prompt": prompt,
        "generated": generated,
        "logits": [float(f"{v:.9g}") for v in logits.tolist()],
        "probabilities": [float(f"{v:.9g}") for v in result.tolist()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    path = REPOSITORY / "tests" / "golden" / "sampling.json"
    parser.add_argument("--output", type=pathlib.Path, default=path)
    output = parser.parse_args().output
    made = [make_case(index, changes) for index, changes in enumerate(PARAMETERS)]
    lines = ",\n".join(json.dumps(case) for case in made)
    output.write_text(f'{{"vocab_size": {VOCAB}, "cases": [\n{lines}\n]}}\n')
    print(f"{output.name}: {len(made)} cases, {output.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()

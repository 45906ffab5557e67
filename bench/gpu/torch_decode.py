#!/usr/bin/env python3
"""What PyTorch decodes with random weights of a distill's shape, beside `hearth bench --device cuda`.

    bench/gpu/torch_decode.py SHAPE.json [--tokens 64] [--compile]

Prints tokens a second of eager `generate` (transformers, bf16, batch 1), and with --compile of one
decoding step over a static cache under torch.compile(mode="reduce-overhead"), which is a CUDA graph.
Needs torch, transformers and a GPU; the product needs none of them.
"""

import argparse
import json
import time

import torch
from transformers import AutoConfig, AutoModelForCausalLM, StaticCache


def timed(f, repeat=3):
    best = float("inf")
    for _ in range(repeat):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        f()
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - begin)
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    with open(args.shape) as f:
        fields = json.load(f)
    config = AutoConfig.for_model(fields.pop("model_type"), **fields)
    torch.manual_seed(1)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
    ids = torch.randint(0, config.vocab_size, (1, 8), device="cuda")
    plain = dict(do_sample=False, min_new_tokens=args.tokens, max_new_tokens=args.tokens)
    with torch.inference_mode():
        model.generate(ids, **plain)
        eager = timed(lambda: model.generate(ids, **plain))
        result = {"shape": args.shape, "gpu": torch.cuda.get_device_name(),
                  "torch": torch.__version__, "eager_tok_s": round(args.tokens / eager, 2)}
        if args.compile:
            cache = StaticCache(config=config, max_cache_len=512)
            step = torch.compile(model.forward, mode="reduce-overhead", fullgraph=True)
            at = torch.tensor([100], device="cuda")
            token = ids[:, :1]

            def steps():
                for _ in range(args.tokens):
                    torch.compiler.cudagraph_mark_step_begin()
                    step(input_ids=token, past_key_values=cache, cache_position=at, use_cache=True)

            steps()
            result["compiled_tok_s"] = round(args.tokens / timed(steps), 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()

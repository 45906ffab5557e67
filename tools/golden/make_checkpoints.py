"""Writes tests/golden/<case>/: a tiny random checkpoint and the logits of float32 transformers.

    python make_checkpoints.py [--output DIR] [CASE ...]

Seeds are tried in order until the case is robust; the same seed gives the same files.
"""

import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

import fp8_blocks  # noqa: E402
import mtp  # noqa: E402
import random_weights  # noqa: E402
import reference  # noqa: E402
import routing  # noqa: E402
from cases import CASES, FP8_QUANTIZATION, Case  # noqa: E402

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
MAX_SEEDS = 400


def write_config(case: Case, directory: pathlib.Path) -> None:
    """config.json as the published checkpoints write it, or as transformers 5 does."""
    config = case.config | {"torch_dtype": case.storage, "transformers_version": "4.46.3"}
    if case.fp8:
        config["quantization_config"] = FP8_QUANTIZATION
    path = directory / "config.json"
    path.write_text(json.dumps(dict(sorted(config.items())), indent=2) + "\n")
    if case.new_style:
        transformers.AutoConfig.from_pretrained(directory).save_pretrained(directory)
        written = json.loads(path.read_text())
        assert "rope_parameters" in written and "rope_theta" not in written


def write_weights(case: Case, state: dict[str, torch.Tensor], directory: pathlib.Path) -> None:
    """model.safetensors, or shards of about equal tensor counts with an index."""
    metadata = {"format": "pt"}
    if case.shards == 1:
        save_file(state, directory / "model.safetensors", metadata)
        return
    names, weight_map = sorted(state), {}
    for shard in range(case.shards):
        part = names[shard * len(names) // case.shards : (shard + 1) * len(names) // case.shards]
        file = f"model-{shard + 1:05}-of-{case.shards:05}.safetensors"
        save_file({n: state[n] for n in part}, directory / file, metadata)
        weight_map |= dict.fromkeys(part, file)
    total = sum(t.numel() * t.element_size() for t in state.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def load_for_reference(case: Case, state, directory: pathlib.Path) -> torch.nn.Module:
    """The checkpoint itself; of an FP8 one a float32 copy dequantised by us."""
    if not case.fp8:
        ignored = f"model.layers.{case.config['num_hidden_layers']}." if case.mtp else ""
        return reference.load(directory, ignored)
    with tempfile.TemporaryDirectory() as scratch:
        plain = pathlib.Path(scratch)
        save_file(fp8_blocks.dequantise_state(state), plain / "model.safetensors", {"format": "pt"})
        config = {k: v for k, v in case.config.items() if k != "quantization_config"}
        (plain / "config.json").write_text(json.dumps(config))
        return reference.load(plain)


def attempt(case: Case, shapes, seed: int, directory: pathlib.Path) -> str:
    """Writes the case for one seed; raises Rejected when it proves too little."""
    state = random_weights.random_state(shapes, case.storage, seed)
    if case.fp8:
        state = fp8_blocks.quantise_state(state)
    if case.mtp:
        mtp.share(state, case.config["num_hidden_layers"])
    write_weights(case, state, directory)
    model = load_for_reference(case, state, directory)
    drawn = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, case.config["vocab_size"], (case.tokens,), generator=drawn)
    golden = reference.run(
        model, ids, case.prompt_length, case.generate, case.config["eos_token_id"]
    )
    proof = routing.check_selection(model, ids, golden.logits)
    if case.generate:
        whole = torch.cat([ids[: case.prompt_length], golden.generated_ids])
        proof |= routing.check_selection(model, whole, reference.logits_of(model, whole))
    if case.proves_routing:
        proof |= routing.check_mistakes(model, ids, golden.logits)
    if case.mtp:
        golden.mtp_logits = mtp.logits_of(model, directory, ids)
    reference.store(golden, directory / "golden.safetensors", seed, case.prompt_length)
    report = {k: f"{v:.2g}" for k, v in proof.items()}
    return f"seed {seed}, margin {reference.check_margin(golden.logits):.4f} {report or ''}"


def make(case: Case, output: pathlib.Path) -> None:
    directory = output / case.name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    write_config(case, directory)
    shapes = random_weights.published_shapes(directory)
    if case.mtp:
        shapes |= random_weights.mtp_shapes(shapes, case.config["num_hidden_layers"])
    for seed in range(1, MAX_SEEDS):
        try:
            summary = attempt(case, shapes, seed, directory)
        except reference.Rejected as reason:
            print(f"{case.name}: seed {seed}: {reason}", file=sys.stderr)
            continue
        for file in directory.iterdir():
            file.chmod(0o644)
        size = sum(f.stat().st_size for f in directory.iterdir())
        print(f"{case.name}: {summary}, {size / 1000:.0f} KB")
        return
    raise SystemExit(f"{case.name}: no robust seed below {MAX_SEEDS}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, default=REPOSITORY / "tests" / "golden")
    parser.add_argument("cases", nargs="*", help="names; all without one")
    arguments = parser.parse_args()
    known = {case.name: case for case in CASES}
    for name in arguments.cases or known:
        make(known[name], arguments.output)


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    main()

"""Load models and adapters that Hone wrote with transformers and peft, and compare the logits and the rewards.

    HONE_WRITE_FOLDERS=/tmp/written swift test -c release --filter ReferenceFolderTests
    python Tests/Fixtures/generate/check_written_folders.py /tmp/written

Needs torch, transformers and peft. Prints the largest difference for each folder; ends with 1 if one is above 1e-4.
"""

import pathlib
import sys

import peft
import torch
import transformers
from safetensors.torch import load_file

LIMIT = 1e-4


def difference(model, folder):
    expected = load_file(folder / "logits.safetensors")
    ids = expected["input_ids"].long()[None]
    with torch.no_grad():
        return (model(ids).logits[0] - expected["logits"]).abs().max().item()


def reward_difference(model, folder):
    expected = load_file(folder / "reward.safetensors")
    ids = expected["input_ids"].long()[None]
    with torch.no_grad():
        return (model(ids).logits[0] - expected["reward"]).abs().max().item()


def main(root):
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")
    worst = 0.0
    for folder in sorted(pathlib.Path(root).iterdir()):
        load = lambda: transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager").eval()
        results = {"model": difference(load(), folder)}
        for adapter in sorted(folder.glob("adapter-*")):
            results[adapter.name] = difference(peft.PeftModel.from_pretrained(load(), adapter).eval(), adapter)
        scorer = lambda place, **settings: transformers.AutoModelForSequenceClassification.from_pretrained(
            place, dtype=torch.float32, attn_implementation="eager", **settings).eval()
        results["reward"] = reward_difference(scorer(folder / "reward"), folder / "reward")
        # The base has no such head: peft must take it from the adapter's folder.
        adapter = folder / "reward-adapter"
        base = scorer(folder, num_labels=1)
        results[adapter.name] = reward_difference(peft.PeftModel.from_pretrained(base, adapter).eval(), adapter)
        worst = max(worst, *results.values())
        print(folder.name, " ".join(f"{name} {value:.2e}" for name, value in results.items()))
    return 0 if worst < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""Writes Tests/Fixtures/trl: short runs of TRL's KTO, ORPO, CPO, SimPO and reward trainers on a real small model.

    python Tests/Fixtures/generate/trl_traces.py ../shared             # writes every trace
    python Tests/Fixtures/generate/trl_traces.py ../shared kto         # those whose name starts with kto
    python Tests/Fixtures/generate/trl_traces.py ../shared --check     # reruns a trace of goldens/trl and compares

Needs trl 1.16, transformers 5.23, peft 0.21, datasets and torch; two minutes on one core. The shape of a trace, the
model, the pairs and the start of the adapters are those of ../shared/goldens/trl: float32 on a CPU, rows in the order
of the file, no dropout, five steps, a constant learning rate. Beside a golden's keys a trace has

    conventions      where the trainer differs from DPO's conventions in what it averages and what it logs
    first_row_ids    the ids of the first row as the trainer fed them; where a trainer has labels, `…_completion_start`
    not_comparable   metrics that depend on padding, so that only a run with the same padding can repeat them
    initial_score    (reward) the weights of the score head at the start, one for each hidden unit
    rewards          (reward) in `probe`: what the final model gives the first eight chosen and rejected rows

TRL's ORPO and CPO trainers append an end token to every completion that does not end with one. The model's chat
template ends an answer with the end token and a new line, so that each would get a second one; `no_second_end` leaves
it out, and the rows are then the same as DPO's. Everything else is the trainers' own.
"""

import argparse
import contextlib
import json
import os
import pathlib
import tempfile

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TRL_EXPERIMENTAL_SILENCE="1")

import peft
import torch
import transformers
import trl
import trl.experimental.cpo.cpo_trainer as cpo
import trl.experimental.orpo.orpo_trainer as orpo
from datasets import Dataset
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

FIXTURES = pathlib.Path(__file__).parent.parent / "trl"
PROBE = [1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298]
PADDED_LOGITS = ["logits/chosen", "logits/rejected"]
BATCH = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1, "max_steps": 5,
         "lr_scheduler_type": "constant", "max_length": 256}
LORA = {"adapter": "adapter-init", "data": "preference.jsonl", **BATCH, "learning_rate": 3e-4}
FULL = {"adapter": None, "data": "preference.jsonl", **BATCH, "learning_rate": 5e-5}

# name: (trainer, what it shows, config)
TRACES = {
    "kto-lora-kto": ("kto", "KTO, the reference is the base model with the adapter off, KL over the batch of 8",
                     {**LORA, "data": "kto.jsonl", "loss_type": "kto", "beta": 0.1}),
    "kto-lora-weights": ("kto", "KTO with more weight on the undesirable rows, of which there are fewer",
                         {**LORA, "data": "kto.jsonl", "loss_type": "kto", "beta": 0.2, "desirable_weight": 0.75,
                          "undesirable_weight": 1.25, "learning_rate": 1e-3}),
    "kto-lora-apo_zero_unpaired": ("kto", "APO zero on unpaired rows, without KL",
                                   {**LORA, "data": "kto.jsonl", "loss_type": "apo_zero_unpaired", "beta": 0.1}),
    "orpo-lora": ("orpo", "ORPO: cross entropy of prompt and chosen answer, odds ratio of mean log-probabilities",
                  {**LORA, "beta": 0.1}),
    "cpo-lora-sigmoid": ("cpo", "CPO: sigmoid of summed log-probabilities, cross entropy of the chosen answer",
                         {**LORA, "loss_type": "sigmoid", "beta": 0.1, "cpo_alpha": 1.0}),
    "cpo-lora-smoothed": ("cpo", "CPO with label smoothing",
                          {**LORA, "loss_type": "sigmoid", "beta": 0.1, "cpo_alpha": 0.5, "label_smoothing": 0.1}),
    "cpo-lora-hinge": ("cpo", "CPO with the hinge loss",
                       {**LORA, "loss_type": "hinge", "beta": 0.1, "cpo_alpha": 1.0}),
    "cpo-lora-ipo": ("cpo", "CPO with the IPO loss on mean log-probabilities",
                     {**LORA, "loss_type": "ipo", "beta": 0.5, "cpo_alpha": 1.0}),
    "simpo-lora": ("cpo", "SimPO: mean log-probabilities, a margin, no cross entropy",
                   {**LORA, "loss_type": "simpo", "beta": 2.0, "cpo_alpha": 0.0, "simpo_gamma": 0.5}),
    "simpo-lora-alpha": ("cpo", "AlphaPO: SimPO on transformed mean log-probabilities",
                         {**LORA, "loss_type": "simpo", "beta": 2.0, "cpo_alpha": 0.0, "simpo_gamma": 0.5,
                          "alpha": 0.25}),
    "reward-lora": ("reward", "Bradley-Terry, LoRA, the score head trained whole", {**LORA}),
    "reward-full": ("reward", "Bradley-Terry, every weight trained", {**FULL}),
    "reward-lora-margin": ("reward", "Bradley-Terry with a margin in every row",
                           {**LORA, "data": "preference-margin.jsonl"}),
    "reward-lora-centred": ("reward", "Bradley-Terry with rewards drawn towards a sum of nought",
                            {**LORA, "center_rewards_coefficient": 0.01}),
}
CONVENTIONS = {
    "kto": ["the loss is the mean over the rows of the batch, whatever their labels",
            "kl is the mean over the batch of prompt i with the completion of row i - 1, the first row with that of "
            "the last, policy minus reference, not below 0, no gradient",
            "no rewards/accuracies and no mean_token_accuracy; num_tokens without the rows of the KL estimate"],
    "orpo": ["logps are means over the tokens of a completion",
             "nll_loss is the token mean over prompts and chosen completions of the batch, the first token left out",
             "log_odds_ratio is the mean of log sigmoid of the log odds, log_odds_chosen the mean of the log odds",
             "rewards are beta times logps; no entropy, no mean_token_accuracy, no num_tokens",
             "the second end token that the trainer would append after the template's new line is left out"],
    "cpo": ["logps are sums over the tokens of a completion, for ipo and simpo means",
            "nll_loss is the token mean over the chosen completions of the batch, 0 where cpo_alpha is 0",
            "rewards are beta times logps, transformed where alpha is not 0; no reference",
            "no entropy, no mean_token_accuracy, no num_tokens",
            "the second end token that the trainer would append after the template's new line is left out"],
    "reward": ["the reward is read at the last token of a row, here the new line after the end token",
               "min, mean and max_reward are over chosen and rejected together; a margin in the data is in the loss "
               "and not in the metric margin", "rows longer than max_length are left out, not cut"],
}
TRAINERS = {
    "dpo": (trl.DPOConfig, trl.DPOTrainer), "kto": (trl.KTOConfig, trl.KTOTrainer),
    "orpo": (orpo.ORPOConfig, orpo.ORPOTrainer), "cpo": (cpo.CPOConfig, cpo.CPOTrainer),
    "reward": (trl.RewardConfig, trl.RewardTrainer),
}


class Log(transformers.TrainerCallback):
    def __init__(self):
        self.steps = []

    def on_log(self, args, state, control, logs=None, **rest):
        if "loss" in logs:
            self.steps.append({key: float(value) for key, value in logs.items()})


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_data(pairs):
    """The unpaired rows and the rows with margins: the first forty pairs, one row from each."""
    unpaired = [{"prompt": pair["prompt"], "completion": pair["rejected" if i % 3 == 2 else "chosen"],
                 "label": i % 3 != 2} for i, pair in enumerate(pairs[:40])]
    margins = [{**pair, "margin": 0.25 * (i % 5)} for i, pair in enumerate(pairs[:40])]
    for name, rows in {"kto.jsonl": unpaired, "preference-margin.jsonl": margins}.items():
        with open(FIXTURES / name, "w") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)


def make_model(shared, trainer, adapter, score):
    folder = shared / "models/stories260K"
    if trainer != "reward":
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        if adapter:
            model = peft.PeftModel.from_pretrained(model, shared / "goldens/trl" / adapter, is_trainable=True)
        return model
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=torch.float32)
    model.score.weight.data.copy_(torch.tensor([score]))
    if adapter:
        config = peft.LoraConfig.from_pretrained(shared / "goldens/trl" / adapter)
        config.task_type, config.modules_to_save, config.inference_mode = "SEQ_CLS", ["score"], False
        model = peft.get_peft_model(model, config)
        weights = load_file(shared / "goldens/trl" / adapter / "adapter_model.safetensors")
        weights["base_model.model.score.weight"] = torch.tensor([score])
        result = peft.set_peft_model_state_dict(model, weights)
        assert not result.unexpected_keys and not [key for key in result.missing_keys if "lora" in key], result
    return model


@contextlib.contextmanager
def no_second_end():
    kept = orpo.add_eos_token_if_needed, cpo.add_eos_token_if_needed
    orpo.add_eos_token_if_needed = cpo.add_eos_token_if_needed = lambda end, chosen, rejected: (chosen, rejected)
    try:
        yield
    finally:
        orpo.add_eos_token_if_needed, cpo.add_eos_token_if_needed = kept


def first_row_ids(trainer, row):
    if trainer == "kto":
        return {"prompt": row["prompt_ids"], "completion": row["completion_ids"]}
    if trainer == "dpo":
        return {"prompt": row["prompt_ids"], "chosen": row["chosen_ids"], "rejected": row["rejected_ids"]}
    if trainer == "reward":
        return {"chosen": row["chosen_ids"], "rejected": row["rejected_ids"]}
    result = {}
    for side in ["chosen", "rejected"]:
        labels = row[side + "_labels"]
        start = next(i for i, label in enumerate(labels) if label != -100)
        assert labels[start:] == row[side + "_input_ids"][start:]
        result |= {side: row[side + "_input_ids"], side + "_completion_start": start}
    return result


def train(shared, trainer, config):
    settings = dict(config)
    data, adapter = settings.pop("data"), settings.pop("adapter")
    folder = shared / "goldens/trl" if (shared / "goldens/trl" / data).exists() else FIXTURES
    tokenizer = AutoTokenizer.from_pretrained(shared / "models/stories260K")
    tokenizer.pad_token = tokenizer.eos_token
    generator = torch.Generator().manual_seed(260)
    score = [round(x, 4) for x in (torch.randn(64, generator=generator) * 0.05).tolist()]
    model, log = make_model(shared, trainer, adapter, score), Log()
    Configuration, Trainer = TRAINERS[trainer]
    with tempfile.TemporaryDirectory() as output, no_second_end():
        arguments = Configuration(
            output_dir=output, logging_steps=1, save_strategy="no", report_to=[], use_cpu=True, bf16=False, fp16=False,
            warmup_steps=0, seed=0, disable_tqdm=True, gradient_checkpointing=False, disable_dropout=True,
            train_sampling_strategy="sequential", **settings)
        instance = Trainer(model=model, args=arguments, train_dataset=Dataset.from_list(read_lines(folder / data)),
                           processing_class=tokenizer, callbacks=[log])
        rows = [instance.train_dataset[i] for i in range(8)]
        instance.train()
    result = {"steps": log.steps, "first_row_ids": first_row_ids(trainer, rows[0])}
    model = instance.model.eval()
    with torch.no_grad():
        final = lambda ids: model(torch.tensor([ids])).logits[0]
        numbers = lambda tensor: [round(x, 6) for x in tensor.tolist()]
        if trainer == "reward":
            result["initial_score"] = score
            result["probe"] = {"input_ids": PROBE, "reward": numbers(final(PROBE))[0], "rewards": {
                side: [numbers(final(row[side + "_ids"]))[0] for row in rows] for side in ["chosen", "rejected"]}}
        else:
            result["probe"] = {"input_ids": PROBE, "last_logits": numbers(final(PROBE)[-1])}
    if trainer in ["orpo", "cpo"]:
        result["not_comparable"] = PADDED_LOGITS
    return result


def check(shared):
    """A run of this script's settings must be the golden that another script made."""
    golden = json.loads((shared / "goldens/trl/dpo-lora-sigmoid.json").read_text())
    result = train(shared, "dpo", golden["config"])
    worst = max(abs(found[key] - wanted[key]) for found, wanted in zip(result["steps"], golden["steps"])
                for key in wanted)
    logits = zip(result["probe"]["last_logits"], golden["probe"]["last_logits"])
    print(f"metrics differ by {worst:.1e}, logits by {max(abs(a - b) for a, b in logits):.1e}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=pathlib.Path)
    parser.add_argument("prefix", nargs="?", default="")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    if options.check:
        return check(options.shared)
    FIXTURES.mkdir(exist_ok=True)
    write_data(read_lines(options.shared / "goldens/trl/preference.jsonl"))
    versions = {module.__name__: module.__version__ for module in [trl, transformers, peft, torch]}
    for name, (trainer, what, config) in TRACES.items():
        if not name.startswith(options.prefix):
            continue
        trace = {"name": name, "what": what, **versions, "trainer": trainer, "config": config,
                 "conventions": CONVENTIONS[trainer]}
        trace |= train(options.shared, trainer, config)
        (FIXTURES / (name + ".json")).write_text(json.dumps(trace, indent=1) + "\n")
        print(name, [round(step["loss"], 4) for step in trace["steps"]])


if __name__ == "__main__":
    main()

"""Lets reward functions that were written for TRL or verl judge in Hone, unchanged.

    rewards:
      - {verifier: command, run: [python3, python_rewards.py, "mine.py:my_reward"], batch: 64, minimum: -1}

A function in TRL's form gets lists: prompts, completions and each column of the rows. One in verl's form is named with
`verl` before it, and gets data_source, solution_str, ground_truth and extra_info, one rollout at a time.
"""
import importlib.util
import inspect
import json
import math
import os
import sys


def load(place):
    path, name = place.rsplit(":", 1)
    spec = importlib.util.spec_from_file_location("rewards", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def trl(function, batch):
    chats = bool(batch[0]["messages"])
    columns = {name: [item["row"].get(name) for item in batch] for name in batch[0]["row"]}
    columns["prompts"] = [item["messages"] if chats else item["prompt"] for item in batch]
    texts = [item["completion"] for item in batch]
    columns["completions"] = [[{"role": "assistant", "content": text}] for text in texts] if chats else texts
    takes = inspect.signature(function).parameters.values()
    if not any(each.kind is each.VAR_KEYWORD for each in takes):
        columns = {each.name: columns[each.name] for each in takes if each.name in columns}
    return function(**columns)


def verl(function, batch):
    def one(item):
        row = item["row"]
        return function(row.get("data_source"), item["completion"], item["reference"], row.get("extra_info"))

    results = [one(item) for item in batch]
    return [result["score"] if isinstance(result, dict) else result for result in results]


def verdict(score):
    # To TRL both say that the function has nothing to say about this answer.
    if score is None or math.isnan(score):
        return {"abstain": "the function gave no number"}
    return {"score": float(score)}


def main(arguments):
    form = verl if arguments[0] == "verl" else trl
    function = load(arguments[-1])
    # What the function prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        batch = asked if isinstance(asked, list) else [asked]
        try:
            said = [verdict(score) for score in form(function, batch)]
        except Exception as error:
            said = [{"error": f"{type(error).__name__}: {error}"}] * len(batch)
        print(json.dumps(said if isinstance(asked, list) else said[0]), file=answers, flush=True)


main(sys.argv[1:])

import Recipes
import Testing
import Verifiers

/// A recipe that is wrong, and everything that is said about it; `DIR` stands for the recipe's folder.
struct BadRecipe: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    let messages: [String]

    init(_ name: String, _ text: String, _ messages: [String]) {
        self.name = name
        self.text = text
        self.messages = messages
    }

    var testDescription: String { name }
}

@Suite struct BadRecipeTests {
    @Test(arguments: BadRecipe.all) func isRefusedWithEveryProblemAndItsFix(_ bad: BadRecipe) throws {
        #expect(try Workspace().problems(bad.text) == bad.messages)
    }
}

extension BadRecipe {
    static let all: [BadRecipe] = [
        BadRecipe(
            "empty file",
            #"""

            """#,
            [
                #"recipe.yaml:1:1: schema is missing. It has no default: version of the recipe language, which is 1. Add `schema: 1`."#,
                #"recipe.yaml:1:1: model.path is missing. There is nothing to train. Add `model: path/to/folder`, or `model: {init: {config: …, tokenizer: …}}` for new weights."#,
                #"recipe.yaml:1:1: data.train is missing. It has no default: files of training rows. Add `data: path/to/it`."#,
            ]),
        BadRecipe(
            "a list",
            #"""
            - a
            - b
            """#,
            [
                #"recipe.yaml:1:1: the recipe must be a block of keys, not a list. Nothing in it says what to train. Write keys and values, beginning with `schema: 1`."#
            ]),
        BadRecipe(
            "a string",
            #"""
            hello
            """#,
            [
                #"recipe.yaml:1:1: the recipe must be a block of keys, not the string 'hello'. Nothing in it says what to train. Write keys and values, beginning with `schema: 1`."#
            ]),
        BadRecipe(
            "no schema",
            #"""
            model: model
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:1:1: schema is missing. It has no default: version of the recipe language, which is 1. Add `schema: 1`."#
            ]),
        BadRecipe(
            "schema two",
            #"""
            schema: 2
            model: model
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:1:9: schema is the integer 2, but this version of Hone reads schema 1. Keys of another schema may mean something else. Write `schema: 1` and mend what is then reported."#
            ]),
        BadRecipe(
            "schema text",
            #"""
            schema: one
            model: model
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:1:9: schema is the string 'one', but this version of Hone reads schema 1. Keys of another schema may mean something else. Write `schema: 1` and mend what is then reported."#
            ]),
        BadRecipe(
            "no model",
            #"""
            schema: 1
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:1:1: model.path is missing. There is nothing to train. Add `model: path/to/folder`, or `model: {init: {config: …, tokenizer: …}}` for new weights."#
            ]),
        BadRecipe(
            "model empty",
            #"""
            schema: 1
            model:
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:2:7: model.path is missing. There is nothing to train. Add `model: path/to/folder`, or `model: {init: {config: …, tokenizer: …}}` for new weights."#
            ]),
        BadRecipe(
            "no data",
            #"""
            schema: 1
            model: model
            """#,
            [
                #"recipe.yaml:1:1: data.train is missing. It has no default: files of training rows. Add `data: path/to/it`."#
            ]),
        BadRecipe(
            "empty train list",
            #"""
            schema: 1
            model: model
            data: {train: []}
            """#,
            [
                #"recipe.yaml:3:15: data.train has no files. There is nothing to train on. Write `train: rows.jsonl`, or a list of them."#
            ]),
        BadRecipe(
            "unknown top",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            learing_rate: 1
            """#,
            [
                #"recipe.yaml:4:1: unknown key 'learing_rate' at the top of the recipe. Nothing reads it, so what it asks for would not happen. Did you mean 'learning_rate' in train?"#
            ]),
        BadRecipe(
            "moved key",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            learning_rate: 1e-4
            """#,
            [
                #"recipe.yaml:4:1: unknown key 'learning_rate' at the top of the recipe. Nothing reads it, so what it asks for would not happen. 'learning_rate' belongs in train."#
            ]),
        BadRecipe(
            "foreign here",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            adapter:
              lora_r: 8
            """#,
            [
                #"recipe.yaml:5:3: unknown key 'lora_r' in adapter. Nothing reads it, so what it asks for would not happen. Did you mean 'rank'? (axolotl name)"#
            ]),
        BadRecipe(
            "foreign elsewhere",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train:
              lora_r: 8
            """#,
            [
                #"recipe.yaml:5:3: unknown key 'lora_r' in train. Nothing reads it, so what it asks for would not happen. 'lora_r' is `adapter.rank` here (axolotl name)."#
            ]),
        BadRecipe(
            "foreign TRL",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train:
              per_device_train_batch_size: 8
              num_train_epochs: 3
              lr_scheduler_type: linear
            """#,
            [
                #"recipe.yaml:5:3: unknown key 'per_device_train_batch_size' in train. Nothing reads it, so what it asks for would not happen. Did you mean 'micro_batch_size'? (Transformers name)"#,
                #"recipe.yaml:6:3: unknown key 'num_train_epochs' in train. Nothing reads it, so what it asks for would not happen. Did you mean 'epochs'? (Transformers name)"#,
                #"recipe.yaml:7:3: unknown key 'lr_scheduler_type' in train. Nothing reads it, so what it asks for would not happen. Did you mean 'lr_scheduler'? (Transformers name)"#,
            ]),
        BadRecipe(
            "misspelt",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train: {warmup_ration: 0.1}
            """#,
            [
                #"recipe.yaml:4:9: unknown key 'warmup_ration' in train. Nothing reads it, so what it asks for would not happen. Did you mean 'warmup_ratio'?"#
            ]),
        BadRecipe(
            "unknown in list element",
            #"""
            schema: 1
            model: model
            data:
              train:
                - {path: rows.jsonl, colums: {a: b}}
            """#,
            [
                #"recipe.yaml:5:26: unknown key 'colums' in data.train.0. Nothing reads it, so what it asks for would not happen. Did you mean 'columns'?"#
            ]),
        BadRecipe(
            "no key like it",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            sequence: {zebra: 1}
            """#,
            [
                #"recipe.yaml:4:12: unknown key 'zebra' in sequence. Nothing reads it, so what it asks for would not happen. Remove it; known here: max_length, packing, on_overflow."#
            ]),
        BadRecipe(
            "wrong type text",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train:
              learning_rate: fast
            """#,
            [
                #"recipe.yaml:5:18: train.learning_rate must be a number, not the string 'fast'. Another type would have to be guessed at. Write for example `learning_rate: 1e-4`."#
            ]),
        BadRecipe(
            "quoted number",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train:
              learning_rate: "1e-5"
            """#,
            [
                #"recipe.yaml:5:18: train.learning_rate must be a number, not the string '1e-5'. Another type would have to be guessed at. Remove the quotes: `learning_rate: 1e-5`."#
            ]),
        BadRecipe(
            "underscores",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train:
              max_steps: 1_000
            """#,
            [
                #"recipe.yaml:5:14: train.max_steps must be an integer, not the string '1_000'. Another type would have to be guessed at. Write the digits alone: `max_steps: 1000`."#
            ]),
        BadRecipe(
            "fraction for integer",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            adapter:
              rank: 8.5
            """#,
            [
                #"recipe.yaml:5:9: adapter.rank must be an integer, not the number 8.5. Another type would have to be guessed at. Write for example `rank: 16`."#
            ]),
        BadRecipe(
            "yes for bool",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            sequence:
              packing: yes
            """#,
            [
                #"recipe.yaml:5:12: sequence.packing must be true or false, not the string 'yes'. Another type would have to be guessed at. Write `packing: true`; YAML 1.2 reads yes as text."#
            ]),
        BadRecipe(
            "list for scalar",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            seed: [1, 2]
            """#,
            [
                #"recipe.yaml:4:7: seed must be an integer, not a list. Another type would have to be guessed at. Write for example `seed: 42`."#
            ]),
        BadRecipe(
            "scalar for block",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            sequence: 2048
            """#,
            [
                #"recipe.yaml:4:11: sequence must be a block of keys, not the integer 2048. Another type would have to be guessed at. Write for example `sequence: {max_length: 2048}`."#
            ]),
        BadRecipe(
            "empty value",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            adapter:
              rank:
            """#,
            [
                #"recipe.yaml:5:8: adapter.rank must be an integer, not nothing. Another type would have to be guessed at. Write for example `rank: 16`."#
            ]),
        BadRecipe(
            "zero rate",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train: {learning_rate: 0}
            """#,
            [
                #"recipe.yaml:4:24: train.learning_rate is 0, which is out of range. Training with it would be meaningless or fail later. Write a value above 0."#
            ]),
        BadRecipe(
            "not finite",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train: {learning_rate: .inf, weight_decay: .nan}
            """#,
            [
                #"recipe.yaml:4:24: train.learning_rate is inf, which is out of range. Training with it would be meaningless or fail later. Write a value above 0."#,
                #"recipe.yaml:4:44: train.weight_decay is nan, which is out of range. Training with it would be meaningless or fail later. Write a value from 0 to 1."#,
            ]),
        BadRecipe(
            "outside fraction",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train: {warmup_ratio: 3}
            """#,
            [
                #"recipe.yaml:4:23: train.warmup_ratio is 3, which is out of range. Training with it would be meaningless or fail later. Write a value from 0 to 1."#
            ]),
        BadRecipe(
            "whole val fraction",
            #"""
            schema: 1
            model: model
            data: {train: rows.jsonl, val_fraction: 1}
            """#,
            [
                #"recipe.yaml:3:41: data.val_fraction is 1, which is out of range. Training with it would be meaningless or fail later. Write a value at least 0 and below 1."#
            ]),
        BadRecipe(
            "length one",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            sequence: {max_length: 1}
            """#,
            [
                #"recipe.yaml:4:24: sequence.max_length is 1, which is out of range. Training with it would be meaningless or fail later. Write a value from 2 to 16777216."#
            ]),
        BadRecipe(
            "huge integer",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            seed: 99999999999999999999999
            """#,
            [
                #"recipe.yaml:4:7: seed must be an integer, not the number 1e+23. Another type would have to be guessed at. Write for example `seed: 42`."#
            ]),
        BadRecipe(
            "three betas",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train: {betas: [0.9, 0.99, 0.999]}
            """#,
            [
                #"recipe.yaml:4:16: train.betas has 3 numbers. AdamW has two moments. Write for example `betas: [0.9, 0.999]`."#
            ]),
        BadRecipe(
            "beta one",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train: {betas: [0.9, 1]}
            """#,
            [
                #"recipe.yaml:4:16: train.betas is 1, which is out of range. Training with it would be meaningless or fail later. Write a value at least 0 and below 1."#
            ]),
        BadRecipe(
            "epochs and steps",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train: {epochs: 1, max_steps: 10}
            """#,
            [
                #"recipe.yaml:4:20: train.epochs and train.max_steps are both written, but only one can hold. One of them would be ignored. Keep one of `epochs`, `max_steps`."#
            ]),
        BadRecipe(
            "both warmups",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train: {warmup_steps: 3, warmup_ratio: 0.1}
            """#,
            [
                #"recipe.yaml:4:26: train.warmup_steps and train.warmup_ratio are both written, but only one can hold. One of them would be ignored. Keep one of `warmup_ratio`, `warmup_steps`."#
            ]),
        BadRecipe(
            "both batches",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train: {micro_batch_size: 2, global_batch_size: 8, gradient_accumulation_steps: 4}
            """#,
            [
                #"recipe.yaml:4:52: train.global_batch_size and train.gradient_accumulation_steps are both written, but only one can hold. One of them would be ignored. Keep one of `global_batch_size`, `gradient_accumulation_steps`."#
            ]),
        BadRecipe(
            "accumulation alone",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train: {gradient_accumulation_steps: 4}
            """#,
            [
                #"recipe.yaml:4:38: train.gradient_accumulation_steps is written, but train.micro_batch_size is auto. How many rows a step has would depend on the machine's memory. Write micro_batch_size as well, or global_batch_size instead of both."#
            ]),
        BadRecipe(
            "no multiple",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train: {micro_batch_size: 3, global_batch_size: 16}
            """#,
            [
                #"recipe.yaml:4:49: train.global_batch_size 16 is not a multiple of train.micro_batch_size 3. The last micro-batch of every step would be cut. Write `global_batch_size: 15` or `global_batch_size: 18`."#
            ]),
        BadRecipe(
            "both cadences",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            checkpoint: {every_steps: 5, per_epoch: 1}
            """#,
            [
                #"recipe.yaml:4:30: checkpoint.every_steps and checkpoint.per_epoch are both written, but only one can hold. One of them would be ignored. Keep one of `every_steps`, `per_epoch`."#
            ]),
        BadRecipe(
            "rank of full",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            adapter: {type: full, rank: 8}
            """#,
            [
                #"recipe.yaml:4:29: adapter.rank is written, but adapter.type is full. Full fine-tuning changes all weights and has no adapter to apply it to. Remove it, or write `type: lora`."#
            ]),
        BadRecipe(
            "three bits and a group of 48",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            adapter: {type: qlora, base_bits: 3, group_size: 48}
            """#,
            [
                #"recipe.yaml:4:35: adapter.base_bits is 3, but there are bases of 4 and of 8 bits. Another precision would be another run than the recipe describes. Write `base_bits: 4` or `base_bits: 8`, or `type: lora` for a base of 16 or 32 bits."#,
                #"recipe.yaml:4:50: adapter.group_size is 48, but it must be one of 32, 64, 128, 256, 512, 1024, 2048, 4096. NF4 has blocks of these sizes. Write `group_size: 64`, or leave it out."#,
            ]),
        BadRecipe(
            "eight bits in groups",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            adapter: {type: qlora, base_bits: 8, group_size: 64}
            """#,
            [
                #"recipe.yaml:4:50: adapter.group_size is written, but adapter.base_bits is 8. In 8 bits every row has a scale of its own. Remove it, or write `base_bits: 4`."#
            ]),
        BadRecipe(
            "bits of a base that is not quantised",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            adapter: {type: lora, base_bits: 4}
            """#,
            [
                #"recipe.yaml:4:34: adapter.base_bits is written, but adapter.type is lora. Without qlora the base keeps its precision. Remove it, or write `type: qlora`."#
            ]),
        BadRecipe(
            "qlora of a new model",
            #"""
            schema: 1
            model: {init: {config: rows.jsonl, tokenizer: model}}
            data: rows.jsonl
            adapter: {type: qlora}
            """#,
            [
                #"recipe.yaml:4:17: adapter.type asks for an adapter, but model.init makes new weights. A random model would stay random under its adapter. Write `adapter: full`."#
            ]),
        BadRecipe(
            "unknown adapter",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            adapter: lroa
            """#,
            [
                #"recipe.yaml:4:10: adapter.type must be one of lora, qlora, dora, full, not the string 'lroa'. An unknown word would leave the choice to chance. Did you mean 'lora'?"#
            ]),
        BadRecipe(
            "planned method",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            method: distill
            """#,
            [
                #"recipe.yaml:4:9: method: distill is not available in this version, which has sft, pretrain, dpo, kto, reward, rft. Running something else instead would not be what was asked for. Write one of sft, pretrain, dpo, kto, reward, rft, or use a version that trains it."#
            ]),
        BadRecipe(
            "unknown method",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            method: stf
            """#,
            [
                #"recipe.yaml:4:9: method must be one of sft, pretrain, dpo, kto, reward, rft, grpo, ipo, orpo, simpo, cpo, not the string 'stf'. An unknown word would leave the choice to chance. Did you mean 'sft'?"#
            ]),
        BadRecipe(
            "other methods block",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            method: pretrain
            sft: {train_on: all}
            """#,
            [
                #"recipe.yaml:5:6: the block `sft` belongs to method sft, but the method is pretrain. Nothing would read the block. Remove it, or write `method: sft`."#
            ]),
        BadRecipe(
            "planned block",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            distill: {}
            export: {}
            """#,
            [
                #"recipe.yaml:4:1: distill is not available in this version of Hone. Going on without it would give another run than the recipe describes. Remove the block."#,
                #"recipe.yaml:5:1: export is not available in this version of Hone. Going on without it would give another run than the recipe describes. Remove the block and run `hone export` after the training."#,
            ]),
        BadRecipe(
            "gate",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            evaluation:
              at_start: false
              suites: [{name: test, path: rows.jsonl, verifier: exact}]
            gate:
              baseline: bse
              require:
                - {metric: suites.tset.accuracy, min: 0.9, max: 0.5}
                - {metric: eval.loss, max_drop: 0.1, max_kl: 1}
                - {metric: accuracy}
                - {min_share: 0.5}
                - {check: nan, min_gain: 0.1}
            """#,
            [
                #"recipe.yaml:5:13: the gate compares with the model before the run, but evaluation.at_start is false. Nothing would be known of the baseline. Remove `at_start: false`, or name another `gate.baseline`."#,
                #"recipe.yaml:8:13: gate.baseline must be base, run:NAME, baseline:NAME or the path of a model's folder, not the string 'bse'. Gains are measured from it. Did you mean 'base'?"#,
                #"recipe.yaml:10:16: gate.require.0.metric names suite 'tset', which evaluation.suites does not have. A gate needs questions that share nothing with the training rows. Did you mean 'test'?"#,
                #"recipe.yaml:10:53: gate.require.0.max 0.5 is below min 0.9. Nothing lies between them. Swap them."#,
                #"recipe.yaml:11:16: gate.require.1.metric is eval.loss, but no rows are held out. A gate judges by rows that the model has not been trained on. Add `data: {val_fraction: 0.05}` or rows in data.eval."#,
                #"recipe.yaml:11:50: gate.require.1.max_kl is written without check: export_parity. Nothing reads it there. Remove it, or write `check: export_parity`."#,
                #"recipe.yaml:12:16: gate.require.2.metric 'accuracy' is no metric. Nothing measures it. Write `suites.NAME.METRIC` or `eval.METRIC`; the suites are test."#,
                #"recipe.yaml:13:7: gate.require.3 has neither a metric nor a check. Nothing says what must hold. Write `metric: suites.NAME.accuracy` or `check: no_contamination`."#,
                #"recipe.yaml:13:19: gate.require.3.min_share is written without check: stops_cleanly. Nothing reads it there. Remove it, or write `check: stops_cleanly`."#,
                #"recipe.yaml:14:15: gate.require.4.check must be one of no_contamination, export_parity, stops_cleanly, no_nan, not the string 'nan'. An unknown word would leave the choice to chance. Did you mean 'no_nan'?"#,
            ]),
        BadRecipe(
            "gate on another baseline",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            evaluation:
              suites: [{name: test, path: rows.jsonl, verifier: exact}]
              baselines: [{name: linear, classifier: true}]
            gate: {baseline: "baseline:liner", require: {metric: suites.test.accuracy}}
            """#,
            [
                #"recipe.yaml:7:18: gate.baseline names baseline 'liner', which evaluation.baselines does not have. Gains would be measured from nothing. Did you mean 'linear'?"#
            ]),
        BadRecipe(
            "planned field",
            #"""
            schema: 1
            model: model
            data: {train: [{path: rows.jsonl, split: train}]}
            """#,
            [
                #"recipe.yaml:3:35: data.train.0.split is not available in this version of Hone. Going on without it would give another run than the recipe describes. Remove it and name the file of that split."#
            ]),
        BadRecipe(
            "rows to leave out",
            #"""
            schema: 1
            model: model
            data: {train: rows.jsonl, dedup: fuzzy, decontaminate: [rows.jsnl, suites]}
            """#,
            [
                #"recipe.yaml:3:34: data.dedup must be one of none, exact, near, not the string 'fuzzy'. An unknown word would leave the choice to chance. Did you mean 'near'?"#,
                #"recipe.yaml:3:57: data.decontaminate: there is no file or folder 'DIR/rows.jsnl'. The run would stop as soon as it needs it. Did you mean 'rows.jsonl' in DIR?"#,
                #"recipe.yaml:3:68: data.decontaminate names suites, but the recipe has none and no data.eval. There is nothing to compare the rows with. Write the path of the rows that the model is judged by, or add suites to `evaluation`."#,
            ]),
        BadRecipe(
            "foreign spelling",
            #"""
            schema: 1
            model: {path: model, dtype: bfloat16}
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:2:29: model.dtype must be one of auto, float32, bf16, not the string 'bfloat16'. An unknown word would leave the choice to chance. Did you mean 'bf16'?"#
            ]),
        BadRecipe(
            "named template",
            #"""
            schema: 1
            model: {path: model, chat_template: chatml}
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:2:37: model.chat_template is the string 'chatml', but Hone has no templates of its own. Rendering with another template than the model's changes what it learns. Write `auto` for the model's own, or the path of a Jinja file such as templates/chatml.jinja."#
            ]),
        BadRecipe(
            "missing files",
            #"""
            schema: 1
            model: modle
            data: [row.jsonl, nowhere/rows.jsonl]
            """#,
            [
                #"recipe.yaml:2:8: model.path: there is no folder 'DIR/modle'. The run would stop as soon as it needs it. Did you mean 'model' in DIR?"#,
                #"recipe.yaml:3:8: data.train.0.path: there is no file or folder 'DIR/row.jsonl'. The run would stop as soon as it needs it. Did you mean 'rows.jsonl' in DIR?"#,
                #"recipe.yaml:3:19: data.train.1.path: there is no file or folder 'DIR/nowhere/rows.jsonl'. The run would stop as soon as it needs it. The folder DIR/nowhere does not exist either."#,
            ]),
        BadRecipe(
            "folder for template",
            #"""
            schema: 1
            model: {path: rows.jsonl, chat_template: ./model}
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:2:15: model.path: 'DIR/rows.jsonl' is a file, not a folder. The run would stop as soon as it needs it. Write the path of a folder."#,
                #"recipe.yaml:2:42: model.chat_template: 'DIR/model' is a folder, not a file. The run would stop as soon as it needs it. Write the path of a file."#,
            ]),
        BadRecipe(
            "bad name",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            name: a/b
            """#,
            [
                #"recipe.yaml:4:7: name cannot name a folder. The run folder is named after it. Use letters, digits, '-', '_' and '.', not '.' first."#
            ]),
        BadRecipe(
            "suite with nothing",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            evaluation: {suites: [{name: a, path: rows.jsonl}]}
            """#,
            [
                #"recipe.yaml:4:23: evaluation.suites.0 has neither a verifier nor a metric. Nothing says what a good answer is. Add `verifier: exact` or `metric: loss`."#
            ]),
        BadRecipe(
            "suite with both",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            evaluation: {suites: [{name: a, path: rows.jsonl, verifier: exact, metric: loss}]}
            """#,
            [
                #"recipe.yaml:4:68: evaluation.suites.0.verifier and evaluation.suites.0.metric are both written, but only one can hold. One of them would be ignored. Keep one of `verifier`, `metric`."#
            ]),
        BadRecipe(
            "suite options",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            evaluation:
              suites:
                - {name: a, path: rows.jsonl, verifier: exact, tolerance: 0.1}
                - {name: a, path: rows.jsonl, verifier: regex}
                - {name: c, path: rows.jsonl, metric: loss, generate: {top_p: 1}}
            """#,
            [
                #"recipe.yaml:6:63: evaluation.suites.0.tolerance is no option of verifier exact. Nothing reads it, so what it asks for would not happen. Remove it, or write `verifier: numeric`."#,
                #"recipe.yaml:7:14: two suites are named 'a'. Their figures could not be told apart. Give each its own name."#,
                #"recipe.yaml:7:45: evaluation.suites.1.pattern: a pattern must be given, such as "^yes". Verifier regex cannot be made with these options. `pattern` is a string: What the answer must match."#,
                #"recipe.yaml:8:59: evaluation.suites.2.generate is written, but metric loss generates nothing. Nothing reads it there. Remove it, or replace the metric by a verifier."#,
            ]),
        BadRecipe(
            "unknown verifier",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            evaluation: {suites: [{name: a, path: rows.jsonl, verifier: llm_judge}]}
            """#,
            [
                "recipe.yaml:4:61: evaluation.suites.0.verifier names a verifier that does not exist: the string 'llm_judge'. Nothing could judge the answers. Did you mean 'judge_score'? Known: \(Registry().verifiers.names.joined(separator: ", ")); a verifier of your own is the path of a .swift file."
            ]),
        BadRecipe(
            "linear cycles",
            #"""
            schema: 1
            model: model
            data: rows.jsonl
            train: {lr_scheduler: {type: linear, cycles: 2}}
            """#,
            [
                #"recipe.yaml:4:46: train.lr_scheduler.cycles is written, but the schedule is linear. Nothing reads it there. Remove it, or write `type: cosine`."#
            ]),
        BadRecipe(
            "group without split",
            #"""
            schema: 1
            model: model
            data: {train: rows.jsonl, group_by: user}
            """#,
            [
                #"recipe.yaml:3:37: data.group_by is written, but data.val_fraction is 0. Groups only matter where rows are split. Add `val_fraction: 0.05`, or remove it."#
            ]),
        BadRecipe(
            "adapter on new model",
            #"""
            schema: 1
            model: {init: {config: rows.jsonl, tokenizer: rows.jsonl}}
            adapter: lora
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:3:10: adapter.type asks for an adapter, but model.init makes new weights. A random model would stay random under its adapter. Write `adapter: full`."#
            ]),
        BadRecipe(
            "broken YAML",
            #"""
            schema: 1
            model: [a
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:3:5: broken YAML: while parsing a flow sequence, did not find expected ',' or ']'. Nothing after this place can be read. Close the bracket or quote that was opened before."#
            ]),
        BadRecipe(
            "tab",
            #"""
            schema: 1
            model:
            	path: model
            """#,
            [
                #"recipe.yaml:3:1: broken YAML: while scanning for the next token, found character that cannot start any token. Nothing after this place can be read. Indent with spaces, not tabs, and put quotes around a text that begins with a special character."#
            ]),
        BadRecipe(
            "colon in text",
            #"""
            schema: 1
            model: a: b
            """#,
            [
                #"recipe.yaml:2:9: broken YAML: mapping values are not allowed in this context. Nothing after this place can be read. Check the indentation, and put quotes around a text with ': ' in it."#
            ]),
        BadRecipe(
            "duplicate key",
            #"""
            schema: 1
            model: model
            model: other
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:3:1: key 'model' is written twice, first on line 2. One of the two values would be lost in silence. Keep one of them."#
            ]),
        BadRecipe(
            "duplicate quoted",
            #"""
            schema: 1
            seed: 1
            "seed": 2
            model: model
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:3:1: key 'seed' is written twice, first on line 2. One of the two values would be lost in silence. Keep one of them."#
            ]),
        BadRecipe(
            "tag",
            #"""
            schema: 1
            model: !!python/name:os.system model
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:2:8: a YAML tag ('tag:yaml.org,2002:python/name:os.system') stands before this value. A recipe holds no code and no types of its own. Remove the tag; put quotes around what must be a string."#
            ]),
        BadRecipe(
            "anchor",
            #"""
            schema: 1
            model: &m model
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:2:8: a YAML anchor ('&name') stands before this value. Recipes have no aliases, so nothing could refer to it. Remove the anchor, or put quotes around a text that begins with '&'."#
            ]),
        BadRecipe(
            "alias",
            #"""
            schema: 1
            model: &m model
            data: *m
            """#,
            [
                #"recipe.yaml:3:7: the YAML alias '*m' repeats an anchored value. Aliases hide what a recipe says and can make a small file huge, so recipes have none. Write the value out, or put the shared part in a file and write `extends: that.yaml`."#
            ]),
        BadRecipe(
            "two documents",
            #"""
            schema: 1
            ---
            schema: 1
            """#,
            [
                #"recipe.yaml:2:1: broken YAML: expected a single document in the stream, but found another document. Nothing after this place can be read. Keep one document: remove the '---' lines between them."#
            ]),
        BadRecipe(
            "unset variable",
            #"""
            schema: 1
            model: "${env:NO_SUCH}"
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:2:8: the environment variable 'NO_SUCH' is not set. The characters themselves would be taken for the value. Set it before the command: `NO_SUCH=… hone …`."#
            ]),
        BadRecipe(
            "unknown reference",
            #"""
            schema: 1
            model: "${nam}"
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:2:8: the reference '${nam}' is unknown. The characters themselves would be taken for the value. Write ${env:NAME} for an environment variable, ${name} for the recipe's name, or '$${' for the characters."#
            ]),
        BadRecipe(
            "open reference",
            #"""
            schema: 1
            model: "${name"
            data: rows.jsonl
            """#,
            [
                #"recipe.yaml:2:8: a reference '${' that is not closed. The characters themselves would be taken for the value. Write '}' after the name, or '$${' for the characters."#
            ]),
        BadRecipe(
            "several at once",
            #"""
            schema: 1
            model: {path: model, dtype: int4}
            adapter: {rank: 0, lora_alpha: 3}
            data: nothing.csv
            train: {epochs: -1, betas: 3}
            """#,
            [
                #"recipe.yaml:2:29: model.dtype must be one of auto, float32, bf16, not the string 'int4'. An unknown word would leave the choice to chance. Write for example `dtype: auto`."#,
                #"recipe.yaml:3:17: adapter.rank is 0, which is out of range. Training with it would be meaningless or fail later. Write a value from 1 to 65536."#,
                #"recipe.yaml:3:20: unknown key 'lora_alpha' in adapter. Nothing reads it, so what it asks for would not happen. Did you mean 'alpha'? (axolotl name)"#,
                #"recipe.yaml:4:7: data.train.0.path: there is no file or folder 'DIR/nothing.csv'. The run would stop as soon as it needs it. Paths start from the folder of the file they are written in; write the path from there, or from '/'."#,
                #"recipe.yaml:5:17: train.epochs is -1, which is out of range. Training with it would be meaningless or fail later. Write a value above 0 and at most 1000000."#,
                #"recipe.yaml:5:28: train.betas must be a list, not the integer 3. Another type would have to be guessed at. Write for example `betas: [0.9, 0.999]`."#,
            ]),
    ]
}

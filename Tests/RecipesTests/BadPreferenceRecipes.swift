extension BadRecipe {
    /// A recipe after the lines that every one of these has, or all of it where it begins with `schema`.
    private static func bad(_ name: String, _ text: String, _ messages: [String]) -> BadRecipe {
        BadRecipe(
            name, text.hasPrefix("schema") ? text : "schema: 1\nmodel: model\ndata: rows.jsonl\n" + text, messages)
    }

    static let preferences: [BadRecipe] = [
        bad(
            "unknown loss", "method: dpo\ndpo: {loss: sigmiod}",
            [
                #"recipe.yaml:5:13: dpo.loss.0 must be one of EVERY LOSS, not the string 'sigmiod'. An unknown loss would leave to chance what is minimised. Did you mean 'sigmoid'?"#
            ]),
        bad(
            "other tools' loss", "method: dpo\ndpo: {loss: [cdpo, sft]}",
            [
                #"recipe.yaml:5:14: dpo.loss.0 must be one of EVERY LOSS, not the string 'cdpo'. An unknown loss would leave to chance what is minimised. Did you mean 'robust'?"#
            ]),
        bad(
            "unpaired loss", "method: dpo\ndpo: {loss: apo_zero_unpaired}",
            [
                #"recipe.yaml:5:13: dpo.loss.0 must be one of EVERY LOSS, not the string 'apo_zero_unpaired'. An unknown loss would leave to chance what is minimised. That is a loss of answers with labels: write `method: kto`."#
            ]),
        bad(
            "loss of no name", "method: dpo\ndpo: {loss: 3}",
            [
                #"recipe.yaml:5:13: dpo.loss.0 must be one of EVERY LOSS, not the integer 3. Another type would have to be guessed at. Write for example `loss: sigmoid`."#
            ]),
        bad(
            "no losses", "method: dpo\ndpo: {loss: []}",
            [
                #"recipe.yaml:5:13: dpo.loss is an empty list. There would be nothing to minimise. Write for example `loss: sigmoid`."#
            ]),
        bad(
            "loss twice", "method: dpo\ndpo: {loss: [ipo, hinge, ipo]}",
            [
                #"recipe.yaml:5:26: dpo.loss lists ipo twice. Its two weights would be added up. Keep one of them, with a weight in loss_weights."#
            ]),
        bad(
            "loss as method", "method: robust",
            [
                #"recipe.yaml:4:9: method is the string 'robust', which is a loss of method dpo. The method says what kind of rows are trained on, the loss what is minimised. Write `method: dpo` and `dpo: {loss: robust}`."#
            ]),
        bad(
            "misspelt shorthand", "method: simp",
            [
                #"recipe.yaml:4:9: method must be one of sft, pretrain, dpo, kto, reward, rft, grpo, ipo, orpo, simpo, cpo, not the string 'simp'. An unknown word would leave the choice to chance. Did you mean 'simpo'?"#
            ]),
        bad(
            "block without method", "dpo: {beta: 1}",
            [
                #"recipe.yaml:4:6: the block `dpo` belongs to method dpo, but the method is sft. Nothing would read the block. Remove it, or write `method: dpo`."#
            ]),
        bad(
            "block of another method", "method: simpo\nkto: {beta: 1}\nsft: {}",
            [
                #"recipe.yaml:5:6: the block `kto` belongs to method kto, but the method is simpo. Nothing would read the block. Remove it, or write `method: kto`."#,
                #"recipe.yaml:6:6: the block `sft` belongs to method sft, but the method is simpo. Nothing would read the block. Remove it, or write `method: sft`."#,
            ]),
        bad(
            "block named after the shorthand", "method: simpo\nsimpo: {gamma: 1}",
            [
                #"recipe.yaml:5:1: unknown key 'simpo' at the top of the recipe. Nothing reads it, so what it asks for would not happen. Write `method: simpo`, and its options in the block `dpo`."#
            ]),
        bad(
            "block of an unknown method", "method: dop\ndpo: {beta: 1}",
            [
                #"recipe.yaml:4:9: method must be one of sft, pretrain, dpo, kto, reward, rft, grpo, ipo, orpo, simpo, cpo, not the string 'dop'. An unknown word would leave the choice to chance. Did you mean 'dpo'?"#
            ]),
        bad(
            "weights", "method: dpo\ndpo: {loss: [sigmoid, ipo], loss_weights: [1]}",
            [
                #"recipe.yaml:5:43: dpo.loss_weights has 1 number for 2 losses. Which weight belongs to which loss would be a guess. Write one number for each of sigmoid, ipo."#
            ]),
        bad(
            "weights of zero", "method: dpo\ndpo: {loss: [sigmoid, ipo], loss_weights: [0, 1]}",
            [
                #"recipe.yaml:5:43: dpo.loss_weights is 0, which is out of range. Training with it would be meaningless or fail later. Write a value above 0."#
            ]),
        bad(
            "neutral values of options that nothing reads",
            "method: orpo\ndpo: {wpo: false, f_divergence: reverse_kl, label_smoothing: 0, gamma: 0}",
            [
                #"recipe.yaml:5:72: dpo.gamma is written, but loss orpo does not read it. It would be ignored without a word. Remove it, or use a loss that reads it: simpo."#
            ]),
        bad(
            "smoothing", "method: dpo\ndpo: {label_smoothing: 0.1}",
            [
                #"recipe.yaml:5:24: dpo.label_smoothing is written, but loss sigmoid does not read it. It would be ignored without a word. Remove it, or use a loss that reads it: READERS OF label_smoothing."#
            ]),
        bad(
            "smoothing of robust", "method: dpo\ndpo: {loss: robust, label_smoothing: 0.5}",
            [
                #"recipe.yaml:5:38: dpo.label_smoothing is 0.5 with loss robust. robust divides by 1 − 2 · label_smoothing, so it must be at least 0 and less than 0.5. Write another value."#
            ]),
        bad(
            "exo_pair", "method: dpo\ndpo: {loss: exo_pair}",
            [
                #"recipe.yaml:5:13: dpo.label_smoothing is 0 with loss exo_pair. exo_pair takes the logarithm of label_smoothing and of what is left of 1, so it must be between 0 and 1 without these. Write 0.001 for labels that can be trusted."#
            ]),
        bad(
            "exo_pair with zero", "method: dpo\ndpo: {loss: exo_pair, label_smoothing: 0}",
            [
                #"recipe.yaml:5:40: dpo.label_smoothing is 0 with loss exo_pair. exo_pair takes the logarithm of label_smoothing and of what is left of 1, so it must be between 0 and 1 without these. Write 0.001 for labels that can be trusted."#
            ]),
        bad(
            "unread options", "method: dpo\ndpo: {f_alpha: 1, discopop_tau: 1, gamma: 1, sft_mean: step}",
            [
                #"recipe.yaml:5:16: dpo.f_alpha is written, but loss sigmoid does not read it. It would be ignored without a word. Remove it, or write `f_divergence: alpha_divergence`."#,
                #"recipe.yaml:5:33: dpo.discopop_tau is written, but loss sigmoid does not read it. It would be ignored without a word. Remove it, or use a loss that reads it: discopop."#,
                #"recipe.yaml:5:43: dpo.gamma is written, but loss sigmoid does not read it. It would be ignored without a word. Remove it, or use a loss that reads it: simpo."#,
                #"recipe.yaml:5:56: dpo.sft_mean is written, but loss sigmoid does not read it. It would be ignored without a word. Remove it, or add `sft_weight: 0.1`."#,
            ]),
        bad(
            "options of a mean", "method: simpo\ndpo: {ld_alpha: 0.5, wpo: true, f_divergence: forward_kl}",
            [
                #"recipe.yaml:5:17: dpo.ld_alpha is written, but loss simpo does not read it. It would be ignored without a word. Remove it, or use a loss that reads it: READERS OF ld_alpha."#,
                #"recipe.yaml:5:47: dpo.f_divergence is forward_kl, but loss simpo is defined on log-ratios. That loss would go on with reverse_kl, whatever is written. Remove it, or use one of the losses READERS OF f_divergence."#,
            ]),
        bad(
            "beta of sft", "method: dpo\ndpo: {loss: sft, beta: 1}",
            [
                #"recipe.yaml:5:24: dpo.beta is written, but loss sft does not read it. It would be ignored without a word. Remove it, or add a loss that compares the two answers, such as sigmoid."#
            ]),
        bad(
            "divergence", "method: dpo\ndpo: {loss: [sigmoid, apo_zero], f_divergence: js_divergence}",
            [
                #"recipe.yaml:5:48: dpo.f_divergence is js_divergence, but loss apo_zero is defined on log-ratios. That loss would go on with reverse_kl, whatever is written. Remove it, or use one of the losses READERS OF f_divergence."#
            ]),
        bad(
            "weighting of aot", "method: dpo\ndpo: {loss: aot, wpo: true}",
            [
                #"recipe.yaml:5:23: dpo.wpo is true, but loss aot cannot be weighted pair by pair. It sorts the micro-batch, so that no term belongs to one pair. Remove it, or write `loss: sigmoid`."#
            ]),
        bad(
            "mixture", "method: dpo\ndpo: {loss: [sigmoid, simpo]}",
            [
                #"recipe.yaml:5:13: dpo.loss mixes simpo, which has no reference, with sigmoid, which has one. Their margins are on different scales. Keep losses of one kind."#
            ]),
        bad(
            "sft twice", "method: dpo\ndpo: {loss: [sigmoid, sft], sft_weight: 1}",
            [
                #"recipe.yaml:5:41: dpo.sft_weight is written, but loss sft is or has that term itself. The chosen answers would count twice. Remove it, or use loss_weights."#
            ]),
        bad(
            "adapter_off of full", "adapter: full\nmethod: dpo\ndpo: {reference: adapter_off}",
            [
                #"recipe.yaml:6:18: dpo.reference is adapter_off, but adapter.type is full. There is no adapter to turn off, so the model would be compared with itself. Write `reference: init` for a frozen copy of the start, or use an adapter."#
            ]),
        bad(
            "reference of simpo", "method: simpo\ndpo: {reference: base}",
            [
                #"recipe.yaml:5:18: dpo.reference is written, but no loss of the recipe compares with a reference. A model would be loaded and never asked. Remove it, or write `reference: none`."#
            ]),
        bad(
            "no reference", "method: kto\nkto: {reference: none}",
            [
                #"recipe.yaml:5:18: kto.reference is none, but the loss compares with a reference. Nothing would hold the policy near its start. Remove it, or use a loss without a reference: orpo, simpo or cpo."#
            ]),
        bad(
            "unknown reference", "method: dpo\ndpo: {reference: adapter-off}",
            [
                #"recipe.yaml:5:18: dpo.reference must be adapter_off, init, base, none or the path of a model's folder, not the string 'adapter-off'. Every reward is measured from the reference. Did you mean 'adapter_off'?"#
            ]),
        bad(
            "missing reference", "method: dpo\ndpo: {reference: ./modle}",
            [
                #"recipe.yaml:5:18: dpo.reference: there is no folder 'DIR/modle'. The run would stop as soon as it needs it. Did you mean 'model' in DIR?"#
            ]),
        bad(
            "moving adapter", "method: dpo\ndpo: {sync_reference: {every_steps: 5}, precompute_reference: true}",
            [
                #"recipe.yaml:5:23: dpo.sync_reference cannot hold here. It mixes whole sets of weights, and with an adapter the reference has none of its own. Remove it, or write `adapter: full`."#,
                #"recipe.yaml:5:63: dpo.precompute_reference is true, but dpo.sync_reference moves the reference. What was computed before would be of an old reference. Remove one of the two."#,
            ]),
        bad(
            "moving nothing", "method: orpo\nadapter: full\ndpo: {sync_reference: {}, precompute_reference: true}",
            [
                #"recipe.yaml:6:23: dpo.sync_reference cannot hold here. No loss of the recipe compares with a reference. Remove it."#,
                #"recipe.yaml:6:49: dpo.precompute_reference is true, but no loss compares with a reference. There is nothing to compute. Remove it."#,
            ]),
        bad(
            "batch of one", "method: kto\ntrain: {global_batch_size: 1}",
            [
                #"recipe.yaml:5:28: train.global_batch_size is 1, but loss kto needs at least 2. It estimates the divergence from the reference on each prompt with another row's answer. Write `global_batch_size: 16`, or `loss: apo_zero_unpaired`."#
            ]),
        bad(
            "weights of kto", "method: kto\nkto: {desirable_weight: 0, undesirable_weight: 0}",
            [
                #"recipe.yaml:5:25: kto.desirable_weight and kto.undesirable_weight are both 0. There would be nothing to minimise. Write a number above 0 for one of them."#
            ]),
        bad(
            "packed pairs", "method: dpo\nsequence: {packing: true, on_overflow: split}",
            [
                #"recipe.yaml:5:21: sequence.packing is true, but the method is dpo. Its rows are laid out without padding anyway, and packing changes only which rows share a step. Remove it."#,
                #"recipe.yaml:5:40: sequence.on_overflow is split, but the method is dpo. The second half of an answer has no prompt, and nothing to be compared with. Write `on_overflow: truncate` or `on_overflow: drop`."#,
            ]),
        bad(
            "suites of a reward model",
            "method: reward\nevaluation: {suites: [{name: a, path: rows.jsonl, metric: loss}]}",
            [
                #"recipe.yaml:5:22: evaluation.suites is written, but the method is reward. A reward model gives one number for an answer and writes no text that a suite could judge. Remove the suites; name held-out pairs in data.eval or write `val_fraction` in data."#
            ]),
        bad(
            "streamed epochs",
            "schema: 1\nmodel: model\ndata: {train: rows.jsonl, streaming: true}\ntrain: {epochs: 2}",
            [
                #"recipe.yaml:4:17: data.streaming is true, but train.max_steps is not written. How many rows can be used is known only when all have been read, so an epoch has no length and the learning rate no end to fall to. Write `max_steps` in train instead of epochs, or `streaming: false`."#
            ]),
        bad(
            "streamed and computed before",
            "schema: 1\nmodel: model\nmethod: dpo\ndpo: {precompute_reference: true}\ndata: {train: rows.jsonl, streaming: true}\n",
            [
                #"recipe.yaml:4:29: dpo.precompute_reference is true, but data.streaming is true. All rows would have to be read before the first step. Remove it, or write `streaming: false`."#,
                #"recipe.yaml:5:38: data.streaming is true, but train.max_steps is not written. How many rows can be used is known only when all have been read, so an epoch has no length and the learning rate no end to fall to. Write `max_steps` in train instead of epochs, or `streaming: false`."#,
            ]),
        bad(
            "weight without mix",
            "schema: 1\nmodel: model\ndata: {train: [{path: rows.jsonl, weight: 2}], exhausted: stop, max_bad: 0.1}",
            [
                #"recipe.yaml:3:43: data.train.0.weight is written, but data.mix is concat. Every row of every source is used once an epoch, whatever the weight. Write `mix: weighted` and a weight for every source, or remove it."#,
                #"recipe.yaml:3:59: data.exhausted is written, but data.mix is concat. All sources end together, at the end of the epoch. Write `mix: weighted`, or remove it."#,
                #"recipe.yaml:3:74: data.max_bad is written, but data.on_corrupt is fail. The first damaged row ends the run. Write `on_corrupt: quarantine`, or remove it."#,
            ]),
        bad(
            "mix without weight",
            "schema: 1\nmodel: model\ndata: {train: [{path: rows.jsonl, weight: 2}, rows.jsonl], mix: weighted, eval: [{path: rows.jsonl, weight: 3}]}",
            [
                #"recipe.yaml:3:47: data.train.1 has no weight, but data.mix is weighted. Its share of the rows would be a guess. Add for example `weight: 0.5`, or write `mix: concat`."#,
                #"recipe.yaml:3:109: data.eval.0.weight is written, but held-out rows are not mixed. Each of them is judged once. Remove it."#,
            ]),
        bad(
            "weight of zero", "schema: 1\nmodel: model\ndata: {train: [{path: rows.jsonl, weight: 0}], mix: weighted}",
            [
                #"recipe.yaml:3:43: data.train.0.weight is 0, which is out of range. Training with it would be meaningless or fail later. Write a value above 0."#
            ]),
        bad(
            "other tools' mix",
            "schema: 1\nmodel: model\ndata: {train: [{path: rows.jsonl, weight: 2}], mix: interleave}",
            [
                #"recipe.yaml:3:53: data.mix must be one of concat, weighted, not the string 'interleave'. An unknown word would leave the choice to chance. Did you mean 'weighted'?"#
            ]),
        bad(
            "filters",
            "schema: 1\nmodel: model\ndata: {train: [{path: rows.jsonl, filter: {a: {mim: 1}, b: [], c: {exists: 1}, d: {matches: \"(\"}, e: }}]}",
            [
                #"recipe.yaml:3:47: data.train.0.filter.a: the filter of 'a' has the unknown condition 'mim'. Rows would be used that were meant to be left out. Did you mean 'min'?"#,
                #"recipe.yaml:3:60: data.train.0.filter.b: the filter of 'b' has an empty list. Rows would be used that were meant to be left out. Write at least one value."#,
                #"recipe.yaml:3:67: data.train.0.filter.c: the filter of 'c' has 'exists' that is an integer. Rows would be used that were meant to be left out. Write true or false."#,
                #"recipe.yaml:3:83: data.train.0.filter.d: the filter of 'd' has a bad regular expression: `(` is never closed (at character 1 of the pattern (). Rows would be used that were meant to be left out. Matching takes linear time, so back-references and lookbehind are not available."#,
                #"recipe.yaml:3:102: data.train.0.filter.e must be a value, a list of values or a block of conditions, not nothing. Another type would have to be guessed at. Write for example `e: {exists: true}`."#,
            ]),
        bad(
            "filter as text", "schema: 1\nmodel: model\ndata: {train: [{path: rows.jsonl, filter: a == 1}]}",
            [
                #"recipe.yaml:3:43: data.train.0.filter must be a block of columns and what they must hold, not the string 'a == 1'. Another type would have to be guessed at. Write for example `filter: {language: en}`."#
            ]),
    ]
}

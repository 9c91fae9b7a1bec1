import TextCore

/// Where a key that a recipe does not know belongs: a name of another tool, a key of another section, a slip.
enum KeyHints {
    /// The fix for the unknown `key` in the section at `path`.
    static func hint(for key: String, in schema: SectionSchema, at path: [String]) -> String {
        let section = path.filter { Int($0) == nil }.joined(separator: ".")
        if path.isEmpty, TrainingMethod.shorthands.contains(key) {
            return "Write `method: \(key)`, and its options in the block `dpo`"
        }
        if let meanings = foreign[key.lowercased()] {
            for (ours, tool) in meanings where parent(of: ours) == section {
                guard let leaf = ours.split(separator: ".").last, schema.field(String(leaf)) != nil else { continue }
                return "Did you mean '\(leaf)'? (\(tool) name)"
            }
            return
                "'\(key)' is \(meanings.map { "`\($0.ours)`" }.joined(separator: " or ")) here (\(meanings[0].tool) name)"
        }
        let known = homes(of: key, in: Recipe.table.schema)
        if known.contains("") { return "'\(key)' belongs at the top of the recipe" }
        if !known.isEmpty { return "'\(key)' belongs in \(known.joined(separator: " or "))" }
        if let near = nearestName(to: key, among: schema.names + schema.planned.map(\.name)) {
            return "Did you mean '\(near)'?"
        }
        if let near = nearestName(to: key, among: names(in: Recipe.table.schema)) {
            let home = homes(of: near, in: Recipe.table.schema).first ?? ""
            return home.isEmpty
                ? "Did you mean '\(near)' at the top of the recipe?" : "Did you mean '\(near)' in \(home)?"
        }
        return "Remove it; known here: \(schema.names.joined(separator: ", "))"
    }

    /// The fix for the unknown `key` in a section of a file that is no recipe.
    static func hint(for key: String, in schema: SectionSchema, of file: SectionSchema) -> String {
        if let near = nearestName(to: key, among: schema.names) { return "Did you mean '\(near)'?" }
        if let home = homes(of: key, in: file).first {
            return home.isEmpty ? "'\(key)' belongs at the top of the file" : "'\(key)' belongs in \(home)"
        }
        return "Remove it; known here: \(schema.names.joined(separator: ", "))"
    }

    /// The section that a whole key lies in.
    private static func parent(of key: String) -> String { key.split(separator: ".").dropLast().joined(separator: ".") }

    /// Every key of the language, from the top down.
    private static func names(in schema: SectionSchema) -> [String] {
        schema.names + schema.members.flatMap { $0.shape.section.map { names(in: $0) } ?? [] }
    }

    /// The sections that have the key.
    private static func homes(of key: String, in schema: SectionSchema, at path: String = "") -> [String] {
        var found: [String] = []
        for member in schema.members {
            let below = path.isEmpty ? member.name : path + "." + member.name
            if member.name == key { found.append(path) }
            guard let inner = member.shape.section else { continue }
            if case .list = member.shape {
                found += homes(of: key, in: inner, at: below + "[]")
            } else {
                found += homes(of: key, in: inner, at: below)
            }
        }
        return found
    }

    /// Names of other tools, in lower case, with the keys that each may mean here and the tool.
    private static let foreign: [String: [(ours: String, tool: String)]] = {
        var table: [String: [(ours: String, tool: String)]] = [:]
        for row in rows {
            for (tool, names) in row.names {
                for name in names where !(table[name] ?? []).contains(where: { $0.ours == row.ours }) {
                    table[name, default: []].append((row.ours, tool))
                }
            }
        }
        return table
    }()

    private static let rows: [(ours: String, names: [(tool: String, names: [String])])] = [
        (
            "model.path",
            [
                ("axolotl", ["base_model"]), ("LLaMA-Factory", ["model_name_or_path"]),
                ("torchtune", ["checkpoint_dir", "checkpointer"]), ("Unsloth", ["model_name"]),
            ]
        ),
        ("model.dtype", [("Transformers", ["torch_dtype", "bf16", "fp16"]), ("LLaMA-Factory", ["infer_dtype"])]),
        (
            "model.chat_template",
            [("LLaMA-Factory", ["template"]), ("torchtune", ["prompt_template"]), ("TRL", ["chat_template_path"])]
        ),
        (
            "adapter.type",
            [
                ("LLaMA-Factory", ["finetuning_type", "quantization_bit"]), ("mlx-lm", ["fine_tune_type"]),
                ("Unsloth", ["training_type"]), ("axolotl", ["load_in_4bit", "load_in_8bit"]), ("TRL", ["use_peft"]),
            ]
        ),
        (
            "adapter.rank",
            [("axolotl", ["lora_r"]), ("LLaMA-Factory", ["lora_rank"]), ("PEFT", ["r"])]
        ),
        ("adapter.alpha", [("axolotl", ["lora_alpha"])]),
        ("adapter.dropout", [("axolotl", ["lora_dropout"]), ("TRL", ["disable_dropout"])]),
        (
            "adapter.target_modules",
            [
                ("axolotl", ["lora_target_modules", "lora_target_linear"]), ("LLaMA-Factory", ["lora_target"]),
                ("torchtune", ["lora_attn_modules", "apply_lora_to_mlp"]), ("mlx-lm", ["lora_parameters"]),
            ]
        ),
        ("adapter.rslora", [("PEFT", ["use_rslora", "peft_use_rslora"])]),
        ("adapter.layers", [("PEFT", ["layers_to_transform"]), ("mlx-lm", ["num_layers", "lora_layers"])]),
        ("adapter.init_from", [("axolotl", ["lora_model_dir"]), ("LLaMA-Factory", ["adapter_name_or_path"])]),
        ("method", [("axolotl", ["rl"]), ("LLaMA-Factory", ["stage"]), ("torchtune", ["recipe"])]),
        (
            "data.train",
            [("axolotl", ["datasets"]), ("LLaMA-Factory", ["dataset", "dataset_dir"]), ("TRL", ["dataset_name"])]
        ),
        ("data.eval", [("axolotl", ["test_datasets"]), ("LLaMA-Factory", ["eval_dataset"])]),
        ("data.mix", [("LLaMA-Factory", ["mix_strategy"]), ("TRL", ["dataset_mixer"])]),
        ("data.exhausted", [("Datasets", ["stopping_strategy"])]),
        (
            "data.train.weight",
            [("LLaMA-Factory", ["interleave_probs"]), ("Datasets", ["probabilities", "dataset_weights"])]
        ),
        (
            "data.train.columns",
            [
                ("axolotl", ["field_chosen", "field_rejected", "field_messages"]),
                ("LLaMA-Factory", ["chosen", "rejected", "kto_tag", "ranking"]), ("TRL", ["column_mapping"]),
                ("torchtune", ["column_map"]),
            ]
        ),
        ("data.train.max_samples", [("LLaMA-Factory", ["num_samples"]), ("axolotl", ["max_rows"])]),
        ("data.cache", [("axolotl", ["dataset_prepared_path"]), ("LLaMA-Factory", ["tokenized_path"])]),
        ("data.val_fraction", [("axolotl", ["val_set_size"]), ("LLaMA-Factory", ["val_size"])]),
        (
            "sequence.max_length",
            [
                ("axolotl", ["sequence_len"]), ("LLaMA-Factory", ["cutoff_len"]),
                ("mlx-lm", ["max_seq_length"]), ("torchtune", ["max_seq_len"]),
            ]
        ),
        ("sequence.packing", [("axolotl", ["sample_packing"]), ("torchtune", ["packed"])]),
        ("sequence.on_overflow", [("TRL", ["truncation_mode"]), ("axolotl", ["excess_length_strategy"])]),
        (
            "sft.train_on",
            [
                ("axolotl", ["train_on_inputs", "roles_to_train"]),
                ("LLaMA-Factory", ["train_on_prompt", "mask_history"]),
                ("Unsloth", ["train_on_completions"]), ("torchtune", ["train_on_input"]),
                ("mlx-lm", ["mask_prompt"]), ("TRL", ["completion_only_loss", "assistant_only_loss"]),
            ]
        ),
        ("sft.loss", [("TRL", ["loss_type"])]),
        ("dpo.loss", [("TRL", ["loss_type"]), ("LLaMA-Factory", ["pref_loss"]), ("axolotl", ["rl_loss"])]),
        ("kto.loss", [("TRL", ["loss_type"])]), ("reward.loss", [("TRL", ["loss_type"])]),
        (
            "dpo.beta",
            [("LLaMA-Factory", ["pref_beta"]), ("axolotl", ["rl_beta", "dpo_beta", "orpo_alpha"])]
        ),
        ("kto.beta", [("LLaMA-Factory", ["pref_beta"]), ("axolotl", ["rl_beta"])]),
        ("dpo.label_smoothing", [("axolotl", ["dpo_label_smoothing"]), ("LLaMA-Factory", ["dpo_label_smoothing"])]),
        ("dpo.f_divergence", [("TRL", ["f_divergence_type"])]),
        ("dpo.f_alpha", [("TRL", ["f_alpha_divergence_coef"])]),
        ("dpo.ld_alpha", [("LLaMA-Factory", ["pref_ld_alpha"])]),
        ("dpo.wpo", [("TRL", ["use_weighting"]), ("axolotl", ["dpo_use_weighting"])]),
        ("dpo.gamma", [("TRL", ["simpo_gamma"])]),
        ("dpo.sft_weight", [("TRL", ["rpo_alpha", "cpo_alpha"]), ("LLaMA-Factory", ["pref_ftx"])]),
        (
            "dpo.reference",
            [
                ("TRL", ["ref_model", "ref_adapter_name", "model_adapter_name"]),
                ("LLaMA-Factory", ["ref_model_adapters", "ref_model_quantization_bit"]),
                ("torchtune", ["ref_checkpointer"]),
            ]
        ),
        ("kto.reference", [("TRL", ["ref_model"])]),
        ("dpo.precompute_reference", [("TRL", ["precompute_ref_log_probs", "precompute_ref_batch_size"])]),
        ("dpo.sync_reference", [("TRL", ["sync_ref_model"])]),
        ("dpo.sync_reference.every_steps", [("TRL", ["ref_model_sync_steps"])]),
        ("dpo.sync_reference.alpha", [("TRL", ["ref_model_mixup_alpha"])]),
        (
            "kto.desirable_weight",
            [("axolotl", ["kto_desirable_weight"]), ("LLaMA-Factory", ["kto_chosen_weight"])]
        ),
        (
            "kto.undesirable_weight",
            [("axolotl", ["kto_undesirable_weight"]), ("LLaMA-Factory", ["kto_rejected_weight"])]
        ),
        ("rft", [("TRL", ["grpo", "grpo_trainer"]), ("axolotl", ["trl"]), ("verl", ["algorithm"])]),
        ("rft.loss", [("TRL", ["loss_type"])]),
        ("rft.group_size", [("TRL", ["num_generations"]), ("verl", ["n", "rollout_n"])]),
        ("rft.prompts_per_step", [("verl", ["train_batch_size"]), ("TRL", ["generation_batch_size"])]),
        ("rft.num_iterations", [("verl", ["ppo_epochs"])]),
        ("rft.beta", [("verl", ["kl_loss_coef"]), ("TRL", ["kl_coef"])]),
        ("rft.epsilon", [("verl", ["clip_ratio", "clip_ratio_low"])]),
        ("rft.epsilon_high", [("verl", ["clip_ratio_high"])]),
        ("rft.mask_truncated", [("TRL", ["mask_truncated_completions"])]),
        ("rft.entropy_coef", [("verl", ["entropy_coeff"])]),
        ("rft.replace_uninformative", [("verl", ["filter_groups"])]),
        ("rft.combine", [("TRL", ["multi_objective_aggregation"])]),
        ("rewards", [("TRL", ["reward_funcs", "reward_model"]), ("verl", ["custom_reward_function"])]),
        ("rewards.weight", [("TRL", ["reward_weights"])]),
        ("rollout", [("TRL", ["vllm"]), ("verl", ["actor_rollout_ref"])]),
        ("rollout.max_new_tokens", [("TRL", ["max_completion_length"]), ("verl", ["response_length"])]),
        ("rollout.engine", [("TRL", ["use_vllm", "vllm_mode"])]),
        ("reward.center_coef", [("TRL", ["center_rewards_coefficient"])]),
        ("sft.neftune_alpha", [("TRL", ["neftune_noise_alpha"])]),
        ("train.micro_batch_size", [("Transformers", ["per_device_train_batch_size"]), ("mlx-lm", ["batch_size"])]),
        ("train.global_batch_size", [("Transformers", ["train_batch_size"])]),
        (
            "train.gradient_accumulation_steps",
            [("mlx-lm", ["grad_accumulation_steps"]), ("LLaMA-Factory", ["accumulation_steps"])]
        ),
        ("train.epochs", [("Transformers", ["num_train_epochs"]), ("axolotl", ["num_epochs"])]),
        ("train.max_steps", [("mlx-lm", ["iters"]), ("torchtune", ["max_steps_per_epoch"])]),
        ("train.learning_rate", [("torchtune", ["lr"])]),
        ("train.optimizer", [("Transformers", ["optim"])]),
        (
            "train.lr_scheduler",
            [("Transformers", ["lr_scheduler_type", "lr_scheduler_kwargs"]), ("mlx-lm", ["lr_schedule"])]
        ),
        ("train.betas", [("Transformers", ["adam_beta1", "adam_beta2"])]),
        ("train.eps", [("Transformers", ["adam_epsilon"])]),
        ("train.warmup_steps", [("torchtune", ["num_warmup_steps"]), ("mlx-lm", ["warmup"])]),
        (
            "train.max_grad_norm",
            [("torchtune", ["clip_grad_norm"]), ("DeepSpeed", ["gradient_clipping"])]
        ),
        (
            "train.gradient_checkpointing",
            [("mlx-lm", ["grad_checkpoint"]), ("torchtune", ["enable_activation_checkpointing"])]
        ),
        ("checkpoint.every_steps", [("Transformers", ["save_steps"]), ("mlx-lm", ["save_every"])]),
        ("checkpoint.keep_last", [("Transformers", ["save_total_limit"]), ("torchtune", ["keep_last_n_checkpoints"])]),
        ("checkpoint.keep_best", [("Transformers", ["load_best_model_at_end"])]),
        ("checkpoint.resume", [("Transformers", ["resume_from_checkpoint"])]),
        (
            "evaluation.every_steps",
            [
                ("Transformers", ["eval_steps", "eval_strategy", "evaluation_strategy"]),
                ("torchtune", ["run_val_every_n_steps"]), ("mlx-lm", ["steps_per_eval"]),
            ]
        ),
        ("evaluation.at_start", [("Transformers", ["eval_on_start"])]),
        ("logging.every_steps", [("Transformers", ["logging_steps"]), ("mlx-lm", ["steps_per_report"])]),
        ("logging.trackers", [("Transformers", ["report_to"]), ("axolotl", ["wandb_project", "use_mlflow"])]),
        ("output_dir", [("mlx-lm", ["adapter_path"])]),
    ]
}

import TextCore

/// Where a key that a recipe does not know belongs: a name of another tool, a key of another section, a slip.
enum KeyHints {
    /// The fix for the unknown `key` in the section at `path`.
    static func hint(for key: String, in schema: SectionSchema, at path: [String]) -> String {
        let section = path.filter { Int($0) == nil }.joined(separator: ".")
        if let (ours, tool) = foreign[key.lowercased()] {
            let parts = ours.split(separator: ".")
            let home = parts.dropLast().joined(separator: ".")
            guard home == section, let leaf = parts.last, schema.field(String(leaf)) != nil else {
                return "'\(key)' is `\(ours)` here (\(tool) name)"
            }
            return "Did you mean '\(leaf)'? (\(tool) name)"
        }
        let known = homes(of: key, in: Recipe.table.schema)
        if let home = known.first {
            return home.isEmpty ? "'\(key)' belongs at the top of the recipe" : "'\(key)' belongs in \(home)"
        }
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

    /// Names of other tools, in lower case, with our key and the tool.
    private static let foreign: [String: (ours: String, tool: String)] = {
        var table: [String: (ours: String, tool: String)] = [:]
        for row in rows {
            for (tool, names) in row.names {
                for name in names where table[name] == nil { table[name] = (row.ours, tool) }
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
        ("adapter.dropout", [("axolotl", ["lora_dropout"])]),
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
        ("method", [("axolotl", ["rl"]), ("LLaMA-Factory", ["stage", "pref_loss"]), ("torchtune", ["recipe"])]),
        (
            "data.train",
            [("axolotl", ["datasets"]), ("LLaMA-Factory", ["dataset", "dataset_dir"]), ("TRL", ["dataset_name"])]
        ),
        ("data.eval", [("axolotl", ["test_datasets"]), ("LLaMA-Factory", ["eval_dataset"])]),
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

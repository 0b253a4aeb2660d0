"""Words by which layers tell a context from targets: in the names of arguments, methods, values."""

from __future__ import annotations


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


CONTEXT_IS_TRUE = _set(
    "is_training training train bn_training is_train in_training is_support support is_context"
    " context_pass is_conditioning conditioning condition adapt adapting update update_stats"
    " update_statistics update_running use_batch_stats use_batch_statistics batch_stats"
    " compute_stats collect fit training_mode train_mode is_adapting learn is_spt is_shot"
    " store store_stats track"
)
"""Arguments that are true on the context, or in meta-training, and false on targets."""

CONTEXT_IS_FALSE = _set(
    "use_running_average use_running_stats use_running_statistics use_global_stats"
    " use_stored use_stored_stats use_task_stats is_query query is_target eval is_eval evaluate"
    " eval_mode inference is_inference test is_test is_testing testing predict predicting"
    " deterministic frozen freeze reuse reuse_stats use_cached cached"
)
"""Arguments that are false on the context, or in meta-training, and true on targets."""

WORDED = _set(
    "mode phase stage split set role kind which subset set_type task_mode task_phase set_name"
    " data_split norm_mode bn_mode forward_mode episode_phase loop"
)
"""Arguments whose value is a word for the context and another for targets."""

SAYING_LITTLE = _set("split set role kind which subset loop")
"""Of these, names of many other things: a value that changes an answer is none for a context."""

WORDS: tuple[tuple[object, object], ...] = (
    ("support", "query"),
    ("context", "target"),
    ("context", "targets"),
    ("condition", "predict"),
    ("condition", "normalize"),
    ("train", "test"),
    ("train", "eval"),
    ("training", "inference"),
    ("train", "val"),
    ("train", "predict"),
    ("adapt", "predict"),
    ("adapt", "eval"),
    ("adapt", "test"),
    ("adapt", "infer"),
    ("spt", "qry"),
    ("inner", "outer"),
    ("fit", "predict"),
    ("fit", "transform"),
    ("shot", "query"),
    ("meta_train", "meta_test"),
    ("SUPPORT", "QUERY"),
    ("CONTEXT", "TARGET"),
    ("TRAIN", "TEST"),
    ("TRAIN", "EVAL"),
    (True, False),
    (0, 1),
    (1, 0),
)
"""Values for context and targets, in the order in which they are tried."""

STEPS = _set(
    "step num_step step_idx step_index step_id inner_step inner_step_idx current_step"
    " current_step_idx num_steps iteration iter iter_idx adaptation_step update_step loop_step"
    " t_step n_step"
)
"""Arguments that number the steps of an inner loop."""

PARAMETERS = _set(
    "params parameters weights fast_weights params_dict param_dict vars variables theta"
    " fast_params new_params parameter_dict named_params external_params state_dict"
)
"""Arguments that stand for all of a layer's parameters."""

STATES = _set(
    "state states moments stats statistics task_state task_stats context_stats task task_id"
    " task_idx domain domain_id domain_label label labels condition_on"
)
"""Arguments that hold a task, or tell which."""

MOMENTS = _set(
    "mean var std mu sigma variance context_mean context_var context_std support_mean"
    " support_var batch_mean batch_var task_mean task_var moment_mean moment_var mean_var"
)
"""Arguments that are moments of a context."""

RUNNING = _set("running moving ema average averages avg accumulated cumulative tracked")
"""Words in the names of moments that many calls move."""

MOMENTA = _set("momentum decay decay_rate ema_decay ema_momentum bn_momentum beta_ema rho")
"""Attributes that say by how much one call moves them."""

CONTEXT_VERBS = (
    "support", "context", "condition", "adapt", "enable", "start", "begin", "collect", "open",
    "unfreeze", "learn", "train", "fit", "record",
)  # fmt: skip
TARGET_VERBS = (
    "query", "target", "predict", "infer", "freeze", "disable", "stop", "end", "finish", "close",
    "eval", "test", "apply", "normalize", "use",
)  # fmt: skip
SETTERS = _set(
    "set_mode set_phase set_stage set_split switch_mode switch change_mode set_task_mode"
    " set_norm_mode set_bn_mode set_state_mode set_forward_mode use_mode"
)
"""Methods that take a word for what is to come."""

LEFT_ALONE = CONTEXT_IS_TRUE | CONTEXT_IS_FALSE | WORDED | STEPS | STATES
"""Optional arguments of which a report says that they were left at their default."""

TELL_LENGTHS: dict[str, frozenset[str]] = {
    "valid": _set(
        "mask masks valid_mask valid input_mask seq_mask sequence_mask token_mask node_mask x_mask"
        " attention_mask attn_mask is_valid nonpad_mask non_pad_mask"
    ),
    "padding": _set(
        "padding_mask pad_mask key_padding_mask src_key_padding_mask encoder_padding_mask is_pad"
        " is_padding padding"
    ),
    "lengths": _set(
        "lengths length lens seq_lens seq_lengths sequence_lengths x_lens x_lengths input_lengths"
        " valid_lengths valid_lens num_valid"
    ),
}
"""Arguments that say how much of each item is there, by what they are."""

LABELS = _set(
    "label labels domain domains domain_id domain_ids domain_label domain_labels class_id class_ids"
    " class_label class_labels classes cls category categories style_id style_ids y ys target_id"
    " task_id task_ids speaker_id speaker_ids condition_id cond_id group_id env_id environment"
)
"""Arguments that are a label of every item."""

LABEL_COUNTS = (
    "num_classes", "n_classes", "num_domains", "n_domains", "domains", "classes", "num_labels",
    "n_labels", "num_styles", "n_styles", "num_categories", "n_categories", "num_conditions",
    "n_conditions", "num_speakers", "num_tasks", "num_embeddings", "n_class", "n_domain",
)  # fmt: skip
"""Attributes that say how many labels there are."""

CONTEXT_SETS = _set(
    "context contexts ctx context_x x_context x_ctx context_set context_features support supports"
    " spt x_spt x_support support_x support_set support_features support_feat support_batch shots"
    " shot reference ref x_ref ref_x reference_batch ref_batch demos memory"
)
"""Arguments that are a set of items to condition on."""

TARGET_SETS = _set(
    "query queries qry x_qry x_query query_x query_set query_features query_feat query_batch"
    " target targets tgt x_target x_targets target_set target_features test x_test test_set x"
)
"""Arguments that are the set of items to answer, where another takes the context."""

SIDES = _set(
    "s w z c h style styles style_code style_codes style_vector style_emb style_feat style_feats"
    " style_feature style_features style_map latent latents code codes cond conds conditioning"
    " condition cond_emb emb embed embedding embeddings temb t_emb time_emb timestep_emb gamma"
    " gammas beta betas scale scales shift shifts film seg segmap seg_map segmentation"
    " segmentation_map label_map layout guide guidance noise feat feats feature features residual"
    " skip identity shortcut modulation params_vector speaker_embedding spk_emb g"
)
"""Arguments that are something of every item: a style, a code, a map, gains and offsets."""

LIKE_THE_INPUT = _set(
    "style_feat style_feats style_feature style_features style_map feat feats feature features"
    " residual skip identity shortcut"
)
"""Of these, those that are mostly of the input's own shape."""

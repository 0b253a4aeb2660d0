"""What each law is to a person who does not know it: why it matters, and what to change.

A sentence each, which reports show where a law fails; the docstring of a law explains it. It is a
list, so it is as long as the catalogue.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tnverify.catalogue import Law

WORDS: dict[str, tuple[str, str]] = {
    "a_target_ignores_the_other_targets": (
        "Accuracy measured on whole target sets will not be had when targets come one at a time.",
        (
            "Take moments from the context and the item's own values only; a batch norm left in "
            "train() at prediction is the usual cause."
        ),
    ),
    "a_target_ignores_the_others_however_it_is_called": (
        (
            "What was tested is not what is used: under autocast or in inference mode another "
            "path reads the batch."
        ),
        "Use the context's moments on every path, those for training and for half precision too.",
    ),
    "a_target_ignores_how_many_targets_there_are": (
        (
            "An answer that depends on how many targets are asked at once is another one in "
            "deployment."
        ),
        "Count the context's items, never those of the set that is passed.",
    ),
    "a_poisoned_target_poisons_only_itself": (
        "One broken image takes down the answers for its whole batch.",
        "Index instead of multiplying with a mask of zeros, which passes NaN on.",
    ),
    "no_gradient_flows_between_targets": (
        "Training sees other targets even where values do not show it.",
        "Cut the other targets out of every term, those that cancel in the forward pass too.",
    ),
    "permuting_targets_permutes_outputs": (
        "The place of a target in its batch decides its answer.",
        (
            "Treat all items alike: look at remainders of a kernel, a reference item, buffers by "
            "position."
        ),
    ),
    "targets_do_not_reach_the_context_outputs": (
        "Predicting changes what the learner knows of the task.",
        "Keep the context's moments apart from any workspace that predictions write to.",
    ),
    "other_targets_that_are_claimed_are_read": (
        "It is compared under the name of a scheme that it is not.",
        "Claim the scheme that it is, or use the batch's moments as the claimed one does.",
    ),
    "any_partition_of_the_targets_gives_the_same_outputs": (
        "Accuracy depends on how the evaluation was batched.",
        "Answer small batches as large ones; keep no state that predictions change.",
    ),
    "no_targets_give_an_empty_output": (
        "The last batch of a class may be empty, and moments of nothing are NaN.",
        "Return early where there is nothing to normalise.",
    ),
    "a_single_context_item_is_enough": (
        "One-way one-shot tasks exist, and give NaN or an error.",
        (
            "Take variances over items and space together, without dividing by the number of "
            "items less one."
        ),
    ),
    "one_pixel_maps_are_finite": (
        "Deep networks end in maps of one pixel, which become NaN.",
        (
            "Use `unbiased=False`, or fall back to the context's moments where an item has a "
            "single pixel."
        ),
    ),
    "equal_counts_of_items_and_channels_change_nothing": (
        "Tasks with as many items as channels are answered wrongly, without an error.",
        "Keep reduced dimensions (`keepdim`) and never look for an axis by its size.",
    ),
    "alpha_is_the_sigmoid_of_the_context_size": (
        (
            "The blend weighs the context otherwise than the scheme says, and its learned numbers "
            "mean something else."
        ),
        "Use sigmoid(scale * context.shape[0] + offset), taken when conditioning.",
    ),
    "alpha_one_is_context_batch_normalisation": (
        "The layer cannot learn to trust the context alone.",
        "Pool as alpha * context + (1 - alpha) * own, and clamp alpha nowhere.",
    ),
    "alpha_zero_is_the_items_own_normalisation": (
        "The layer cannot learn to trust the item alone.",
        (
            "Take the secondary moments over the dimensions that the scheme says, and clamp alpha "
            "nowhere."
        ),
    ),
    "both_limits_are_approached": (
        "The gradient of alpha vanishes where training would need it.",
        "Leave alpha to the sigmoid: no threshold and no clamp.",
    ),
    "the_pooled_variance_carries_the_between_mean_term": (
        "Targets that lie away from the context are scaled wrongly.",
        (
            "Add how far the two means lie from the pooled one, squared, to each variance before "
            "it is weighed."
        ),
    ),
    "extreme_scale_and_offset_saturate_without_nan": (
        "One bad step of the optimiser turns the network into NaN for good.",
        "Use `torch.sigmoid`.",
    ),
    "tasknorm_i_at_n_over_n_plus_one_is_reptile_normalisation": (
        "Context and instance moments are not pooled as those of one population.",
        "Pool means and variances with the between-mean term, all of one convention.",
    ),
    "gradients_of_scale_and_offset_are_right": (
        "Alpha is not learned as it should be.",
        (
            "Compute alpha from the parameters with plain operations: no `.item()`, no `detach`, "
            "no clamp."
        ),
    ),
    "the_order_of_context_items_does_not_matter": (
        "The same task, shuffled, gets other answers.",
        (
            "Give no item a special place: look at running averages, references and remainders of "
            "chunks."
        ),
    ),
    "copying_the_context_leaves_target_outputs": (
        "Answers depend on a count rather than on what the context holds.",
        "Use means where a sum is taken, and biased variances.",
    ),
    "every_context_item_counts": (
        "Part of the support set is ignored.",
        "Look for a last incomplete chunk, a memory of fixed size or a slice that is off by one.",
    ),
    "the_context_is_used": (
        (
            "The layer answers without the task: it is another scheme, and laws about the context "
            "hold emptily."
        ),
        "Normalise targets by the context's moments, or claim the scheme that it is.",
    ),
    "a_poisoned_context_shows": (
        "A broken context gives predictions that look sound.",
        "Let NaN through, or raise; no `nan_to_num` and no mean that skips NaN.",
    ),
    "a_target_before_any_context_is_refused": (
        "A learner that forgot to condition looks as if it worked.",
        "Keep no moments until there is a context, and raise.",
    ),
    "a_refusal_before_any_context_says_why": (
        "An error about None tells the person at the keyboard nothing.",
        "Raise an error that names the context and the call that conditions.",
    ),
    "an_output_depends_on_its_own_input": (
        "A constant output keeps every law of information flow emptily.",
        "Look for a scale that starts at zero, or items that are overwritten.",
    ),
    "a_wrong_number_of_channels_is_refused": (
        "A layer that was wired wrongly trains on without a word.",
        "Check the number of channels, or use operations that do not broadcast them.",
    ),
    "targets_of_another_size_are_answered_or_refused": (
        "Targets on maps of another size get wrong answers without an error.",
        "Keep no number of pixels from the context; compute sizes from what is passed, or raise.",
    ),
    "an_unread_context_is_ignored": (
        "It is not the scheme that it claims to be.",
        (
            "Find what carries values from the context to the targets, or claim the scheme that "
            "reads it."
        ),
    ),
    "no_gradient_flows_from_an_unread_context": (
        "It trains through the context though its values do not show it.",
        "Cut terms of the context that cancel in the forward pass.",
    ),
    "context_items_that_keep_apart_do": (
        "It is not the scheme that it claims to be.",
        "Normalise context items by their own moments, or claim the scheme that it is.",
    ),
    "no_gradient_flows_between_context_items_that_keep_apart": (
        "Training couples context items though values do not show it.",
        "Cut terms of other items that cancel in the forward pass.",
    ),
    "context_outputs_read_the_other_context_items": (
        "Context and targets are normalised differently, so the learner's two passes do not match.",
        "Normalise the context's own outputs by the context's moments.",
    ),
    "an_unread_past_is_ignored": (
        "Moments of other tasks are mixed into this one's.",
        "Use the task's own moments at meta-test, not running ones.",
    ),
    "the_past_that_is_claimed_is_used": (
        "It normalises by mean 0 and variance 1: chance accuracies may be no more than that.",
        "Update running moments in meta-training, and read them at meta-test.",
    ),
    "how_the_context_is_sharded_does_not_matter": (
        "The same context gives other answers where it comes in parts.",
        "Merge counts, means and centred sums of squares.",
    ),
    "the_target_loss_reaches_every_shard": (
        "Meta-training learns through some parts of the context alone.",
        "Use reductions that have a backward pass.",
    ),
    "memory_that_is_used_again_is_not_confused": (
        "One task is answered with what was remembered of another.",
        "Remember nothing by the id, the address or the version of a tensor.",
    ),
    "nine_tasks_at_once_keep_apart": (
        "Tasks that are alive together get each other's answers.",
        "Keep the task's state in the value that is handed out, not in a ring or by a number.",
    ),
    "the_hundredth_prediction_is_the_first": (
        "Long evaluations are answered otherwise than short ones.",
        "Count, average and fill up nothing at prediction.",
    ),
    "an_empty_context_brings_nothing_back": (
        "A task without a context is answered with the task before.",
        "Reset all state when a context comes in, an empty one too, or raise.",
    ),
    "a_task_forgets_the_task_before": (
        (
            "Results depend on the order in which tasks came, and one task's data reach another's "
            "predictions."
        ),
        "Reset all state when a context comes in.",
    ),
    "interleaved_tasks_keep_apart": (
        "Two learners that take turns spoil each other's tasks.",
        (
            "Share no state between instances, and let no state be a view of memory that is used "
            "again."
        ),
    ),
    "predicting_twice_gives_the_same": (
        "Answers drift from call to call.",
        "Update nothing at prediction: no moments, no counter, no schedule.",
    ),
    "predicting_leaves_the_task_state_alone": (
        "Earlier batches of targets reach later ones: transduction through time.",
        "Update nothing at prediction.",
    ),
    "two_tasks_of_equal_shapes_are_not_confused": (
        "One task is answered with what was remembered of another.",
        "Remember nothing under a key that two tasks share: a shape, an address, a sum.",
    ),
    "outputs_agree_with_the_formula": (
        "Numbers that are published for this scheme do not stand for this layer.",
        "See which other laws fail, and what `tnverify identify` names as nearest.",
    ),
    "the_affine_comes_last": (
        "Weight and bias mean something else than in every other norm.",
        "Apply weight * y + bias to the normalised values, channel by channel.",
    ),
    "scaling_and_shifting_a_channel_cancels": (
        "Eps is not the number that the layer says it is, or values meet an absolute threshold.",
        "Use the layer's own eps, inside the root, and compare values with no constant.",
    ),
    "channels_do_not_mix": (
        "Channels are normalised by each other's values.",
        "Reduce over items and positions only, and keep reduced dimensions (`keepdim`).",
    ),
    "shuffling_pixels_shuffles_outputs": (
        "Positions of a map are not treated alike.",
        "Take moments over all positions, borders too.",
    ),
    "outputs_have_zero_mean_and_the_right_variance": (
        "The set is not normalised by its own moments, or by another convention of variance.",
        "Reduce over the dimensions of the scheme; declare `unbiased` where that is meant.",
    ),
    "eps_is_inside_the_root": (
        "Channels of small variance are scaled otherwise than the formula says.",
        "Divide by sqrt(var + eps); do not clamp the variance.",
    ),
    "error_stays_within_the_bound": (
        "Activations far from zero lose most of their digits.",
        "Centre before squaring, or use `torch.var_mean`.",
    ),
    "channels_last_input_keeps_precision": (
        "Channels-last activations lose digits as their mean grows.",
        "Centre before squaring, or call `.contiguous()`.",
    ),
    "constant_input_is_finite": (
        "One flat image or dead channel becomes NaN.",
        "Add an eps that the dtype can hold, and keep variances from being negative.",
    ),
    "tiny_and_huge_magnitudes_stay_finite_and_right": (
        "Values of unusual size overflow, vanish or are clamped.",
        "Compute nothing of a higher order than a square, and clamp nothing.",
    ),
    "half_precision_input_keeps_float32_moments": (
        "Half-precision activations far from zero lose what normalisation is about.",
        "Compute the moments of `x.float()` and cast the result.",
    ),
    "own_precision_follows_float64": (
        "In the dtype that is used it computes something else than it means.",
        "Centre before squaring, and compute the same in every dtype.",
    ),
    "magnitudes_leave_own_precision_alone": (
        "Values of unusual size overflow or vanish in the dtype that is used.",
        "Compute nothing of a high order on the way.",
    ),
    "half_precision_input_is_taken": (
        "Mixed-precision training stops with an error.",
        "Cast parameters to the input's dtype, or the input to theirs and the result back.",
    ),
    "half_precision_input_keeps_its_range": (
        "Half-precision activations of some thousands become zero or infinite.",
        "Widen the input before it is squared or summed.",
    ),
    "first_order_gradients_are_right": (
        "Training follows something else than the loss.",
        (
            "Compare the backward with autograd's through plain operations; declare `detached` if "
            "cutting is meant."
        ),
    ),
    "second_order_gradients_are_right": (
        "Second-order meta-learning (MAML) trains on wrong gradients.",
        "Return moments as outputs of a custom Function, or declare `first_order`.",
    ),
    "low_precision_gradients_follow_float64_ones": (
        "The backward loses digits that the forward keeps.",
        "Sum products of centred values in backward.",
    ),
    "the_target_loss_reaches_the_context": (
        "Meta-training cannot learn through the context.",
        (
            "Store the context's moments without `detach`, `.data`, `.item()` or `no_grad`; "
            "declare `detached` if cutting is meant."
        ),
    ),
    "gradients_stay_finite_on_constant_input": (
        "One blank image turns a whole training step into NaN.",
        "Add eps under the root; do not go through `std`.",
    ),
    "gradients_do_not_depend_on_the_layout": (
        "Training goes astray for inputs of another memory layout.",
        "Take strides into account in backward, or call `.contiguous()` in both.",
    ),
    "forward_mode_agrees_with_reverse_mode": (
        "Two ways to differentiate give two slopes.",
        "Derive `jvp` and `backward` from one function.",
    ),
    "gradients_with_a_graph_are_those_without": (
        "Gradients change where they are differentiated again.",
        "Let both ways through backward compute the same.",
    ),
    "input_is_not_modified": (
        "Residual connections read a changed input, and gradients are wrong.",
        "Work on a new tensor: no `x -= mean`, no `x.clamp_()`.",
    ),
    "calls_are_deterministic": (
        "Two runs of one evaluation differ.",
        "Switch noise off at meta-test, and initialise all memory.",
    ),
    "calls_draw_no_random_numbers": (
        "It changes every later draw of the program around it, such as which tasks come next.",
        "Use a generator of its own.",
    ),
    "parameters_do_not_change_in_forward": (
        "Evaluating the layer trains it.",
        "Leave parameters to the optimiser: no constraint or decay inside forward.",
    ),
    "tracking_gradients_changes_no_answer": (
        "What is evaluated is not what was trained.",
        "Do not take `torch.is_grad_enabled()` for training.",
    ),
    "a_conditioned_layer_survives_deep_copying": (
        "Learners that are copied for every task stop with an error, or lose their task.",
        "Keep the task's state out of the layer, or write `__deepcopy__`.",
    ),
    "a_conditioned_layer_survives_pickling": (
        "Workers cannot be handed the learner.",
        "Keep no lambda, lock, hook or local class on the layer.",
    ),
    "a_conditioned_layer_survives_saving_and_loading": (
        "A learner that is saved with its task does not come back with it.",
        "Register moments, flags and counts as buffers when the layer is built.",
    ),
    "a_copy_never_answers_otherwise": (
        "A copy answers from moments that nobody handed over.",
        "Copy all that the answer depends on, or raise.",
    ),
    "how_it_is_called_changes_no_answer": (
        "The answer depends on how the call is made, not on what it is given.",
        "Take neither inference mode, threads nor `requires_grad` for something else.",
    ),
    "parameters_that_change_are_read_anew": (
        "The layer stays where it was while its learner trains.",
        "Read parameters at every call; fold nothing once and for all.",
    ),
    "a_loaded_state_is_the_one_that_is_used": (
        "A checkpoint that is loaded does not bring back the layer that was saved.",
        "Register all that the answer depends on, and fold nothing once and for all.",
    ),
    "outputs_that_are_kept_stay_as_they_were": (
        "Features that are collected batch by batch all become the last one.",
        "Return new tensors, not a buffer that is written to again.",
    ),
    "an_error_leaves_the_layer_as_it_was": (
        "After one refused call the layer answers wrongly.",
        "Look at the input before any state is put down.",
    ),
    "a_graph_may_be_used_again": (
        "Gradients of residual branches, or of a second backward, are wrong.",
        "Write to no tensor that backward is handed or that it saved.",
    ),
    "casting_a_used_layer_and_back_changes_nothing": (
        "Casting or moving a layer leaves part of it behind.",
        "Register what the layer computes with.",
    ),
    "conditioning_twice_equals_conditioning_once": (
        "A retry, or a second epoch over a context, counts it twice.",
        "Replace state when conditioning; do not accumulate it.",
    ),
    "calls_come_back": (
        "Training for a week ends with nothing.",
        "Let calls neither end nor fork their process, nor wait for ever.",
    ),
    "calls_leave_the_modes_of_torch": (
        "All that is computed after it is computed otherwise.",
        "Use context managers, such as `with torch.no_grad():`.",
    ),
    "calls_leave_the_process_as_it_was": (
        "The program around it loses its files, its warnings or its Ctrl-C.",
        "Change neither directory, environment, warnings nor handlers in a call.",
    ),
    "calls_replace_no_function": (
        "A patch for one layer reaches every other.",
        "Call a function of your own instead.",
    ),
    "memory_does_not_grow_over_tasks": (
        "Evaluation over thousands of tasks runs out of memory.",
        "Keep no task: use `total += loss.item()`, and give caches a bound.",
    ),
    "training_outputs_agree_with_the_formula": (
        (
            "The learner trains on other values than the scheme's, and at meta-test nothing of it "
            "shows."
        ),
        "Normalise each training set by its own moments, corrected as claimed.",
    ),
    "training_gradients_are_those_of_the_formula": (
        "Meta-training follows another gradient than the scheme's.",
        (
            "Let gradients pass through the batch's moments, and treat r and d of batch "
            "renormalisation as constants."
        ),
    ),
    "a_training_step_counts_once": (
        "Running moments move more, or less, than once a batch.",
        "Update them once in forward, whether gradients are tracked or not.",
    ),
    "running_moments_move_towards_the_batch": (
        "What the layer learns of meta-training is not what its batches hold.",
        "Update mean and variance by one momentum, every channel of them.",
    ),
    "running_moments_move_by_the_momentum_that_is_shown": (
        "A momentum that is set has another effect than it says.",
        "Weigh the new batch by it, as torch does, or what was there, as TensorFlow does.",
    ),
    "a_batch_of_one_value_leaves_no_nan": (
        "The last small batch of an epoch spoils the running moments for good.",
        "Skip such batches, or raise.",
    ),
    "a_refused_batch_leaves_no_nan": (
        "A training loop that skips what raises goes on with NaN.",
        "Refuse first, then take moments.",
    ),
    "an_empty_batch_leaves_no_nan": (
        "An empty batch spoils the running moments for good.",
        "Skip such batches, or raise.",
    ),
    "outputs_follow_running_moments_of_any_size": (
        "A trained network's running moments are not the ones that it is normalised by.",
        "Read both moments at every call, and clamp no variance.",
    ),
    "meta_test_leaves_running_moments_alone": (
        "Evaluation goes on training: every task sees the ones before it.",
        "Update running moments in meta-training alone.",
    ),
    "the_compiled_training_step_keeps_the_same": (
        "A compiled training step learns other running moments.",
        "Keep counts as tensors, and update once.",
    ),
    "dtype_and_device_are_kept": (
        "The next layer breaks, or computes in another dtype.",
        "Cast the result back to `x.dtype`, and create constants on `x.device`.",
    ),
    "channels_last_input_gives_the_same": (
        "Channels-last activations are answered otherwise.",
        "Take strides into account, use `reshape`, or call `.contiguous()` first.",
    ),
    "non_contiguous_and_expanded_input_gives_the_same": (
        "Views of other tensors are answered otherwise, or overwritten.",
        "Index through the tensor, never its storage, and use `reshape`.",
    ),
    "memory_format_is_kept": (
        "The next convolution copies the whole activation back.",
        "Allocate the output with `torch.empty_like`.",
    ),
    "items_and_channels_alone_are_normalised": (
        "Features without maps are normalised over the wrong dimension.",
        "Take moments over all dimensions but the channels'.",
    ),
    "one_and_three_spatial_dimensions": (
        "Sequences or volumes are normalised over the wrong dimensions.",
        "Take moments over all spatial dimensions, however many.",
    ),
    "cpu_and_cuda_agree": (
        "What was tested on a CPU is not what a GPU computes.",
        "Compare the two paths, and compute in the precision that is asked for.",
    ),
    "functional_call_agrees_with_eager": (
        "The fast weights of an inner loop are ignored in silence.",
        "Read parameters from the module at every call.",
    ),
    "vmap_over_tasks_agrees_with_a_loop": (
        "Tasks cannot be mapped over, or are confused.",
        "Write no state in place, and let no value decide what is computed.",
    ),
    "torch_compile_agrees_with_eager": (
        "The compiled layer means something else.",
        "Take no branch that is there only while tracing.",
    ),
    "torch_export_agrees_with_eager": (
        "The exported layer means something else, or there is none.",
        "Keep state where a program can carry it.",
    ),
    "repeated_channels_give_repeated_outputs": (
        "Wide layers are answered otherwise than narrow ones.",
        "Look at what begins at a number of channels: tails of vectors, blocks, other kernels.",
    ),
    "repeated_context_items_change_nothing": (
        "Large contexts are answered otherwise than small ones.",
        "Look at the last piece of contexts that are taken in pieces.",
    ),
    "repeated_targets_give_repeated_outputs": (
        "Large target sets are answered otherwise than small ones.",
        "Look at pieces, buffers and ways of their own for large sets.",
    ),
    "repeated_maps_give_repeated_outputs": (
        "Large maps are answered otherwise than small ones.",
        "Look at blocks of which the last is left out, and at sums that lose digits.",
    ),
    "more_than_65536_values_are_counted": (
        "Activations of real networks overflow a counter.",
        "Count in 64 bits, and let no grid of threads end.",
    ),
    "maps_of_width_one_are_like_any_other": (
        "Maps of a single row or column are misread.",
        "Squeeze no side, and look for no axis by its size.",
    ),
    "repeated_tasks_have_repeated_gradients": (
        "Training goes astray on large batches alone.",
        "Look at sums over rows in backward, and at channels beyond a block.",
    ),
    "what_stands_in_the_padding_does_not_matter": (
        "Answers depend on what happens to stand in the padding.",
        "Leave padding out of mean, variance and the number of values alike.",
    ),
    "the_longest_companion_does_not_matter": (
        "What is learnt from batches sorted by length is not what single items get.",
        "Use each item's own length, never the longest one of the batch.",
    ),
    "negated_values_give_negated_outputs": (
        "Outputs lean to one side, which moves the mean of a whole channel.",
        "Round to nearest, and treat both signs alike.",
    ),
    "a_layer_in_half_precision_keeps_its_formula": (
        "A network cast to half precision computes something else in this layer.",
        "Register weights and moments, so that a cast reaches them, and keep the input's dtype.",
    ),
    "gradients_do_not_depend_on_what_else_needs_one": (
        "Freezing one part changes how another is trained.",
        "Compute every gradient that is asked for, whatever else is not.",
    ),
    "gradients_do_not_depend_on_how_they_arrive": (
        "Gradients are wrong behind a plain sum or a permuted loss.",
        "Call `.contiguous()` on the gradient that arrives in backward.",
    ),
    "a_used_layer_has_the_gradients_of_a_new_one": (
        "Training goes astray after the first task.",
        "Keep nothing that was computed from parameters or inputs from one task to the next.",
    ),
    "a_layer_that_met_inference_mode_trains": (
        "Training stops with an error after an evaluation.",
        "Make what is kept in the constructor, or outside of inference mode.",
    ),
    "autocast_changes_answers_by_rounding_alone": (
        "Mixed precision computes another layer than was tested.",
        "Take the same path under autocast, affine included.",
    ),
}
"""Why a law matters, and what to change, by its name."""


def in_words(law: Law) -> Law:
    """The law with its two sentences, where there are any."""
    why, remedy = WORDS.get(law.name, (law.why, law.remedy))
    return replace(law, why=why, remedy=remedy)

"""Few-shot learners over any normalisation scheme: what is trained, and nothing about training.

    body = conv4(channels=1, width=32)
    learner = ProtoNets(normalized(body, "tasknorm_i"))
    predict = learner.adapted(task.context, task.context_labels, way=5)
    logits = predict(task.targets)                    # (targets, way)

A learner is a module with `adapted`; all differ only in how they adapt. `learner.train()` and
`learner.eval()` mean meta-training and meta-test. `adapted` and what it returns go through
`torch.func.vmap` over tasks, but in meta-training for schemes that keep running moments
(`keeps_running_moments`). `predicted` hands targets over in the company that is asked for.
"""

from __future__ import annotations

from .backbones import pretrained
from .cnaps import CNAPs
from .learner import Learner, Predict, accuracy, one_hot, predicted, task_loss
from .maml import MAML
from .networks import Body, conv4, resnet18
from .pixels import NearestPixels
from .protonets import ProtoNets
from .schemes import BASELINE, SCHEMES, keeps_running_moments, normalized, reads_context

__all__ = [
    "BASELINE",
    "MAML",
    "SCHEMES",
    "Body",
    "CNAPs",
    "Learner",
    "NearestPixels",
    "Predict",
    "ProtoNets",
    "accuracy",
    "conv4",
    "keeps_running_moments",
    "normalized",
    "one_hot",
    "predicted",
    "pretrained",
    "reads_context",
    "resnet18",
    "task_loss",
]

"""Methods of easyfsl, over a small backbone with random weights."""

from __future__ import annotations

import torch
import torchvision_here  # noqa: F401 - before easyfsl imports torchvision
from easyfsl import methods
from torch import nn


def backbone() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
        ).eval()


def prototypical() -> nn.Module:
    return methods.PrototypicalNetworks(backbone()).eval()


def simple_shot() -> nn.Module:
    return methods.SimpleShot(backbone()).eval()


def finetune() -> nn.Module:
    return methods.Finetune(backbone(), fine_tuning_steps=5, fine_tuning_lr=1e-2).eval()


def matching() -> nn.Module:
    return methods.MatchingNetworks(backbone(), feature_dimension=72).eval()


def bdcspn() -> nn.Module:
    return methods.BDCSPN(backbone()).eval()


def laplacian_shot() -> nn.Module:
    return methods.LaplacianShot(backbone()).eval()


def pt_map() -> nn.Module:
    return methods.PTMAP(backbone()).eval()


def tim() -> nn.Module:
    return methods.TIM(backbone(), fine_tuning_steps=5).eval()


def transductive_finetuning() -> nn.Module:
    return methods.TransductiveFinetuning(backbone(), fine_tuning_steps=5).eval()


def prototypical_in_training_mode() -> nn.Module:
    """As its tutorials have it while they train: nobody calls eval()."""
    return methods.PrototypicalNetworks(backbone().train())

"""The paper's claims, each with what decides it.

Statements are in our words. `requirements` say which comparison decides the claim and in which
direction; judged by `PrintedEvidence` they give the paper's own figures, judged by what was
measured here they say whether the claim holds here.
"""

from __future__ import annotations

from dataclasses import dataclass

from tnverify.analyses.paper.evidence import Setting
from tnverify.analyses.paper.requirements import (
    Above,
    AlphaRises,
    AtChance,
    InFirstGroup,
    Ranked,
    Requirement,
    SameForEveryBatching,
    Shrinks,
    Spread,
    above_each,
    in_order,
)
from tnverify.analyses.paper.schemes import BASELINE, Arm

TBN, CBN, BRN = Arm("transductive_bn"), Arm("conventional_bn"), Arm("batch_renorm")
LN, IN, RN = Arm("layer_norm"), Arm("instance_norm"), Arm("reptile_norm")
META_BN, BASE = Arm("meta_bn"), Arm(BASELINE)
TN_I, TN_L, TN_R = Arm("tasknorm_i"), Arm("tasknorm_l"), Arm("tasknorm_r")
ITEM, CLASS = Arm("transductive_bn", "item"), Arm("transductive_bn", "class")

SMALL = (TBN, CBN, BRN, LN, IN, RN, META_BN, TN_L, TN_I)
"""The schemes compared on Omniglot and miniImageNet; Meta-Dataset's tables have more."""

MAML, PROTO = Setting("maml", "fixed"), Setting("protonets", "fixed")
CNAPS, META_PROTO = Setting("cnaps", "varied"), Setting("protonets", "varied")
PROTO_ARMS, CNAPS_ARMS = (*SMALL, TN_R), (*SMALL, TN_R, BASE)

FREE = Arm("tasknorm_i", alpha="free", per_channel=False)
FREE_CHANNELS = Arm("tasknorm_i", alpha="free", per_channel=True)
FUNCTIONAL = Arm("tasknorm_i", alpha="functional", per_channel=False)
FUNCTIONAL_CHANNELS = Arm("tasknorm_i", alpha="functional", per_channel=True)

NON_TRANSDUCTIVE = tuple(
    arm.scheme for arm in (CBN, BRN, LN, IN, RN, META_BN, TN_L, TN_I, TN_R, BASE)
)
META_LEARNING, INSTANCE = (TN_I, TN_L, META_BN, RN), (IN, LN)


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of the paper.

    `source` is where the paper makes it; `caveat` is what a reader of the verdict has to know,
    empty where there is nothing.
    """

    number: int
    statement: str
    source: str
    requirements: tuple[Requirement, ...]
    caveat: str = ""


CLAIMS: tuple[Claim, ...] = (
    Claim(
        1, "Transductive batch normalisation collapses when targets come one at a time.",
        "tables 1 and D.2",
        tuple(Above(s, TBN, ITEM, by=10.0, scope="each") for s in (MAML, CNAPS)),
        "To about chance on Omniglot, but clearly above chance on miniImageNet.",
    ),
    Claim(
        2, "Transductive batch normalisation collapses when targets come one class at a time.",
        "tables 1 and D.2",
        tuple(Above(s, TBN, CLASS, by=10.0, scope="each") for s in (MAML, CNAPS)),
        "In the paper's 1-shot rows there is one target a class, which makes this claim 1.",
    ),
    Claim(
        3, "Every other scheme gives the same results however targets are batched.",
        "table D.2",
        tuple(
            SameForEveryBatching(s, NON_TRANSDUCTIVE) for s in (MAML, PROTO, CNAPS, META_PROTO)
        ),
        "An exact invariance; the paper prints TaskNorm-I's three columns alone, to 0.1 point.",
    ),
    Claim(
        4, "Conventional batch normalisation and batch renormalisation fail in MAML, at chance.",
        "table 1",
        (AtChance(MAML, CBN), AtChance(MAML, BRN)),
        "Possibly an artefact: the code that the paper says it used never updates the running "
        "moments. In prototypical networks the same schemes do well (claim 8).",
    ),
    Claim(
        5, "Transductive batch normalisation is the best choice for MAML.",
        "table 1",
        (Ranked(MAML, TBN, SMALL),),
        "Reptile normalisation ties on Omniglot-20-5, MetaBN and TaskNorm-I on miniImageNet-5-5.",
    ),
    Claim(
        6, "TaskNorm-I is the best non-transductive choice for MAML.",
        "table 1",
        (Ranked(MAML, TN_I, tuple(arm for arm in SMALL if arm != TBN)),),
        "Over MetaBN it wins 2 of 6 configurations, both 5-way Omniglot, and ties on 4.",
    ),
    Claim(
        7, "In MAML the transductive scheme comes first, then those made for meta-learning, then "
        "instance and layer normalisation, then running moments.",
        "table 1",
        in_order(MAML, (TBN,), META_LEARNING, INSTANCE, (CBN, BRN)),
        "From one training run a cell; on miniImageNet-5-1 the second and third group overlap.",
    ),
    Claim(
        8, "Prototypical networks on small data hardly depend on the scheme, except that instance "
        "normalisation is bad; layer normalisation leads and TaskNorm-I is only seventh of nine.",
        "table C.1",
        (
            Spread(PROTO, tuple(arm for arm in SMALL if arm != IN), "at_most", 3.0),
            Ranked(PROTO, IN, SMALL, "last"),
            Ranked(PROTO, LN, SMALL),
            Above(PROTO, CBN, TN_I),
        ),
        "On miniImageNet-5-1 alone they differ more: 43.2 for TaskNorm-I, 47.8 for conventional "
        "batch normalisation.",
    ),
    Claim(
        9, "With tasks of varied way and shot TaskNorm-I ranks best and beats the transductive "
        "scheme.",
        "tables 2 and 3",
        (
            Ranked(CNAPS, TN_I, CNAPS_ARMS), Above(CNAPS, TN_I, TBN),
            Ranked(META_PROTO, TN_I, PROTO_ARMS), Above(META_PROTO, TN_I, TBN),
        ),
        "Over the transductive scheme 6 wins and 7 ties, and 8 and 5; the authors' own runs of one "
        "method differ by one or two points.",
    ),
    Claim(
        10, "With tasks of varied way and shot TaskNorm-I is best or tied with the best on most "
        "data sets.",
        "tables 2 and 3",
        (InFirstGroup(CNAPS, TN_I, CNAPS_ARMS), InFirstGroup(META_PROTO, TN_I, PROTO_ARMS)),
        "The paper counts 11 and 10 of 13 data sets; by its own rule for ties it is 10 and 10.",
    ),
    Claim(
        11, "With tasks of varied way and shot, instance and layer normalisation stay below the "
        "schemes made for meta-learning. In CNAPs running moments are worst of all; in "
        "prototypical networks batch renormalisation is above both, and instance normalisation "
        "is last.",
        "tables 2 and 3",
        (
            *in_order(CNAPS, META_LEARNING, INSTANCE, (CBN, BRN)),
            *in_order(META_PROTO, META_LEARNING, INSTANCE),
            Above(META_PROTO, BRN, LN), Above(META_PROTO, BRN, IN),
            Ranked(META_PROTO, IN, PROTO_ARMS, "last"),
        ),
    ),
    Claim(
        12, "An alpha that is learned beats the fixed one of Reptile normalisation.",
        "tables 1, 2 and 3",
        tuple(Above(s, TN_I, RN) for s in (MAML, CNAPS, META_PROTO)),
        "The paper tests the model of the transductive scheme as Reptile normalisation, so that "
        "training otherwise than testing is confounded with the fixed alpha.",
    ),
    Claim(
        13, "Blending with running moments (TaskNorm-r) is worse than with an item's own.",
        "tables 2 and 3",
        tuple(Above(s, own, TN_R) for s in (CNAPS, META_PROTO) for own in (TN_I, TN_L)),
    ),
    Claim(
        14, "Learned alpha rises with the context's size, to nearly one at 25 to 30 items.",
        "figure 3",
        (AlphaRises(CNAPS, at_size=30, reaches=0.9, by=0.1),),
        "The paper calls the offsets almost zero; read off its figure they are 0.4 to 0.7.",
    ),
    Claim(
        15, "An alpha that is a function of the context's size and shared by all channels is best "
        "(CNAPs); shared is no worse than one for each channel (MAML).",
        "tables E.3 and E.4",
        (
            Ranked(CNAPS, FUNCTIONAL, (FREE_CHANNELS, FREE, FUNCTIONAL_CHANNELS, FUNCTIONAL)),
            Above(MAML, FREE, FREE_CHANNELS, by=-0.5),
        ),
        "In MAML it is decided by the two Omniglot 5-way rows.",
    ),
    Claim(
        16, "MetaBN falls behind where contexts are small.",
        "sections 4.1 and 5, table 1",
        (
            Shrinks(
                Setting("maml", "fixed", shot=1), Setting("maml", "fixed", shot=5), TN_I, META_BN
            ),
        ),
        "The paper has no table for it; here it is TaskNorm-I's lead at 1 shot less that at 5.",
    ),
    Claim(
        17, "TaskNorm-I trains fastest in CNAPs, and second to the transductive scheme in MAML.",
        "figures 4b and 4c",
        (
            *above_each(
                Setting("cnaps", "varied", "training_area"), TN_I,
                (TBN, TN_L, META_BN, LN, IN, BASE),
            ),
            *above_each(Setting("maml", "fixed", "training_area"), TBN, (TN_I,)),
            *above_each(Setting("maml", "fixed", "training_area"), TN_I, (TN_L, META_BN, IN)),
        ),
        "Figure 4b could not be read off, so the paper's evidence for MAML is its prose.",
    ),
    Claim(
        18, "(i) MAML and CNAPs depend on the scheme, prototypical networks little; (ii) the "
        "transductive scheme beats all others in MAML, but not with tasks of varied way and shot; "
        "(iii) schemes made for meta-learning beat the rest, except in prototypical networks on "
        "small data.",
        "sections 5 and 6",
        (
            Spread(MAML, SMALL, "at_least", 3.0),
            Spread(CNAPS, CNAPS_ARMS, "at_least", 3.0),
            Spread(PROTO, tuple(arm for arm in SMALL if arm != IN), "at_most", 3.0),
            Ranked(MAML, TBN, SMALL),
            Above(CNAPS, TN_I, TBN), Above(META_PROTO, TN_I, TBN),
            *(
                comparison
                for setting in (MAML, CNAPS, META_PROTO)
                for comparison in in_order(setting, META_LEARNING, (IN, LN, CBN, BRN))
            ),
        ),
        "The paper concludes that MetaBN and Reptile normalisation beat the transductive scheme on "
        "Meta-Dataset too; in CNAPs MetaBN ranks 4.04 and the transductive scheme 3.92.",
    ),
)  # fmt: skip
"""Every claim, in order."""

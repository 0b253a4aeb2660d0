"""Images for few-shot tasks: drawn here, shipped with libraries, or read from disk.

    (glyphs,) = load_data("glyphs")                  # or "omniglot:PATH", "meta-dataset:PATH", ...
    train = glyphs.split("train")                    # "train", "validation", "test"
    train.classes, train.sizes                       # names, images of each
    train.images.take(train.rows(0))                 # float32 (items, channels, H, W) in [0, 1]
    glyphs.fingerprint, glyphs.notes                 # for records and reports
    foreign_domains()                                # digits and textures, test splits alone

`load_data` returns a tuple, because Meta-Dataset is several data sets; tasks are drawn from one
split or several (see `tnverify.analyses.tasks`). Classes of different splits are disjoint.
`split.groups` says which classes belong together (scripts, alphabets, nodes of an ontology).
Everything that cannot be used raises `DataError`, whose message is one line naming the file.

Decoded and drawn images are kept under `cache_root()` (TNVERIFY_CACHE, XDG_CACHE_HOME), written
atomically and shared by processes: a worker of a sweep is given the words of `--data` and loads
for itself, rather than being sent a data set. `split_sheet` and `contact_sheet` make pictures,
`png` their bytes.
"""

from __future__ import annotations

from .cache import cache_root
from .choosing import FORMS, DataChoice, foreign_domains, load_data, parse_data
from .dataset import SPLITS, Dataset, Groups, Split
from .errors import DataError
from .images import ArrayImages, Images
from .sheets import contact_sheet, png, split_sheet

__all__ = [
    "FORMS",
    "SPLITS",
    "ArrayImages",
    "DataChoice",
    "DataError",
    "Dataset",
    "Groups",
    "Images",
    "Split",
    "cache_root",
    "contact_sheet",
    "foreign_domains",
    "load_data",
    "parse_data",
    "png",
    "split_sheet",
]

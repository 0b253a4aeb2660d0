"""Checking what a user asked for before anything is run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tnverify.bad_input import BadInput
from tnverify.catalogue import load_catalogue
from tnverify.contract import parse_claims
from tnverify.contract.claims import nearest
from tnverify.engine.capture import captured_output
from tnverify.engine.profiles import find_profile
from tnverify.engine.run import check_device
from tnverify.engine.waivers import read_waivers
from tnverify.isolation import Limits, each_apart
from tnverify.subjects import Unusable
from tnverify.subjects.handles import HANDLES
from tnverify.subjects.resolve import find_adapter
from tnverify.subjects.spec import parse_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tnverify.engine.options import RunOptions


_IMPORT = Limits(seconds=120.0, memory=None)


def check_options(
    options: RunOptions,
    *,
    claims: str | None = None,
    adapter: str | None = None,
    handles: Mapping[str, str] | None = None,
) -> None:
    """Raise BadInput unless every word that names something names a thing that is there.

    The engine asks the same again as it goes, and raises ValueError: here alone it is known to
    be the user's mistake and none of the engine's own. Layers are not looked at.
    """
    try:
        find_profile(options.profile)
        check_device(options.device)
        catalogue = load_catalogue()
        catalogue.select(options.only, options.skip)
        read_waivers(options.waivers, catalogue)
    except ValueError as error:
        raise BadInput(str(error)) from None
    check_subject(claims=claims, adapter=adapter, handles=handles)


def check_subject(
    *,
    claims: str | None = None,
    adapter: str | None = None,
    handles: Mapping[str, str] | None = None,
) -> None:
    """Raise BadInput unless the words that say how a layer is verified name things."""
    try:
        if claims is not None:
            parse_claims(claims)
        if adapter is not None:
            if ":" in adapter:
                check_import(adapter)
            else:
                find_adapter(adapter)
    except (ValueError, Unusable) as error:
        raise BadInput(str(error)) from None
    for handle in handles or ():
        if handle not in HANDLES:
            raise BadInput(f"unknown handle {handle!r}: {nearest(handle, HANDLES)}")


def check_import(spec: str) -> None:
    """Raise Unusable unless what a spec names is there: looked for in a process of its own, so
    that nothing of a user's is run in this one."""
    parse_spec(spec)
    _, ended = next(iter(each_apart([partial(_load, spec)], 1, _IMPORT)))
    if ended.why is not None:
        if ended.why.startswith("Unusable: "):
            raise Unusable(ended.why.removeprefix("Unusable: "))
        raise Unusable(f"{spec}: when it was imported, {ended.why}")


def _load(spec: str) -> None:
    with captured_output():
        parse_spec(spec).load()

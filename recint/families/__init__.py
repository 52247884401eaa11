"""The families of recurrences. Each is a module here, and an entry below."""

from recint.families.affine import Affine
from recint.families.coordinatewise import Coordinatewise
from recint.families.family import Family
from recint.families.matrix import Matrix
from recint.families.polynomial import Polynomial
from recint.families.rotation import Rotation

FAMILIES: dict[str, Family] = {
    family.name: family for family in (Affine(), Coordinatewise(), Rotation(), Matrix(), Polynomial())
}


def family_of(name: str) -> Family:
    """The family of this name.

    Raises:
        ValueError: there is none.
    """
    if name not in FAMILIES:
        raise ValueError(f"family={name!r} must be one of {', '.join(FAMILIES)}")
    return FAMILIES[name]


__all__ = ["FAMILIES", "Family", "family_of"]

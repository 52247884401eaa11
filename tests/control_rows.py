"""Controls that were judged, made up."""

from recint.judging.controls import Row


def row(name, *, base=None, made_for=(), truth=None, group="planted", grade=None, **verdicts):
    claims = {claim.replace("_", "."): verdict for claim, verdict in verdicts.items()}
    return Row(
        index=0, name=name, group=group, base=base, made_for=made_for, truth=truth or {}, grade=grade,
        verdicts=claims, values=dict.fromkeys(claims, 0.5), messages=dict.fromkeys(claims, "why"), seconds=1.0,
    )  # fmt: skip


ROWS = [
    row("whole", a_x="supported", a_y="supported", a_z="refuted", truth={"a.x": True, "a.y": True, "a.z": True}),
    row("without x", a_x="refuted", a_y="inconclusive", a_z="supported", truth={"a.x": False, "a.z": False}),
    row("broken", group="mutant", base="whole", made_for=["a.x", "a.y"], a_x="refuted", a_y="supported", a_z="refuted"),
]

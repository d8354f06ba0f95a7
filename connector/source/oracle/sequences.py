"""How a sequence is made, as far as it matters to who follows its numbers."""

from __future__ import annotations

from dataclasses import dataclass

from connector.source.oracle.dictionary import Dictionary, Name
from connector.source.oracle.words import parts_of


@dataclass(frozen=True, slots=True)
class Sequence:
    """One sequence."""

    name: str
    step: int
    cycles: bool
    ordered: bool
    cache: int
    last: int
    """The first number that is in no cache yet, if it ascends: all that was given is below."""

    @property
    def out_of_order(self) -> bool:
        """Whether several instances give its numbers out of order."""
        return self.cache > 1 and not self.ordered


def sequence_of(dictionary: Dictionary, name: str) -> Sequence | None:
    """Look it up; None if it cannot be seen. A synonym is followed once."""
    if "@" in name:
        return None
    parts = parts_of(name)
    names = [Name(*parts)] if len(parts) == 2 else [Name(dictionary.schema, parts[0])]
    found = dictionary.sequences(names)
    if not found:
        public = [] if len(parts) == 2 else [Name("PUBLIC", parts[0])]
        targets = [target for target, link in dictionary.synonyms([*names, *public]).values() if link is None]
        found = dictionary.sequences(targets)
    for full, (step, cycles, ordered, cache, last) in found.items():
        return Sequence(str(full), int(step), cycles == "Y", ordered == "Y", int(cache), int(last))
    return None

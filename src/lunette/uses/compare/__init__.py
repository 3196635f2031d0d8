"""Several runs side by side: numbers that can be compared, and only those, in one line."""

from lunette.uses.compare.compare import Comparison, Section, compare
from lunette.uses.compare.lines import Line, Side

__all__ = ["Comparison", "Line", "Section", "Side", "compare"]

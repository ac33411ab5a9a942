"""A journal to learn from."""

from tests.edge.journal.conftest import journal, make_entry

__all__ = ["journal", "make_entry"]

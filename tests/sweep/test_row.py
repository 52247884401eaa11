"""What a row of the table of a sweep holds."""

from dataclasses import fields

from recint.sweep.row import Row, Unjudged
from recint.sweep.table import COLUMNS


def test_the_columns_of_the_table_are_what_rows_hold():
    assert {field.name for kind in (Row, Unjudged) for field in fields(kind)} == set(COLUMNS)

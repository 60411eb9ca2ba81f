"""`docs/ops.md` says what the code has, and no cell is empty without a reason."""

import lazuli.core as mx

import operations


def test_the_document_is_what_the_code_has():
    mx.random.seed(0)
    assert operations.DOCUMENT.read_text() == operations.document(), "run python tests/operations.py"


def test_no_cell_is_empty():
    for line in operations.DOCUMENT.read_text().splitlines():
        if line.startswith("| `"):
            assert all(cell.strip() for cell in line.strip("|").split("|")), line

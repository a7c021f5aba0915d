"""The notebook's code runs, from its first cell to its last, against the server in INSPECTOR_URL."""

import contextlib
import io
import json
import pathlib
import unittest

NOTEBOOK = pathlib.Path(__file__).parent.parent / "first_look.ipynb"


class Notebook(unittest.TestCase):
    def test_every_cell_runs(self):
        cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
        names, said = {"__name__": "__main__"}, io.StringIO()
        with contextlib.redirect_stdout(said):
            for number, cell in enumerate(cells):
                if cell["cell_type"] == "code":
                    exec(compile("".join(cell["source"]), f"cell {number} of {NOTEBOOK.name}", "exec"), names)
        self.assertIn("hook_pattern", said.getvalue())


if __name__ == "__main__":
    unittest.main()

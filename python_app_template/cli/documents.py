"""Makes the table of docs/access.md from the policy (`make docs`)."""

from pathlib import Path

from python_app_template.core.access.table import markdown
from python_app_template.service import SERVICE

PATH = Path(__file__).parents[2] / "docs" / "access.md"
BEGIN, END = "<!-- made by `make docs` from the policy -->\n", "<!-- end -->\n"


def filled(text: str) -> str:
    """Return the document with the table as the policy has it. Raises ValueError: it has no place for it."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{PATH.name} has no place for the table")
    return f"{before}{BEGIN}\n{markdown(SERVICE.policy)}\n{END}{after}"


if __name__ == "__main__":
    PATH.write_text(filled(PATH.read_text("utf-8")), "utf-8")

"""The domain is pure: it imports nothing that reaches the world, and reaches for nothing when it runs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from python_app_template.core import domain

MODULES = sorted(Path(domain.__file__).parent.glob("*.py"))
ALLOWED = {"bisect", "collections.abc", "dataclasses", "datetime", "enum", "typing", "python_app_template.core.domain"}

# In a process of its own, because an audit hook can not be taken away again.
UNDER_WATCH = """
import sys
from datetime import date

from python_app_template.core.domain.commands import CreateBatch, Line, PlaceOrder
from python_app_template.core.domain.order import Order
from python_app_template.core.domain.product import Batch, Product, preference

REACHES = ("open", "socket", "os.", "subprocess", "ctypes", "import", "time.sleep", "shutil", "exec", "compile")
def watch(event, arguments):
    if event.startswith(REACHES):
        raise RuntimeError(f"reaches for the world: {event} {arguments}")
sys.addaudithook(watch)

created = CreateBatch("b", "LAMP", 6, date(2026, 12, 1))
batch = Batch.create(created)
assert batch.created_by() == created
product = Product("LAMP")
product.add(batch)
order = Order.place(PlaceOrder("o", (Line("LAMP", 2), Line("LAMP", 3), Line("LAMP", 9), Line("TABLE", 1))))
print([type(product.allocate(line)).__name__ for line in order.lines[:3]], order.lines[3].reject().sku)
print([type(event).__name__ for event in product.change_quantity(batch, 2)], preference(batch))
for line in order.cancel():
    print(product.deallocate(line, batch, "order_cancelled"))
try:
    open("/dev/null")
except RuntimeError as error:
    print("watched:", error)
"""


def test_domain_functions_run_with_sockets_and_files_forbidden() -> None:
    run = subprocess.run([sys.executable, "-c", UNDER_WATCH], check=False, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[0] == "['LineAllocated', 'LineAllocated', 'LineOutOfStock'] TABLE"
    assert "LineDeallocated" in lines[1]
    assert lines[2].startswith("LineDeallocated(sku='LAMP'")
    assert lines[-1].startswith("watched: reaches for the world: open")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_the_domain_imports_itself_and_a_few_modules_of_plain_python(module: Path) -> None:
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(node.module or "")
    assert {name for name in found if not name.startswith("python_app_template.core.domain")} <= ALLOWED

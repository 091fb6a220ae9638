"""The patches of the seeded bugs fit today's code; that each bug is found, `make seeded` shows."""

from pathlib import Path

import pytest

from tests.seeded import stories
from tests.seeded.bugs import BUGS, Bug, Patch
from tests.seeded.copying import StalePatchError, apply, copied


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_patch_fits_the_code_and_its_story_is_there(bug: Bug, tmp_path: Path) -> None:
    copied(bug, tmp_path)
    assert callable(getattr(stories, bug.story))


@pytest.mark.parametrize("text", ["", "here = 1", "here = 1\nhere = 2"], ids=["nowhere", "elsewhere", "twice"])
def test_a_patch_that_fits_not_just_once_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(text)
    with pytest.raises(StalePatchError, match=r"module\.py has [02] times"):
        apply(Patch("module.py", "there" if text == "here = 1" else "here", "gone"), tmp_path)

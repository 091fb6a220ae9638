"""What every section of the settings is."""

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """Settings that belong together. Immutable; a wrong value never stands in an error's text."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def contradictions(self) -> Iterator[str]:
        """Say in a line each which values do not go together."""
        yield from ()

    @model_validator(mode="after")
    def _agrees(self) -> "Section":
        if lines := list(self.contradictions()):
            raise ValueError("\n".join(lines))
        return self

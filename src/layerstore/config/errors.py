"""What is wrong with a configuration."""


class ConfigError(Exception):
    """The configuration cannot be used; each problem names a key and says what to change."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

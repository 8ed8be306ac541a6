"""What is wrong with a file or with one of its lines, as a sentence the trader can act on."""


class FileRefused(ValueError):
    """The whole file cannot be taken; nothing of it was booked."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


class LineError(ValueError):
    """One line cannot be read as a fill."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence

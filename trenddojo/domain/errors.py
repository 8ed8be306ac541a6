"""The one error the domain raises, carrying a sentence a trader can act on."""


class DomainError(ValueError):
    """Input that breaks a rule of trading.

    `code` is stable and for programs, `sentence` is for people and says what to do,
    `field` names the input it belongs to ("" when it belongs to the whole).
    """

    def __init__(self, code: str, sentence: str, field: str = "") -> None:
        super().__init__(code, sentence, field)
        self.code = code
        self.sentence = sentence
        self.field = field

    def __str__(self) -> str:
        return self.sentence


class NumberError(DomainError):
    """A text or number that cannot be taken as a price, quantity or amount."""


class SymbolError(DomainError):
    """A symbol with characters or a shape that no instrument has."""


class CurrencyMismatchError(DomainError):
    """Amounts of two currencies met in one sum or comparison."""


class FillError(DomainError):
    """A fill that cannot have happened, or not in this order."""


class SizingError(DomainError):
    """A size was asked for from prices or limits that contradict each other."""


class UndefinedReturnError(DomainError):
    """A return has no base: there was no money in the account to earn it."""

"""Command lines' arguments."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Tells what is wrong with the arguments in one line, as every other error is told."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; {self.prog} --help says more\n")

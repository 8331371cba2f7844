"""Where the scenario modules put their scenarios."""

SCENARIOS = []   # (name, function, how, sees), in the order of INDEX.md


def scenario(sees):
    """Registers a scenario. Its name is the function's with hyphens; its docstring says how it is made."""
    def register(function):
        SCENARIOS.append((function.__name__.replace("_", "-"), function, function.__doc__, sees))
        return function
    return register



"""The names of collected tests."""


def names_of(session):
    """Return the name of each test, with the parts of its name and those of its arguments."""
    specs = [(item.nodeid, getattr(item, "callspec", None)) for item in session.items]
    return {name: spec and [spec.id, list(spec.params)] for name, spec in specs}
